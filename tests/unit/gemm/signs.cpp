// SPDX-License-Identifier: MIT
// Binary weights times binary activations, with a scale for each row of X or for each group.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "make_product.hpp"
#include "support/counting_resource.hpp"
#include "support/levels.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using by_rows = lb::activations<lb::binary>;
using by_groups = lb::activations<lb::binary, lb::per_group<32>>;
using channels = lb::policy<lb::binary, lb::scale_rule<lb::abs_mean>, by_rows>;
using groups = lb::policy<lb::binary, lb::per_group<96>, lb::scale_rule<lb::abs_mean>>;
using wide_groups =
    lb::policy<lb::binary, lb::per_group<160>, lb::scale_rule<lb::abs_mean>, lb::activations<lb::binary, lb::per_group<160>>>;

TEST_CASE("signs: per channel") { check_values(make_product<channels>); }
TEST_CASE("signs: groups of 96") { check_values(make_product<groups, by_rows>); }
TEST_CASE("signs: groups of 96, a scale for each 32 activations") { check_values(make_product<groups, by_groups>); }
TEST_CASE("signs: groups of 160, each with a scale of its activations") { check_values(make_product<wide_groups>); }
TEST_CASE("contract: signs per channel") { check_contract(make_product<channels>); }
TEST_CASE("contract: signs in groups") { check_contract(make_product<groups, by_groups>); }
TEST_CASE("guard pages: signs per channel") { check_guarded(make_product<channels>); }
TEST_CASE("guard pages: signs in groups") { check_guarded(make_product<groups, by_groups>); }

TEST_CASE("signs: both zeros count as +1, and a mean is finite though its sum is not") {
    constexpr std::size_t k = 70;
    lb::matrix<float> w(1, k), x(3, k), y(3, 1);
    for (std::size_t i = 0; i < k; ++i) {
        w(0, i) = i % 3 == 0 ? -1.0f : 1.0f;
        x(0, i) = i % 2 == 0 ? -0.0f : 0.0f; // mean 1 / 70 by the last one alone
        x(1, i) = w(0, i) * std::numeric_limits<float>::max();
        x(2, i) = i % 2 == 0 ? 0.0f : w(0, i) * 2.0f;
    }
    x(0, k - 1) = 1.0f;
    const auto p = lb::pack(lb::quantize<channels>(w));
    each_level([&](lb::isa::level) {
        lb::gemm(x, p, y);
        CHECK(y(0, 0) == doctest::Approx((46.0 - 24.0) / 70));
        CHECK(y(1, 0) == std::numeric_limits<float>::infinity()); // 70 times the largest float
        CHECK(y(2, 0) == doctest::Approx(35.0 + 23.0 - 12.0));    // where x is 0 it agrees with the weights above 0
        lb::matrix<float> half = x;
        for (std::size_t i = 0; i < 3 * k; ++i) half.data()[i] *= 0.0078125f;
        lb::gemm(half, p, y);
        CHECK(y(1, 0) == doctest::Approx(70 * 0.0078125 * 3.4028234663852886e38));
    });
}

TEST_CASE("signs: a K of two spans of words, and two of its blocks") {
    constexpr std::size_t m = 5, n = 70, k = 4096 + 300;
    lb::matrix<float> w = noise(3).weights(n, k), x = noise(4).weights(m, k), y(m, n), expected(m, n);
    const auto sign = [](float v) { return v < 0 ? -1.0f : 1.0f; };
    for (std::size_t i = 0; i < n * k; ++i) w.data()[i] = sign(w.data()[i]);
    for (std::size_t i = 0; i < m * k; ++i) x.data()[i] = sign(x.data()[i]);
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            float sum = 0; // of ones, exact
            for (std::size_t i = 0; i < k; ++i) sum += x(r, i) * w(c, i);
            expected(r, c) = sum;
        }
    }
    const auto p = lb::pack(lb::quantize<channels>(w));
    each_level([&](lb::isa::level) {
        lb::gemm(x, p, y);
        CHECK(same_bits(y, expected));
    });
}

TEST_CASE("signs: weights take as much for every kind of activations, products one workspace and no allocation") {
    const auto q = lb::quantize<groups>(noise(1).weights(70, 203));
    const auto p = lb::pack<by_rows>(q);
    const auto bytes = lb::pack<lb::activations<lb::int8>>(q);
    const auto floats = lb::pack<lb::activations<float>>(q);
    CHECK(p.size_bytes() == bytes.size_bytes());
    REQUIRE(floats.size_bytes() == bytes.size_bytes());
    CHECK(std::equal(floats.data(), floats.data() + floats.size_bytes(), bytes.data()));
    const lb::matrix<float> x = noise(2).weights(5, 203);
    lb::matrix<float> y(5, 70), z(5, 70);
    lb::gemm(x, p, z);
    std::vector<std::byte> workspace(lb::workspace_bytes(p, 5));
    counting_resource memory;
    std::pmr::memory_resource* const before = std::pmr::set_default_resource(&memory);
    lb::gemm(x, p, y, lb::epilogue(), workspace);
    std::pmr::set_default_resource(before);
    CHECK(memory.total == 0);
    CHECK(same_bits(y, z));

    const lb::isa::scoped_level force{lb::isa::level::baseline};
    CHECK(lb::kernel_name(p).starts_with("gemm_f32_qd1_binaryg96_"));
    CHECK(lb::kernel_name(lb::pack<by_groups>(q)).starts_with("gemm_f32_qd1g32_binaryg96_"));
    CHECK(lb::kernel_name(lb::pack(lb::quantize<channels>(lb::matrix<float>(1, 1)))).starts_with("gemm_f32_qd1_binary_"));
}
