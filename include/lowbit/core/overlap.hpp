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

/// Whether some byte belongs to elements of both. Exact where rows are equally far apart, so that two halves of the columns of
/// one buffer do not overlap; otherwise whether the ranges from the first to the last element meet.
template <class A, class B>
LOWBIT_ALWAYS_INLINE bool overlap(matrix_view<A> a, matrix_view<B> b) noexcept {
    if (a.rows() == 0 || a.cols() == 0 || b.rows() == 0 || b.cols() == 0) return false;
    const auto a_first = reinterpret_cast<std::uintptr_t>(a.data());
    const auto b_first = reinterpret_cast<std::uintptr_t>(b.data());
    const std::uintptr_t a_row = a.cols() * sizeof(A), b_row = b.cols() * sizeof(B);
    std::uintptr_t a_step = a.stride() * sizeof(A), b_step = b.stride() * sizeof(B);
    if (a_first >= b_first + (b.rows() - 1) * b_step + b_row || b_first >= a_first + (a.rows() - 1) * a_step + a_row)
        return false;
    if (a.rows() == 1 && b.rows() == 1) return true;
    if (a.rows() == 1) a_step = b_step; // one row has no next: its stride, perhaps 0, says nothing
    if (b.rows() == 1) b_step = a_step;
    if (a_step != b_step) return true;
    const std::uintptr_t between =
        b_first >= a_first ? (b_first - a_first) % a_step : (a_step - (a_first - b_first) % a_step) % a_step;
    return between < a_row || between + b_row > a_step;
}

/// From the first to the last element of a batch, as one row.
template <class View>
LOWBIT_ALWAYS_INLINE auto extent_of(const batch_view<View>& batch) {
    const auto first = memory_of(batch[0]), last = memory_of(batch[batch.size() - 1]);
    const bool empty = first.rows() == 0 || first.cols() == 0;
    const std::size_t size =
        empty ? 0 : static_cast<std::size_t>(last.data() - first.data()) + (last.rows() - 1) * last.stride() + last.cols();
    return decltype(memory_of(batch[0])){first.data(), 1, size};
}

/// Whether a member of `a` overlaps a member of `b`; pairs are looked at only where the batches as a whole meet.
template <class A, class B>
LOWBIT_ALWAYS_INLINE bool overlap(const batch_view<A>& a, const batch_view<B>& b) {
    if (a.size() == 0 || b.size() == 0 || !overlap(extent_of(a), extent_of(b))) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        for (std::size_t j = 0; j < b.size(); ++j) {
            if (overlap(memory_of(a[i]), memory_of(b[j]))) return true;
        }
    }
    return false;
}

/// Whether two members of one batch overlap. They are equally far apart, so the first tells for all.
template <class View>
LOWBIT_ALWAYS_INLINE bool overlaps_itself(const batch_view<View>& batch) {
    for (std::size_t i = 1; i < batch.size(); ++i) {
        if (overlap(memory_of(batch[0]), memory_of(batch[i]))) return true;
    }
    return false;
}

} // namespace lowbit::inline v0::detail
