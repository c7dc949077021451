// SPDX-License-Identifier: MIT
// aligned_buffer<T>: a fixed number of trivial elements, 64-byte aligned, from a memory resource. A value.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <utility>

#include <lowbit/core/error.hpp>
#include <lowbit/core/huge_pages.hpp>

namespace lowbit::inline v0 {

/// Every buffer of the library starts on a cache line.
inline constexpr std::size_t buffer_alignment = 64;

/// An owned, zero-initialised array of `T`. Copies are deep and stay with the source's memory resource; moves are
/// noexcept and leave an empty buffer. Raises errc::invalid_argument when the byte count does not fit size_t.
template <class T>
    requires std::is_trivially_copyable_v<T>
class aligned_buffer {
public:
    LOWBIT_ALWAYS_INLINE aligned_buffer() noexcept = default;
    LOWBIT_ALWAYS_INLINE explicit aligned_buffer(std::size_t size,
                                                 std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : data_(allocate(size, memory)), size_(size), memory_(memory) {}
    LOWBIT_ALWAYS_INLINE aligned_buffer(const aligned_buffer& other) : aligned_buffer(other.size_, other.memory_) {
        if (size_ != 0) std::memcpy(static_cast<void*>(data_), other.data_, size_ * sizeof(T));
    }
    LOWBIT_ALWAYS_INLINE aligned_buffer(aligned_buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), memory_(other.memory_) {}
    LOWBIT_ALWAYS_INLINE aligned_buffer& operator=(aligned_buffer other) noexcept {
        swap(other);
        return *this;
    }
    LOWBIT_ALWAYS_INLINE ~aligned_buffer() {
        if (data_ != nullptr) memory_->deallocate(data_, size_ * sizeof(T), alignment(size_ * sizeof(T)));
    }

    LOWBIT_ALWAYS_INLINE void swap(aligned_buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(memory_, other.memory_);
    }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE T* data() noexcept { return data_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const T* data() const noexcept { return data_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t size() const noexcept { return size_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<T> span() noexcept { return {data_, size_}; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<const T> span() const noexcept { return {data_, size_}; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE T& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::pmr::memory_resource* resource() const noexcept { return memory_; }

private:
    /// Large buffers start on a huge page, or a part of them would lie on small ones.
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t alignment(std::size_t bytes) noexcept {
        return bytes < 2 * detail::huge_page ? buffer_alignment : detail::huge_page;
    }
    /// Zeros, or null where nothing is asked for.
    template <class Here = build_flags>
    static T* allocate(std::size_t size, std::pmr::memory_resource* memory) {
        if (size == 0) return nullptr;
        if (size > std::numeric_limits<std::size_t>::max() / sizeof(T)) {
            raise<Here>(errc::invalid_argument, "buffer of ", size, " elements of ", sizeof(T), " bytes overflows size_t");
        }
        void* bytes = memory->allocate(size * sizeof(T), alignment(size * sizeof(T)));
        detail::ask_for_huge_pages(bytes, size * sizeof(T));
        std::memset(bytes, 0, size * sizeof(T));
        return static_cast<T*>(bytes);
    }

    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::pmr::memory_resource* memory_ = std::pmr::get_default_resource();
};

} // namespace lowbit::inline v0
