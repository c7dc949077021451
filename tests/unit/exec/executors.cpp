// SPDX-License-Identifier: MIT
// What every executor owes, and what the library makes of one; many threads with one packed matrix.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "any_pool.hpp"
#include "support/raised.hpp"
#include "test_pool.hpp"

namespace lowbit_test {

namespace lb = lowbit;

namespace {

using policy = lb::presets::w4g32;
constexpr std::size_t m = 140, n = 300, k = 96; // two blocks of rows, five panels: enough work for threads

lb::matrix<float> waves(std::size_t rows, std::size_t cols, float step) {
    lb::matrix<float> w(rows, cols);
    for (std::size_t i = 0; i < rows * cols; ++i) w.data()[i] = std::sin(step * static_cast<float>(i));
    return w;
}
bool same(const lb::matrix<float>& a, const lb::matrix<float>& b) {
    return std::memcmp(a.data(), b.data(), a.rows() * a.cols() * sizeof(float)) == 0;
}

struct operands {
    lb::matrix<float> w = waves(n, k, 0.37f), x = waves(m, k, 0.11f), y{m, n};
    lb::quantized_matrix<policy> q = lb::quantize<policy>(w);
    lb::packed_matrix<lb::detail::packed_policy<policy>> p = lb::pack(q);
    operands() { lb::gemm(x, p, y); }
};

} // namespace

void check_executor(any_pool pool) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}}) {
        std::vector<std::atomic<int>> seen(count);
        pool.parallel_for(count, [&](std::size_t i) { ++seen.at(i); });
        for (const std::atomic<int>& s : seen) CHECK(s == 1);
    }
    std::atomic<std::size_t> running{0}, peak{0};
    pool.parallel_for(pool.concurrency() + 1, [&](std::size_t) { // one more than run at once
        const std::size_t now = ++running;
        std::size_t before = peak;
        while (before < now && !peak.compare_exchange_weak(before, now)) {
        }
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (peak < pool.concurrency() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(20)); // for one too many to come
        --running;
    });
    CHECK(peak == pool.concurrency());

    pool.calls = 0;
    const operands o;
    const auto q = lb::quantize<policy>(lb::on(pool), o.w);
    CHECK(std::memcmp(q.data(), o.q.data(), q.size_bytes()) == 0);
    const auto p = lb::pack(lb::on(pool), q);
    CHECK(std::memcmp(p.data(), o.p.data(), p.size_bytes()) == 0);
    lb::matrix<float> y(m, n);
    lb::gemm(lb::on(pool), o.x, p, y);
    CHECK(same(y, o.y));
    CHECK((pool.concurrency() > 1) == (pool.calls >= 3)); // encoding, packing, the product
}

TEST_CASE("the calling thread") {
    lb::exec::serial serial;
    check_executor(any_pool(serial));
    static_assert(lb::executor<lb::exec::serial> && lb::executor<test_pool> && lb::executor<any_pool> && !lb::executor<int>);
}

TEST_CASE("a caller's own, in any order") {
    for (const work_order order : {work_order::forward, work_order::reversed, work_order::shuffled}) {
        for (std::size_t threads = 1; threads <= 4; ++threads) {
            CAPTURE(threads);
            test_pool pool(threads, order);
            check_executor(any_pool(pool));
        }
    }
}

TEST_CASE("ranges cover everything once, and none is shorter than half of what is asked") {
    for (const std::size_t threads : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
        for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9},
                                        std::size_t{11}, std::size_t{1000}}) {
            for (const std::size_t grain :
                 {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{10}, std::size_t{999}, std::size_t{5000}}) {
                CAPTURE(threads);
                CAPTURE(count);
                CAPTURE(grain);
                std::vector<int> seen(count);
                std::size_t ranges = 0;
                struct in_turn { // in the calling thread, whatever it says
                    std::size_t says;
                    [[nodiscard]] std::size_t concurrency() const { return says; }
                    void parallel_for(std::size_t total, const std::function<void(std::size_t)>& f) const {
                        for (std::size_t i = 0; i < total; ++i) f(i);
                    }
                } pool{threads};
                lb::detail::for_ranges(lb::on(pool), count, grain, [&](std::size_t first, std::size_t last) {
                    CHECK(first < last);
                    CHECK(2 * (last - first) >= std::min(grain, count));
                    ++ranges;
                    for (std::size_t i = first; i < last; ++i) ++seen[i];
                });
                for (const int s : seen) CHECK(s == 1);
                CHECK(ranges <= (threads == 1 ? 1 : 4 * threads));
                const std::size_t most = grain == 0 ? count : (count + grain - 1) / grain;
                if (threads > 1) CHECK(ranges == std::min(most, 4 * threads));
            }
        }
    }
}

