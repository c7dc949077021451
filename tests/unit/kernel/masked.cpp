// SPDX-License-Identifier: MIT
// Products of masked panels, whatever their masks keep: each level against the reference of weights with zeros.
#include "product_case.hpp"

using namespace lowbit_test;
using lk::activation_kind;

TEST_CASE("masked: bytes") { check_shapes<lk::product_key{.kept_bits = 8}>(); }
TEST_CASE("masked: nibbles") { check_shapes<lk::product_key{.kept_bits = 4}>(); }
TEST_CASE("masked: pairs of bytes") { check_shapes<lk::product_key{.kept_bits = 8, .pairs = true}>(); }
TEST_CASE("masked: pairs of nibbles") {
    check_shapes<lk::product_key{.activations = activation_kind::int8_per_group, .kept_bits = 4, .pairs = true}>();
}
TEST_CASE("masked: pairs, float activations") {
    check_shapes<lk::product_key{.activations = activation_kind::float32, .kept_bits = 4, .pairs = true}>();
}
TEST_CASE("masked: lists") { check_shapes<lk::product_key{.kept_bits = 8, .lists = true}>(); }
TEST_CASE("masked: zero points, activations with a scale per group") {
    check_shapes<lk::product_key{
        .offset = lk::offset_kind::zero_point, .activations = activation_kind::int8_per_group, .kept_bits = 4}>();
}
TEST_CASE("masked: float activations, codes that are looked up") {
    check_shapes<lk::product_key{.code = lk::decoding::table, .activations = activation_kind::float32, .kept_bits = 8}>();
}
TEST_CASE("masked: scales of two levels") { check_shapes<lk::product_key{.scale_levels = 2, .kept_bits = 4}>(); }
