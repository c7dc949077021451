// SPDX-License-Identifier: MIT
// Products of int8 activations with codes of every width, constant offset: each level against the reference.
#include "product_case.hpp"

using namespace lowbit_test;

namespace {
template <unsigned Bits>
constexpr lk::product_key key{.bits = Bits};
}

TEST_CASE("int8 activations, 1 bit") { check_shapes<key<1>>(); }
TEST_CASE("int8 activations, 2 bits") { check_shapes<key<2>>(); }
TEST_CASE("int8 activations, 3 bits") { check_shapes<key<3>>(); }
TEST_CASE("int8 activations, 4 bits") { check_shapes<key<4>>(); }
TEST_CASE("int8 activations, 5 bits") { check_shapes<key<5>>(); }
TEST_CASE("int8 activations, 6 bits") { check_shapes<key<6>>(); }
TEST_CASE("int8 activations, 7 bits") { check_shapes<key<7>>(); }
TEST_CASE("int8 activations, 8 bits") { check_shapes<key<8>>(); }
