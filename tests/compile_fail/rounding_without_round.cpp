// SPDX-License-Identifier: MIT
// Refused: rounding<R> needs R::round(float x, std::uint64_t counter) noexcept -> float.
// expect: lowbit policy: rounding<R> needs R::round(float x, std::uint64_t counter) noexcept -> float
#include <lowbit/quantize/constant.hpp>

struct nothing {};
constexpr auto refused = lowbit::quantize_constant<lowbit::policy<lowbit::int4, lowbit::rounding<nothing>>>(std::array{1.0f, 2.0f, 3.0f, 4.0f});
