// SPDX-License-Identifier: MIT
// Products of float activations with integer codes.
#include "product_case.hpp"

using namespace lowbit_test;
using lk::activation_kind;
using lk::offset_kind;

namespace {
template <unsigned Bits, offset_kind Offset = offset_kind::constant, unsigned Step = 1>
constexpr lk::product_key key{.bits = Bits, .offset = Offset, .activations = activation_kind::float32, .step = Step};
}

TEST_CASE("float activations, codes of one plane") {
    check_shapes<key<1>>();
    check_shapes<key<2>>();
    check_shapes<key<4>>();
    check_shapes<key<8>>();
    check_shapes<key<1, offset_kind::constant, 2>>(); // binary: twice the code, less 1
}
TEST_CASE("float activations, codes of several planes") {
    check_shapes<key<3>>();
    check_shapes<key<7>>();
}
TEST_CASE("float activations, zero points and minimums") {
    check_shapes<key<4, offset_kind::zero_point>>();
    check_shapes<key<4, offset_kind::minimum>>();
    check_shapes<key<8, offset_kind::zero_point>>();
    check_shapes<key<3, offset_kind::minimum>>();
}
