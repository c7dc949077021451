// SPDX-License-Identifier: MIT
// Refused: unstructured<percent> prunes 0 to 100 percent of a row.
// expect: lowbit policy: unstructured<percent> prunes 0 to 100 percent of a row
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::prune<lowbit::unstructured<101>>>::bits;
