// SPDX-License-Identifier: MIT
// Refused: a scale for int8 codes of X where the weights are no integers.
// expect: lowbit: at_scale needs integer weights or a codebook of at most 16 entries
#include <lowbit/gemm/gemm.hpp>
#include <lowbit/numeric/float8.hpp>

void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<lowbit::policy<lowbit::float8_e4m3>>& w, lowbit::matrix_view<float> y) { lowbit::gemm(lowbit::at_scale(x, 1.0f), w, y); }
