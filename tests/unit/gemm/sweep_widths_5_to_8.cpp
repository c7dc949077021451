// SPDX-License-Identifier: MIT
// Integers of 5 to 8 bits times int8 activations, dense and pruned.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using half_of_int8 = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::unstructured<50>, lb::by_magnitude>>;
using int5_2_of_4 = lb::policy<lb::int5, lb::per_group<64>, lb::prune<lb::n_of_m<2, 4>>>;
using int7_in_blocks = lb::policy<lb::int7, lb::per_channel, lb::prune<lb::block_sparse<1, 16, 75>>>;

TEST_CASE("widths: int5 in groups of 64, 2 of 4 kept") { check_values(make_product<int5_2_of_4>); }
TEST_CASE("widths: uint5 per tensor") { check_values(make_product<lb::policy<lb::uint5, lb::symmetric, lb::per_tensor>>); }
TEST_CASE("widths: int6 in blocks of 2 x 24") { check_values(make_product<lb::policy<lb::int6, lb::per_block<2, 24>>>); }
TEST_CASE("widths: uint6 in groups of 7") { check_values(make_product<lb::policy<lb::uint6, lb::symmetric, lb::per_group<7>>>); }
TEST_CASE("widths: int7 per channel, blocks of 16 pruned") { check_values(make_product<int7_in_blocks>); }
TEST_CASE("widths: uint7 in groups of 32, float scales") {
    check_values(make_product<lb::policy<lb::uint7, lb::symmetric, lb::per_group<32>, lb::scale_as<float>>>);
}
TEST_CASE("widths: int8 per channel, half of each row pruned") { check_values(make_product<half_of_int8>); }
TEST_CASE("widths: uint8 in groups of 33") {
    check_values(make_product<lb::policy<lb::uint8, lb::symmetric, lb::per_group<33>>>);
}
TEST_CASE("widths: int8 in groups of 32 under E8M0") { check_values(make_product<lb::presets::ocp_mxint8>); }

TEST_CASE("contract: int8 per channel, int8 rows") { check_contract(make_product<half_of_int8>); }
TEST_CASE("guard pages: int5 in groups of 64") { check_guarded(make_product<int5_2_of_4>); }
TEST_CASE("guard pages: int8 per channel") { check_guarded(make_product<half_of_int8>); }
