// SPDX-License-Identifier: MIT
// Refused: binary activations for binary weights with a minimum.
// expect: lowbit policy: activations<binary> meet weights of -1 and +1 only; use the element lowbit::binary and symmetric, or activations<int8>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::binary, lowbit::minimum_as<lowbit::float16>, lowbit::activations<lowbit::binary>>::bits;
