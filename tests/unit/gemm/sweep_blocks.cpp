// SPDX-License-Identifier: MIT
// ggml's and bitsandbytes' formats that no other sweep has: two planes, tables of sub-scales, base 3, narrow scales.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace presets = lowbit::presets;

TEST_CASE("blocks: Q5_0") { check_values(make_product<presets::q5_0>); }
TEST_CASE("blocks: Q5_1") { check_values(make_product<presets::q5_1>); }
TEST_CASE("blocks: Q2_K") { check_values(make_product<presets::q2_k>); }
TEST_CASE("blocks: Q3_K") { check_values(make_product<presets::q3_k>); }
TEST_CASE("blocks: Q5_K") { check_values(make_product<presets::q5_k>); }
TEST_CASE("blocks: Q6_K") { check_values(make_product<presets::q6_k>); }
TEST_CASE("blocks: IQ4_XS") { check_values(make_product<presets::iq4_xs>); }
TEST_CASE("blocks: TQ1_0") { check_values(make_product<presets::tq1_0>); }
TEST_CASE("blocks: TQ2_0") { check_values(make_product<presets::tq2_0>); }
TEST_CASE("blocks: NVFP4") { check_values(make_product<presets::ggml_nvfp4>); }
TEST_CASE("blocks: FP4 of bitsandbytes") { check_values(make_product<presets::fp4_bnb>); }
TEST_CASE("a divisor for the tensor: NVFP4") { check_values(make_product<presets::nvfp4_divisor>); }

TEST_CASE("contract: Q2_K") { check_contract(make_product<presets::q2_k>); }
TEST_CASE("guard pages: Q6_K") { check_guarded(make_product<presets::q6_k>); }
