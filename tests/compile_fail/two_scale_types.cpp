// SPDX-License-Identifier: MIT
// Refused: two scale types.
// expect: lowbit policy: two scale types; keep one scale_as<T>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::scale_as<float>, lowbit::scale_as<lowbit::float16>>::bits;
