// SPDX-License-Identifier: MIT
// Refused: prune<Mask, Criterion> needs Criterion::score(float weight, float statistic) -> float.
// expect: lowbit policy: prune<Mask, Criterion> needs Criterion::score(float weight, float statistic) -> float
#include <lowbit/quantize/constant.hpp>

struct nothing {};
constexpr auto refused = lowbit::quantize_constant<lowbit::policy<lowbit::int4, lowbit::prune<lowbit::n_of_m<2, 4>, nothing>>>(std::array{1.0f, 2.0f, 3.0f, 4.0f});
