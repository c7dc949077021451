// SPDX-License-Identifier: MIT
// The policies that keep every weight, one line each.
#include "named.hpp"

namespace demo {

std::vector<named_policy> dense_policies() {
    using mse = lb::scale_rule<lb::mse>;
    using mean = lb::scale_rule<lb::abs_mean>;
    return {
        named<lb::int8, lb::per_channel>("int8", "8 bits, a scale for each output"),
        named<lb::int8, lb::per_group<32>>("int8-g32", "8 bits, a scale for each 32 weights"),
        named<lb::int6, lb::per_group<32>>("int6-g32", "6 bits, a scale for each 32 weights"),
        named<lb::int5, lb::per_group<32>>("int5-g32", "5 bits, a scale for each 32 weights"),
        named<lb::int4, lb::per_group<32>>("int4-g32", "4 bits, a scale for each 32 weights"),
        named<lb::int4, lb::per_group<32>, mse>("int4-g32-mse", "4 bits, searched scales for each 32 weights"),
        named<lb::int4, lb::per_group<64>, lb::asymmetric>("int4-g64-zero",
                                                           "4 bits, a scale and a zero point for each 64 weights"),
        named<lb::int3, lb::per_group<32>, mse>("int3-g32-mse", "3 bits, searched scales for each 32 weights"),
        named<lb::int2, lb::per_group<32>, mse>("int2-g32-mse", "2 bits, searched scales for each 32 weights"),
        named<lb::ternary, lb::per_tensor, mean>("ternary", "-1, 0, 1 and one scale for the matrix"),
        named<lb::binary, lb::per_channel, mean>("binary", "signs and a scale for each output"),
        named<lb::nf4_codebook, lb::per_group<64>>("nf4-g64",
                                                   "16 values that suit a normal distribution, a scale for each 64 weights"),
    };
}

} // namespace demo
