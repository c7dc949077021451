// SPDX-License-Identifier: MIT
// One product to be timed, ours or a peer's: shape, threads, data, and the counters that every row reports.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <lowbit/lowbit.hpp>

namespace bench {

/// Which weights are zero: in each row of blocks, the `pruned` smallest in each `of` consecutive ones, where 0 means a whole row.
struct zeros {
    std::size_t pruned = 0;
    std::size_t of = 0;
    std::size_t rows = 1; ///< of a block
    std::size_t cols = 1;
    friend auto operator<=>(const zeros&, const zeros&) = default;

    void prune(lowbit::matrix<float>& w) const {
        const std::size_t run = of == 0 ? w.cols() / cols : of;
        std::vector<std::pair<double, std::size_t>> blocks(run); // their size and first column
        for (std::size_t r = 0; pruned > 0 && r + rows <= w.rows(); r += rows) {
            for (std::size_t k = 0; k + run * cols <= w.cols(); k += run * cols) {
                for (std::size_t i = 0; i < run; ++i) {
                    blocks[i] = {0, k + i * cols};
                    for (std::size_t at = 0; at < rows * cols; ++at)
                        blocks[i].first += std::fabs(w(r + at / cols, blocks[i].second + at % cols));
                }
                std::nth_element(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(pruned), blocks.end());
                for (std::size_t i = 0; i < pruned; ++i) {
                    for (std::size_t at = 0; at < rows * cols; ++at) w(r + at / cols, blocks[i].second + at % cols) = 0;
                }
            }
        }
    }
};

/// Y[m, n] = X[m, k] * W[n, k]^T on so many threads, with `copies` distinct W used in turn: one is hot, many come from memory.
/// Normal data, seeded.
struct gemm_case {
    std::size_t m;
    std::size_t n = 4096;
    std::size_t k = 4096;
    std::size_t copies = 1;
    std::size_t threads = 1;
    bench::zeros zeros{};

    [[nodiscard]] static lowbit::matrix<float> normal(std::size_t rows, std::size_t cols, unsigned seed) {
        std::mt19937_64 engine(seed);
        std::normal_distribution<float> draw;
        lowbit::matrix<float> out(rows, cols);
        for (std::size_t i = 0; i < rows * cols; ++i) out.data()[i] = draw(engine);
        return out;
    }
    [[nodiscard]] const lowbit::matrix<float>& weights() const {
        static std::map<std::tuple<std::size_t, std::size_t, bench::zeros>, lowbit::matrix<float>> all;
        const auto [at, missing] = all.try_emplace({n, k, zeros}, 0, 0);
        if (missing) {
            at->second = normal(n, k, 1);
            zeros.prune(at->second);
        }
        return at->second;
    }
    [[nodiscard]] const lowbit::matrix<float>& inputs() const {
        static std::map<std::pair<std::size_t, std::size_t>, lowbit::matrix<float>> all;
        const auto [at, missing] = all.try_emplace({m, k}, 0, 0);
        if (missing) at->second = normal(m, k, 2);
        return at->second;
    }
};

/// The relative error of some results against a double-precision product with the float weights; benchmarks refuse wrong numbers.
inline double relative_error(const gemm_case& shape, const lowbit::matrix<float>& x, const lowbit::matrix<float>& y) {
    const auto& w = shape.weights();
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

/// Runs a product's copies in turn.
class turns {
public:
    explicit turns(std::size_t copies) : copies_(copies) {}
    std::size_t operator()() {
        const std::size_t now = next_;
        next_ = next_ + 1 == copies_ ? 0 : next_ + 1;
        return now;
    }

private:
    std::size_t copies_;
    std::size_t next_ = 0;
};

#if defined(_OPENMP)
inline constexpr int most_threads = 2;
#else
inline constexpr int most_threads = 1;
#endif

/// Runs our products on so many threads; those of more than one are OpenMP's.
class team {
public:
    explicit team(std::size_t threads) : threads_(threads) {}
    template <class X, class W, class Y, class Epilogue>
    void multiply(const X& x, const W& w, Y& y, const Epilogue& ep, std::span<std::byte> workspace) const {
#if defined(_OPENMP)
        if (threads_ > 1) {
            lowbit::exec::openmp pool(static_cast<int>(threads_));
            return lowbit::gemm(lowbit::on(pool), x, w, y, ep, workspace);
        }
#endif
        lowbit::gemm(x, w, y, ep, workspace);
    }

private:
    std::size_t threads_;
};

/// Our product; `Given`: of int8 activations with one scale, quantized before the clock starts.
template <class P, class Activations = void, bool Given = false>
class lowbit_product {
public:
    explicit lowbit_product(const gemm_case& shape)
        : shape_(shape), x_(shape.inputs()), y_(shape.m, shape.n), packed_(shape.copies, packed_weights(shape)),
          workspace_(lowbit::workspace_bytes(packed_[0], shape.m)), team_(shape.threads), turn_(shape.copies) {
        if constexpr (Given) {
            const std::span<const float> all(x_.data(), shape.m * shape.k);
            const auto [least, most] = std::ranges::minmax(all);
            scale_ = std::max(-least, most) / 127;
            codes_ = lowbit::matrix<std::int8_t>(shape.m, shape.k);
            std::ranges::transform(all, codes_.data(),
                                   [this](float x) { return static_cast<std::int8_t>(std::nearbyint(x / scale_)); });
        }
    }

    void operator()() {
        const packed& w = packed_[turn_()];
        if constexpr (Given) {
            team_.multiply(lowbit::quantized_rows(codes_.view(), {&scale_, 1}), w, y_, lowbit::epilogue(), workspace_);
        } else {
            team_.multiply(x_, w, y_, lowbit::epilogue(), workspace_);
        }
        benchmark::DoNotOptimize(y_.data());
    }
    [[nodiscard]] std::size_t weight_bytes() const { return packed_[0].size_bytes(); }
    [[nodiscard]] double error() {
        (*this)();
        return relative_error(shape_, x_, y_);
    }

private:
    using packed = decltype(lowbit::pack<Activations>(lowbit::quantize<P>(lowbit::matrix<float>())));

    /// The weights of a case; made once, since every repetition makes its product anew.
    static const packed& packed_weights(const gemm_case& shape) {
        static std::map<std::tuple<std::size_t, std::size_t, bench::zeros>, packed> all;
        const std::tuple key(shape.n, shape.k, shape.zeros);
        if (const auto at = all.find(key); at != all.end()) return at->second;
        return all.emplace(key, lowbit::pack<Activations>(lowbit::quantize<P>(shape.weights()))).first->second;
    }

    gemm_case shape_;
    lowbit::matrix<float> x_;
    lowbit::matrix<std::int8_t> codes_; ///< of x_, where they are given
    float scale_ = 0;
    lowbit::matrix<float> y_;
    std::vector<packed> packed_;
    std::vector<std::byte> workspace_;
    team team_;
    turns turn_;
};

} // namespace bench
