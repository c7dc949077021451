// SPDX-License-Identifier: MIT
// quantized_matrix<P>: the owned result of quantize - one buffer of exactly the bytes that the policy stores.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <span>
#include <utility>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/quantize/quantized_view.hpp>

namespace lowbit::inline v0 {

/// A rows x cols matrix in the format of policy P. A value: copies are deep, moves leave 0 x 0.
template <any_policy P>
class quantized_matrix {
public:
    using policy_type = P;
    using format = format_of<P>;

    LOWBIT_ALWAYS_INLINE quantized_matrix() noexcept = default;
    /// All bytes zero; raises errc::invalid_argument when rows x cols does not fit size_t.
    LOWBIT_ALWAYS_INLINE quantized_matrix(std::size_t rows, std::size_t cols,
                                          std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : rows_(rows), cols_(cols), buffer_(checked_bytes(rows, cols), memory) {}
    LOWBIT_ALWAYS_INLINE quantized_matrix(const quantized_matrix&) = default;
    LOWBIT_ALWAYS_INLINE quantized_matrix(quantized_matrix&& other) noexcept
        : rows_(std::exchange(other.rows_, 0)), cols_(std::exchange(other.cols_, 0)), buffer_(std::move(other.buffer_)) {}
    LOWBIT_ALWAYS_INLINE quantized_matrix& operator=(quantized_matrix other) noexcept {
        std::swap(rows_, other.rows_);
        std::swap(cols_, other.cols_);
        buffer_.swap(other.buffer_);
        return *this;
    }
    LOWBIT_ALWAYS_INLINE ~quantized_matrix() = default;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return cols_; }
    /// Exactly what is stored: codes, scales, offsets, masks, order.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t size_bytes() const noexcept { return view().size_bytes(); }
    /// Stored bits over rows x cols; 0 for an empty matrix.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE double bits_per_weight() const noexcept { return view().bits_per_weight(); }

    /// The stored bytes: the planes one after the other, or interleaved blocks.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<const std::byte> bytes() const noexcept { return buffer_.span(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const std::byte* data() const noexcept { return buffer_.data(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<std::byte> bytes() noexcept { return buffer_.span(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::pmr::memory_resource* resource() const noexcept { return buffer_.resource(); }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE quantized_view<P> view() const noexcept {
        return rows_ == 0 && cols_ == 0 ? quantized_view<P>{} : quantized_view<P>{buffer_.data(), rows_, cols_};
    }
    template <any_policy Q>
        requires std::same_as<format_of<Q>, format>
    LOWBIT_ALWAYS_INLINE operator quantized_view<Q>() const noexcept { // NOLINT: views work wherever matrices do, and the reverse
        return view();
    }

private:
    template <class Here = build_flags>
    static std::size_t checked_bytes(std::size_t rows, std::size_t cols) {
        std::size_t bytes = 0;
        if (detail::bytes_overflow<format, Here>(detail::shape_of<format>{rows, cols}, bytes)) {
            raise<Here>(errc::invalid_argument, "quantized matrix of ", rows, " x ", cols, " overflows size_t");
        }
        return bytes;
    }

    std::size_t rows_ = 0;
    std::size_t cols_ = 0;
    aligned_buffer<std::byte> buffer_;
};

} // namespace lowbit::inline v0
