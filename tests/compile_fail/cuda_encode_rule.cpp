// SPDX-License-Identifier: MIT
// expect: a GPU encodes by absmax, minmax and signed_absmax
#include <lowbit/cuda/encode.hpp>

using w4 = lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::scale_rule<lowbit::mse>>;
std::size_t units = lowbit::cuda::weight_encoder<w4, float>::units(64, 64);
