// SPDX-License-Identifier: MIT
// Refused: quantize_constant knows neither tensor_scale nor permuted_columns.
// expect: lowbit policy: quantize_constant knows neither tensor_scale nor permuted_columns; leave them out
#include <lowbit/quantize/constant.hpp>

constexpr auto refused = lowbit::quantize_constant<lowbit::policy<lowbit::int4, lowbit::tensor_scale>>(std::array{1.0f, 2.0f, 3.0f, 4.0f});
