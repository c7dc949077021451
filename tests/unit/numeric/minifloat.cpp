// SPDX-License-Identifier: MIT
// The small floats: every code decoded and every (sampled) float encoded against the definition of each format.
#include "oracle.hpp"

#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/numeric/float4.hpp>
#include <lowbit/numeric/float6.hpp>
#include <lowbit/numeric/float8.hpp>

#include <type_traits>

namespace lb = lowbit;
using oracle::small_float;
using oracle::top;

namespace {

/// A type of the library beside its definition, written down a second time; every how manieth float is tried.
template <class F, int ExponentBits, int MantissaBits, int Bias, top Kind, int Stride = 64>
struct pair {
    using type = F;
    static constexpr int stride = Stride;
    static constexpr small_float definition{ExponentBits, MantissaBits, Bias, Kind};
};

// Two formats of nobody's: the template must be right for any parameters, not for the known ones alone.
using five_bits = lb::minifloat<3, 1, 3, lb::float_kind::finite>;
using twelve_bits = lb::minifloat<7, 4, 63, lb::float_kind::fn>;

#define FORMATS \
    pair<lb::float16, 5, 10, 15, top::ieee>, pair<lb::bfloat16, 8, 7, 127, top::ieee>, pair<lb::float8_e4m3, 4, 3, 7, top::fn>, \
        pair<lb::float8_e5m2, 5, 2, 15, top::ieee>, pair<lb::float8_e4m3fnuz, 4, 3, 8, top::fnuz>, \
        pair<lb::float8_e5m2fnuz, 5, 2, 16, top::fnuz>, pair<lb::float6_e2m3, 2, 3, 1, top::finite>, \
        pair<lb::float6_e3m2, 3, 2, 3, top::finite>, pair<lb::float4_e2m1, 2, 1, 1, top::finite>, \
        pair<five_bits, 3, 1, 3, top::finite, 1024>, pair<twelve_bits, 7, 4, 63, top::fn, 1024>

unsigned bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

} // namespace

TEST_CASE_TEMPLATE("minifloat: every code is decoded as defined", P, FORMATS) {
    using F = typename P::type;
    const small_float& definition = P::definition;
    for (unsigned code = 0; code < 2 * definition.sign_bit(); ++code) {
        CAPTURE(code);
        const float x = F::decode(static_cast<typename F::code_type>(code));
        if (definition.is_nan(code)) {
            REQUIRE(std::isnan(x));
        } else if (definition.is_infinity(code)) {
            REQUIRE(std::isinf(x));
        } else {
            REQUIRE(static_cast<long double>(x) == definition.value(code));
        }
        if (!definition.is_nan(code) || definition.kind != top::fnuz) {
            REQUIRE(std::signbit(x) == ((code & definition.sign_bit()) != 0));
        }
        const F value = F::from_bits(static_cast<typename F::code_type>(code));
        REQUIRE(value.code() == code);
        REQUIRE(bits_of(static_cast<float>(value)) == bits_of(x));
        const auto dirty = static_cast<typename F::code_type>(code | ~(2 * definition.sign_bit() - 1));
        REQUIRE(bits_of(F::decode(dirty)) == bits_of(x)); // the unused high bits are not read
        if (!definition.is_nan(code)) {
            REQUIRE(F::encode_ieee(x) == code);
            REQUIRE(F::encode(x) == (definition.is_infinity(code) ? code - 1 : code));
        }
    }
}

TEST_CASE_TEMPLATE("minifloat: encode is the nearest code, saturating", P, FORMATS) {
    using F = typename P::type;
    oracle::check_line(P::definition.line(false), [](float x) { return F::encode(x); }, oracle::stride(P::stride));
}

TEST_CASE_TEMPLATE("minifloat: encode_ieee is the nearest code, overflow leaves the numbers", P, FORMATS) {
    using F = typename P::type;
    oracle::check_line(
        P::definition.line(P::definition.kind != top::finite), [](float x) { return F::encode_ieee(x); },
        oracle::stride(F::bits == 16 ? 64 : 1024)); // encode has tried the rest
}

