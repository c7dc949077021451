// SPDX-License-Identifier: MIT
// An independent oracle for number formats: values from the definitions in long double arithmetic, codes by cutting the line of
// all floats into the intervals that belong to each code. Nothing here calls the library.
#pragma once

#include <doctest/doctest.h>

#include "support/seed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <vector>

namespace oracle {

/// All floats in order, as integers: -infinity ... -0 is -1, +0 is 0 ... +infinity. NaN has no place.
inline std::int64_t key_of(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const auto magnitude = static_cast<std::int64_t>(bits & 0x7fff'ffffu);
    return bits >> 31 != 0 ? -1 - magnitude : magnitude;
}
inline float float_at(std::int64_t key) {
    return std::bit_cast<float>(key >= 0 ? static_cast<std::uint32_t>(key) : static_cast<std::uint32_t>(-1 - key) | 0x8000'0000u);
}
inline const std::int64_t first_key = key_of(-std::numeric_limits<float>::infinity());
inline const std::int64_t last_key = key_of(std::numeric_limits<float>::infinity());

/// A number that a code stands for.
struct level {
    long double value;
    unsigned code;
};

/// The floats from `first` (a key) up to the next interval encode to `code`.
struct interval {
    std::int64_t first;
    unsigned code;
};

/// Cuts the line between ascending levels: halfway, where `upper_wins(lower, upper)` decides the tie. A negative and a positive
/// zero are two levels, divided by sign.
inline std::vector<interval> cut(const std::vector<level>& levels,
                                 const std::function<bool(const level&, const level&)>& upper_wins) {
    std::vector<interval> line{{first_key, levels.front().code}};
    for (std::size_t i = 1; i < levels.size(); ++i) {
        const level& lower = levels[i - 1];
        const level& upper = levels[i];
        if (lower.value == upper.value) {
            line.push_back({0, upper.code});
            continue;
        }
        const long double middle = (lower.value + upper.value) / 2;
        const bool tie = upper_wins(lower, upper);
        std::int64_t outside = first_key; // bisect for the first float that belongs to `upper`
        std::int64_t inside = last_key;
        while (inside - outside > 1) {
            const std::int64_t key = (inside + outside) >> 1;
            const long double x = float_at(key);
            (x > middle || (x == middle && tie) ? inside : outside) = key;
        }
        line.push_back({inside, upper.code});
    }
    return line;
}

/// Every how manieth float is tried: 64, or all of them if LOWBIT_TEST_EXHAUSTIVE is set.
inline std::int64_t stride(std::int64_t usual = 64) { return std::getenv("LOWBIT_TEST_EXHAUSTIVE") != nullptr ? 1 : usual; }

/// Encodes the sampled floats, and the first and last three of each interval, and counts what differs from the oracle.
template <class Encode>
void check_line(const std::vector<interval>& line, Encode encode, std::int64_t step = stride()) {
    const auto phase = static_cast<std::int64_t>(lowbit_test::seed() % static_cast<std::uint64_t>(step));
    std::int64_t tried = 0;
    std::int64_t wrong = 0;
    std::int64_t first_wrong = 0;
    const auto attempt = [&](std::int64_t key, unsigned expected) {
        ++tried;
        if (encode(float_at(key)) == expected) return;
        if (wrong++ == 0) first_wrong = key;
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
        const std::int64_t begin = line[i].first;
        const std::int64_t end = i + 1 < line.size() ? line[i + 1].first : last_key + 1;
        const unsigned expected = line[i].code;
        REQUIRE(begin < end);
        for (std::int64_t key = begin; key < std::min(begin + 3, end); ++key) attempt(key, expected);
        for (std::int64_t key = std::max(begin, end - 3); key < end; ++key) attempt(key, expected);
        for (std::int64_t key = begin + ((phase - begin) % step + step) % step; key < end; key += step) attempt(key, expected);
    }
    CHECK(tried >= (last_key - first_key) / step);
    CAPTURE(float_at(first_wrong));
    CAPTURE(static_cast<unsigned>(encode(float_at(first_wrong))));
    CHECK(wrong == 0);
}

enum class top { ieee, fn, fnuz, finite };

/// A small float by its definition: sign, exponent field e, mantissa m: 2^(1-bias) * m/2^M if e is 0, else
/// 2^(e-bias) * (1 + m/2^M), apart from the codes that `kind` takes away.
struct small_float {
    int exponent_bits;
    int mantissa_bits;
    int bias;
    top kind;

    [[nodiscard]] unsigned sign_bit() const { return 1u << (exponent_bits + mantissa_bits); }
    [[nodiscard]] bool is_nan(unsigned code) const {
        const unsigned magnitude = code & (sign_bit() - 1);
        switch (kind) {
        case top::ieee: return magnitude >> mantissa_bits == (1u << exponent_bits) - 1 && !is_infinity(code);
        case top::fn: return magnitude == sign_bit() - 1;
        case top::fnuz: return code == sign_bit();
        case top::finite: return false;
        }
        return false;
    }
    [[nodiscard]] bool is_infinity(unsigned code) const {
        return kind == top::ieee && (code & (sign_bit() - 1)) == ((1u << exponent_bits) - 1) << mantissa_bits;
    }
    /// The value as if every code were a number.
    [[nodiscard]] long double value(unsigned code) const {
        const unsigned magnitude = code & (sign_bit() - 1);
        const auto exponent = static_cast<int>(magnitude >> mantissa_bits);
        const auto mantissa = static_cast<long double>(magnitude & ((1u << mantissa_bits) - 1));
        const long double fraction = std::ldexp(mantissa, -mantissa_bits);
        const long double absolute = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
        return (code & sign_bit()) != 0 ? -absolute : absolute;
    }
    [[nodiscard]] unsigned largest() const {
        unsigned code = sign_bit() - 1;
        while (is_nan(code) || is_infinity(code)) --code;
        return code;
    }

    /// The line cut for this format. With `overflow`, one more level beyond the largest number on either side gets the code that
    /// overflow leads to; without, the limits reach to infinity.
    [[nodiscard]] std::vector<interval> line(bool overflow) const {
        std::vector<level> levels;
        const unsigned top_code = largest();
        const unsigned beyond = kind == top::ieee ? top_code + 1 : kind == top::fn ? sign_bit() - 1 : 0;
        const long double next = 2 * value(top_code) - value(top_code - 1); // the step at the top, once more
        if (overflow) levels.push_back({-next, sign_bit() | beyond});
        for (unsigned code = top_code + 1; code-- > (kind == top::fnuz ? 1u : 0u);)
            levels.push_back({value(sign_bit() | code), sign_bit() | code});
        for (unsigned code = 0; code <= top_code; ++code) levels.push_back({value(code), code});
        if (overflow) levels.push_back({next, kind == top::fnuz ? sign_bit() : beyond});
        // Mantissas alternate between even and odd; at the ends the largest number's own mantissa decides.
        return cut(levels, [](const level& lower, const level& upper) {
            const bool inner_is_lower = std::fabs(lower.value) < std::fabs(upper.value);
            const unsigned inner = inner_is_lower ? lower.code : upper.code;
            return (inner % 2 == 0) != inner_is_lower; // the even one wins
        });
    }
};

} // namespace oracle
