// SPDX-License-Identifier: MIT
// Refused: int8 results for a Y of float.
// expect: lowbit: requantize goes with a Y of std::int8_t, and the other way round; end the epilogue with requantize(scale)
#include <lowbit/gemm/gemm.hpp>

void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<lowbit::policy<lowbit::int8>>& w, lowbit::matrix_view<float> y) { lowbit::gemm(x, w, y, lowbit::epilogue(lowbit::requantize(1.0f))); }
