// SPDX-License-Identifier: MIT
// codebook: an element whose codes look up a table of any values - NF4, IQ4_NL, FP4 or a user's own.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/element.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// A table turned round for encoding: the codes in ascending order of their values, and between neighbours the smallest
/// float that belongs to the upper one.
template <std::size_t Size>
struct codebook_search {
    std::array<float, Size> thresholds{}; // Size - 1 in use
    std::array<std::uint8_t, Size> codes{};
};

/// Whether x goes to `upper` rather than to `lower`, exactly: nearest, a tie to the lower code. 2x is compared with the sum of
/// the values, kept as an unevaluated pair (Knuth's TwoSum) since double may not hold it.
constexpr bool nearer_upper(float x, float lower, float upper, bool upper_wins_tie) noexcept {
    const double a = lower;
    const double b = upper;
    const double sum = a + b;
    const double b_part = sum - a;
    const double a_part = sum - b_part;
    const double rest = (a - a_part) + (b - b_part);
    const double twice = 2.0 * static_cast<double>(x);
    return twice > sum || (twice == sum && (rest < 0.0 || (rest == 0.0 && upper_wins_tie)));
}

/// Floats in the order of the integers returned, for stepping from one to the next.
constexpr std::int32_t ordered(float x) noexcept {
    const auto value = std::bit_cast<std::int32_t>(x);
    return value < 0 ? std::numeric_limits<std::int32_t>::min() - value : value;
}
constexpr float from_ordered(std::int32_t value) noexcept {
    return std::bit_cast<float>(value < 0 ? std::numeric_limits<std::int32_t>::min() - value : value);
}

template <std::size_t Size>
constexpr codebook_search<Size> make_codebook_search(const std::array<float, Size>& values) noexcept {
    std::array<std::uint8_t, Size> order{};
    for (std::size_t i = 0; i < Size; ++i) order[i] = static_cast<std::uint8_t>(i);
    std::sort(order.begin(), order.end(),
              [&](std::uint8_t a, std::uint8_t b) { return values[a] != values[b] ? values[a] < values[b] : a < b; });

    codebook_search<Size> search;
    search.thresholds.fill(std::numeric_limits<float>::infinity());
    std::size_t used = 0;
    for (const std::uint8_t code : order) {
        if (used != 0) {
            const std::uint8_t below = search.codes[used - 1];
            if (values[code] == values[below]) continue; // the lower code stands for both
            std::int32_t low = ordered(values[below]);   // bisect: low goes down, high goes up
            std::int32_t high = ordered(values[code]);
            while (std::int64_t{high} - low > 1) {
                const auto middle = static_cast<std::int32_t>((std::int64_t{high} + low) >> 1);
                (nearer_upper(from_ordered(middle), values[below], values[code], code < below) ? high : low) = middle;
            }
            search.thresholds[used - 1] = from_ordered(high);
        }
        search.codes[used++] = code;
    }
    std::fill(search.codes.begin() + static_cast<std::ptrdiff_t>(used), search.codes.end(), search.codes[used - 1]);
    return search;
}

} // namespace detail

/// An element whose value is `Table::values[code]`. `values` is a static constexpr std::array<float, Size> of finite numbers in
/// any order, Size a power of two from 2 to 256; `Table::name` is optional. Encoding is exact: the nearest entry, a tie to the
/// lower code; of equal entries the lower code; NaN as 0.
template <class Table>
struct codebook {
    static constexpr std::size_t size = Table::values.size();
    static_assert(std::has_single_bit(size) && size >= 2 && size <= 256, "lowbit: a codebook has 2, 4, 8 ... 256 entries");
    static_assert(std::all_of(Table::values.begin(), Table::values.end(), [](float v) { return v - v == 0.0f; }),
                  "lowbit: the entries of a codebook are finite numbers");

    using code_type = std::uint8_t;
    static constexpr int bits = std::countr_zero(size);
    static constexpr std::string_view name = [] {
        if constexpr (requires { std::string_view{Table::name}; }) {
            return std::string_view{Table::name};
        } else {
            return std::string_view{"codebook"};
        }
    }();

    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x) noexcept {
        const float value = x == x ? x : 0.0f;
        std::size_t rank = 0; // how many thresholds are at or below the value, by halving
        for (std::size_t half = size / 2; half != 0; half /= 2) {
            rank += value >= search.thresholds[rank + half - 1] ? half : 0;
        }
        return search.codes[rank];
    }
    static LOWBIT_ALWAYS_INLINE constexpr float decode(code_type code) noexcept { return Table::values[code & (size - 1)]; }
    static constexpr float lowest() noexcept { return *std::min_element(Table::values.begin(), Table::values.end()); }
    static constexpr float max() noexcept { return *std::max_element(Table::values.begin(), Table::values.end()); }

private:
    static constexpr auto search = detail::make_codebook_search(Table::values);
};

/// NormalFloat4: quantiles of the normal distribution scaled to -1..1, with an exact zero (QLoRA, arXiv:2305.14314).
struct nf4_table {
    static constexpr std::string_view name = "nf4";
    static constexpr std::array<float, 16> values{-1.0f,
                                                  -0.6961928009986877f,
                                                  -0.5250730514526367f,
                                                  -0.39491748809814453f,
                                                  -0.28444138169288635f,
                                                  -0.18477343022823334f,
                                                  -0.09105003625154495f,
                                                  0.0f,
                                                  0.07958029955625534f,
                                                  0.16093020141124725f,
                                                  0.24611230194568634f,
                                                  0.33791524171829224f,
                                                  0.44070982933044434f,
                                                  0.5626170039176941f,
                                                  0.7229568362236023f,
                                                  1.0f};
};

/// The non-linear integer levels of ggml's IQ4_NL and IQ4_XS.
struct iq4_nl_table {
    static constexpr std::string_view name = "iq4_nl";
    static constexpr std::array<float, 16> values{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
};

/// The "FP4" levels of bitsandbytes: sign and a 3-bit code in its own order. Code 8, which it writes for small negative weights,
/// is 0 without a sign, as the table in its files has it.
struct fp4_bnb_table {
    static constexpr std::string_view name = "fp4_bnb";
    static constexpr std::array<float, 16> values{
        0.0f, 0.00520833333f,  0.66666667f,  1.0f,  0.33333333f,  0.5f,  0.16666667f,  0.25f,
        0.0f, -0.00520833333f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f};
};

/// E2M1 as ggml reads it in MXFP4 and NVFP4: code 8 is 0 without a sign. Ties go to the lower code, as there.
struct e2m1_ggml_table {
    static constexpr std::string_view name = "e2m1_ggml";
    static constexpr std::array<float, 16> values{0.0f, 0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                                  0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};
};

using nf4_codebook = codebook<nf4_table>;
using iq4_nl_codebook = codebook<iq4_nl_table>;
using fp4_bnb_codebook = codebook<fp4_bnb_table>;
using e2m1_ggml_codebook = codebook<e2m1_ggml_table>;

} // namespace lowbit::inline v0
