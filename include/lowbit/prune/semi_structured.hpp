// SPDX-License-Identifier: MIT
// semi_structured: N of M weights as values and indices, as sparse tensor cores take them, and the metadata layout of CUTLASS.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0 {

/// A matrix of which each run of M consecutive values of a row keeps N: the logical form, which no device prescribes.
template <class T>
struct semi_structured {
    matrix<T> values;             ///< rows x (cols / M * N), in ascending columns
    matrix<std::uint8_t> indices; ///< for each value its place in its run, in as few bits as M - 1 takes, first in the low bits,
                                  ///< rows padded to bytes: of 2:4 a nibble i0 | i1 << 2 for each run
};

namespace detail {

template <class Mask>
concept run_mask = requires { // n_of_m
    { Mask::n } -> std::convertible_to<std::size_t>;
    { Mask::m } -> std::convertible_to<std::size_t>;
};

/// Bits of an index.
template <run_mask Mask>
inline constexpr int index_bits = std::bit_width(Mask::m - 1);

} // namespace detail

/// The values and indices of `dense` (rows x cols), in which each run of M holds at most N that are not 0. Where it holds fewer,
/// zeros at the highest free places fill up, as PyTorch had it in 2023 (others since, which decode alike).
///
/// errc::shape_mismatch where a row is not whole runs, with cols; errc::invalid_argument for a run with more than N, with the
/// index row * cols + column of its first value.
template <detail::run_mask Mask, class Here = isa::here, viewable D>
[[nodiscard]] auto compress(const D& dense) -> expected<semi_structured<typename decltype(view_of(dense))::value_type>> {
    using T = typename decltype(view_of(dense))::value_type;
    constexpr std::size_t n = Mask::n;
    constexpr std::size_t m = Mask::m;
    constexpr auto bits = static_cast<std::size_t>(detail::index_bits<Mask>);
    const auto from = view_of(dense);
    if (from.cols() % m != 0) return fail(errc::shape_mismatch, "a row is not a whole number of runs of M", from.cols());
    const std::size_t runs = from.cols() / m;
    semi_structured<T> to{matrix<T>(from.rows(), runs * n), matrix<std::uint8_t>(from.rows(), ceil_div(runs * n * bits, 8))};
    for (std::size_t i = 0; i < from.rows(); ++i) {
        for (std::size_t run = 0; run < runs; ++run) {
            const auto kept = [&](std::size_t place) {
                const T x = from(i, run * m + place);
                if constexpr (std::is_arithmetic_v<T>)
                    return x != T{}; // of doubles many are no floats
                else
                    return static_cast<float>(x) != 0.0f;
            };
            std::size_t left = n;
            for (std::size_t place = 0; place < m; ++place) {
                if (!kept(place)) continue;
                if (left == 0)
                    return fail(errc::invalid_argument, "a run of M holds more than N values", i * from.cols() + run * m);
                --left;
            }
            std::size_t free = m - (n - left); // places without a value: the last `left` of them fill up
            std::size_t at = run * n;
            for (std::size_t place = 0; place < m; ++place) {
                if (!kept(place) && free-- > left) continue;
                to.values(i, at) = from(i, run * m + place);
                for (std::size_t b = 0; b < bits; ++b) {
                    const std::size_t bit = at * bits + b;
                    to.indices(i, bit / 8) |= static_cast<std::uint8_t>((place >> b & 1u) << bit % 8);
                }
                ++at;
            }
        }
    }
    return to;
}

/// The dense matrix of values and indices. errc::shape_mismatch where they do not fit together, errc::malformed where the indices
/// of a run do not rise or lie behind it, with the row.
template <detail::run_mask Mask, class Here = isa::here, class T>
[[nodiscard]] expected<matrix<T>> decompress(const semi_structured<T>& from) {
    constexpr std::size_t n = Mask::n;
    constexpr std::size_t m = Mask::m;
    constexpr auto bits = static_cast<std::size_t>(detail::index_bits<Mask>);
    const std::size_t runs = from.values.cols() / n;
    if (from.values.cols() % n != 0 || from.indices.rows() != from.values.rows() ||
        from.indices.cols() != ceil_div(runs * n * bits, 8))
        return fail(errc::shape_mismatch, "values and indices do not fit together", from.values.cols());
    matrix<T> dense(from.values.rows(), runs * m);
    for (std::size_t i = 0; i < dense.rows(); ++i) {
        for (std::size_t run = 0; run < runs; ++run) {
            std::size_t next = 0;
            for (std::size_t at = run * n; at < (run + 1) * n; ++at) {
                std::size_t place = 0;
                for (std::size_t b = 0; b < bits; ++b) {
                    const std::size_t bit = at * bits + b;
                    place |= std::size_t{from.indices(i, bit / 8) >> bit % 8 & 1u} << b;
                }
                if (place < next || place >= m) return fail(errc::malformed, "the indices of a run do not rise", i);
                dense(i, run * m + place) = from.values(i, at);
                next = place + 1;
            }
        }
    }
    return dense;
}

