// SPDX-License-Identifier: MIT
// overlap: whether two views share an element, so that one may be written while the other is read.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/core/config.hpp>
#include <lowbit/core/view.hpp>

namespace lowbit::inline v0::detail {

/// The memory behind a view, read along its rows.
template <class T>
LOWBIT_ALWAYS_INLINE constexpr matrix_view<T> memory_of(matrix_view<T> v) noexcept {
    return v;
}
template <class T>
LOWBIT_ALWAYS_INLINE constexpr matrix_view<T> memory_of(transposed_view<T> v) noexcept {
    return v.base();
}

/// Whether some byte belongs to elements of both. Exact where rows are equally far apart, so that two halves of the columns of one
/// buffer do not overlap; otherwise whether the ranges from the first to the last element meet.
template <class A, class B>
LOWBIT_ALWAYS_INLINE bool overlap(matrix_view<A> a, matrix_view<B> b) noexcept {
    if (a.rows() == 0 || a.cols() == 0 || b.rows() == 0 || b.cols() == 0) return false;
    const auto a_first = reinterpret_cast<std::uintptr_t>(a.data());
    const auto b_first = reinterpret_cast<std::uintptr_t>(b.data());
    const std::uintptr_t a_row = a.cols() * sizeof(A), a_step = a.stride() * sizeof(A);
    const std::uintptr_t b_row = b.cols() * sizeof(B), b_step = b.stride() * sizeof(B);
    if (a_first >= b_first + (b.rows() - 1) * b_step + b_row || b_first >= a_first + (a.rows() - 1) * a_step + a_row) return false;
    if (a_step != b_step) return true;
    const std::uintptr_t between = b_first >= a_first ? (b_first - a_first) % a_step : (a_step - (a_first - b_first) % a_step) % a_step;
    return between < a_row || between + b_row > a_step;
}

} // namespace lowbit::inline v0::detail
