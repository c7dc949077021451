// SPDX-License-Identifier: MIT
// int_n, ternary and binary: elements whose codes are whole numbers.
#include "oracle.hpp"

#include <lowbit/numeric/binary.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/numeric/int_n.hpp>
#include <lowbit/numeric/ternary.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace lb = lowbit;

namespace {

/// Ties between whole numbers go to the even one.
bool even_wins(const oracle::level&, const oracle::level& upper) { return static_cast<long long>(upper.value) % 2 == 0; }

template <int Bits, bool Signed>
struct integer {
    using type = lb::int_n<Bits, Signed>;
    static constexpr int lowest = Signed ? -(1 << (Bits - 1)) : 0;
    static constexpr int highest = lowest + (1 << Bits) - 1;
    static constexpr unsigned mask = (1u << Bits) - 1;
};

#define INTEGERS \
    integer<1, true>, integer<2, true>, integer<3, true>, integer<4, true>, integer<5, true>, integer<6, true>, \
        integer<7, true>, integer<8, true>, integer<1, false>, integer<2, false>, integer<3, false>, integer<4, false>, \
        integer<5, false>, integer<6, false>, integer<7, false>, integer<8, false>

} // namespace

TEST_CASE_TEMPLATE("int_n: every value, code and limit", P, INTEGERS) {
    using I = typename P::type;
    static_assert(sizeof(I) == 1 && std::is_trivial_v<I> && std::is_standard_layout_v<I>);
    static_assert(lb::integer_element<I> && std::is_same_v<typename I::code_type, std::uint8_t>);
    CHECK(I::min_code == P::lowest);
    CHECK(I::max_code == P::highest);
    CHECK(I::lowest() == static_cast<float>(P::lowest));
    CHECK(I::max() == static_cast<float>(P::highest));
    for (int value = P::lowest; value <= P::highest; ++value) {
        CAPTURE(value);
        const auto code = static_cast<std::uint8_t>(static_cast<unsigned>(value) & P::mask);
        const I by_value(value);
        CHECK(by_value == value);
        CHECK(by_value.code() == code);
        CHECK(I::from_bits(code) == value);
        CHECK(I::decode(code) == static_cast<float>(value));
        CHECK(I::decode(static_cast<std::uint8_t>(code | ~P::mask)) == static_cast<float>(value)); // high bits are not read
        CHECK(I::encode(static_cast<float>(value)) == code);
    }
    CHECK(I(P::highest + 1) == P::highest);
    CHECK(I(P::lowest - 1) == P::lowest);
    CHECK(I(P::highest + 0.25) == P::highest); // of any type
    CHECK(I(1l << 40) == P::highest);
    CHECK(I(~std::size_t{0}) == P::highest);
    CHECK(I(std::numeric_limits<std::int64_t>::min()) == P::lowest);
    CHECK(I(std::numeric_limits<double>::infinity()) == P::highest);
    CHECK(I(lb::float16(0.75f)) == std::min(P::highest, 1));
    CHECK(I(lb::int8(-100)) == std::max(P::lowest, -100));
    CHECK(I(1e30f) == P::highest);
    CHECK(I(-1e30f) == P::lowest);
    for (const float nan : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()}) {
        CHECK(I::encode(nan) == 0);
        CHECK(I(nan) == 0);
    }
}

TEST_CASE_TEMPLATE("int_n: encode is the nearest code, ties to even, saturating", P, INTEGERS) {
    std::vector<oracle::level> levels;
    for (int value = P::lowest; value <= P::highest; ++value)
        levels.push_back({static_cast<long double>(value), static_cast<unsigned>(value) & P::mask});
    const std::int64_t usual = P::type::bits == 4 || P::type::bits == 8 ? 64 : 1024;
    oracle::check_line(oracle::cut(levels, even_wins), [](float x) { return P::type::encode(x); }, oracle::stride(usual));
}

TEST_CASE("int_n: names, constants, other roundings") {
    static_assert(lb::element_name<lb::int4>() == "int4" && lb::element_name<lb::uint8>() == "uint8");
    static_assert(lb::int4(3) + lb::int4(4) == 7 && lb::int4(7.6f) == 7 && lb::int4(2.5f) == 2 && lb::int1(-1.0f) == -1);
    static_assert(!std::is_convertible_v<int, lb::int4> && std::is_convertible_v<lb::int4, int>);
    static_assert(lb::encode_as<lb::int8, lb::nearest_away>(2.5f) == 3 &&
                  lb::encode_as<lb::int8, lb::toward_zero>(-2.9f) == 0xfe);
    static_assert(lb::encode_as<lb::int4, lb::nearest_away>(7.5f) == 7);
    CHECK(lb::encode_as<lb::int8, lb::stochastic>(5.0f, 1) == 5);
}

TEST_CASE("ternary") {
    static_assert(lb::element<lb::ternary> && !lb::integer_element<lb::ternary>);
    static_assert(lb::ternary::bits == 2 && lb::ternary::lowest() == -1.0f && lb::ternary::max() == 1.0f);
    static_assert(lb::element_name<lb::ternary>() == "ternary");
    for (int code = 0; code < 4; ++code) {
        CHECK(lb::ternary::decode(static_cast<std::uint8_t>(code)) == static_cast<float>(code - 1));
        CHECK(lb::ternary::decode(static_cast<std::uint8_t>(code | 0xfc)) == static_cast<float>(code - 1));
    }
    oracle::check_line(
        oracle::cut({{-1, 0}, {0, 1}, {1, 2}}, even_wins), [](float x) { return lb::ternary::encode(x); }, oracle::stride(1024));
    CHECK(lb::ternary::encode(std::numeric_limits<float>::quiet_NaN()) == 1);
    CHECK(lb::encode_as<lb::ternary, lb::nearest_away>(0.5f) == 2);
    CHECK(lb::encode_as<lb::ternary, lb::nearest_away>(-0.5f) == 0);
}

TEST_CASE("binary") {
    static_assert(lb::element<lb::binary> && !lb::integer_element<lb::binary>);
    static_assert(lb::binary::bits == 1 && lb::binary::lowest() == -1.0f && lb::binary::max() == 1.0f);
    static_assert(lb::element_name<lb::binary>() == "binary");
    CHECK(lb::binary::decode(0) == -1.0f);
    CHECK(lb::binary::decode(1) == 1.0f);
    CHECK(lb::binary::decode(0xfe) == -1.0f);
    // halfway between -1 and 1 lies zero, and both zeros are +1
    oracle::check_line(
        oracle::cut({{-1, 0}, {1, 1}}, [](const auto&, const auto&) { return true; }),
        [](float x) { return lb::binary::encode(x); }, oracle::stride(1024));
    CHECK(lb::binary::encode(0.0f) == 1);
    CHECK(lb::binary::encode(-0.0f) == 1);
    CHECK(lb::binary::encode(std::numeric_limits<float>::quiet_NaN()) == 1);
    CHECK(lb::binary::encode(-std::numeric_limits<float>::quiet_NaN()) == 1);
}
