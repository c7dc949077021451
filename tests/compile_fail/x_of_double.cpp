// SPDX-License-Identifier: MIT
// Refused: an X of a type that has no row kernels.
// expect: lowbit: X holds float, float16 or bfloat16; int8 codes with their scales go in through quantized_rows(codes, scales)
#include <lowbit/gemm/gemm.hpp>

void refused(lowbit::matrix_view<const double> x, const lowbit::packed_matrix<lowbit::policy<lowbit::int8>>& w, lowbit::matrix_view<float> y) { lowbit::gemm(x, w, y); }
