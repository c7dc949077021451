// SPDX-License-Identifier: MIT
// Products of int8 activations: zero points, minimums, activation scales per group, and the plain int32 product.
#include "product_case.hpp"

using namespace lowbit_test;
using lk::activation_kind;
using lk::offset_kind;

TEST_CASE("zero points") {
    check_shapes<lk::product_key{.bits = 4, .offset = offset_kind::zero_point}>();
    check_shapes<lk::product_key{.bits = 8, .offset = offset_kind::zero_point}>();
    check_shapes<lk::product_key{.bits = 3, .offset = offset_kind::zero_point}>();
}
TEST_CASE("minimums") { check_shapes<lk::product_key{.bits = 4, .offset = offset_kind::minimum}>(); }
TEST_CASE("scales of two levels") {
    check_shapes<lk::product_key{.bits = 4, .offset = offset_kind::minimum, .scale_levels = 2}>();
    check_shapes<lk::product_key{.bits = 6, .activations = activation_kind::int8_per_group, .scale_levels = 2}>();
    check_shapes<lk::product_key{.bits = 4, .offset = offset_kind::zero_point, .scale_levels = 2}>();
    check_shapes<lk::product_key{
        .bits = 2, .offset = offset_kind::minimum, .activations = activation_kind::float32, .scale_levels = 2}>();
}
TEST_CASE("groups that share a unit") {
    check_shapes<lk::product_key{.bits = 3, .scale_levels = 2, .record_groups = 2}>();
    check_shapes<lk::product_key{
        .bits = 5, .offset = offset_kind::minimum, .activations = activation_kind::int8_per_group, .record_groups = 4}>();
    check_shapes<lk::product_key{
        .bits = 6, .offset = offset_kind::zero_point, .activations = activation_kind::float32, .record_groups = 2}>();
}
TEST_CASE("activation scales per group") {
    check_shapes<lk::product_key{.bits = 4, .activations = activation_kind::int8_per_group}>();
    check_shapes<lk::product_key{.bits = 8, .offset = offset_kind::zero_point, .activations = activation_kind::int8_per_group}>();
    check_shapes<lk::product_key{.bits = 5, .offset = offset_kind::minimum, .activations = activation_kind::int8_per_group}>();
}
TEST_CASE("the plain product of int8 gives int32") {
    constexpr lk::product_key key{.bits = 8, .scale_levels = 0};
    std::uint64_t salt = 0;
    for (const std::size_t depth : {1u, 64u, 100u, 255u, 256u, 1000u, 4096u}) {
        for (const std::size_t columns : {64u, 7u}) {
            product_case<key>({columns, depth, depth, 7, lk::scale_kind::none}, ++salt).check({7, 1, 4});
            product_case<key>({columns, depth, depth, 7, lk::scale_kind::none, 1, true}, ++salt).check({7, 1});
        }
    }
    // A K that is cut into records, since zero points could make its sum overflow.
    product_case<key>({5, 131'071, 131'071, 2, lk::scale_kind::none, 1, true}, ++salt).check({2});
}
TEST_CASE("a channel longer than the longest group is the same as its parts") {
    product_case<lk::product_key{.bits = 4}>(
        {3, 2 * lk::longest_group + 77, 2 * lk::longest_group + 77, 2, lk::scale_kind::float32}, 1)
        .check({2});
}
