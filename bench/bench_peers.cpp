// SPDX-License-Identifier: MIT
// Ours beside the peers this machine has, and the ceilings, in one process. Each row checks its result against the float product
// first, and the repetitions of all rows are interleaved, since these machines drift. The one command:
//
//   bench_peers --benchmark_enable_random_interleaving=true --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//     --benchmark_out=peers.json --benchmark_out_format=json && plot.py peers.json peers.svg
//
// It takes about an hour; parts of it by --benchmark_filter, for example '^(w4g32/.*N:4096|peak|read).*threads:1'. Rows are
// <family>/<whose>/N:<outputs>/M:<rows>/copies:<weights in turn>/threads:<threads>, K is 4096; those of two threads need OpenMP.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "gemm_case.hpp"

#if LOWBIT_BENCH_HAS_EIGEN
#include "peers/eigen_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_GGML
#include "peers/ggml_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_ONEDNN
#include "peers/onednn_product.hpp"
#include "peers/onednn_sparse_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_ONNXRUNTIME
#include "peers/onnxruntime_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_OPENBLAS
#include "peers/openblas_product.hpp"
#endif
#if LOWBIT_BENCH_HAS_XNNPACK
#include "peers/xnnpack_product.hpp"
#endif

namespace lb = lowbit;

namespace {

/// A result further from the float product than this is wrong, not coarse. Families are called by their bits.
constexpr double wrong_at(std::string_view family) {
    constexpr std::pair<std::string_view, double> limits[]{
        {"w8", 0.03},     {"w6", 0.05},    {"w5", 0.08}, {"w4", 0.2},  {"nf4", 0.13}, {"iq4", 0.13}, {"w3", 0.35}, {"w2", 0.8},
        {"ternary", 0.9}, {"binary", 0.9}, {"q6", 0.05}, {"q5", 0.08}, {"q4", 0.2},   {"q3", 0.35},  {"q2", 0.8}};
    for (const auto& [name, limit] : limits) {
        if (family.starts_with(name)) return limit;
    }
    return 1e-4;
}

/// The weights of a family that are zero, by its name: <percent>_pruned, 2_of_4, or 75_in_<rows>x<columns of a block>.
constexpr bench::zeros zeros_of(std::string_view family) {
    if (family.ends_with("50_pruned")) return {2048, 0};
    if (family.ends_with("90_pruned")) return {3686, 0}; // of 4096
    if (family.ends_with("2_of_4")) return {2, 4};
    if (family.ends_with("75_in_1x16")) return {192, 0, 1, 16}; // of 256 blocks
    if (family.ends_with("75_in_4x16")) return {192, 0, 4, 16};
    return {};
}

/// Registers the rows of one product. `Arguments` follow the shape to its constructor.
template <class Product, class... Arguments>
void rows(const std::string& family, const std::string& whose, Arguments... arguments) {
    const auto time = [=](benchmark::State& state) {
        const auto argument = [&](std::size_t i) { return static_cast<std::size_t>(state.range(i)); };
        const bench::gemm_case shape{
            .m = argument(1), .n = argument(0), .copies = argument(2), .threads = argument(3), .zeros = zeros_of(family)};
        try {
            Product product(shape, arguments...);
            const double error = product.error();
            if (!(error < wrong_at(family))) {
                state.SkipWithError(("the relative error is " + std::to_string(error)).c_str());
                return;
            }
            for (auto _ : state) product();
            bench::report(state, shape, product.weight_bytes(), error);
        } catch (const std::exception& e) { // a peer that lacks this
            state.SkipWithError(e.what());
        }
    };
    auto* row = benchmark::RegisterBenchmark((family + "/" + whose).c_str(), time);
    row->ArgNames({"N", "M", "copies", "threads"})->UseRealTime()->Unit(benchmark::kMicrosecond)->MinTime(0.05);
    for (int threads = 1; threads <= bench::most_threads; ++threads) {
        for (const auto& [n, copies] : {std::pair{4096, 24}, std::pair{14336, 8}}) {
            row->Args({n, 1, copies, threads});
            for (const int m : {1, 4, 16, 64, 512}) row->Args({n, m, 1, threads});
        }
    }
}

template <class P, class Mask>
struct with_mask;
template <class... Tags, class Mask>
struct with_mask<lb::policy<Tags...>, Mask> {
    using type = lb::policy<Tags..., lb::prune<Mask>>;
};

/// Registers ours, pruned and dense, beside what the peers have for weights of which many are zero.
template <class P, class Mask>
void pruned_rows(const std::string& family, Mask) {
    rows<bench::lowbit_product<typename with_mask<P, Mask>::type>>(family, "lowbit");
    rows<bench::lowbit_product<P>>(family, "lowbit_dense");
#if LOWBIT_BENCH_HAS_EIGEN
    rows<bench::eigen_sparse_product>(family, "eigen_sparse");
#endif
#if LOWBIT_BENCH_HAS_ONEDNN
    rows<bench::onednn_sparse_product>(family, "onednn_csr");
#endif
#if LOWBIT_BENCH_HAS_GGML
    const bool four = family.starts_with("w4");
    rows<bench::ggml_product>(family, four ? "ggml_q4_0_repacked" : "ggml_q8_0", four ? GGML_TYPE_Q4_0 : GGML_TYPE_Q8_0, four);
#endif
}

const bool registered = [] {
#if defined(__GLIBC__)
    // All products' memory, ours and the peers', comes from one heap and goes back there: rows find the same pages, which lie
    // where they lie in the caches. They are huge pages for all, as what lowbit packs asks for anyway.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1); // never
    mallopt(M_TOP_PAD, 1 << 28);
    constexpr std::size_t heap = std::size_t{3} << 30;
    void* const all = std::malloc(heap);
    if (all != nullptr) lb::detail::ask_for_huge_pages(all, heap);
    std::free(all);
#endif
    using namespace lb::presets;
    using w2 = w2g32;
    using w3g32 = lb::policy<lb::int3, lb::per_group<32>>;
    using w5g32 = lb::policy<lb::int5, lb::per_group<32>>;
    using w6g32 = lb::policy<lb::int6, lb::per_group<32>>;
    using w1 = lb::policy<lb::binary, lb::scale_rule<lb::abs_mean>>;
    using int8 = lb::activations<lb::int8>;
    using grouped = lb::activations<lb::int8, lb::per_group<32>>;
    using floats = lb::activations<float>;
    rows<bench::lowbit_product<w8>>("w8", "lowbit");
    rows<bench::lowbit_product<w8, void, true>>("w8", "lowbit_x_given"); // as oneDNN's
    rows<bench::lowbit_product<w8g32>>("w8g32", "lowbit");
    rows<bench::lowbit_product<w8g32, grouped>>("w8g32", "lowbit_x_per_32");
    rows<bench::lowbit_product<w4>>("w4", "lowbit");
    rows<bench::lowbit_product<w4g32>>("w4g32", "lowbit");
    rows<bench::lowbit_product<w4g32, grouped>>("w4g32", "lowbit_x_per_32");
    rows<bench::lowbit_product<w4g128>>("w4g128", "lowbit");
    rows<bench::lowbit_product<w2>>("w2g32", "lowbit");
    rows<bench::lowbit_product<w158>>("ternary", "lowbit");
    rows<bench::lowbit_product<w3g32>>("w3g32", "lowbit");
    rows<bench::lowbit_product<w5g32>>("w5g32", "lowbit");
    rows<bench::lowbit_product<w6g32>>("w6g32", "lowbit");
    rows<bench::lowbit_product<nf4, int8>>("nf4", "lowbit");
    rows<bench::lowbit_product<iq4_nl, int8>>("iq4_nl", "lowbit");
    rows<bench::lowbit_product<q2_k>>("q2_k", "lowbit");
    rows<bench::lowbit_product<q3_k>>("q3_k", "lowbit");
    rows<bench::lowbit_product<q4_k>>("q4_k", "lowbit");
    rows<bench::lowbit_product<q5_k>>("q5_k", "lowbit");
    rows<bench::lowbit_product<q6_k>>("q6_k", "lowbit");
    rows<bench::lowbit_product<iq4_xs, int8>>("iq4_xs", "lowbit");
    rows<bench::lowbit_product<w1, lb::activations<lb::binary>>>("binary", "lowbit");
    rows<bench::lowbit_product<w8, floats>>("w8_float", "lowbit");
    rows<bench::lowbit_product<w4g32, floats>>("w4g32_float", "lowbit");
    rows<bench::lowbit_product<w2, floats>>("w2g32_float", "lowbit");
    rows<bench::lowbit_product<nf4, floats>>("nf4_float", "lowbit");
    pruned_rows<w8>("w8_50_pruned", lb::unstructured<50>{});
    pruned_rows<w8>("w8_90_pruned", lb::unstructured<90>{});
    pruned_rows<w8>("w8_2_of_4", lb::n_of_m<2, 4>{});
    pruned_rows<lb::policy<lb::int4, lb::per_group<64>>>("w4_2_of_4", lb::n_of_m<2, 4>{});
    pruned_rows<w8>("w8_75_in_1x16", lb::block_sparse<1, 16, 75>{});
    pruned_rows<w8>("w8_75_in_4x16", lb::block_sparse<4, 16, 75>{});
#if LOWBIT_BENCH_HAS_GGML
    rows<bench::ggml_product>("w8g32", "ggml_q8_0", GGML_TYPE_Q8_0, false); // ggml repacks no 8-bit type on this architecture
    rows<bench::ggml_product>("w4g32", "ggml_q4_0_repacked", GGML_TYPE_Q4_0, true);
    rows<bench::ggml_product>("w4g32", "ggml_q4_0", GGML_TYPE_Q4_0, false);
    rows<bench::ggml_product>("iq4_nl", "ggml_iq4_nl_repacked", GGML_TYPE_IQ4_NL, true);
    rows<bench::ggml_product>("w2g32", "ggml_q2_k_repacked", GGML_TYPE_Q2_K, true);
    rows<bench::ggml_product>("ternary", "ggml_tq2_0", GGML_TYPE_TQ2_0, false);
    rows<bench::ggml_product>("w3g32", "ggml_q3_k", GGML_TYPE_Q3_K, false);
    rows<bench::ggml_product>("w5g32", "ggml_q5_0", GGML_TYPE_Q5_0, false);
    rows<bench::ggml_product>("w6g32", "ggml_q6_k", GGML_TYPE_Q6_K, false);
    rows<bench::ggml_product>("q2_k", "ggml_repacked", GGML_TYPE_Q2_K, true);
    rows<bench::ggml_product>("q3_k", "ggml", GGML_TYPE_Q3_K, false);
    rows<bench::ggml_product>("q4_k", "ggml_repacked", GGML_TYPE_Q4_K, true);
    rows<bench::ggml_product>("q4_k", "ggml", GGML_TYPE_Q4_K, false);
    rows<bench::ggml_product>("q5_k", "ggml", GGML_TYPE_Q5_K, false);
    rows<bench::ggml_product>("q6_k", "ggml", GGML_TYPE_Q6_K, false);
    rows<bench::ggml_product>("iq4_xs", "ggml", GGML_TYPE_IQ4_XS, false);
#endif
#if LOWBIT_BENCH_HAS_ONEDNN
    rows<bench::onednn_product>("w8", "onednn_u8s8");
#endif
#if LOWBIT_BENCH_HAS_ONNXRUNTIME
    rows<bench::onnxruntime_product<bench::dynamic_quantize_matmul>>("w8", "onnxruntime_dynamic");
#if ORT_API_VERSION >= 22 // before, MatMulNBits has 4 bits only
    rows<bench::onnxruntime_product<bench::matmul_nbits<8, 32, 4>>>("w8g32", "onnxruntime_nbits");
#endif
    rows<bench::onnxruntime_product<bench::matmul_nbits<4, 32, 4>>>("w4g32", "onnxruntime_nbits");
    rows<bench::onnxruntime_product<bench::matmul_nbits<4, 128, 4>>>("w4g128", "onnxruntime_nbits");
    rows<bench::onnxruntime_product<bench::matmul_nbits<4, 32, 1>>>("w4g32_float", "onnxruntime_nbits");
#endif
#if LOWBIT_BENCH_HAS_OPENBLAS
    rows<bench::openblas_product>("float", "openblas");
#endif
#if LOWBIT_BENCH_HAS_XNNPACK
    rows<bench::xnnpack_product<bench::qd8_f32_qc8w>>("w8", "xnnpack_qc8w");
    rows<bench::xnnpack_product<bench::qd8_f32_qc4w>>("w4", "xnnpack_qc4w");
    rows<bench::xnnpack_product<bench::qd8_f32_qb4w<32>>>("w4g32", "xnnpack_qb4w");
    rows<bench::xnnpack_product<bench::qd8_f32_qb4w<128>>>("w4g128", "xnnpack_qb4w");
#endif
    return true;
}();

} // namespace
