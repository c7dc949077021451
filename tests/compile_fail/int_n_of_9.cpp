// SPDX-License-Identifier: MIT
// An integer of nine bits.
// expect: lowbit: int_n holds 1 to 8 bits
#include <lowbit/numeric/int_n.hpp>

constexpr int refused = lowbit::int_n<9, true>::bits;