TEST_CASE("eight threads multiply with one packed matrix") {
    const operands o;
    std::vector<lb::matrix<float>> results(8);
    std::vector<std::thread> threads;
    for (lb::matrix<float>& y : results) {
        threads.emplace_back([&o, &y] {
            y = lb::matrix<float>(m, n);
            for (int i = 0; i < 3; ++i) lb::gemm(o.x, o.p, y);
        });
    }
    for (std::thread& t : threads) t.join();
    for (const lb::matrix<float>& y : results) CHECK(same(y, o.y));
}

TEST_CASE("eight threads share a cache that is too small for them") {
    const operands o;
    const lb::quantized_matrix<policy> copies[3]{o.q, o.q, o.q};
    lb::packed_cache cache(2 * o.p.size_bytes());
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            lb::matrix<float> y(m, n);
            for (std::size_t i = 0; i < 12; ++i) {
                const auto p = cache.pack(copies[(t / 2 + i) % 3]); // two threads ask for the same
                if (i % 4 == 3) cache.erase(copies[t % 3].bytes());
                if (cache.size_bytes() > 2 * o.p.size_bytes()) ++wrong;
                lb::gemm(o.x, *p, y);
                if (!same(y, o.y)) ++wrong;
            }
        });
    }
    for (std::thread& t : threads) t.join();
    CHECK(wrong == 0);
}

TEST_CASE("workers run at the level of the thread that called") {
    struct elsewhere { // never the calling thread
        [[nodiscard]] std::size_t concurrency() const { return 2; }
        void parallel_for(std::size_t total, const std::function<void(std::size_t)>& f) const {
            std::thread([&] {
                for (std::size_t i = 0; i < total; ++i) f(i);
            }).join();
        }
    } pool;
    const operands o;
    const auto p = lb::pack<lb::activations<float>>(
        o.q); // of floats, whose last bits tell a baseline without fused multiply-adds from others
    const std::thread::id caller = std::this_thread::get_id();
    for (const lb::isa::level level : {lb::isa::level::scalar, lb::isa::level::baseline}) {
        CAPTURE(lb::isa::name(level));
        const lb::isa::scoped_level force{level};
        std::size_t here = 0, other_level = 0;
        const auto look = lb::epilogue([&](float v) {
            here += std::size_t{std::this_thread::get_id() == caller};
            other_level += std::size_t{lb::isa::active() != level};
            return v;
        });
        lb::matrix<float> alone(m, n), shared(m, n);
        lb::gemm(o.x, p, alone);
        lb::gemm(lb::on(pool), o.x, p, shared, look);
        CHECK(here == 0);
        CHECK(other_level == 0);
        CHECK(same(alone, shared));
    }
}

TEST_CASE("a bad weight is the same one on any number of threads") {
    lb::matrix<float> w = waves(n, k, 0.2f);
    w(17, 5) = w(200, 3) = NAN;
    for (std::size_t threads = 1; threads <= 4; ++threads) {
        test_pool pool(threads, work_order::reversed);
        const auto q = lb::try_quantize<policy>(lb::on(pool), w);
        REQUIRE(!q);
        CHECK(q.error().code == lb::errc::non_finite);
        CHECK(q.error().offset == 17 * k + 5);
    }
}

#if defined(__cpp_exceptions)
TEST_CASE("what an epilogue throws reaches the caller") {
    const operands o;
    lb::matrix<float> y(m, n);
    const auto fails = [](float v, std::size_t r, std::size_t) { return r < 100 ? v : throw 7; };
    CHECK_THROWS_AS(lb::gemm(o.x, o.p, y, lb::epilogue(fails)), int);
    lb::gemm(o.x, o.p, y);
    CHECK(same(y, o.y));
}
#endif

} // namespace lowbit_test