TEST_CASE_TEMPLATE("minifloat: NaN stays NaN, or becomes zero where there is none", P, FORMATS) {
    using F = typename P::type;
    const small_float& definition = P::definition;
    std::uint64_t wrong = 0;
    std::uint64_t tried = 0;
    for (std::uint32_t magnitude = 0x7f80'0001u; magnitude <= 0x7fff'ffffu; magnitude += magnitude < 0x7f80'0100u ? 1 : 251) {
        for (const std::uint32_t sign : {0u, 0x8000'0000u}) {
            const auto x = std::bit_cast<float>(magnitude | sign);
            const unsigned code = F::encode(x);
            ++tried;
            if (F::encode_ieee(x) != code || lb::encode_as<F, lb::toward_zero>(x) != code) ++wrong;
            if (definition.kind == top::finite) {
                wrong += code == 0 ? 0 : 1;
            } else {
                if (!definition.is_nan(code)) ++wrong;
                if (definition.kind != top::fnuz && (code & definition.sign_bit()) != 0 && sign == 0) ++wrong;
                if (definition.kind != top::fnuz && (code & definition.sign_bit()) == 0 && sign != 0) ++wrong;
                if (definition.kind == top::ieee && (code >> (definition.mantissa_bits - 1) & 1) == 0) ++wrong; // quiet
            }
        }
    }
    CHECK(tried > 60'000);
    CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("minifloat: limits", P, FORMATS) {
    using F = typename P::type;
    const small_float& definition = P::definition;
    CHECK(static_cast<long double>(F::max()) == definition.value(definition.largest()));
    CHECK(F::lowest() == -F::max());
    CHECK(static_cast<long double>(F::smallest()) == definition.value(1));
    CHECK(static_cast<long double>(F::smallest_normal()) == definition.value(1u << definition.mantissa_bits));
    CHECK(F::encode(std::numeric_limits<float>::infinity()) == definition.largest());
    CHECK(F::encode(std::numeric_limits<float>::max()) == definition.largest());
    CHECK(F::decode(F::encode(-std::numeric_limits<float>::infinity())) == F::lowest());
}

TEST_CASE("minifloat: the published numbers of each format") {
    // OCP OFP8 1.0, OCP MX 1.0, IEEE 754; the largest, the smallest normal and subnormal, and some codes of E2M1
    static_assert(lb::float16::max() == 65504.0f && lb::float16::smallest_normal() == 0x1p-14f &&
                  lb::float16::smallest() == 0x1p-24f);
    static_assert(lb::bfloat16::max() == 0x1.fep127f && lb::bfloat16::smallest() == 0x1p-133f);
    static_assert(lb::float8_e4m3::max() == 448.0f && lb::float8_e4m3::smallest_normal() == 0x1p-6f &&
                  lb::float8_e4m3::smallest() == 0x1p-9f);
    static_assert(lb::float8_e5m2::max() == 57344.0f && lb::float8_e5m2::smallest_normal() == 0x1p-14f &&
                  lb::float8_e5m2::smallest() == 0x1p-16f);
    static_assert(lb::float8_e4m3fnuz::max() == 240.0f && lb::float8_e5m2fnuz::max() == 57344.0f);
    static_assert(lb::float6_e3m2::max() == 28.0f && lb::float6_e3m2::smallest_normal() == 0.25f &&
                  lb::float6_e3m2::smallest() == 0.0625f);
    static_assert(lb::float6_e2m3::max() == 7.5f && lb::float6_e2m3::smallest_normal() == 1.0f &&
                  lb::float6_e2m3::smallest() == 0.125f);
    constexpr float e2m1[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (std::uint8_t code = 0; code < 8; ++code) {
        CHECK(lb::float4_e2m1::decode(code) == e2m1[code]);
        CHECK(lb::float4_e2m1::decode(static_cast<std::uint8_t>(code | 8)) == -e2m1[code]);
    }
    // the ties of E2M1, as the MX specification rounds them
    for (const auto& [x, code] : std::initializer_list<std::pair<float, int>>{
             {0.25f, 0}, {0.75f, 2}, {1.25f, 2}, {1.75f, 4}, {2.5f, 4}, {3.5f, 6}, {5.0f, 6}, {1e9f, 7}}) {
        CHECK(lb::float4_e2m1::encode(x) == code);
        CHECK(lb::float4_e2m1::encode(-x) == (code | 8));
    }
    CHECK(lb::float8_e4m3::encode(464.0f) == 0x7e);
    CHECK(lb::float8_e4m3::encode_ieee(464.0f) == 0x7e); // the tie goes to the even mantissa, which is 448
    CHECK(lb::float8_e4m3::encode_ieee(465.0f) == 0x7f);
    CHECK(lb::float16::encode_ieee(65520.0f) == 0x7c00);
    CHECK(lb::float16::encode_ieee(65519.996f) == 0x7bff);
}

TEST_CASE("minifloat: values convert, compare and compute as floats do") {
    static_assert(sizeof(lb::float16) == 2 && sizeof(lb::bfloat16) == 2 && sizeof(lb::float8_e4m3) == 1 &&
                  sizeof(lb::float4_e2m1) == 1);
    static_assert(std::is_trivial_v<lb::float16> && std::is_standard_layout_v<lb::float16> && std::is_trivial_v<lb::float4_e2m1>);
    static_assert(std::is_convertible_v<lb::float16, float> && !std::is_convertible_v<float, lb::float16>);
    static_assert(lb::float16(1.5f) + lb::float16(0.25f) == 1.75f);
    static_assert(lb::float16(1.0f) < lb::float16(2.0f) && lb::float16(0.0f) == lb::float16(-0.0f));
    static_assert(lb::float16{}.code() == 0 && lb::float16(1.0f).code() == 0x3c00 && lb::bfloat16(1.0f).code() == 0x3f80);
    static_assert(lb::float16(1e6f) == std::numeric_limits<float>::infinity()); // the constructor is IEEE
    static_assert(lb::float16::decode(lb::float16::encode(1e6f)) == 65504.0f);  // the element saturates
    static_assert(lb::float8_e5m2(-1e9f).code() == 0xfc && lb::float8_e5m2::encode(-1e9f) == 0xfb);
    static_assert(lb::float4_e2m1(100.0f) == 6.0f && lb::float4_e2m1::from_bits(0xf7).code() == 7);
    CHECK(std::isnan(static_cast<float>(lb::float8_e4m3(1e9f))));
    CHECK(std::isnan(static_cast<float>(lb::float16(std::numeric_limits<float>::quiet_NaN()))));
    CHECK(lb::element_name<lb::float16>() == "float16");
    CHECK(lb::element_name<lb::bfloat16>() == "bfloat16");
    CHECK(lb::element_name<lb::float8_e4m3>() == "float8_e4m3");
    CHECK(lb::element_name<lb::float8_e5m2>() == "float8_e5m2");
    CHECK(lb::element_name<lb::float8_e4m3fnuz>() == "float8_e4m3fnuz");
    CHECK(lb::element_name<lb::float8_e5m2fnuz>() == "float8_e5m2fnuz");
    CHECK(lb::element_name<lb::float6_e2m3>() == "float6_e2m3");
    CHECK(lb::element_name<lb::float6_e3m2>() == "float6_e3m2");
    CHECK(lb::element_name<lb::float4_e2m1>() == "float4_e2m1");
    CHECK(lb::element_name<five_bits>() == "minifloat");
}
