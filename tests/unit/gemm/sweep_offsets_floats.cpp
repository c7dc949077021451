// SPDX-License-Identifier: MIT
// Zero points and minimums times float activations.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using floats = lb::activations<float>;

TEST_CASE("floats: GPTQ with sorted columns") { check_values(make_product<lb::presets::gptq4<32>, floats>); }
TEST_CASE("floats: Q4_1") { check_values(make_product<lb::presets::q4_1, floats>); }
TEST_CASE("floats: Q4_K") { check_values(make_product<lb::presets::q4_k, floats>); }
TEST_CASE("contract: GPTQ with sorted columns, floats") { check_contract(make_product<lb::presets::gptq4<32>, floats>); }
TEST_CASE("contract: Q4_1, floats") { check_contract(make_product<lb::presets::q4_1, floats>); }
TEST_CASE("guard pages: GPTQ with sorted columns, floats") { check_guarded(make_product<lb::presets::gptq4<32>, floats>); }
