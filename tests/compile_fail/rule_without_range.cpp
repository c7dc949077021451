// SPDX-License-Identifier: MIT
// Refused: scale_rule<R> needs R::range(std::span<const float>) -> value_range, or R::fit(quantizer) -> group_fit.
// expect: lowbit policy: scale_rule<R> needs R::range(std::span<const float>) -> value_range, or R::fit(quantizer) -> group_fit
#include <lowbit/quantize/constant.hpp>

struct nothing {};
constexpr auto refused = lowbit::quantize_constant<lowbit::policy<lowbit::int4, lowbit::scale_rule<nothing>>>(std::array{1.0f, 2.0f, 3.0f, 4.0f});
