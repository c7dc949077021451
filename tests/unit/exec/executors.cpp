// SPDX-License-Identifier: MIT
// What every executor owes, and what the library makes of one; many threads with one packed matrix.
#include <atomic>
#include <cmath>
#include <cstring>
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
bool same(const lb::matrix<float>& a, const lb::matrix<float>& b) { return std::memcmp(a.data(), b.data(), a.rows() * a.cols() * sizeof(float)) == 0; }

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

TEST_CASE("ranges cover everything once, and are as long as asked") {
    for (const std::size_t threads : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
        for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9}, std::size_t{1000}}) {
            for (const std::size_t grain : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{999}, std::size_t{5000}}) {
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
                    ++ranges;
                    for (std::size_t i = first; i < last; ++i) ++seen[i];
                });
                for (const int s : seen) CHECK(s == 1);
                CHECK(ranges <= (threads == 1 ? 1 : 4 * threads));
                if (grain > 1) CHECK(ranges <= (count + grain - 1) / grain);
                if (grain <= 1 && threads > 1) CHECK(ranges == std::min(count, 4 * threads));
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

TEST_CASE("workers run at the level of the thread that called") {
    const operands o;
    const lb::isa::scoped_level force{lb::isa::level::baseline};
    lb::matrix<float> alone(m, n), shared(m, n);
    lb::gemm(o.x, o.p, alone);
    test_pool pool(4);
    lb::gemm(lb::on(pool), o.x, o.p, shared);
    CHECK(same(alone, shared));
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
