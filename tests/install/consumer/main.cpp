// SPDX-License-Identifier: MIT
// A small user of lowbit: quantizes one row and looks at what comes back.
#include <lowbit/lowbit.hpp>

int main() {
    const float weights[] = {1.0f, -2.0f, 3.0f, -127.0f};
    const auto q =
        lowbit::quantize<lowbit::policy<lowbit::int8, lowbit::per_channel>>(lowbit::matrix_view<const float>{weights, 1, 4});
    const lowbit::matrix<float> back = lowbit::dequantize(q);
    return LOWBIT_VERSION >= 100 && back(0, 3) < -126.0f && back(0, 3) > -128.0f ? 0 : 1;
}
