// SPDX-License-Identifier: MIT
// Refused: two code forms.
// expect: lowbit policy: two code forms; keep one of native_codes, excess_codes
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::native_codes, lowbit::excess_codes>::bits;
