// SPDX-License-Identifier: MIT
// Refused: block_sparse<rows, cols, percent> prunes 0 to 100 percent of blocks of at least 1 x 1.
// expect: lowbit policy: block_sparse<rows, cols, percent> prunes 0 to 100 percent of blocks of at least 1 x 1
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::prune<lowbit::block_sparse<0, 0, 50>>>::bits;
