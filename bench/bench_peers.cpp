// SPDX-License-Identifier: MIT
// Ours beside the peers this machine has, and the ceilings, in one process. Each row checks its result first, and the repetitions
// of all rows are interleaved, since these machines drift: run with --benchmark_enable_random_interleaving=true
// --benchmark_repetitions=9. Rows are <family>/<whose>/M:<rows>/copies:<weights in turn>/threads:<threads>; those of two threads
// need OpenMP.
#include <benchmark/benchmark.h>

#include <string>

#include "gemm_case.hpp"

#if LOWBIT_BENCH_HAS_GGML
#include "peers/ggml_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_ONEDNN
#include "peers/onednn_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_OPENBLAS
#include "peers/openblas_product.hpp"
#endif

namespace lb = lowbit;

namespace {

/// A result further from the float product than this is wrong, not coarse.
constexpr double wrong_at(std::string_view family) {
    return family.starts_with("w4") ? 0.16 : family.starts_with("w8") ? 0.03 : 1e-4;
}

/// Registers the rows of one product. `Arguments` follow the shape to its constructor.
template <class Product, class... Arguments>
void rows(const std::string& family, const std::string& whose, Arguments... arguments) {
    const auto time = [=](benchmark::State& state) {
        const auto argument = [&](std::size_t i) { return static_cast<std::size_t>(state.range(i)); };
        const bench::gemm_case shape{.m = argument(0), .copies = argument(1), .threads = argument(2)};
        Product product(shape, arguments...);
        const double error = product.error();
        if (!(error < wrong_at(family))) {
            state.SkipWithError(("the relative error is " + std::to_string(error)).c_str());
            return;
        }
        for (auto _ : state) product();
        bench::report(state, shape, product.weight_bytes(), error);
    };
    auto* row = benchmark::RegisterBenchmark((family + "/" + whose).c_str(), time);
    row->ArgNames({"M", "copies", "threads"})->UseRealTime()->Unit(benchmark::kMicrosecond);
#if defined(_OPENMP)
    constexpr int most_threads = 2;
#else
    constexpr int most_threads = 1;
#endif
    for (int threads = 1; threads <= most_threads; ++threads) {
        row->Args({1, 24, threads});
        for (const int m : {1, 4, 16, 64, 512}) row->Args({m, 1, threads});
    }
}

const bool registered = [] {
    using namespace lb::presets;
    rows<bench::lowbit_product<w8>>("w8", "lowbit");
    rows<bench::lowbit_product<w8g32>>("w8g32", "lowbit");
    rows<bench::lowbit_product<w4>>("w4", "lowbit");
    rows<bench::lowbit_product<w4g32>>("w4g32", "lowbit");
    rows<bench::lowbit_product<w8, lb::activations<float>>>("w8_float", "lowbit");
    rows<bench::lowbit_product<w4g32, lb::activations<float>>>("w4g32_float", "lowbit");
#if LOWBIT_BENCH_HAS_GGML
    rows<bench::ggml_product>("w8g32", "ggml_q8_0", GGML_TYPE_Q8_0, false); // ggml repacks no 8-bit type on this architecture
    rows<bench::ggml_product>("w4g32", "ggml_q4_0_repacked", GGML_TYPE_Q4_0, true);
    rows<bench::ggml_product>("w4g32", "ggml_q4_0", GGML_TYPE_Q4_0, false);
#endif
#if LOWBIT_BENCH_HAS_ONEDNN
    rows<bench::onednn_product>("w8", "onednn_u8s8");
#endif
#if LOWBIT_BENCH_HAS_OPENBLAS
    rows<bench::openblas_product>("float", "openblas");
#endif
    return true;
}();

} // namespace
