// SPDX-License-Identifier: MIT
// with(...): what a caller knows about the weights - scores, a mask, column statistics, a column order - given at run time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <lowbit/core/matrix.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0 {

/// What a caller may add to the weights; empty where nothing was given. Holds views: what they show must outlive the call.
struct side_input {
    strided_view<const float> scores;      ///< rows x cols, instead of the criterion's scores: the highest are kept
    strided_view<const std::uint8_t> mask; ///< rows x cols, non-zero = keep; may keep fewer weights than the policy, never more
    std::span<const float> statistics;     ///< one for each column: the criterion's statistic, and the importance in searches of
                                           ///< scales; rules that search nothing take no notice
    std::span<const std::uint32_t> order;  ///< for permuted_columns: the logical index of each stored column
    std::optional<seed> rounding_seed;     ///< for random roundings; 0 if none is given
};

namespace detail {

template <class T>
LOWBIT_ALWAYS_INLINE constexpr strided_view<const T> side_matrix(strided_view<const T> v) noexcept {
    return v;
}
LOWBIT_ALWAYS_INLINE strided_view<const std::uint8_t> side_matrix(strided_view<const bool> v) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(v.data()), v.rows(), v.cols(), v.row_step(), v.col_step()};
}

/// The form in which a fact is kept: a strided_view of a matrix, a span of a vector.
template <class T>
LOWBIT_ALWAYS_INLINE constexpr auto side_view(const T& x) {
    if constexpr (vector_viewable<T>) {
        const std::span elements = elements_of(view_of(x));
        return std::span<const typename decltype(elements)::value_type>{elements};
    } else if constexpr (viewable<T>) {
        return side_matrix(strided_view<const typename decltype(view_of(x))::value_type>{view_of(x)});
    } else if constexpr (requires { std::span{x}; }) {
        return std::span<const typename decltype(std::span{x})::value_type>{x};
    } else {
        return x;
    }
}
template <class T>
using side_view_of = decltype(side_view(std::declval<const T&>()));

LOWBIT_ALWAYS_INLINE constexpr void add_side(side_input& side, strided_view<const float> scores) noexcept {
    side.scores = scores;
}
LOWBIT_ALWAYS_INLINE constexpr void add_side(side_input& side, strided_view<const std::uint8_t> mask) noexcept {
    side.mask = mask;
}
LOWBIT_ALWAYS_INLINE constexpr void add_side(side_input& side, std::span<const float> statistics) noexcept {
    side.statistics = statistics;
}
LOWBIT_ALWAYS_INLINE constexpr void add_side(side_input& side, std::span<const std::uint32_t> order) noexcept {
    side.order = order;
}
LOWBIT_ALWAYS_INLINE constexpr void add_side(side_input& side, seed value) noexcept { side.rounding_seed = value; }

template <class Fact>
concept side_fact = std::same_as<Fact, decltype(side_input::scores)> || std::same_as<Fact, decltype(side_input::mask)> ||
                    std::same_as<Fact, decltype(side_input::statistics)> || std::same_as<Fact, decltype(side_input::order)> ||
                    std::same_as<Fact, seed>;

template <class Fact, class... Facts>
inline constexpr bool given_once = (std::size_t{std::same_as<Fact, Facts>} + ...) == 1;

} // namespace detail

/// Run-time facts for quantize, in any order and told apart by type: a matrix of float (scores), a matrix of bool or uint8
/// (mask), a span or vector of float (column statistics), a span or vector of uint32 (column order), a seed (random rounding).
/// Matrices are what quantize takes; the vectors of another library are vectors.
template <class... Facts>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr side_input with(const Facts&... facts) {
    static_assert(
        (detail::side_fact<detail::side_view_of<Facts>> && ...),
        "lowbit: with(...) takes a matrix of float (scores), a matrix of bool or std::uint8_t (mask), a vector of float (column "
        "statistics), a vector of std::uint32_t (column order) and a seed");
    static_assert(
        (detail::given_once<detail::side_view_of<Facts>, detail::side_view_of<Facts>...> && ...),
        "lowbit: with(...) takes one of each: scores, a mask, column statistics, a column order; told apart by type, two "
        "of these are the same");
    side_input side;
    if constexpr ((detail::side_fact<detail::side_view_of<Facts>> && ...))
        (detail::add_side(side, detail::side_view(facts)), ...);
    return side;
}

} // namespace lowbit::inline v0
