// SPDX-License-Identifier: MIT
// Zero points and minimums times int8 activations with a scale for each row or for each group.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using int4_zeros = lb::policy<lb::int4, lb::per_group<64>, lb::asymmetric>;
using grouped = lb::activations<lb::int8, lb::per_group<32>>;

TEST_CASE("offsets: int4 with zero points in groups of 64") { check_values(make_product<int4_zeros>); }
TEST_CASE("offsets: uint8 with zero points per channel") { check_values(make_product<lb::policy<lb::uint8, lb::asymmetric>>); }
TEST_CASE("offsets: GPTQ with sorted columns") { check_values(make_product<lb::presets::gptq4<32>>); }
TEST_CASE("offsets: Q4_1") { check_values(make_product<lb::presets::q4_1>); }
TEST_CASE("offsets: Q4_K") { check_values(make_product<lb::presets::q4_k>); }
TEST_CASE("offsets: int4, a scale for each 32 activations") { check_values(make_product<lb::presets::w4g64, grouped>); }
TEST_CASE("offsets: int4 with zero points, a scale for each 32 activations") { check_values(make_product<int4_zeros, grouped>); }
TEST_CASE("offsets: Q4_1, a scale for each 32 activations") { check_values(make_product<lb::presets::q4_1, grouped>); }

TEST_CASE("offsets: ternary over minimums") {
    check_values(make_product<lb::policy<lb::ternary, lb::per_group<32>, lb::minimum_as<lb::float16>>>);
}
TEST_CASE("offsets: uint4 over minimums under narrow scales and a tensor scale") {
    check_values(make_product<lb::policy<lb::uint4, lb::per_group<16>, lb::scale_as<lb::float8_e4m3>,
                                         lb::minimum_as<lb::float8_e4m3>, lb::tensor_scale>>);
}

TEST_CASE("contract: int4 with zero points, int8 rows") { check_contract(make_product<int4_zeros>); }
TEST_CASE("contract: GPTQ with sorted columns, int8 rows") { check_contract(make_product<lb::presets::gptq4<32>>); }
TEST_CASE("contract: Q4_1, int8 rows") { check_contract(make_product<lb::presets::q4_1>); }
TEST_CASE("contract: int4, int8 groups") { check_contract(make_product<lb::presets::w4g64, grouped>); }
TEST_CASE("guard pages: int4 with zero points") { check_guarded(make_product<int4_zeros>); }
TEST_CASE("guard pages: Q4_K") { check_guarded(make_product<lb::presets::q4_k>); }
TEST_CASE("guard pages: Q4_1, int8 groups") { check_guarded(make_product<lb::presets::q4_1, grouped>); }
