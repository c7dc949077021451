// SPDX-License-Identifier: MIT
// Scales of two levels and groups shorter than a unit, as nobody's file has them; and what packing adds to a format.
#include <doctest/doctest.h>

#include "guarded_memory.hpp"
#include "make_product.hpp"

using namespace lowbit_test;
namespace presets = lowbit::presets;

namespace {
namespace lb = lowbit;
/// Nobody's format: rows that end within a group, a record and a run.
using own_k = lb::policy<lb::uint5, lb::per_group<16>, lb::scale_as<lb::int4>, lb::super_scale<lb::bfloat16, 5>,
                         lb::quantized_minimum<lb::uint3>, lb::super_minimum<lb::bfloat16, 5>>;
using floats_k = lb::policy<lb::int4, lb::per_group<32>, lb::scale_as<lb::ue4m3>, lb::super_scale<float, 4>>; // multiplied out

/// Bytes of packed weights of 128 x 1024 in those of the format.
template <class P>
double packed_share() {
    const auto q = lb::quantize<lb::format_of<P>>(lb::matrix<float>(128, 1024));
    return static_cast<double>(lb::pack(q).size_bytes()) / static_cast<double>(q.size_bytes());
}
} // namespace

TEST_CASE("two levels of one's own") {
    check_values(make_product<own_k>);
    check_contract(make_product<own_k>);
    check_values(make_product<floats_k>);
}
TEST_CASE("activations in groups that are longer than a row") {
    using one_group = lb::policy<lb::int4, lb::per_channel, lb::scale_as<lb::uint6>, lb::super_scale<lb::float16, 1>>;
    check_values(make_product<one_group, lb::activations<lb::int8, lb::per_group<4>>>);
}
TEST_CASE("a run that lies behind the row has no super-scales to read") {
    guarded_memory memory(edge::back);
    const auto weights = noise(1).weights(3, 80); // five groups of a run; a sixth fills the last record
    const auto q = lb::quantize<own_k>(weights, {}, &memory);
    const auto p = lb::pack<lb::activations<float>>(q, &memory);
    lb::matrix<float> x(1, 80), y(1, 3);
    x(0, 79) = 1.0f;
    lb::gemm(x, p, y);
    for (std::size_t n = 0; n < 3; ++n) CHECK(y(0, n) == doctest::Approx(lb::dequantize(q)(n, 79)));
}
TEST_CASE("groups of 16 with 3 bits share records") {
    check_values(make_product<lb::policy<lb::int3, lb::asymmetric, lb::per_group<16>>>);
}
TEST_CASE("packed weights take at most a twentieth more than their format") {
    CHECK(packed_share<presets::q2_k>() <= 1.05);
    CHECK(packed_share<presets::q3_k>() <= 1.05);
    CHECK(packed_share<presets::q4_k>() <= 1.05);
    CHECK(packed_share<presets::q5_k>() <= 1.05);
    CHECK(packed_share<presets::q6_k>() <= 1.05);
    CHECK(packed_share<presets::iq4_xs>() <= 1.05);
    CHECK(packed_share<presets::q5_1>() <= 1.05);
    CHECK(packed_share<presets::tq2_0>() <= 1.05);
    CHECK(packed_share<lb::policy<lb::int3, lb::per_group<16>, lb::scale_as<lb::float16>>>() <= 1.05);
}
