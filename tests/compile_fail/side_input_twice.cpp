// SPDX-License-Identifier: MIT
// Refused: two masks, which would overwrite each other.
// expect: lowbit: with(...) takes one of each: scores, a mask, column statistics, a column order; told apart by type, two of these are the same
#include <lowbit/quantize/side_input.hpp>

auto refused(const lowbit::matrix<bool>& a, lowbit::matrix_view<const float> scores, lowbit::matrix_view<unsigned char> b) { return lowbit::with(a, scores, b); }
