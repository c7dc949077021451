// SPDX-License-Identifier: MIT
// test_pool: an executor as a caller may write one - work in any order, on threads of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "support/seed.hpp"

namespace lowbit_test {

/// The order in which a pool starts its work.
enum class work_order { forward, reversed, shuffled };

/// Runs work on `threads` threads, the calling one included, and counts what it ran.
class test_pool {
public:
    explicit test_pool(std::size_t threads, work_order order = work_order::forward) : threads_(threads), order_(order) {}

    [[nodiscard]] std::size_t concurrency() const noexcept { return threads_; }
    [[nodiscard]] std::size_t calls() const noexcept { return calls_; }
    [[nodiscard]] std::size_t pieces() const noexcept { return pieces_; }

    template <class F>
    void parallel_for(std::size_t n, F&& f) {
        ++calls_;
        pieces_ += n;
        std::vector<std::size_t> turn(n);
        for (std::size_t i = 0; i < n; ++i) turn[i] = order_ == work_order::reversed ? n - 1 - i : i;
        if (order_ == work_order::shuffled) {
            std::mt19937_64 random(seed() + calls_);
            for (std::size_t i = n; i > 1; --i) std::swap(turn[i - 1], turn[random() % i]);
        }
        std::atomic<std::size_t> next{0};
        const auto work = [&] {
            for (std::size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) f(turn[i]);
        };
        std::vector<std::thread> helpers;
        for (std::size_t t = 1; t < threads_ && t < n; ++t) helpers.emplace_back(work);
        work();
        for (std::thread& helper : helpers) helper.join();
    }

private:
    std::size_t threads_;
    work_order order_;
    std::size_t calls_ = 0;
    std::size_t pieces_ = 0;
};

} // namespace lowbit_test
