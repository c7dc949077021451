// SPDX-License-Identifier: MIT
// scratch<T>: a growing array for the inside of one call. Constexpr, and without functions that a linker could share.
#pragma once

#include <cstddef>
#include <span>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0::detail {

/// An array of T whose contents do not survive a resize that grows it. Unlike std::vector it may be used by constant expressions
/// under clang 14, and every member is inlined, so that objects compiled with other -m flags cannot replace it.
template <class T>
class scratch {
public:
    LOWBIT_ALWAYS_INLINE constexpr scratch() noexcept = default;
    LOWBIT_ALWAYS_INLINE constexpr explicit scratch(std::size_t size) { resize(size); }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    LOWBIT_ALWAYS_INLINE constexpr ~scratch() { delete[] data_; }

    LOWBIT_ALWAYS_INLINE constexpr void resize(std::size_t size) {
        if (size > capacity_) {
            delete[] data_;
            data_ = nullptr;
            capacity_ = 0;
            data_ = new T[size]{};
            capacity_ = size;
        }
        size_ = size;
    }
    LOWBIT_ALWAYS_INLINE constexpr void assign(std::size_t size, const T& value) {
        resize(size);
        for (std::size_t i = 0; i < size; ++i) data_[i] = value;
    }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T* data() noexcept { return data_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const T* data() const noexcept { return data_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr T& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::span<T> span() noexcept { return {data_, size_}; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::span<const T> span() const noexcept { return {data_, size_}; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

} // namespace lowbit::inline v0::detail
