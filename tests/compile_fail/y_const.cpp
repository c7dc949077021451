// SPDX-License-Identifier: MIT
// Refused: a Y that nothing can be written to.
// expect: lowbit: Y is const; a product needs somewhere to write
#include <lowbit/gemm/gemm.hpp>

void refused(lowbit::matrix_view<const float> x, const lowbit::packed_matrix<lowbit::policy<lowbit::int8>>& w, lowbit::matrix_view<const float> y) { lowbit::gemm(x, w, y); }
