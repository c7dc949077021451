// SPDX-License-Identifier: MIT
// Integers of 5 to 8 bits times int8 activations.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using int5 = lb::policy<lb::int5, lb::per_group<64>>;

TEST_CASE("widths: int5 in groups of 64") { check_values(make_product<int5>); }
TEST_CASE("widths: uint5 per tensor") { check_values(make_product<lb::policy<lb::uint5, lb::symmetric, lb::per_tensor>>); }
TEST_CASE("widths: int6 in blocks of 2 x 24") { check_values(make_product<lb::policy<lb::int6, lb::per_block<2, 24>>>); }
TEST_CASE("widths: uint6 in groups of 7") { check_values(make_product<lb::policy<lb::uint6, lb::symmetric, lb::per_group<7>>>); }
TEST_CASE("widths: int7 per channel") { check_values(make_product<lb::policy<lb::int7>>); }
TEST_CASE("widths: uint7 in groups of 32, float scales") {
    check_values(make_product<lb::policy<lb::uint7, lb::symmetric, lb::per_group<32>, lb::scale_as<float>>>);
}
TEST_CASE("widths: int8 per channel") { check_values(make_product<lb::presets::w8>); }
TEST_CASE("widths: uint8 in groups of 33") {
    check_values(make_product<lb::policy<lb::uint8, lb::symmetric, lb::per_group<33>>>);
}
TEST_CASE("widths: int8 in groups of 32 under E8M0") { check_values(make_product<lb::presets::ocp_mxint8>); }

TEST_CASE("contract: int8 per channel, int8 rows") { check_contract(make_product<lb::presets::w8>); }
TEST_CASE("guard pages: int5 in groups of 64") { check_guarded(make_product<int5>); }
TEST_CASE("guard pages: int8 per channel") { check_guarded(make_product<lb::presets::w8>); }
