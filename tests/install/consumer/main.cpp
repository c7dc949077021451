// SPDX-License-Identifier: MIT
// A small user of lowbit. With the kernels that lowbit compiles for it, it quantizes one row and looks at what comes back;
// compiling them here as well would say nothing more.
#include <lowbit/lowbit.hpp>

#if defined(LOWBIT_EXTERN_KERNELS)
int main() {
    const float weights[] = {1.0f, -2.0f, 3.0f, -127.0f};
    const auto q =
        lowbit::quantize<lowbit::policy<lowbit::int8, lowbit::per_channel>>(lowbit::matrix_view<const float>{weights, 1, 4});
    const lowbit::matrix<float> back = lowbit::dequantize(q);
    return LOWBIT_VERSION >= 100 && back(0, 3) < -126.0f && back(0, 3) > -128.0f ? 0 : 1;
}
#else
int main() {
    const lowbit::matrix<float> zeros(1, 3);
    return LOWBIT_VERSION >= 100 && lowbit::isa::supported(lowbit::isa::active()) && zeros(0, 2) == 0.0f ? 0 : 1;
}
#endif
