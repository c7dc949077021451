// SPDX-License-Identifier: MIT
// Every kind of element times float activations: the weights are decoded, X is not quantized.
#include <doctest/doctest.h>

#include "make_product.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using floats = lb::activations<float>;

TEST_CASE("floats: int4 in groups of 32") { check_values(make_product<lb::presets::w4g32, floats>); }
TEST_CASE("floats: uint7 per channel") { check_values(make_product<lb::policy<lb::uint7, lb::symmetric>, floats>); }
TEST_CASE("floats: binary in groups of 128") { check_values(make_product<lb::presets::q1_0, floats>); }
TEST_CASE("floats: NF4 in groups of 64") { check_values(make_product<lb::presets::nf4>); }
TEST_CASE("floats: IQ4_NL") { check_values(make_product<lb::presets::iq4_nl>); }
TEST_CASE("floats: MXFP4, ggml's blocks") { check_values(make_product<lb::presets::mxfp4>); }
TEST_CASE("floats: MXFP6 E2M3") { check_values(make_product<lb::presets::ocp_mxfp6_e2m3>); }
TEST_CASE("floats: MXFP6 E3M2") { check_values(make_product<lb::presets::ocp_mxfp6_e3m2>); }
TEST_CASE("floats: MXFP8 E4M3") { check_values(make_product<lb::presets::ocp_mxfp8_e4m3>); }
TEST_CASE("floats: float8 E5M2 per channel") { check_values(make_product<lb::policy<lb::float8_e5m2>>); }
TEST_CASE("floats: NVFP4") { check_values(make_product<lb::presets::nvfp4>); }

TEST_CASE("contract: int4 in groups of 32, floats") { check_contract(make_product<lb::presets::w4g32, floats>); }
TEST_CASE("contract: NF4 in groups of 64, floats") { check_contract(make_product<lb::presets::nf4>); }
TEST_CASE("guard pages: int4 in groups of 32, floats") { check_guarded(make_product<lb::presets::w4g32, floats>); }
TEST_CASE("guard pages: MXFP6 E2M3") { check_guarded(make_product<lb::presets::ocp_mxfp6_e2m3>); }
TEST_CASE("guard pages: NVFP4") { check_guarded(make_product<lb::presets::nvfp4>); }
