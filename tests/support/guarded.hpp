// SPDX-License-Identifier: MIT
// guarded<T>: an array between two pages that may not be touched, pushed against one of them: reading or writing one byte
// beyond it ends the test program at once.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

namespace lowbit_test {

/// Which end of the array lies against its guard page.
enum class guard { after, before };

template <class T>
class guarded {
public:
    explicit guarded(std::size_t size, guard side = guard::after) : size_(size) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t bytes = size * sizeof(T);
        const std::size_t inside = (bytes + page - 1) / page * page;
        mapped_ = inside + 2 * page;
        void* base = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED) std::abort();
        base_ = static_cast<std::byte*>(base);
        if (inside > 0 && mprotect(base_ + page, inside, PROT_READ | PROT_WRITE) != 0) std::abort();
        data_ = reinterpret_cast<T*>(base_ + page + (side == guard::after ? inside - bytes : 0));
    }
    ~guarded() { munmap(base_, mapped_); }
    guarded(const guarded&) = delete;
    guarded& operator=(const guarded&) = delete;

    [[nodiscard]] T* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::size_t size_;
    std::size_t mapped_;
    std::byte* base_;
    T* data_;
};

} // namespace lowbit_test
