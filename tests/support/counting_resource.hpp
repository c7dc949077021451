// SPDX-License-Identifier: MIT
// counting_resource: memory that counts what is taken and given back, checks both against each other, and can run out.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory_resource>
#include <new>
#include <utility>

namespace lowbit_test {

class counting_resource : public std::pmr::memory_resource {
public:
    std::size_t alive = 0;                                      ///< blocks not yet given back
    std::size_t total = 0;                                      ///< blocks ever taken
    std::size_t bytes = 0;                                      ///< in blocks not yet given back
    std::size_t left = std::numeric_limits<std::size_t>::max(); ///< how many more are given out

private:
    void* do_allocate(std::size_t size, std::size_t alignment) override {
        if (left == 0) {
#if defined(__cpp_exceptions)
            throw std::bad_alloc();
#else
            std::abort();
#endif
        }
        --left;
        void* p = std::pmr::new_delete_resource()->allocate(size, alignment);
        blocks_[p] = {size, alignment};
        ++alive;
        ++total;
        bytes += size;
        return p;
    }
    void do_deallocate(void* p, std::size_t size, std::size_t alignment) override {
        const auto at = blocks_.find(p);
        if (at == blocks_.end() || at->second != std::pair{size, alignment}) std::abort(); // not ours, or another size
        blocks_.erase(at);
        --alive;
        bytes -= size;
        std::pmr::new_delete_resource()->deallocate(p, size, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    std::map<void*, std::pair<std::size_t, std::size_t>> blocks_;
};

} // namespace lowbit_test
