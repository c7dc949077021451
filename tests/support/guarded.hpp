// SPDX-License-Identifier: MIT
// guarded: an array that touches an unmapped page, so that a read or write past it is a crash and no accident.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <type_traits>

namespace lowbit_test {

/// The end of the array that an unmapped page follows without a gap; behind the other end one is at most a page away.
enum class edge { front, back };
inline constexpr std::initializer_list<edge> edges{edge::front, edge::back};

/// n elements, zero at first, with unmapped pages on both sides: directly before the first (edge::front) or directly after
/// the last (edge::back).
template <class T>
class guarded {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    guarded(std::size_t n, edge side) : size_(n) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t bytes = n * sizeof(T);
        const std::size_t inner = (bytes / page + 1) * page;
        mapped_ = inner + 2 * page;
        void* base = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        base_ = static_cast<std::byte*>(base);
        if (base == MAP_FAILED || mprotect(base_ + page, inner, PROT_READ | PROT_WRITE) != 0) {
            std::perror("guarded: mmap");
            std::abort();
        }
        std::byte* start = base_ + page + (side == edge::back ? inner - bytes : 0);
        data_ = reinterpret_cast<T*>(start);
        for (std::size_t i = 0; i < n; ++i) new (start + i * sizeof(T)) T{};
    }
    /// A copy of n elements.
    guarded(const T* from, std::size_t n, edge side) : guarded(n, side) { std::copy_n(from, n, data_); }
    ~guarded() { munmap(base_, mapped_); }

    guarded(const guarded&) = delete;
    guarded& operator=(const guarded&) = delete;

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

private:
    std::byte* base_ = nullptr;
    std::size_t mapped_ = 0;
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace lowbit_test
