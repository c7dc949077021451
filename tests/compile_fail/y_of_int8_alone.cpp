// SPDX-License-Identifier: MIT
// Refused: a Y of int8 without the scale of its codes.
// expect: lowbit: requantize goes with a Y of std::int8_t, and the other way round; end the epilogue with requantize(scale)
#include <lowbit/gemm/gemm.hpp>

void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<lowbit::policy<lowbit::int8>>& w, lowbit::matrix_view<std::int8_t> y) { lowbit::gemm(x, w, y); }
