// SPDX-License-Identifier: MIT
// Refused: int8 codes for weights that are no integers.
// expect: lowbit: quantized_rows need integer weights or a codebook of at most 16 entries
#include <lowbit/gemm/gemm.hpp>
#include <lowbit/numeric/float8.hpp>

void refused(const lowbit::int8_rows& x, const lowbit::packed_matrix<lowbit::policy<lowbit::float8_e4m3>>& w, lowbit::matrix_view<float> y) { lowbit::gemm(x, w, y); }
