// SPDX-License-Identifier: MIT
// Refused: int8 activations with a scale for several rows.
// expect: lowbit policy: activations<int8, G> with a scale for several rows; use activations<int8> or activations<int8, per_group<N>>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::activations<lowbit::int8, lowbit::per_tensor>>::bits;
