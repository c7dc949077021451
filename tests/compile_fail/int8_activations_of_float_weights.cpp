// SPDX-License-Identifier: MIT
// Refused: int8 activations for weights that are no integers.
// expect: lowbit: activations<int8> need integer weights or a codebook of at most 16 entries; use activations<float>
#include <lowbit/gemm/gemm.hpp>
#include <lowbit/numeric/float8.hpp>

void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<lowbit::policy<lowbit::float8_e4m3, lowbit::activations<lowbit::int8>>>& w, lowbit::matrix_view<float> y) { lowbit::gemm(x, w, y); }
