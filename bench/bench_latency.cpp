// SPDX-License-Identifier: MIT
// How long one token takes, and how long at worst: one row through four layers, each with a bias and gelu, every run timed by
// itself. Rows are latency/<weights>/N:<width>/stacks:<in turn>/threads:<threads>; one stack of 1024 is hot in the caches,
// several of 4096 come from memory. The rows of read_bandwidth in the same program say what reading the weights alone must take.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "gemm_case.hpp"

namespace lb = lowbit;

namespace {

constexpr std::size_t layers = 4;

/// Layers of equal float weights, each packed to memory of its own. Their gain keeps numbers where they are.
template <class P>
class stacks {
public:
    stacks(std::size_t width, std::size_t count, std::size_t threads)
        : weights_(bench::gemm_case::normal(width, width, 1)), x_(bench::gemm_case::normal(1, width, 2)), y_(1, width),
          next_(1, width), bias_(width, 0.1f), team_(threads), turn_(count) {
        for (std::size_t i = 0; i < width * width; ++i) weights_.data()[i] *= 1.5f / std::sqrt(static_cast<float>(width));
        packed_.assign(layers * count, lb::pack(lb::quantize<P>(weights_)));
        workspace_.resize(lb::workspace_bytes(packed_[0], 1));
    }

    void operator()() {
        const auto ep = lb::epilogue(lb::add_bias(bias_), lb::gelu);
        const auto* const layer = packed_.data() + turn_() * layers;
        team_.multiply(x_, layer[0], y_, ep, workspace_);
        for (std::size_t i = 1; i < layers; ++i) {
            team_.multiply(y_, layer[i], next_, ep, workspace_);
            std::swap(y_, next_);
        }
        benchmark::DoNotOptimize(y_.data());
    }
    [[nodiscard]] std::size_t weight_bytes() const { return layers * packed_[0].size_bytes(); }

    /// Against the float layers in double.
    [[nodiscard]] double error() {
        (*this)();
        std::vector<double> x(x_.data(), x_.data() + x_.cols());
        for (std::size_t i = 0; i < layers; ++i) {
            std::vector<double> y(x.size(), 0.1);
            for (std::size_t n = 0; n < y.size(); ++n) {
                for (std::size_t k = 0; k < x.size(); ++k) y[n] += x[k] * static_cast<double>(weights_(n, k));
                y[n] *= 0.5 * (1 + std::erf(y[n] / std::sqrt(2.0)));
            }
            x = y;
        }
        double off = 0, all = 0;
        for (std::size_t n = 0; n < x.size(); ++n) {
            const double d = static_cast<double>(y_(0, n)) - x[n];
            off += d * d;
            all += x[n] * x[n];
        }
        return std::sqrt(off / all);
    }

private:
    using packed = decltype(lb::pack(lb::quantize<P>(lb::matrix<float>())));

    lb::matrix<float> weights_, x_, y_, next_;
    std::vector<float> bias_;
    std::vector<packed> packed_;
    std::vector<std::byte> workspace_;
    bench::team team_;
    bench::turns turn_;
};

template <class P>
void latency(benchmark::State& state) {
    const auto argument = [&](std::size_t i) { return static_cast<std::size_t>(state.range(i)); };
    stacks<P> run(argument(0), argument(1), argument(2));
    const double error = run.error();
    if (!(error < (P::bits == 8 ? 0.05 : 0.3))) { // each layer adds its own
        state.SkipWithError(("the relative error is " + std::to_string(error)).c_str());
        return;
    }
    std::vector<double> seconds;
    seconds.reserve(static_cast<std::size_t>(state.max_iterations));
    for (auto _ : state) {
        const auto start = std::chrono::steady_clock::now();
        run();
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        state.SetIterationTime(seconds.back());
    }
    std::sort(seconds.begin(), seconds.end());
    const auto at = [&](double part) {
        return seconds[static_cast<std::size_t>(part * static_cast<double>(seconds.size() - 1))];
    };
    state.counters["p50_us"] = at(0.5) * 1e6;
    state.counters["p90_us"] = at(0.9) * 1e6;
    state.counters["p99_us"] = at(0.99) * 1e6;
    state.counters["p99.9_us"] = at(0.999) * 1e6;
    state.counters["max_us"] = seconds.back() * 1e6;
    state.counters["MB"] = static_cast<double>(run.weight_bytes()) * 1e-6;
    state.counters["GB/s"] = static_cast<double>(run.weight_bytes()) * 1e-9 / at(0.5);
}

const bool registered = [] {
    const auto rows = [](const char* name, void (*function)(benchmark::State&)) {
        auto* row = benchmark::RegisterBenchmark(name, function);
        row->ArgNames({"N", "stacks", "threads"})->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(2000);
        for (int threads = 1; threads <= bench::most_threads; ++threads) row->Args({1024, 1, threads})->Args({4096, 8, threads});
    };
    rows("latency/w8", latency<lb::presets::w8>);
    rows("latency/w4g32", latency<lb::presets::w4g32>);
    return true;
}();

} // namespace