/// Where CUTLASS puts the word of metadata of a row and word column, sm80 and sm89 (its reorder_meta, then column-major with two
/// columns interleaved): std::uint16_t holds the indices of 16 columns of 16-bit values, std::uint32_t of 32 columns of 8-bit
/// ones.
template <std::unsigned_integral Word>
    requires(sizeof(Word) == 2 || sizeof(Word) == 4)
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t sm80_place(std::size_t row, std::size_t col, std::size_t rows) noexcept {
    constexpr std::size_t group = sizeof(Word) == 2 ? 32 : 16;
    std::size_t r = row / group * group + row % 8 * (group / 8) + row % group / 8;
    if (r % 2 == 0 && col % 2 == 1) { // of each 2 x 2 words the upper right and the lower left change places
        ++r, --col;
    } else if (r % 2 == 1 && col % 2 == 0) {
        --r, ++col;
    }
    return col / 2 * 2 * rows + 2 * r + col % 2;
}

namespace detail {

template <class Word>
LOWBIT_ALWAYS_INLINE bool fits_sm80(std::size_t rows, std::size_t words) noexcept {
    return rows % (sizeof(Word) == 2 ? 32 : 16) == 0 && words % 2 == 0;
}

} // namespace detail

/// The metadata of 2:4 in CUTLASS's order of words, from the logical indices (rows x bytes): as many words, to be read as one
/// array. errc::shape_mismatch unless rows are a multiple of 32 (16 for 32-bit words) and a row has an even number of words.
template <std::unsigned_integral Word, class Here = isa::here>
[[nodiscard]] expected<matrix<Word>> sm80_metadata(matrix_view<const std::uint8_t> indices) {
    const std::size_t words = indices.cols() / sizeof(Word);
    if (indices.cols() % sizeof(Word) != 0 || !detail::fits_sm80<Word>(indices.rows(), words))
        return fail(errc::shape_mismatch, "the layout takes multiples of 32 rows (16 of 8-bit values) and even numbers of words",
                    indices.cols());
    matrix<Word> to(indices.rows(), words);
    for (std::size_t i = 0; i < to.rows(); ++i) {
        for (std::size_t c = 0; c < words; ++c) {
            Word word = 0;
            for (std::size_t b = 0; b < sizeof(Word); ++b)
                word = static_cast<Word>(word | static_cast<Word>(Word{indices(i, c * sizeof(Word) + b)} << 8 * b));
            to.data()[sm80_place<Word>(i, c, to.rows())] = word;
        }
    }
    return to;
}

/// The logical indices (rows x bytes) of metadata in CUTLASS's order. errc::shape_mismatch as above.
template <class Here = isa::here, std::unsigned_integral Word>
[[nodiscard]] expected<matrix<std::uint8_t>> sm80_indices(const matrix<Word>& metadata) {
    if (!detail::fits_sm80<Word>(metadata.rows(), metadata.cols()))
        return fail(errc::shape_mismatch, "the layout takes multiples of 32 rows (16 of 8-bit values) and even numbers of words",
                    metadata.cols());
    matrix<std::uint8_t> to(metadata.rows(), metadata.cols() * sizeof(Word));
    for (std::size_t i = 0; i < to.rows(); ++i) {
        for (std::size_t c = 0; c < metadata.cols(); ++c) {
            const Word word = metadata.data()[sm80_place<Word>(i, c, to.rows())];
            for (std::size_t b = 0; b < sizeof(Word); ++b) to(i, c * sizeof(Word) + b) = static_cast<std::uint8_t>(word >> 8 * b);
        }
    }
    return to;
}

} // namespace lowbit::inline v0
