// SPDX-License-Identifier: MIT
// eigen_thread_pool: an executor over an Eigen::ThreadPool that the program already has. Opt-in: includes Eigen.
#pragma once

#include <atomic>
#include <cstddef>

#include <unsupported/Eigen/CXX11/ThreadPool>

namespace lowbit::inline v0::exec {

/// Runs work on the calling thread and all of the pool's but one, so that no more run than the pool has threads: it is made with
/// one for each core. Must not be used from one of the pool's own threads. What f throws must not leave f: it ends the program.
class eigen_thread_pool {
public:
    explicit eigen_thread_pool(Eigen::ThreadPoolInterface& pool) noexcept : pool_(&pool) {}

    [[nodiscard]] std::size_t concurrency() const noexcept {
        return static_cast<std::size_t>(pool_->NumThreads() > 1 ? pool_->NumThreads() : 1);
    }

    template <class F>
    void parallel_for(std::size_t n, F&& f) const noexcept { // a task that cannot be made would leave others without a frame
        if (n == 0) return;
        std::atomic<std::size_t> next{0};
        const auto work = [&]() noexcept { // so that nobody leaves while others still work
            for (std::size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) f(i);
        };
        const std::size_t helpers = (concurrency() < n ? concurrency() : n) - 1;
        Eigen::Barrier done(static_cast<unsigned>(helpers));
        for (std::size_t i = 0; i < helpers; ++i) {
            pool_->Schedule([&] {
                work();
                done.Notify();
            });
        }
        work();
        done.Wait();
    }

private:
    Eigen::ThreadPoolInterface* pool_;
};

} // namespace lowbit::inline v0::exec
