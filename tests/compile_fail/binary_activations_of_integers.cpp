// SPDX-License-Identifier: MIT
// Refused: binary activations for weights of more than one bit.
// expect: lowbit policy: activations<binary> meet weights of -1 and +1 only; use the element lowbit::binary and symmetric, or activations<int8>
#include <lowbit/lowbit.hpp>

auto refused(const lowbit::quantized_matrix<lowbit::presets::w8>& q) { return lowbit::pack<lowbit::activations<lowbit::binary>>(q); }
