// SPDX-License-Identifier: MIT
// Refused: groups of activations that no group of weights holds whole.
// expect: lowbit: the group of the activations must divide the group of the weights
#include <lowbit/gemm/packed_matrix.hpp>

using policy = lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::activations<lowbit::int8, lowbit::per_group<24>>>;
auto refused(const lowbit::quantized_matrix<policy>& q) { return lowbit::pack(q); }
