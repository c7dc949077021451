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
TEST_CASE("tables of floats") {
    check_shapes<lk::product_key{.bits = 4, .code = decoding::table, .activations = activation_kind::float32}>();
    check_shapes<lk::product_key{.bits = 6, .code = decoding::table, .activations = activation_kind::float32}>();
    check_shapes<lk::product_key{.bits = 8, .code = decoding::table, .activations = activation_kind::float32}>();
}
