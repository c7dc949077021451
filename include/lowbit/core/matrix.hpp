// SPDX-License-Identifier: MIT
// matrix<T>: an owning rows x cols matrix, dense row-major, 64-byte aligned. A value.
#pragma once

#include <cstddef>
#include <limits>
#include <memory_resource>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/view.hpp>

namespace lowbit::inline v0 {

/// A zero-initialised row-major matrix. Copies are deep; a moved-from matrix is 0 x 0.
template <class T>
class matrix {
public:
    using value_type = T;

    LOWBIT_ALWAYS_INLINE matrix() noexcept = default;
    /// Raises errc::invalid_argument when rows x cols does not fit size_t.
    LOWBIT_ALWAYS_INLINE matrix(std::size_t rows, std::size_t cols,
                                std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : buffer_(checked_size(rows, cols), memory), rows_(rows), cols_(cols) {}
    LOWBIT_ALWAYS_INLINE matrix(const matrix&) = default;
    LOWBIT_ALWAYS_INLINE matrix(matrix&& other) noexcept
        : buffer_(std::move(other.buffer_)), rows_(std::exchange(other.rows_, 0)), cols_(std::exchange(other.cols_, 0)) {}
    LOWBIT_ALWAYS_INLINE matrix& operator=(matrix other) noexcept {
        buffer_.swap(other.buffer_);
        std::swap(rows_, other.rows_);
        std::swap(cols_, other.cols_);
        return *this;
    }
    LOWBIT_ALWAYS_INLINE ~matrix() = default;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return cols_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE T* data() noexcept { return buffer_.data(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const T* data() const noexcept { return buffer_.data(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE T& operator()(std::size_t i, std::size_t j) noexcept { return view()(i, j); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const T& operator()(std::size_t i, std::size_t j) const noexcept { return view()(i, j); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<T> row(std::size_t i) noexcept { return view().row(i); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<const T> row(std::size_t i) const noexcept { return view().row(i); }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE matrix_view<T> view() noexcept { return {buffer_.data(), rows_, cols_}; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE matrix_view<const T> view() const noexcept { return {buffer_.data(), rows_, cols_}; }
    // A matrix is used where a view is asked for.
    LOWBIT_ALWAYS_INLINE operator matrix_view<T>() noexcept { return view(); }             // NOLINT
    LOWBIT_ALWAYS_INLINE operator matrix_view<const T>() const noexcept { return view(); } // NOLINT

private:
    static LOWBIT_ALWAYS_INLINE std::size_t checked_size(std::size_t rows, std::size_t cols) {
        if (cols != 0 && rows > std::numeric_limits<std::size_t>::max() / cols) {
            raise(errc::invalid_argument, "matrix of ", rows, " x ", cols, " overflows size_t");
        }
        return rows * cols;
    }

    aligned_buffer<T> buffer_;
    std::size_t rows_ = 0;
    std::size_t cols_ = 0;
};

template <class T>
struct view_access<matrix<T>> {
    static LOWBIT_ALWAYS_INLINE matrix_view<T> view(matrix<T>& m) noexcept { return m.view(); }
    static LOWBIT_ALWAYS_INLINE matrix_view<const T> view(const matrix<T>& m) noexcept { return m.view(); }
};

} // namespace lowbit::inline v0
