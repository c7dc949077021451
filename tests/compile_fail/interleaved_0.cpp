// SPDX-License-Identifier: MIT
// Refused: interleaved<Groups, Fields...> holds at least 1 group in a block.
// expect: lowbit policy: interleaved<Groups, Fields...> holds at least 1 group in a block
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::interleaved<0, lowbit::field::codes>>::bits;
