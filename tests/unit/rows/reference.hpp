// SPDX-License-Identifier: MIT
// The row kernels again, slow and plain, from what row_kernels.hpp promises; and rows of numbers that look for trouble.
#pragma once

#include <lowbit/kernel/rows/row_kernels.hpp>

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace reference {

using lowbit::kernel::code_grid;
using lowbit::kernel::code_groups;

inline constexpr float nan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float infinity = std::numeric_limits<float>::infinity();

using row = std::vector<float>; ///< the values of a row of any type

inline bool has_nan(const row& x) {
    for (const float v : x)
        if (std::isnan(v)) return true;
    return false;
}

inline float absmax(const row& x) {
    if (has_nan(x)) return nan;
    float most = 0;
    for (const float v : x) most = std::max(most, std::fabs(v));
    return most;
}

inline float smallest(const row& x) {
    if (has_nan(x)) return nan;
    float least = x.empty() ? 0.0f : x[0];
    for (const float v : x)
        if (v < least || (v == least && std::signbit(v))) least = v;
    return least;
}
inline float largest(const row& x) {
    row negated;
    for (const float v : x) negated.push_back(-v);
    return x.empty() || has_nan(x) ? smallest(x) : -smallest(negated);
}

/// s[j] += s[j + h] for h = half of them, a quarter, ... 1
template <std::size_t N>
float reduce(volatile float (&s)[N]) {
    for (std::size_t h = N / 2; h > 0; h /= 2)
        for (std::size_t j = 0; j < h; ++j) s[j] = s[j] + s[j + h];
    return s[0];
}
template <std::size_t N = 16>
float sum_abs(const row& x) {
    volatile float s[N] = {};
    for (std::size_t i = 0; i < x.size(); ++i) s[i % N] = s[i % N] + std::fabs(x[i]);
    return reduce(s);
}

struct codes {
    std::vector<std::int8_t> code;
    std::vector<std::int32_t> sums;
    std::vector<float> scales;
};

/// Codes of one group of n values, appended: `scale` is what it returns.
template <class F>
void append_group(codes& to, const row& x, std::size_t unit, F&& code_of) {
    std::int32_t sum = 0;
    for (const float v : x) {
        to.code.push_back(static_cast<std::int8_t>(code_of(v)));
        sum += to.code.back();
    }
    for (std::size_t i = x.size(); i % unit != 0; ++i) to.code.push_back(0);
    to.sums.push_back(sum);
}
inline std::vector<row> cut(const row& x, std::size_t length) {
    std::vector<row> groups;
    for (std::size_t i = 0; i < x.size(); i += length)
        groups.emplace_back(x.begin() + static_cast<std::ptrdiff_t>(i),
                            x.begin() + static_cast<std::ptrdiff_t>(std::min(x.size(), i + length)));
    return groups;
}
inline codes quantize(const row& x, code_groups groups) {
    codes to;
    const float amax = absmax(x);
    const float up = amax < 0x1p-64f ? 0x1p64f : 1.0f;
    const volatile float inv = 127.0f / (amax * up);
    for (const row& group : cut(x, groups.length)) {
        append_group(to, group, groups.unit, [&](float v) {
            const volatile float product = v * up * inv;
            return amax > 0 && amax < infinity ? std::nearbyint(product) : 0;
        });
    }
    to.scales.push_back(std::isfinite(amax) ? amax / 127.0f : nan);
    return to;
}
inline codes quantize_at(const row& x, float scale, code_groups groups) {
    codes to;
    const float amax = absmax(x);
    for (const row& group : cut(x, groups.length)) {
        append_group(to, group, groups.unit, [&](float v) {
            const volatile float quotient = v / scale;
            const float q = std::nearbyint(quotient);
            return !std::isfinite(amax) || scale == 0 ? 0.0f : q > 127 ? 127.0f : q < -127 ? -127.0f : q;
        });
    }
    to.scales.push_back(std::isfinite(amax) ? scale : nan);
    return to;
}
inline codes quantize_groups(const row& x, code_groups groups) {
    codes to;
    for (const row& group : cut(x, groups.length)) {
        const codes one = quantize(group, groups);
        to.code.insert(to.code.end(), one.code.begin(), one.code.end());
        to.sums.push_back(one.sums[0]);
        to.scales.push_back(one.scales[0]);
    }
    return to;
}

struct signs {
    std::vector<std::uint32_t> words;
    float scale;
};
inline signs binarize(const row& x, code_groups groups) {
    const bool finite = std::isfinite(absmax(x));
    const float sum = sum_abs<64>(x);
    row halves; // of a sum that overflows; dividing by 2^64 is exact for every x that counts in it
    for (const float v : x) halves.push_back(v * 0x1p-64f);
    const auto n = static_cast<float>(x.size());
    const volatile float mean = std::isinf(sum) ? sum_abs<64>(halves) / n : sum / n;
    signs to{{}, x.empty() ? 0.0f : !finite ? nan : std::isinf(sum) ? mean * 0x1p64f : mean};
    for (const row& group : cut(x, groups.length)) {
        const std::size_t first = to.words.size();
        to.words.resize(first + groups.round_up(group.size()) / 32);
        for (std::size_t k = 0; k < group.size(); ++k) // byte k % 4 of a word holds every fourth k, the first in its lowest bit
            to.words[first + k / 32] |= std::uint32_t{finite && !(group[k] < 0)} << (k % 4 * 8 + k % 32 / 4);
        const std::vector<std::uint32_t> plain(to.words.begin() + static_cast<std::ptrdiff_t>(first), to.words.end());
        for (std::size_t i = 0; i < plain.size(); ++i) { // spans of 128 words: 42 triples of parities, and two as they are
            const std::size_t in_span = i % 128, in_triple = in_span % 3;
            if (i - in_triple + 3 > std::min(plain.size(), i - in_span + 128)) continue;
            for (std::size_t j = 0; j < in_triple; ++j) to.words[first + i] ^= plain[i - in_triple + j];
        }
    }
    return to;
}

inline int code_of(float x, code_grid g) {
    const volatile float quotient = x / g.scale;
    double code = std::nearbyint(static_cast<double>(quotient));
    if (g.scale == 0) code = std::isfinite(x) ? 0.0 : g.lo - g.zero;
    code += g.zero;
    if (!(code > g.lo)) code = g.lo;
    return static_cast<int>(code > g.hi ? g.hi : code);
}
inline std::uint8_t encode(float x, code_grid g) { return static_cast<std::uint8_t>(code_of(x, g) + g.bias); }
/// By a table, of a quotient whose sign 0 keeps; begins are in the order of bits with the magnitude of negative numbers flipped.
inline std::uint8_t encode(float x, float scale, const lowbit::kernel::code_table& table) {
    const volatile float quotient = scale == 0 ? 0.0f : x / scale;
    auto key = std::bit_cast<std::int32_t>(float{quotient});
    if (key < 0) key ^= 0x7fff'ffff;
    std::size_t place = 0;
    for (std::size_t i = 1; i < 16 && table.begins[i] <= key; ++i) place = i;
    return static_cast<std::uint8_t>(table.codes[place]);
}
inline float decode(std::uint8_t code, code_grid g) { return static_cast<float>(code - g.bias - g.zero) * g.scale; }
inline float squared_error(const row& x, code_grid g) {
    volatile float s[16] = {};
    for (std::size_t i = 0; i < x.size(); ++i) {
        const volatile float value = static_cast<float>(code_of(x[i], g) - g.zero) * g.scale;
        const volatile float error = x[i] - value;
        const volatile float square = error * error;
        s[i % 16] = s[i % 16] + square;
    }
    return reduce(s);
}

inline float nearest_level(float v, const lowbit::kernel::trial_grids& g) {
    if (g.levels == nullptr) return std::nearbyint(v > g.lo ? (v < g.hi ? v : g.hi) : g.lo) + 0.0f;
    float level = g.levels[0];
    for (std::size_t i = 1; i < g.size; ++i) level = v > g.begins[i] ? g.levels[i] : level;
    return level;
}
/// `weights` may be empty.
inline lowbit::kernel::trial_result try_grids(const row& x, const row& weights, const lowbit::kernel::trial_grids& g) {
    using by = lowbit::kernel::trial_grids::by;
    const auto times = [](float a, float b) {
        const volatile float product = a * b;
        return float{product};
    };
    lowbit::kernel::trial_result best{};
    for (std::size_t c = 0; c < g.count; ++c) {
        float scale = times(g.scale_steps[c] + g.scale_first, g.scale_unit);
        float minimum = times(g.minimum_steps[c] + g.minimum_first, g.minimum_unit);
        float levels = 0, squares = 0, products = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const float inverse = std::fabs(scale) > 0x1p-100f ? 1.0f / scale : 0.0f;
            const float level = nearest_level(times(x[i] - minimum, inverse), g);
            const float part = weights.empty() ? level : times(level, weights[i]);
            levels += part;
            squares += times(part, level);
            products += times(part, x[i]);
        }
        if (g.judge != by::grid) {
            const float determinant = times(g.weight, squares) - times(levels, levels);
            const float base = determinant > 0 ? (times(squares, g.sum) - times(levels, products)) / determinant : 0.0f;
            const bool line = g.judge != by::scale && determinant > 0 && (g.judge == by::line || base <= 0);
            const float flat = g.judge != by::scale && squares == 0 && g.weight > 0 ? g.sum / g.weight : 0.0f; // levels are all 0
            minimum = line ? base : flat > 0 && g.judge != by::line ? 0.0f : flat;
            scale = line          ? (times(g.weight, products) - times(levels, g.sum)) / determinant
                    : squares > 0 ? products / squares
                                  : 0.0f;
        }
        const float rest = g.sum - times(scale, levels);
        const float error =
            times(scale, times(scale, squares) - 2 * products) + times(minimum, times(minimum, g.weight) - 2 * rest) + 0.0f;
        if (c == 0 || error < best.error) best = {c, error, scale, minimum, levels, squares, products};
    }
    return best;
}

