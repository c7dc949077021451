// SPDX-License-Identifier: MIT
// The one-byte scale types: e8m0 and ue4m3.
#include "oracle.hpp"

#include <lowbit/numeric/e8m0.hpp>
#include <lowbit/numeric/ue4m3.hpp>

#include <type_traits>

namespace lb = lowbit;

namespace {

template <int Bias>
std::vector<oracle::level> powers_of_two() {
    std::vector<oracle::level> levels;
    for (int code = 0; code < 255; ++code) levels.push_back({std::ldexp(1.0L, code - Bias), static_cast<unsigned>(code)});
    return levels;
}

// the biases of OCP's scale, of MXINT8 with its implicit 2^-6, and the one whose powers begin at float's smallest number
using mxint8_scale = lb::basic_e8m0<133>;
using lowest_scale = lb::basic_e8m0<149>;
#define POWERS lb::e8m0, mxint8_scale, lowest_scale

} // namespace

TEST_CASE_TEMPLATE("e8m0: every code", E, POWERS) {
    static_assert(lb::element<E> && sizeof(E) == 1 && std::is_trivial_v<E>);
    static_assert(E::bits == 8 && lb::element_name<E>() == "e8m0");
    for (const auto& [value, code] : powers_of_two<E::bias>()) {
        CHECK(static_cast<long double>(E::decode(static_cast<std::uint8_t>(code))) == value);
        CHECK(E::encode(static_cast<float>(value)) == code);
        CHECK(E::encode_floor(static_cast<float>(value)) == code);
        CHECK(E::encode_ceil(static_cast<float>(value)) == code);
        CHECK(E::from_bits(static_cast<std::uint8_t>(code)).code() == code);
    }
    CHECK(std::isnan(E::decode(0xff)));
    CHECK(E::lowest() == std::ldexp(1.0f, -E::bias));
    CHECK(E::max() == std::ldexp(1.0f, 254 - E::bias));
}

TEST_CASE("e8m0: the published numbers, and values that compute as floats do") {
    static_assert(lb::e8m0::bias == 127 && lb::e8m0::lowest() == 0x1p-127f && lb::e8m0::max() == 0x1p127f);
    static_assert(mxint8_scale::decode(127) == 0x1p-6f);
    static_assert(lb::e8m0(1.5f).code() == 128 && lb::e8m0(3.0f).code() == 128); // ties to the even code
    static_assert(lb::e8m0(8.0f) == 8.0f && lb::e8m0{}.code() == 0);
}

TEST_CASE_TEMPLATE("e8m0: to the nearest, at or below, at or above", E, POWERS) {
    const auto line = oracle::cut(powers_of_two<E::bias>(), [](const auto&, const auto& upper) { return upper.code % 2 == 0; });
    oracle::check_line(line, [](float x) { return E::encode(x); }, oracle::stride(E::bias == 127 ? 64 : 1024));
    std::vector<oracle::interval> floor{{oracle::first_key, 0}};
    std::vector<oracle::interval> ceil{{oracle::first_key, 0}};
    for (int code = 1; code < 255; ++code) {
        floor.push_back({oracle::key_of(std::ldexp(1.0f, code - E::bias)), static_cast<unsigned>(code)});
        ceil.push_back({oracle::key_of(std::ldexp(1.0f, code - 1 - E::bias)) + 1, static_cast<unsigned>(code)});
    }
    oracle::check_line(floor, [](float x) { return E::encode_floor(x); }, oracle::stride(1024));
    oracle::check_line(ceil, [](float x) { return E::encode_ceil(x); }, oracle::stride(1024));
    for (const std::uint32_t nan : {0x7f80'0001u, 0x7fc0'0000u, 0xffc0'0000u, 0xffff'ffffu}) {
        const auto x = std::bit_cast<float>(nan);
        CHECK(E::encode(x) == 0xff);
        CHECK(E::encode_floor(x) == 0xff);
        CHECK(E::encode_ceil(x) == 0xff);
    }
}

TEST_CASE("ue4m3: every code, every (sampled) float") {
    static_assert(lb::element<lb::ue4m3> && sizeof(lb::ue4m3) == 1 && std::is_trivial_v<lb::ue4m3>);
    static_assert(lb::ue4m3::bits == 8 && lb::element_name<lb::ue4m3>() == "ue4m3" && lb::ue4m3::lowest() == 0.0f);
    static_assert(lb::ue4m3::max() == 448.0f && lb::ue4m3::smallest() == 0x1p-9f && lb::ue4m3(2.0f) == 2.0f);
    const oracle::small_float definition{4, 3, 7, oracle::top::fn};
    std::vector<oracle::level> levels;
    for (unsigned code = 0; code < 0x7f; ++code) {
        levels.push_back({definition.value(code), code});
        CHECK(static_cast<long double>(lb::ue4m3::decode(static_cast<std::uint8_t>(code))) == levels.back().value);
        CHECK(static_cast<long double>(lb::ue4m3::decode(static_cast<std::uint8_t>(code | 0x80))) == levels.back().value);
        CHECK(lb::ue4m3::from_bits(static_cast<std::uint8_t>(code)).code() == code);
        CHECK_FALSE(lb::ue4m3::is_nan(static_cast<std::uint8_t>(code)));
    }
    CHECK((lb::ue4m3::is_nan(0x7f) && lb::ue4m3::is_nan(0xff)));
    CHECK(lb::ue4m3::decode(0x7f) == 0.0f);
    CHECK(lb::ue4m3::decode(0xff) == 480.0f);
    const auto line = oracle::cut(levels, [](const auto&, const auto& upper) { return upper.code % 2 == 0; });
    oracle::check_line(line, [](float x) { return lb::ue4m3::encode(x); }, oracle::stride(1024));
    CHECK(lb::ue4m3::encode(std::numeric_limits<float>::quiet_NaN()) == 0);
}
