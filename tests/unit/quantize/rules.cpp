// SPDX-License-Identifier: MIT
// Every scale rule with every kind of offset and every granularity, against a slow oracle in double precision that reads the
// stored bytes by itself: scales and offsets are what the rule asks for, and each code is the nearest there is.
#include <doctest/doctest.h>

#include <lowbit/quantize/quantize.hpp>

#include "support/noise.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace lb = lowbit;
using lowbit_test::noise;

namespace {

enum class rule { absmax, minmax, abs_mean, percentile_90, mse };

template <class R>
constexpr rule rule_of() {
    if constexpr (std::same_as<R, lb::absmax>)
        return rule::absmax;
    else if constexpr (std::same_as<R, lb::minmax>)
        return rule::minmax;
    else if constexpr (std::same_as<R, lb::abs_mean>)
        return rule::abs_mean;
    else if constexpr (std::same_as<R, lb::percentile<90>>)
        return rule::percentile_90;
    else {
        static_assert(std::same_as<R, lb::mse>);
        return rule::mse;
    }
}

enum class stored_as { half, single, power }; ///< float16, float, E8M0

/// A policy, at run time; planar, sequential, one level of scales.
struct scheme {
    rule chosen;
    lb::offset_kind offset;
    int bits;
    bool is_signed;
    std::size_t group_rows, group_cols; ///< 0: all
    stored_as scales;
};
template <class P>
constexpr scheme scheme_of() {
    using E = typename P::element_type;
    using G = typename P::granularity;
    using T = typename P::scale_type;
    static_assert(std::same_as<T, lb::float16> || std::same_as<T, float> || std::same_as<T, lb::e8m0>);
    constexpr stored_as scales = std::same_as<T, lb::float16> ? stored_as::half
                                 : std::same_as<T, float>     ? stored_as::single
                                                              : stored_as::power;
    return {rule_of<typename P::rule>(), P::offset::kind, E::bits, E::is_signed, G::rows, G::cols, scales};
}

std::uint32_t word(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value * 256 + std::to_integer<std::uint32_t>(bytes[at + i]);
    return value;
}
double number(std::span<const std::byte> bytes, std::size_t index, stored_as as) {
    if (as == stored_as::power) return std::ldexp(1.0, std::to_integer<int>(bytes[index]) - 127);
    if (as == stored_as::half)
        return static_cast<double>(lb::float16::decode(static_cast<std::uint16_t>(word(bytes, 2 * index, 2))));
    return static_cast<double>(std::bit_cast<float>(word(bytes, 4 * index, 4)));
}

/// What the parameters of a group make of its codes.
struct decoder {
    int lowest, highest; ///< codes, with their sign where they have one
    double scale;
    double zero;
    double minimum;