/// A counter-based generator, so that data are the same with every compiler and library.
struct generator {
    std::uint64_t state;

    std::uint64_t operator()() {
        std::uint64_t z = state += 0x9e37'79b9'7f4a'7c15u;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9u;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebu;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t n) { return (*this)() % n; }
};

enum class kind { plain, ties, tiny, hostile, special, any_bits };
inline constexpr kind kinds[] = {kind::plain, kind::ties, kind::tiny, kind::hostile, kind::special, kind::any_bits};

inline float value(kind k, generator& r) {
    const std::uint64_t bits = r();
    const auto unit = static_cast<float>(static_cast<std::int32_t>(bits >> 40)) * 0x1p-23f - 1.0f; // exact, in [-1, 1)
    const float sign = (bits & 1) != 0 ? 1.0f : -1.0f;
    switch (k) {
    case kind::plain: return unit;
    case kind::ties: return sign * static_cast<float>(bits >> 8 & 0xff) * 0.5f;                    // halves up to 127.5
    case kind::tiny: return std::bit_cast<float>(static_cast<std::uint32_t>(bits) & 0x80ff'ffffu); // denormal, or nearly
    case kind::hostile: {
        constexpr float list[] = {0.0f,     0x1p-149f, 0x1p-126f,   1.0f, 0x1.fffffep127f, 0x1p127f, 65504.0f, 65520.0f, 0x1p-24f,
                                  0x1p-25f, 127.5f,    0.49999997f, 1.5f, 3.3e38f,         1e-30f};
        return sign * list[(bits >> 8) % std::size(list)];
    }
    case kind::special: return (bits >> 8) % 61 == 0 ? ((bits & 2) != 0 ? infinity : nan) * sign : unit;
    case kind::any_bits: return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    }
    return 0;
}

/// Whether two numbers are the same bits.
inline bool same(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

} // namespace reference
