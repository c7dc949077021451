// SPDX-License-Identifier: MIT
// A codebook of three entries.
// expect: lowbit: a codebook has 2, 4, 8 ... 256 entries
#include <lowbit/numeric/codebook.hpp>

struct table {
    static constexpr std::array<float, 3> values{-1, 0, 1};
};
constexpr int refused = lowbit::codebook<table>::bits;
