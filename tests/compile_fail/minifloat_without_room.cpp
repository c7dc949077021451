// SPDX-License-Identifier: MIT
// Refused: a float of eight exponent bits whose largest numbers are beyond float.
// expect: lowbit: every value of a minifloat must be a normal float, with some room at the small end
#include <lowbit/numeric/minifloat.hpp>

constexpr float refused = lowbit::minifloat<8, 3, 127, lowbit::float_kind::finite>::max();
