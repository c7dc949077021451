// SPDX-License-Identifier: MIT
// Where weights come from: any view of numbers, read as rows of float.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <lowbit/core/view.hpp>

namespace lowbit::inline v0::detail {

/// Rows of any view, each converted into the caller's scratch.
template <class View>
struct row_source {
    View view;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() const noexcept { return view.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() const noexcept { return view.cols(); }
    LOWBIT_ALWAYS_INLINE constexpr const float* row(std::size_t i, float* scratch) const noexcept {
        for (std::size_t k = 0; k < view.cols(); ++k) scratch[k] = static_cast<float>(view(i, k));
        return scratch;
    }
};

/// Rows that are floats already are read where they stand.
template <class T>
    requires std::same_as<std::remove_const_t<T>, float>
struct row_source<matrix_view<T>> {
    matrix_view<T> view;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() const noexcept { return view.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() const noexcept { return view.cols(); }
    LOWBIT_ALWAYS_INLINE constexpr const float* row(std::size_t i, float* /*scratch*/) const noexcept { return view.row_data(i); }
};

template <viewable W>
LOWBIT_ALWAYS_INLINE constexpr auto rows_of(const W& weights) {
    return row_source<decltype(view_of(weights))>{view_of(weights)};
}

} // namespace lowbit::inline v0::detail
