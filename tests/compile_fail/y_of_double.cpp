// SPDX-License-Identifier: MIT
// Refused: a Y of a type that results are not converted to.
// expect: lowbit: Y holds float, float16, bfloat16, or std::int8_t with requantize
#include <lowbit/gemm/gemm.hpp>

void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<lowbit::policy<lowbit::int8>>& w, lowbit::matrix_view<double> y) { lowbit::gemm(x, w, y); }
