// SPDX-License-Identifier: MIT
// Products of packed weights: formats, batch sizes, weights hot in cache or streamed from memory. Names are kernel keys.
#include <benchmark/benchmark.h>

#include "gemm_case.hpp"

namespace lb = lowbit;

namespace {

/// Ours: `copies` distinct weight matrices used in turn, so that a large number comes from memory.
template <class P, class Activations = void>
void product(benchmark::State& state) {
    const auto m = static_cast<std::size_t>(state.range(0));
    const auto copies = static_cast<std::size_t>(state.range(1));
    const bench::gemm_case shape(m);
    bench::lowbit_product<P, Activations> run(shape, copies);
    for (auto _ : state) run();
    bench::report(state, shape, run.weight_bytes());
}

using w4z = lb::policy<lb::int4, lb::per_group<64>, lb::asymmetric>;
using w3g32 = lb::policy<lb::int3, lb::per_group<32>>;
using w5g32 = lb::policy<lb::int5, lb::per_group<32>>;
using w6g32 = lb::policy<lb::int6, lb::per_group<32>>;
using exact = lb::activations<float>;

void batches(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "copies"})->UseRealTime()->Unit(benchmark::kMicrosecond);
    b->Args({1, 1})->Args({1, 24})->Args({4, 1})->Args({16, 1})->Args({64, 1})->Args({512, 1});
}

BENCHMARK(product<lb::presets::w8>)->Name("gemm_f32_qd8_w8")->Apply(batches);
BENCHMARK(product<lb::presets::w8g32>)->Name("gemm_f32_qd8_w8g32")->Apply(batches);
BENCHMARK(product<lb::presets::w4>)->Name("gemm_f32_qd8_w4")->Apply(batches);
BENCHMARK(product<lb::presets::w4g32>)->Name("gemm_f32_qd8_w4g32")->Apply(batches);
BENCHMARK(product<lb::presets::w4g128>)->Name("gemm_f32_qd8_w4g128")->Apply(batches);
BENCHMARK(product<w4z>)->Name("gemm_f32_qd8_w4g64z")->Apply(batches);
BENCHMARK(product<lb::presets::w2g32>)->Name("gemm_f32_qd8_w2g32")->Apply(batches);
BENCHMARK(product<lb::presets::w158>)->Name("gemm_f32_qd8_ternary")->Apply(batches);
BENCHMARK(product<w3g32>)->Name("gemm_f32_qd8_w3g32")->Apply(batches);
BENCHMARK(product<w5g32>)->Name("gemm_f32_qd8_w5g32")->Apply(batches);
BENCHMARK(product<w6g32>)->Name("gemm_f32_qd8_w6g32")->Apply(batches);
BENCHMARK(product<lb::presets::iq4_nl, lb::activations<lb::int8>>)->Name("gemm_f32_qd8_iq4_nl")->Apply(batches);
BENCHMARK(product<lb::presets::nf4, lb::activations<lb::int8>>)->Name("gemm_f32_qd8_nf4g64")->Apply(batches);
BENCHMARK(product<lb::presets::w8, exact>)->Name("gemm_f32_f32_w8")->Apply(batches);
BENCHMARK(product<lb::presets::w4g32, exact>)->Name("gemm_f32_f32_w4g32")->Apply(batches);
BENCHMARK(product<lb::presets::w2g32, exact>)->Name("gemm_f32_f32_w2g32")->Apply(batches);
BENCHMARK(product<lb::presets::nf4>)->Name("gemm_f32_f32_nf4g64")->Apply(batches);

} // namespace
