// SPDX-License-Identifier: MIT
// Integers of 1 to 4 bits, ternary and binary times int8 activations, under every granularity.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

TEST_CASE("widths: int1 in groups of 32") { check_values(make_product<lb::policy<lb::int1, lb::per_group<32>>>); }
TEST_CASE("widths: uint1 per channel") { check_values(make_product<lb::policy<lb::uint1, lb::symmetric>>); }
TEST_CASE("widths: int2 per tensor") { check_values(make_product<lb::policy<lb::int2, lb::per_tensor>>); }
TEST_CASE("widths: uint2 in groups of 20") {
    check_values(make_product<lb::policy<lb::uint2, lb::symmetric, lb::per_group<20>>>);
}
TEST_CASE("widths: int3 in groups of 48") { check_values(make_product<lb::policy<lb::int3, lb::per_group<48>>>); }
TEST_CASE("widths: uint3 in blocks of 16 x 32") {
    check_values(make_product<lb::policy<lb::uint3, lb::symmetric, lb::per_block<16, 32>>>);
}
TEST_CASE("widths: int4 in groups of 32") { check_values(make_product<lb::presets::w4g32>); }
TEST_CASE("widths: uint4 in blocks of 3 x 40") {
    check_values(make_product<lb::policy<lb::uint4, lb::symmetric, lb::per_block<3, 40>, lb::scale_as<lb::bfloat16>>>);
}
TEST_CASE("widths: ternary") { check_values(make_product<lb::presets::w158>); }
TEST_CASE("widths: binary") {
    check_values(make_product<lb::policy<lb::binary, lb::per_group<96>, lb::scale_rule<lb::abs_mean>>>);
}

TEST_CASE("contract: int4 in groups of 32, int8 rows") { check_contract(make_product<lb::presets::w4g32>); }
TEST_CASE("contract: int3 in groups of 48, int8 rows") { check_contract(make_product<lb::policy<lb::int3, lb::per_group<48>>>); }
TEST_CASE("guard pages: int4 in groups of 32") { check_guarded(make_product<lb::presets::w4g32>); }
TEST_CASE("guard pages: int3 in groups of 48") { check_guarded(make_product<lb::policy<lb::int3, lb::per_group<48>>>); }
TEST_CASE("guard pages: ternary, one scale") { check_guarded(make_product<lb::presets::w158>); }
