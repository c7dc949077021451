// SPDX-License-Identifier: MIT
// A codebook has no neighbours to round to at random.
// expect: lowbit: this element rounds to nearest only; drop lb::rounding<...> from the policy
#include <lowbit/numeric/codebook.hpp>
#include <lowbit/quantize/constant.hpp>

constexpr auto refused = lowbit::quantize_constant<lowbit::policy<lowbit::nf4_codebook, lowbit::rounding<lowbit::stochastic>>>(std::array{1.0f, 2.0f, 3.0f, 4.0f});
