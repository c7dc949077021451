// SPDX-License-Identifier: MIT
// Products of packed weights: formats, batch sizes, weights hot in cache or streamed from memory.
#include <benchmark/benchmark.h>

#include "gemm_case.hpp"

namespace lb = lowbit;

namespace {

template <class P, class Activations = void>
void product(benchmark::State& state) {
    const bench::gemm_case shape{.m = static_cast<std::size_t>(state.range(0)),
                                 .copies = static_cast<std::size_t>(state.range(1))};
    bench::lowbit_product<P, Activations> run(shape);
    for (auto _ : state) run();
    bench::report(state, shape, run.weight_bytes());
}

using w1 = lb::policy<lb::binary, lb::scale_rule<lb::abs_mean>>;
using w4z = lb::policy<lb::int4, lb::per_group<64>, lb::asymmetric>;
using w3g32 = lb::policy<lb::int3, lb::per_group<32>>;
using w5g32 = lb::policy<lb::int5, lb::per_group<32>>;
using w6g32 = lb::policy<lb::int6, lb::per_group<32>>;
template <class Mask>
using w8_pruned = lb::policy<lb::int8, lb::per_channel, lb::prune<Mask>>;
using w4g64 = lb::policy<lb::int4, lb::per_group<64>>;
using w4g64_pairs = lb::policy<lb::int4, lb::per_group<64>, lb::prune<lb::n_of_m<2, 4>>>;
template <std::size_t Rows>
using w8_blocks = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::block_sparse<Rows, 16, 75>>>;

void batches(benchmark::internal::Benchmark* b) {
    b->ArgNames({"M", "copies"})->UseRealTime()->Unit(benchmark::kMicrosecond);
    b->Args({1, 1})->Args({1, 24})->Args({4, 1})->Args({16, 1})->Args({64, 1})->Args({512, 1});
}

/// Registers the products of policies under the names of their kernels on this machine.
template <class... P>
struct weights {
    template <class Activations = void>
    static bool registered() {
        (batches(benchmark::RegisterBenchmark(name<P, Activations>().c_str(), product<P, Activations>)), ...);
        return true;
    }

private:
    template <class Q, class Activations>
    static std::string name() {
        return lb::kernel_name(lb::pack<Activations>(lb::quantize<Q>(lb::matrix<float>(1, 1))));
    }
};

using namespace lb::presets;
const bool products =
    weights<w8, w8g32, w4, w4g32, w4g128, w4z, w2g32, w158, w3g32, w5g32, w6g32, w8_blocks<1>, w8_blocks<4>>::registered() &&
    weights<w8_pruned<lb::unstructured<50>>, w8_pruned<lb::unstructured<90>>, w8_pruned<lb::n_of_m<2, 4>>, w4g64,
            w4g64_pairs>::registered() &&
    weights<w1>::registered<lb::activations<lb::binary>>() && weights<iq4_nl, nf4>::registered<lb::activations<lb::int8>>() &&
    weights<w8, w4g32, w2g32, nf4>::registered<lb::activations<float>>();

} // namespace
