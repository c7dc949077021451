// SPDX-License-Identifier: MIT
// Products with codes that are looked up, and with binary codes.
#include "product_case.hpp"

using namespace lowbit_test;
using lk::activation_kind;
using lk::decoding;

TEST_CASE("codebooks of int8 values") {
    check_shapes<lk::product_key{.bits = 4, .code = decoding::table}>();
    check_shapes<lk::product_key{.bits = 3, .code = decoding::table}>();
}
TEST_CASE("binary") { check_shapes<lk::product_key{.bits = 1, .step = 2}>(); }
TEST_CASE("binary activations") {
    constexpr lk::product_key key{.bits = 1, .activations = activation_kind::binary_per_row, .step = 2};
    check_shapes<key>();
    std::uint64_t salt = 1000;
    for (const std::size_t depth : {2048u, 2049u, 4200u}) { // more than a block
        product_case<key>({64, depth, depth, 13}, ++salt).check({13, 1, 4});
        product_case<key>({40, depth, depth, 13, lk::scale_kind::float16, 1, true}, ++salt).check({13, 1});
    }
    product_case<key>({3, lk::longest_group + 77, lk::longest_group + 77, 2, lk::scale_kind::float32, 1, true}, ++salt)
        .check({2, 1});
}
TEST_CASE("binary activations with a scale per group") {
    check_shapes<lk::product_key{.bits = 1, .activations = activation_kind::binary_per_group, .step = 2}>();
}
TEST_CASE("tables of floats") {
    check_shapes<lk::product_key{.bits = 2, .code = decoding::table, .activations = activation_kind::float32}>();
    check_shapes<lk::product_key{.bits = 4, .code = decoding::table, .activations = activation_kind::float32}>();
    check_shapes<lk::product_key{.bits = 6, .code = decoding::table, .activations = activation_kind::float32}>();
    check_shapes<lk::product_key{.bits = 8, .code = decoding::table, .activations = activation_kind::float32}>();
}
