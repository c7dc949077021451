// SPDX-License-Identifier: MIT
// matrix_view<T>: rows x cols elements over foreign memory, row-major with a row stride; transposed and batched forms.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include <lowbit/core/config.hpp>
#include <lowbit/core/error.hpp>

namespace lowbit::inline v0 {

/// A row-major window on `rows x cols` elements; `stride` elements lie between the starts of two rows. Owns nothing.
template <class T>
class matrix_view {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr matrix_view() noexcept = default;
    LOWBIT_ALWAYS_INLINE constexpr matrix_view(T* data, std::size_t rows, std::size_t cols) noexcept
        : data_(data), rows_(rows), cols_(cols), stride_(cols) {}
    /// Raises errc::invalid_argument when rows would overlap.
    LOWBIT_ALWAYS_INLINE constexpr matrix_view(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
        : data_(data), rows_(rows), cols_(cols), stride_(stride) {
        if (stride < cols && rows > 1) {
            raise(errc::invalid_argument, "matrix_view: row stride ", stride, " is less than ", cols, " columns");
        }
    }
    template <class U>
        requires std::is_same_v<const U, T>
    LOWBIT_ALWAYS_INLINE constexpr matrix_view(matrix_view<U> other) noexcept // NOLINT: adding const is safe
        : data_(other.data()), rows_(other.rows()), cols_(other.cols()), stride_(other.stride()) {}

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() const noexcept { return cols_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t stride() const noexcept { return stride_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T* data() const noexcept { return data_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T* row_data(std::size_t i) const noexcept { return data_ + i * stride_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::span<T> row(std::size_t i) const noexcept {
        return {data_ + i * stride_, cols_};
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T& operator()(std::size_t i, std::size_t j) const noexcept {
        LOWBIT_ASSERT(i < rows_ && j < cols_);
        return data_[i * stride_ + j];
    }

private:
    T* data_ = nullptr;
    std::size_t rows_ = 0;
    std::size_t cols_ = 0;
    std::size_t stride_ = 0;
};

/// The transpose of a row-major view, for weights that come as K x N. `rows()` and `cols()` are those of the transpose.
template <class T>
class transposed_view {
public:
    using value_type = std::remove_cv_t<T>;

    LOWBIT_ALWAYS_INLINE constexpr explicit transposed_view(matrix_view<T> base) noexcept : base_(base) {}
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() const noexcept { return base_.cols(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() const noexcept { return base_.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr matrix_view<T> base() const noexcept { return base_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T& operator()(std::size_t i, std::size_t j) const noexcept {
        return base_(j, i);
    }

private:
    matrix_view<T> base_;
};

/// rows x cols elements with a step in each direction: what a view and a transpose of one both are, where one type must hold
/// either.
template <class T>
class strided_view {
public:
    using value_type = std::remove_cv_t<T>;

    constexpr strided_view() noexcept = default;
    LOWBIT_ALWAYS_INLINE constexpr strided_view(T* data, std::size_t rows, std::size_t cols, std::size_t row_step,
                                                std::size_t col_step) noexcept
        : data_(data), rows_(rows), cols_(cols), row_step_(row_step), col_step_(col_step) {}
    template <class U>
    LOWBIT_ALWAYS_INLINE constexpr strided_view(matrix_view<U> v) noexcept
        : strided_view(v.data(), v.rows(), v.cols(), v.stride(), 1) {} // NOLINT: nothing is lost
    template <class U>
    LOWBIT_ALWAYS_INLINE constexpr strided_view(transposed_view<U> v) noexcept // NOLINT: nothing is lost
        : strided_view(v.base().data(), v.rows(), v.cols(), 1, v.base().stride()) {}

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() const noexcept { return cols_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t row_step() const noexcept { return row_step_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t col_step() const noexcept { return col_step_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T* data() const noexcept { return data_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T& operator()(std::size_t i, std::size_t j) const noexcept {
        LOWBIT_ASSERT(i < rows_ && j < cols_);
        return data_[i * row_step_ + j * col_step_];
    }

private:
    T* data_ = nullptr;
    std::size_t rows_ = 0;
    std::size_t cols_ = 0;
    std::size_t row_step_ = 0;
    std::size_t col_step_ = 0;
};

/// How an object is read as a matrix_view or transposed_view; adaptors specialise it for the types of other libraries. An
/// `is_vector` of true says that the type is one row or one column, whatever its size.
template <class T>
struct view_access;
template <class T>
struct view_access<matrix_view<T>> {
    static LOWBIT_ALWAYS_INLINE constexpr matrix_view<T> view(matrix_view<T> v) noexcept { return v; }
};
template <class T>
struct view_access<transposed_view<T>> {
    static LOWBIT_ALWAYS_INLINE constexpr transposed_view<T> view(transposed_view<T> v) noexcept { return v; }
};

/// An object that stands for a matrix: a view, an owning matrix, or another library's where its adaptor is included.
template <class T>
concept viewable = requires(T& object) { view_access<std::remove_cvref_t<T>>::view(object); };

/// The view of a viewable object; views of const objects are views of const elements.
template <viewable T>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr auto view_of(T&& object) {
    return view_access<std::remove_cvref_t<T>>::view(object);
}

/// An object whose type says that it is one row or one column: another library's vector.
template <class T>
concept vector_viewable = viewable<T> && requires { requires view_access<std::remove_cvref_t<T>>::is_vector; };

namespace detail {

/// The elements of one row or one column that lie side by side; raises errc::shape_mismatch for others.
template <class T>
LOWBIT_ALWAYS_INLINE constexpr std::span<T> elements_of(matrix_view<T> v) {
    if (v.rows() > 1 && v.cols() != 0 && (v.cols() != 1 || v.stride() != 1)) {
        raise(errc::shape_mismatch, "a vector is one row or one column, side by side in memory, and not ", v.rows(), " x ",
              v.cols(), " with a row stride of ", v.stride());
    }
    return {v.data(), v.rows() * v.cols()};
}
template <class T>
LOWBIT_ALWAYS_INLINE constexpr std::span<T> elements_of(transposed_view<T> v) {
    return elements_of(v.base());
}

template <class T>
LOWBIT_ALWAYS_INLINE constexpr transposed_view<T> transpose_of(matrix_view<T> v) noexcept {
    return transposed_view<T>(v);
}
template <class T>
LOWBIT_ALWAYS_INLINE constexpr matrix_view<T> transpose_of(transposed_view<T> v) noexcept {
    return v.base();
}

/// The same shape, `by` elements further on.
template <class T>
LOWBIT_ALWAYS_INLINE constexpr matrix_view<T> shifted(matrix_view<T> v, std::size_t by) {
    return {v.data() + by, v.rows(), v.cols(), v.stride()};
}
template <class T>
LOWBIT_ALWAYS_INLINE constexpr transposed_view<T> shifted(transposed_view<T> v, std::size_t by) {
    return transpose_of(shifted(v.base(), by));
}

} // namespace detail

/// Reads a view, or what stands for one, as its transpose; nothing is moved.
template <viewable T>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr auto transposed(T&& object) {
    return detail::transpose_of(view_of(object));
}

/// `count` equal matrices, `step` elements apart; `View` is how each is read.
template <class View>
class batch_view {
public:
    using value_type = typename View::value_type;

    LOWBIT_ALWAYS_INLINE constexpr batch_view(View first, std::size_t count, std::size_t step) noexcept
        : first_(first), count_(count), step_(step) {}
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t size() const noexcept { return count_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr View operator[](std::size_t i) const {
        return detail::shifted(first_, i * step_);
    }

private:
    View first_;
    std::size_t count_;
    std::size_t step_;
};

/// A batch of matrices: `count` of the shape of `first`, each `step` elements after the one before. Members may lie between each
/// other, as heads that are columns of one matrix do.
template <viewable T>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr auto batched(T&& first, std::size_t count, std::size_t step) {
    return batch_view<decltype(view_of(first))>{view_of(first), count, step};
}

} // namespace lowbit::inline v0
