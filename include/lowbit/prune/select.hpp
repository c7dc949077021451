// SPDX-License-Identifier: MIT
// Choosing which weights stay: one overload for each kind of mask, from scores to mask bits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0::detail {

/// What is wrong with a line of `count` mask bits that should keep what Mask keeps, as many in all and under n_of_m in each run;
/// null where nothing is.
template <class Mask>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const char* misfit_of_line(const std::byte* bits, std::size_t count) noexcept {
    std::size_t kept = 0;
    [[maybe_unused]] std::size_t before = 0; // the run of M that bit i is in
    for (std::size_t i = 0; i < count; ++i) {
        if constexpr (requires { Mask::m; }) {
            if (i % Mask::m == 0) before = kept;
        }
        kept += std::size_t{mask_bit(bits, i)};
        if constexpr (requires { Mask::m; }) {
            if (kept - before > Mask::n) return "a run of a mask keeps more weights than the policy";
        }
    }
    return kept == Mask::kept(count) ? nullptr : "a mask row keeps another number of weights than the policy";
}

/// The blocks of a mask over a matrix, and where their bits stand: a line of bits for each row of blocks, or, where blocks take
/// all columns, one line that runs down the matrix.
template <class Mask>
struct mask_grid {
    std::size_t rows = 0;
    std::size_t cols = 0;
    static constexpr bool down = Mask::cols == 0;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t block_rows() const noexcept {
        return Mask::rows != 0 ? Mask::rows : rows != 0 ? rows : 1;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t block_cols() const noexcept {
        return Mask::cols != 0 ? Mask::cols : cols != 0 ? cols : 1;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t lines() const noexcept {
        return down ? std::size_t{cols != 0} : ceil_div(rows, block_rows());
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t bits() const noexcept {
        return down ? ceil_div(rows, block_rows()) : ceil_div(cols, block_cols());
    }
    /// The line of a row's bits, and the bit of a weight.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t line(std::size_t row) const noexcept {
        return down ? 0 : row / block_rows();
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t bit(std::size_t row, std::size_t col) const noexcept {
        return down ? row / block_rows() : col / block_cols();
    }
};

/// Sets the bits of the `keep` highest scores; among equals the lower index stays. `order` is scratch, one entry per score.
/// What std::nth_element instantiates carries Here, too: it is part of the name of `better`.
template <class Here = isa::here>
constexpr void keep_highest(std::span<const float> scores, std::size_t keep, std::span<std::uint32_t> order, std::byte* bits,
                            std::size_t first_bit = 0) {
    for (std::size_t i = 0; i < scores.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
    const auto better = [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; };
    if (keep < scores.size()) {
        std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep),
                         order.begin() + static_cast<std::ptrdiff_t>(scores.size()), better);
    }
    for (std::size_t i = 0; i < std::min(keep, scores.size()); ++i) set_mask_bit(bits, first_bit + order[i]);
}

/// Sets the mask bits of one row (for block_sparse: of one row of blocks, whose scores the caller has summed).
template <std::size_t N, std::size_t M, class Here = isa::here>
constexpr void select(n_of_m<N, M>, std::span<const float> scores, std::span<std::uint32_t> order, std::byte* bits) {
    for (std::size_t i = 0; i < scores.size(); i += M)
        keep_highest<Here>(scores.subspan(i, std::min(M, scores.size() - i)), N, order, bits, i);
}
template <class Mask, class Here = isa::here>
constexpr void select(Mask, std::span<const float> scores, std::span<std::uint32_t> order, std::byte* bits) {
    keep_highest<Here>(scores, Mask::kept(scores.size()), order, bits);
}

} // namespace lowbit::inline v0::detail
