// SPDX-License-Identifier: MIT
// any_pool: an executor of any type behind one, so that products are compiled once for all of them.
#pragma once

#include <cstddef>
#include <functional>

#include <lowbit/core/matrix.hpp>

namespace lowbit_test {

class any_pool {
public:
    template <class Pool>
    explicit any_pool(Pool& pool)
        : threads_(pool.concurrency()),
          run_([&pool](std::size_t n, const std::function<void(std::size_t)>& f) { pool.parallel_for(n, f); }) {}

    [[nodiscard]] std::size_t concurrency() const { return threads_; }
    template <class F>
    void parallel_for(std::size_t n, F&& f) {
        ++calls;
        run_(n, f);
    }

    int calls = 0;

private:
    std::size_t threads_;
    std::function<void(std::size_t, const std::function<void(std::size_t)>&)> run_;
};

/// Weights are encoded, packed and multiplied on the pool: the bits must be those of the calling thread alone. Also: f is called
/// once for each index, for numbers of them from none to many more than there are threads, and concurrency() is how many run at
/// once.
void check_executor(any_pool pool);

} // namespace lowbit_test