    double value(double code) const { return (code - zero) * scale + minimum; }
    double error(double x) const { // of the nearest code, which is one of two
        if (scale == 0) return std::fabs(x - minimum);
        const double at = std::clamp((x - minimum) / scale + zero, static_cast<double>(lowest), static_cast<double>(highest));
        return std::min(std::fabs(x - value(std::floor(at))), std::fabs(x - value(std::ceil(at))));
    }
};

double squares(const decoder& d, const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += d.error(v) * d.error(v);
    return sum;
}

/// The parameters that cover [low, high], with a scale and minimum as they would be stored.
decoder covering(const scheme& s, double low, double high, int lowest, int highest) {
    const auto stored = [&](double v) {
        if (s.scales == stored_as::power)
            return std::ldexp(1.0, v == 0 ? -127
                                          : std::max(-127, static_cast<int>(std::ceil(std::log2(
                                                               static_cast<double>(static_cast<float>(v))))))); // just covers
        return s.scales == stored_as::half ? static_cast<double>(float(lb::float16(static_cast<float>(v))))
                                           : static_cast<double>(static_cast<float>(v));
    };
    decoder d{lowest, highest, 0, 0, 0};
    if (s.offset == lb::offset_kind::none) {
        const double reach = std::max(-low, high);
        d.scale = stored(reach / highest);
        if (s.scales == stored_as::power && reach != 0)
            d.scale = std::ldexp(1.0, std::max(-127, std::ilogb(reach) - std::ilogb(highest))); // OCP MX
    } else {
        d.scale = stored((high - low) / highest);
        if (s.offset == lb::offset_kind::minimum)
            d.minimum = static_cast<double>(float(lb::float16(static_cast<float>(low))));
        else if (d.scale != 0)
            d.zero = std::clamp(std::nearbyint(-low / d.scale), 0.0, static_cast<double>(highest));
    }
    return d;
}

void check_group(const scheme& s, const std::vector<double>& x, const std::vector<int>& codes, const std::vector<float>& back,
                 const decoder& stored) {
    // what the rule asks for
    std::vector<double> sorted;
    double low = x[0], high = x[0], sum = 0;
    for (const double v : x) {
        sorted.push_back(std::fabs(v));
        low = std::min(low, v);
        high = std::max(high, v);
        sum += std::fabs(v);
    }
    std::sort(sorted.begin(), sorted.end());
    double reach = sorted.back();
    const double n = static_cast<double>(x.size());
    if (s.chosen == rule::abs_mean) reach = sum / n;
    if (s.chosen == rule::percentile_90) reach = sorted[static_cast<std::size_t>(std::ceil(n * 0.9 - 1e-9)) - 1];
    low = std::clamp(low, -reach, reach);
    high = std::clamp(high, -reach, reach);
    if (s.offset == lb::offset_kind::zero_point) low = std::min(low, 0.0), high = std::max(high, 0.0);
    const decoder wanted = covering(s, low, high, stored.lowest, stored.highest);
    CAPTURE(reach);
    CAPTURE(low);
    CAPTURE(high);
    if (s.chosen == rule::mse) {
        // the search adds up floats, so what is lost in their rounding is free
        REQUIRE(std::sqrt(squares(stored, x)) <=
                std::sqrt(squares(wanted, x)) * (1 + 1e-5) + std::sqrt(n) * sorted.back() * 1e-7);
    } else {
        // one unit in the last place: means are summed in float
        const bool half = s.scales == stored_as::half;
        const double unit = half ? 0x1p-10 : s.scales == stored_as::single ? 0x1p-20 : 0.0;
        REQUIRE(std::fabs(stored.scale - wanted.scale) <= std::fabs(wanted.scale) * unit + (half ? 0x1p-24 : 0x1p-149));
        if (s.offset == lb::offset_kind::minimum)
            REQUIRE(std::fabs(stored.minimum - wanted.minimum) <= std::fabs(wanted.minimum) * 0x1p-10 + 0x1p-24);
        if (s.offset == lb::offset_kind::zero_point) REQUIRE(std::fabs(stored.zero - wanted.zero) <= 1);
    }
    if (s.offset == lb::offset_kind::zero_point) { // 0 has a code of its own
        REQUIRE(stored.zero >= stored.lowest);
        REQUIRE(stored.zero <= stored.highest);
    }

    for (std::size_t i = 0; i < x.size(); ++i) {
        const double value = stored.value(codes[i]);
        const double rounding =
            4e-7 * (std::fabs(x[i]) + std::fabs(stored.minimum) + std::fabs(value)); // x / scale and the sum are floats
        CAPTURE(x[i]);
        CAPTURE(codes[i]);
        CAPTURE(value);
        REQUIRE(std::fabs(x[i] - value) <= stored.error(x[i]) + rounding);
        const double first = stored.value(stored.lowest), last = stored.value(stored.highest);
        if (x[i] >= std::min(first, last) && x[i] <= std::max(first, last)) {
            REQUIRE(std::fabs(x[i] - value) <= std::fabs(stored.scale) / 2 + rounding);
        }
        const float factor = static_cast<float>(stored.scale), base = static_cast<float>(stored.minimum);
        volatile float product = static_cast<float>(codes[i] - static_cast<int>(stored.zero)) * factor; // rounded on its own
        REQUIRE(back[i] == product + base);
    }
}

void check(const scheme& s, std::span<const std::byte> bytes, const lb::matrix<float>& w, const lb::matrix<float>& back) {
    const std::size_t rows = w.rows(), cols = w.cols();
    const std::size_t group_rows = s.group_rows != 0 ? s.group_rows : rows, group_cols = s.group_cols != 0 ? s.group_cols : cols;
    const std::size_t groups = (cols + group_cols - 1) / group_cols, blocks = (rows + group_rows - 1) / group_rows * groups;
    const std::size_t row_bytes = (cols * static_cast<std::size_t>(s.bits) + 7) / 8;
    const auto scales = bytes.subspan(rows * row_bytes),
               offsets = scales.subspan(blocks * (s.scales == stored_as::half     ? 2u
                                                  : s.scales == stored_as::single ? 4u
                                                                                  : 1u));
    const bool counts_up = s.offset != lb::offset_kind::none || !s.is_signed;
    const int lowest = counts_up ? 0 : -(1 << (s.bits - 1)), highest = lowest + (1 << s.bits) - 1;

    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t first_row = block / groups * group_rows, first_col = block % groups * group_cols;
        decoder stored{lowest, highest, number(scales, block, s.scales), 0, 0};
        if (s.offset == lb::offset_kind::zero_point) stored.zero = std::to_integer<int>(offsets[block]);
        if (s.offset == lb::offset_kind::minimum) stored.minimum = number(offsets, block, stored_as::half);
        std::vector<double> x;
        std::vector<int> codes;
        std::vector<float> values;
        for (std::size_t i = first_row; i < std::min(rows, first_row + group_rows); ++i) {
            for (std::size_t k = first_col; k < std::min(cols, first_col + group_cols); ++k) {
                int code = 0;
                for (int bit = 0; bit < s.bits; ++bit) { // bit by bit
                    const std::size_t at = k * static_cast<std::size_t>(s.bits) + static_cast<std::size_t>(bit);
                    code |= static_cast<int>((std::to_integer<unsigned>(bytes[i * row_bytes + at / 8]) >> at % 8) & 1u) << bit;
                }
                if (s.is_signed && code >= 1 << (s.bits - 1)) code -= 1 << s.bits; // two's complement
                if (s.is_signed && counts_up) code += 1 << (s.bits - 1);           // counted from the lowest code
                codes.push_back(code);
                x.push_back(static_cast<double>(w(i, k)));
                values.push_back(back(i, k));
            }
        }
        CAPTURE(block);
        check_group(s, x, codes, values, stored);
    }
}

