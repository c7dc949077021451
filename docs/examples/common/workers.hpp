// SPDX-License-Identifier: MIT
// The threads that the program lends to lowbit, which starts none of its own.
#pragma once

#include <lowbit/exec/eigen_thread_pool.hpp>
#include <lowbit/exec/executor.hpp>

#include <cstddef>
#include <memory>

namespace demo {

/// An executor of 1 or more threads, one of which is the caller's.
class workers {
public:
    explicit workers(std::size_t threads) : threads_(threads) {
        // One more than helps: the executor leaves one idle for the caller.
        if (threads > 1) pool_ = std::make_unique<Eigen::ThreadPool>(static_cast<int>(threads));
    }

    [[nodiscard]] std::size_t concurrency() const { return threads_; }

    template <class F>
    void parallel_for(std::size_t n, F&& f) {
        if (pool_) {
            lowbit::exec::eigen_thread_pool(*pool_).parallel_for(n, f);
        } else {
            lowbit::exec::serial::parallel_for(n, f);
        }
    }

private:
    std::size_t threads_;
    std::unique_ptr<Eigen::ThreadPool> pool_;
};

} // namespace demo
