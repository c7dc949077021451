// SPDX-License-Identifier: MIT
// After pack, a product with a workspace takes nothing from the heap: one row and many, on one thread and two.
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory_resource>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "support/counting_resource.hpp"
#include "unit/io/counting_new.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

/// Runs work on this thread, or on this one and one that waits for it, and counts what that one takes from the heap.
class ready_pool {
public:
    [[nodiscard]] std::size_t concurrency() const noexcept { return threads; }
    template <class F>
    void parallel_for(std::size_t n, F&& f) {
        ++calls;
        odd_ = [n, &f] {
            for (std::size_t i = 1; i < n; i += 2) f(i);
        };
        set(state::work);
        for (std::size_t i = 0; i < n; i += 2) f(i);
        state_.wait(state::work);
    }
    ready_pool() : helper_([this] { help(); }) {}
    ready_pool(const ready_pool&) = delete;
    ready_pool& operator=(const ready_pool&) = delete;
    ~ready_pool() {
        set(state::end);
        helper_.join();
    }

    std::size_t threads = 2;
    std::size_t calls = 0;
    std::size_t taken = 0;

private:
    enum class state { idle, work, end };
    void set(state s) {
        state_ = s;
        state_.notify_all();
    }
    void help() {
        for (; state_ != state::end; state_.wait(state::idle)) {
            if (state_ != state::work) continue;
            const heap_watch watch;
            odd_();
            taken += watch.allocations();
            set(state::idle);
        }
    }

    std::atomic<state> state_{state::idle};
    std::function<void()> odd_; // two words: kept in place
    std::thread helper_;
};

constexpr std::size_t n = 1088, k = 2048; // one row is work for two threads
constexpr std::size_t most_rows = 70;

lb::matrix<float> numbers(std::size_t rows, std::size_t cols) {
    lb::matrix<float> w(rows, cols);
    for (std::size_t i = 0; i < rows * cols; ++i) w.data()[i] = static_cast<float>(i * 7919 % 1021) * 0.01f - 5.0f;
    return w;
}

/// No product of these weights takes anything from the heap or from the default resource.
template <class Activations, class P>
void check_takes_nothing(const lb::quantized_matrix<P>& q) {
    const auto p = lb::pack<Activations>(q);
    const lb::matrix<float> x = numbers(most_rows, k);
    const std::vector<float> bias(n, 1.0f);
    std::vector<std::byte> workspace(lb::workspace_bytes(p, most_rows));
    const auto ep = lb::epilogue(lb::add_bias(bias), lb::gelu);
    lb::matrix<float> y(most_rows, n);
    ready_pool pool;
    counting_resource memory;
    std::pmr::memory_resource* const before = std::pmr::set_default_resource(&memory);
    for (const std::size_t m : {std::size_t{1}, std::size_t{5}, most_rows}) {
        for (const std::size_t threads : {1u, 2u}) {
            CAPTURE(m);
            CAPTURE(threads);
            pool.threads = threads;
            pool.calls = 0;
            const heap_watch watch;
            lb::gemm(lb::on(pool), lb::matrix_view<const float>(x.data(), m, k), p, lb::matrix_view<float>(y.data(), m, n), ep,
                     workspace);
            CHECK(watch.allocations() == 0);
            CHECK(pool.calls >= threads - 1);
        }
    }
    CHECK(pool.taken == 0);
    CHECK(memory.total == 0);
    std::pmr::set_default_resource(before);
}

} // namespace

TEST_CASE("nothing is allocated with a workspace") {
    if (!heap_watch::possible()) return;
    const lb::matrix<float> w = numbers(n, k);
    const auto w8 = lb::quantize<lb::presets::w8>(w);
    const auto w4g32 = lb::quantize<lb::presets::w4g32>(w);
    check_takes_nothing<lb::activations<lb::int8>>(w8);
    check_takes_nothing<lb::activations<lb::int8, lb::per_group<32>>>(w4g32);
    check_takes_nothing<lb::activations<float>>(w4g32);
}

TEST_CASE("nothing is allocated for other X with a workspace, and one buffer without") {
    const lb::packed_matrix p = lb::pack(lb::quantize<lb::presets::w8>(numbers(20, 32)));
    const lb::matrix<float> x = numbers(3, 32), x_columns = numbers(32, 3);
    const lb::matrix<lb::float16> halves(3, 32);
    lb::matrix<float> y(3, 20);
    std::vector<std::byte> workspace(lb::workspace_bytes(p, 3));
    counting_resource memory;
    std::pmr::memory_resource* const before = std::pmr::set_default_resource(&memory);
    lb::gemm(x, p, y); // one buffer, for the quantized rows
    CHECK(memory.total == 1);
    const auto products = [&] {
        lb::gemm(lb::transposed(x_columns), p, y, lb::epilogue(), workspace);
        lb::gemm(lb::batched(lb::transposed(x_columns), 1, 0), p, lb::batched(y, 1, 0), lb::epilogue(), workspace);
        lb::gemm(halves, p, y, lb::epilogue(), workspace);
    };
    if (heap_watch::possible()) {
        const heap_watch watch;
        products();
        CHECK(watch.allocations() == 0);
    } else {
        products();
    }
    CHECK(memory.total == 1);
    std::pmr::set_default_resource(before);
}