template <class... Tags>
void check_policy() {
    using P = lb::policy<Tags...>;
    constexpr scheme s = scheme_of<P>();
    noise random(static_cast<std::uint64_t>(s.bits));
    for (int round = 0; round < 6; ++round) {
        const std::size_t rows = 1 + random.index(14), cols = 1 + random.index(70); // groups are short, blocks ragged
        const auto w = round % 2 == 0 ? random.weights(rows, cols) : random.hostile(rows, cols, 5e4f);
        const auto q = lb::quantize<P>(w);
        CAPTURE(static_cast<int>(s.chosen));
        CAPTURE(rows);
        CAPTURE(cols);
        check(s, q.bytes(), w, lb::dequantize(q));
    }
}

using lb::asymmetric, lb::minimum_as, lb::float16, lb::per_tensor, lb::per_channel, lb::per_group, lb::per_block, lb::scale_rule;
using block = lb::per_block<3, 5>;

} // namespace

TEST_CASE("absmax") {
    check_policy<lb::int4, per_tensor, scale_rule<lb::absmax>>();
    check_policy<lb::int8, per_channel, asymmetric>();
    check_policy<lb::uint4, per_group<32>, minimum_as<float16>>();
    check_policy<lb::int3, block>();
}

TEST_CASE("minmax") {
    check_policy<lb::uint5, per_tensor, asymmetric, scale_rule<lb::minmax>>();
    check_policy<lb::uint3, per_channel, minimum_as<float16>, scale_rule<lb::minmax>>();
    check_policy<lb::int6, per_group<7>, scale_rule<lb::minmax>>();
    check_policy<lb::int8, block, minimum_as<float16>, scale_rule<lb::minmax>>();
}

TEST_CASE("abs_mean") {
    check_policy<lb::int2, per_tensor, scale_rule<lb::abs_mean>>();
    check_policy<lb::uint4, per_channel, asymmetric, scale_rule<lb::abs_mean>>();
    check_policy<lb::int8, per_group<16>, scale_rule<lb::abs_mean>>();
    check_policy<lb::uint4, block, minimum_as<float16>, scale_rule<lb::abs_mean>>();
}

TEST_CASE("percentile") {
    check_policy<lb::uint8, per_tensor, minimum_as<float16>, scale_rule<lb::percentile<90>>>();
    check_policy<lb::int4, per_channel, scale_rule<lb::percentile<90>>>();
    check_policy<lb::int4, per_group<20>, asymmetric, scale_rule<lb::percentile<90>>>();
    check_policy<lb::uint7, block, asymmetric, scale_rule<lb::percentile<90>>>();
}

TEST_CASE("scales that are powers of two") {
    check_policy<lb::int8, per_group<16>, lb::scale_as<lb::e8m0>>();
    check_policy<lb::int4, per_channel, lb::scale_as<lb::e8m0>, asymmetric>();
    check_policy<lb::uint8, per_group<32>, lb::scale_as<lb::e8m0>, asymmetric, scale_rule<lb::percentile<90>>>();
    check_policy<lb::uint4, block, lb::scale_as<lb::e8m0>, minimum_as<float16>, scale_rule<lb::minmax>>();
    check_policy<lb::int4, per_group<32>, lb::scale_as<lb::e8m0>, asymmetric, scale_rule<lb::mse>>();
}

TEST_CASE("mse is never worse than covering the whole range") {
    check_policy<lb::int3, per_tensor, scale_rule<lb::mse>>();
    check_policy<lb::uint2, per_channel, minimum_as<float16>, scale_rule<lb::mse>>();
    check_policy<lb::int4, per_group<32>, asymmetric, scale_rule<lb::mse>>();
    check_policy<lb::int2, block, scale_rule<lb::mse>>();
}
