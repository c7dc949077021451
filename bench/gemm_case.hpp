// SPDX-License-Identifier: MIT
// One product to be timed, ours or a peer's: shape, data, and the counters that every row reports.
#pragma once

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <lowbit/lowbit.hpp>

namespace bench {

/// W is N x K as in the literature's 4096 x 4096; M rows of activations. Normal data, seeded.
struct gemm_case {
    static constexpr std::size_t n = 4096;
    static constexpr std::size_t k = 4096;
    std::size_t m;

    explicit gemm_case(std::size_t rows) : m(rows) {}

    [[nodiscard]] static lowbit::matrix<float> normal(std::size_t rows, std::size_t cols, unsigned seed) {
        std::mt19937_64 engine(seed);
        std::normal_distribution<float> draw;
        lowbit::matrix<float> out(rows, cols);
        for (std::size_t i = 0; i < rows * cols; ++i) out.data()[i] = draw(engine);
        return out;
    }
    [[nodiscard]] static const lowbit::matrix<float>& weights() {
        static const lowbit::matrix<float> w = normal(n, k, 1);
        return w;
    }
    [[nodiscard]] lowbit::matrix<float> inputs() const { return normal(m, k, 2); }
};

/// The relative error of some results against a double-precision product with the float weights; benchmarks refuse wrong numbers.
inline double relative_error(const gemm_case& shape, const lowbit::matrix<float>& x, const lowbit::matrix<float>& y) {
    const auto& w = gemm_case::weights();
    double off = 0;
    double all = 0;
    for (std::size_t i = 0; i < shape.m; i += 37) {
        for (std::size_t j = 0; j < shape.n; j += 101) {
            double sum = 0;
            for (std::size_t k = 0; k < shape.k; ++k) sum += static_cast<double>(x(i, k)) * static_cast<double>(w(j, k));
            const double d = static_cast<double>(y(i, j)) - sum;
            off += d * d;
            all += sum * sum;
        }
    }
    return std::sqrt(off / all);
}

/// Operations and weight bytes a second, so that rows compare with the ceilings of bench_ceilings.
inline void report(benchmark::State& state, const gemm_case& shape, std::size_t weight_bytes, double error = 0) {
    using counter = benchmark::Counter;
    const double operations = 2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
    state.counters["GOP/s"] = counter(operations * 1e-9, counter::kIsIterationInvariantRate);
    state.counters["GB/s"] = counter(static_cast<double>(weight_bytes) * 1e-9, counter::kIsIterationInvariantRate);
    if (error != 0) state.counters["rel_error"] = error;
}

/// Our product with `copies` distinct packed matrices used in turn.
template <class P, class Activations = void>
class lowbit_product {
public:
    lowbit_product(const gemm_case& shape, std::size_t copies)
        : x_(shape.inputs()), y_(shape.m, shape.n), packed_(copies, lowbit::pack<Activations>(lowbit::quantize<P>(gemm_case::weights()))),
          workspace_(lowbit::workspace_bytes(packed_[0], shape.m)) {}

    void operator()() {
        lowbit::gemm(x_, packed_[next_], y_, lowbit::epilogue(), workspace_);
        if (++next_ == packed_.size()) next_ = 0;
        benchmark::DoNotOptimize(y_.data());
    }
    [[nodiscard]] std::size_t weight_bytes() const { return packed_[0].size_bytes(); }
    [[nodiscard]] double error(const gemm_case& shape) {
        (*this)();
        return relative_error(shape, x_, y_);
    }

private:
    lowbit::matrix<float> x_;
    lowbit::matrix<float> y_;
    std::vector<decltype(lowbit::pack<Activations>(lowbit::quantize<P>(gemm_case::weights())))> packed_;
    std::vector<std::byte> workspace_;
    std::size_t next_ = 0;
};

} // namespace bench
