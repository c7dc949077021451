// SPDX-License-Identifier: MIT
// expect: a GPU encodes groups of 32, 64 or 128 columns
#include <lowbit/cuda/encode.hpp>

using w4 = lowbit::policy<lowbit::int4, lowbit::per_group<48>>;
std::size_t units = lowbit::cuda::weight_encoder<w4, float>::units(64, 64);
