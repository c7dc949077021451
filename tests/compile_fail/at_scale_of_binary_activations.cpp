// SPDX-License-Identifier: MIT
// Refused: a scale for int8 codes of X where the weights are packed for the signs of X.
// expect: lowbit: quantized_rows and at_scale are int8, and weights packed for binary activations take their signs
#include <lowbit/gemm/gemm.hpp>

using signs = lowbit::policy<lowbit::binary, lowbit::activations<lowbit::binary>>;
void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<signs>& w, lowbit::matrix_view<float> y) { lowbit::gemm(lowbit::at_scale(x, 1.0f), w, y); }
