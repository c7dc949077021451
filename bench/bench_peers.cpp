// SPDX-License-Identifier: MIT
// Ours beside the peers this machine has, and the ceilings, in one process. Each row checks its result first, and the repetitions of all
// rows are interleaved, since these machines drift: run with --benchmark_enable_random_interleaving=true --benchmark_repetitions=9.
#include <benchmark/benchmark.h>

#include "gemm_case.hpp"

#if LOWBIT_BENCH_HAS_GGML
#include "peers/ggml_product.hpp"
#endif

namespace lb = lowbit;

namespace {

void batches(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "copies"})->UseRealTime()->Unit(benchmark::kMicrosecond);
    b->Args({1, 24})->Args({1, 1})->Args({16, 1})->Args({512, 1});
}

/// A result further from the float product than this is wrong, not coarse (4-bit groups give 0.09).
constexpr double wrong = 0.13;

template <class Product>
void time(benchmark::State& state, const bench::gemm_case& shape, Product& product, double error) {
    if (!(error < wrong)) {
        state.SkipWithError("the result is wrong");
        return;
    }
    for (auto _ : state) product();
    bench::report(state, shape, product.weight_bytes(), error);
}

template <class P>
void ours(benchmark::State& state) {
    const bench::gemm_case shape(static_cast<std::size_t>(state.range(0)));
    bench::lowbit_product<P> product(shape, static_cast<std::size_t>(state.range(1)));
    const double error = product.error(shape);
    time(state, shape, product, error);
}
BENCHMARK(ours<lb::presets::w4g32>)->Name("w4g32/lowbit")->Apply(batches);
BENCHMARK(ours<lb::presets::w8>)->Name("w8/lowbit")->Apply(batches);
BENCHMARK(ours<lb::presets::w8g32>)->Name("w8g32/lowbit")->Apply(batches);

#if LOWBIT_BENCH_HAS_GGML
template <ggml_type Type, bool Repacked>
void ggml(benchmark::State& state) {
    const bench::gemm_case shape(static_cast<std::size_t>(state.range(0)));
    bench::ggml_product product(shape, Type, Repacked, static_cast<std::size_t>(state.range(1)));
    const double error = product.error();
    time(state, shape, product, error);
}
BENCHMARK(ggml<GGML_TYPE_Q4_0, true>)->Name("w4g32/ggml_q4_0_repacked")->Apply(batches);
BENCHMARK(ggml<GGML_TYPE_Q4_0, false>)->Name("w4g32/ggml_q4_0")->Apply(batches);
BENCHMARK(ggml<GGML_TYPE_Q8_0, false>) // ggml repacks no 8-bit type on this architecture
    ->Name("w8g32/ggml_q8_0")->Apply(batches);
#endif

} // namespace
