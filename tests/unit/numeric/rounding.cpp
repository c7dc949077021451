// SPDX-License-Identifier: MIT
// The roundings: against <cmath> in double, and the stochastic one against its promise.
#include "oracle.hpp"

#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float4.hpp>
#include <lowbit/numeric/float8.hpp>
#include <lowbit/numeric/int_n.hpp>
#include <lowbit/numeric/rounding.hpp>

#include <cstring>

namespace lb = lowbit;

namespace {

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

/// A user's rounding, on whole numbers only.
struct upward {
    static float round(float x, std::uint64_t) noexcept { return std::ceil(x); }
};

} // namespace

TEST_CASE("rounding: every (sampled) float to a whole number") {
    const std::int64_t step = oracle::stride(1024);
    std::int64_t wrong = 0;
    std::int64_t tried = 0;
    const auto attempt = [&](float x) {
        ++tried;
        const auto exact = static_cast<double>(x);
        const auto even = static_cast<float>(std::nearbyint(exact));
        if (!same_bits(lb::round_half_even(x), even) || !same_bits(lb::nearest_even::round(x), even)) ++wrong;
        if (!same_bits(lb::nearest_away::round(x), static_cast<float>(std::round(exact)))) ++wrong;
        if (!same_bits(lb::toward_zero::round(x), static_cast<float>(std::trunc(exact)))) ++wrong;
        const double clamped = std::clamp(std::nearbyint(exact), -2147483648.0, 2147483647.0);
        if (lb::round_to_int(x) != static_cast<std::int32_t>(clamped)) ++wrong;
    };
    for (std::int64_t key = oracle::first_key + static_cast<std::int64_t>(lowbit_test::seed() % static_cast<std::uint64_t>(step));
         key <= oracle::last_key; key += step) {
        attempt(oracle::float_at(key));
    }
    for (int quarter = -4096; quarter <= 4096; ++quarter) { // ties and their neighbours
        const auto key = oracle::key_of(static_cast<float>(quarter) / 4);
        for (std::int64_t near = key - 2; near <= key + 2; ++near) attempt(oracle::float_at(near));
    }
    for (const float edge : {0.0f, -0.0f, 8388607.5f, 8388608.0f, 4194303.5f, 2147483520.0f, 2147483648.0f, 4294967296.0f,
                             std::numeric_limits<float>::infinity()}) {
        attempt(edge);
        attempt(-edge);
    }
    CHECK(tried > (std::int64_t{1} << 32) / step - (1 << 25) / step);
    CHECK(wrong == 0);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(lb::round_to_int(nan) == 0);
    CHECK(lb::round_to_int(std::bit_cast<float>(0x7fff'ffffu)) == 0); // a payload must not show either
    CHECK(lb::round_to_int(std::bit_cast<float>(0xffc0'0005u)) == 0);
    CHECK(std::isnan(lb::round_half_even(nan)));
    CHECK(std::isnan(lb::stochastic::round(nan, 3)));
    static_assert(lb::round_half_even(2.5f) == 2.0f && lb::round_to_int(-3.5f) == -4 && lb::toward_zero::round(-1.9f) == -1.0f);
}

TEST_CASE("rounding: cutting off and rounding away work on a float's own grid") {
    static_assert(lb::encode_as<lb::float4_e2m1, lb::toward_zero>(5.9f) == 6);  // down to 4
    static_assert(lb::encode_as<lb::float4_e2m1, lb::nearest_away>(5.0f) == 7); // the tie of 4 and 6, up
    static_assert(lb::encode_as<lb::float4_e2m1, lb::nearest_away>(0.25f) == 1);
    static_assert(lb::encode_as<lb::float4_e2m1, lb::nearest_even>(0.25f) == 0);
    static_assert(lb::encode_as<lb::bfloat16, lb::toward_zero>(std::bit_cast<float>(0x3f80'ffffu)) == 0x3f80);
    static_assert(lb::encode_as<lb::float8_e4m3, lb::toward_zero>(1e9f) == 0x7e);
}

TEST_CASE("stochastic: a fixed function of the counter") {
    // the first outputs of splitmix64 from state 0, as published with it
    static_assert(lb::stochastic::hash(0) == 0xe220'a839'7b1d'cdafu);
    static_assert(lb::stochastic::hash(1) == 0x6e78'9e6a'a1b9'65f4u);
    static_assert(lb::stochastic::hash(2) == 0x06c4'5d18'8009'454fu);
    static_assert(lb::stochastic::stream(1) != lb::stochastic::stream(2));
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const float x = static_cast<float>(i) * 0.37f - 100.0f;
        const float once = lb::stochastic::round(x, i);
        CHECK(once == lb::stochastic::round(x, i));
        CHECK((once == std::floor(x) || once == std::ceil(x)));
        CHECK(lb::stochastic::round(-x, i) == -once);
        CHECK(lb::stochastic::round(std::floor(x), i) == std::floor(x)); // whole numbers stay
    }
    constexpr std::uint64_t luckiest = 0x7554'4927'1ef5'a6bfu; // all random bits set: rounds up whatever may be
    static_assert(lb::stochastic::hash(luckiest) == ~std::uint64_t{0});
    CHECK(lb::stochastic::round(0x1p-39f, luckiest) == 1.0f);
    CHECK(lb::stochastic::round(0x1p-41f, luckiest) == 0.0f);
    CHECK(lb::stochastic::round(0.0f, luckiest) == 0.0f);
    CHECK(lb::stochastic::round(-3.0f, luckiest) == -3.0f);
    CHECK(lb::encode_as<lb::float4_e2m1, lb::stochastic>(0.0f, luckiest) == 0);
    CHECK(lb::encode_as<lb::bfloat16, lb::stochastic>(0.0f, luckiest) == 0);
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        REQUIRE(same_bits(lb::stochastic::round(-0.0f, i), -0.0f));
        REQUIRE(lb::stochastic::round(0x1p-100f, i) == 0.0f);
        REQUIRE(lb::encode_as<lb::float4_e2m1, lb::stochastic>(0.0f, i) == 0);
        REQUIRE(lb::encode_as<lb::float4_e2m1, lb::stochastic>(1.5f, i) == 3);
        REQUIRE(lb::encode_as<lb::bfloat16, lb::stochastic>(0.0f, i) == 0);
    }
}

TEST_CASE("stochastic: the mean is the number itself") {
    constexpr std::uint64_t count = 200'000;
    const std::uint64_t stream = lb::stochastic::stream(lowbit_test::seed());
    const auto check_mean = [&](double x, double step, auto round) {
        double sum = 0;
        for (std::uint64_t i = 0; i < count; ++i) sum += static_cast<double>(round(static_cast<float>(x), stream + i));
        const double sigma = step / 2 / std::sqrt(static_cast<double>(count)); // at most: a coin between two values a step apart
        CAPTURE(x);
        CHECK(std::fabs(sum / count - static_cast<double>(static_cast<float>(x))) < 6 * sigma);
    };
    const auto whole = [](float x, std::uint64_t counter) { return lb::stochastic::round(x, counter); };
    for (const double x : {0.5, 0.1, -0.3, 3.75, -100.01, 0.001, 70000.3}) check_mean(x, 1, whole);
    const auto e2m1 = [](float x, std::uint64_t counter) {
        return lb::float4_e2m1::decode(lb::encode_as<lb::float4_e2m1, lb::stochastic>(x, counter));
    };
    check_mean(0.2, 0.5, e2m1);
    check_mean(-1.3, 0.5, e2m1);
    check_mean(2.9, 1, e2m1);
    check_mean(5.1, 2, e2m1);
    const auto bf16 = [](float x, std::uint64_t counter) {
        return lb::bfloat16::decode(lb::encode_as<lb::bfloat16, lb::stochastic>(x, counter));
    };
    check_mean(1.0001, 0x1p-7, bf16);
    check_mean(-1000.7, 4, bf16);
}

TEST_CASE("rounding: a user's own") {
    static_assert(lb::rounding_mode<upward> && !lb::nudge_rounding<upward>);
    static_assert(lb::nudge_rounding<lb::stochastic>);
    CHECK(lb::encode_as<lb::int8, upward>(1.1f) == 2);
    CHECK(lb::encode_as<lb::int4, upward>(7.1f) == 7);
}
