// SPDX-License-Identifier: MIT
// Refused: two column orders.
// expect: lowbit policy: two column orders; keep one of natural_order, permuted_columns
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::natural_order, lowbit::permuted_columns>::bits;
