// SPDX-License-Identifier: MIT
// Refused: powers of two of which some are no float.
// expect: lowbit: every power of two of a basic_e8m0 must be a float: 127 <= Bias <= 149
#include <lowbit/numeric/e8m0.hpp>

constexpr float refused = lowbit::basic_e8m0<126>::max();
