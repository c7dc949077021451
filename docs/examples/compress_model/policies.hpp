// SPDX-License-Identifier: MIT
// The policies that are compared. One line each; a new line is all that a new policy needs.
#pragma once

#include <lowbit/lowbit.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <tuple>
#include <vector>

namespace demo {

namespace lb = lowbit;

template <lb::any_policy Policy>
struct named_policy {
    const char* name;
    const char* meaning;
};

template <class... Tags>
constexpr named_policy<lb::policy<Tags...>> named(const char* name, const char* meaning) {
    return {name, meaning};
}

using search = lb::scale_rule<lb::mse>;
using mean = lb::scale_rule<lb::abs_mean>;

inline constexpr std::tuple policies{
    named<lb::int8, lb::per_channel>("int8", "8 bits, a scale for each output"),
    named<lb::int8, lb::per_group<32>>("int8-g32", "8 bits, a scale for each 32 weights"),
    named<lb::int6, lb::per_group<32>>("int6-g32", "6 bits, a scale for each 32 weights"),
    named<lb::int5, lb::per_group<32>>("int5-g32", "5 bits, a scale for each 32 weights"),
    named<lb::int4, lb::per_group<32>>("int4-g32", "4 bits, a scale for each 32 weights"),
    named<lb::int4, lb::per_group<32>, search>("int4-g32-mse", "4 bits, searched scales for each 32 weights"),
    named<lb::int4, lb::per_group<64>, lb::asymmetric>("int4-g64-zero", "4 bits, a scale and a zero point for each 64 weights"),
    named<lb::int3, lb::per_group<32>, search>("int3-g32-mse", "3 bits, searched scales for each 32 weights"),
    named<lb::int2, lb::per_group<32>, search>("int2-g32-mse", "2 bits, searched scales for each 32 weights"),
    named<lb::int4, lb::per_group<64>, lb::prune<lb::n_of_m<2, 4>, lb::by_magnitude>>(
        "int4-g64-2:4", "4 bits, the smaller two of each four weights dropped"),
    named<lb::int8, lb::per_channel, lb::prune<lb::unstructured<50>, lb::by_magnitude>>(
        "int8-50%", "8 bits, the smaller half of each row dropped"),
    named<lb::ternary, lb::per_tensor, mean>("ternary", "-1, 0, 1 and one scale for the matrix"),
    named<lb::binary, lb::per_channel, mean>("binary", "signs and a scale for each output"),
    named<lb::nf4_codebook, lb::per_group<64>>("nf4-g64",
                                               "16 values that suit a normal distribution, a scale for each 64 weights"),
};

/// Calls f.operator()<Policy>(name, meaning) for each policy whose name is wanted; an empty list wants all.
template <class F>
void for_each_policy(const std::vector<std::string>& wanted, F f) {
    const auto visit = [&]<class Policy>(const named_policy<Policy>& policy) {
        const bool is_wanted = wanted.empty() || std::find(wanted.begin(), wanted.end(), policy.name) != wanted.end();
        if (is_wanted) f.template operator()<Policy>(policy.name, policy.meaning);
    };
    std::apply([&](const auto&... each) { (visit(each), ...); }, policies);
}

} // namespace demo
