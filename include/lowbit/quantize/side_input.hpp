// SPDX-License-Identifier: MIT
// with(...): what a caller knows about the weights - scores, a mask, column statistics, a column order - given at run time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <lowbit/core/error.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/view.hpp>

namespace lowbit::inline v0 {

/// What a caller may add to the weights; empty where nothing was given. Holds views: what they show must outlive the call.
struct side_input {
    matrix_view<const float> scores;       ///< rows x cols, instead of the criterion's scores: the highest are kept
    matrix_view<const std::uint8_t> mask;  ///< rows x cols, non-zero = keep; may keep fewer weights than the policy, never more
    std::span<const float> statistics;     ///< one for each column: the criterion's statistic, and the importance in mse searches
    std::span<const std::uint32_t> order;  ///< for permuted_columns: the logical index of each stored column
};

namespace detail {

constexpr void add_side(side_input& side, matrix_view<const float> scores) noexcept { side.scores = scores; }
constexpr void add_side(side_input& side, matrix_view<const std::uint8_t> mask) noexcept { side.mask = mask; }
inline void add_side(side_input& side, matrix_view<const bool> mask) noexcept {
    side.mask = {reinterpret_cast<const std::uint8_t*>(mask.data()), mask.rows(), mask.cols(), mask.stride()};
}
constexpr void add_side(side_input& side, std::span<const float> statistics) noexcept { side.statistics = statistics; }
constexpr void add_side(side_input& side, std::span<const std::uint32_t> order) noexcept { side.order = order; }

/// The form of an argument that add_side takes.
template <class T>
constexpr auto side_view(const T& x) {
    if constexpr (viewable<T>) {
        const auto v = view_of(x);
        return matrix_view<const typename decltype(v)::value_type>{v};
    } else {
        using value = std::remove_cvref_t<decltype(*std::data(x))>;
        return std::span<const value>{std::data(x), std::size(x)};
    }
}

} // namespace detail

/// Run-time facts for quantize, in any order and told apart by type: a matrix of float (scores), a matrix of bool or uint8 (mask), a
/// span or vector of float (column statistics), a span or vector of uint32 (column order).
template <class... Facts>
[[nodiscard]] constexpr side_input with(const Facts&... facts) {
    side_input side;
    (detail::add_side(side, detail::side_view(facts)), ...);
    return side;
}

} // namespace lowbit::inline v0
