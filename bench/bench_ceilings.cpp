// SPDX-License-Identifier: MIT
// What the machine can do at best: read bandwidth by working-set size, and the dot-product and FMA peaks of the best level.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/isa/detect.hpp>
#include <lowbit/isa/target_region.hpp>

#include "read_all.hpp"

#if LOWBIT_HAS_X86
#include <immintrin.h>

LOWBIT_REGION_BEGIN(avx512vnni)
namespace {

constexpr int chains = 16; // enough independent accumulators for two units of latency 5

[[gnu::noinline]] void dot_products(std::int64_t rounds) {
    __m512i w = _mm512_set1_epi8(3);
    __m512i x = _mm512_set1_epi8(5);
    for (std::int64_t i = 0; i < rounds; ++i) {
        // named registers: an array of accumulators may live in memory
        asm volatile("vpdpbusd %0, %1, %%zmm0\n vpdpbusd %0, %1, %%zmm1\n vpdpbusd %0, %1, %%zmm2\n vpdpbusd %0, %1, %%zmm3\n"
                     "vpdpbusd %0, %1, %%zmm4\n vpdpbusd %0, %1, %%zmm5\n vpdpbusd %0, %1, %%zmm6\n vpdpbusd %0, %1, %%zmm7\n"
                     "vpdpbusd %0, %1, %%zmm8\n vpdpbusd %0, %1, %%zmm9\n vpdpbusd %0, %1, %%zmm10\n vpdpbusd %0, %1, %%zmm11\n"
                     "vpdpbusd %0, %1, %%zmm12\n vpdpbusd %0, %1, %%zmm13\n vpdpbusd %0, %1, %%zmm14\n vpdpbusd %0, %1, %%zmm15\n"
                     :
                     : "v"(w), "v"(x)
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15");
    }
}

[[gnu::noinline]] void fused_multiply_adds(std::int64_t rounds) {
    __m512 w = _mm512_set1_ps(1e-9f);
    for (std::int64_t i = 0; i < rounds; ++i) {
        asm volatile(
            "vfmadd231ps %0, %0, %%zmm0\n vfmadd231ps %0, %0, %%zmm1\n vfmadd231ps %0, %0, %%zmm2\n vfmadd231ps %0, %0, %%zmm3\n"
            "vfmadd231ps %0, %0, %%zmm4\n vfmadd231ps %0, %0, %%zmm5\n vfmadd231ps %0, %0, %%zmm6\n vfmadd231ps %0, %0, %%zmm7\n"
            "vfmadd231ps %0, %0, %%zmm8\n vfmadd231ps %0, %0, %%zmm9\n vfmadd231ps %0, %0, %%zmm10\n vfmadd231ps %0, %0, "
            "%%zmm11\n"
            "vfmadd231ps %0, %0, %%zmm12\n vfmadd231ps %0, %0, %%zmm13\n vfmadd231ps %0, %0, %%zmm14\n vfmadd231ps %0, %0, "
            "%%zmm15\n"
            :
            : "v"(w)
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
              "xmm14", "xmm15");
    }
}

[[gnu::noinline]] void bit_counts(std::int64_t rounds) {
    __m512i w = _mm512_set1_epi8(3);
    for (std::int64_t i = 0; i < rounds; ++i) {
        asm volatile("vpopcntd %0, %%zmm0\n vpopcntd %0, %%zmm1\n vpopcntd %0, %%zmm2\n vpopcntd %0, %%zmm3\n"
                     "vpopcntd %0, %%zmm4\n vpopcntd %0, %%zmm5\n vpopcntd %0, %%zmm6\n vpopcntd %0, %%zmm7\n"
                     "vpopcntd %0, %%zmm8\n vpopcntd %0, %%zmm9\n vpopcntd %0, %%zmm10\n vpopcntd %0, %%zmm11\n"
                     "vpopcntd %0, %%zmm12\n vpopcntd %0, %%zmm13\n vpopcntd %0, %%zmm14\n vpopcntd %0, %%zmm15\n"
                     :
                     : "v"(w)
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15");
    }
}

} // namespace
LOWBIT_REGION_END(avx512vnni)

namespace {

bool runs(benchmark::State& state) {
    if (lowbit::isa::supported(lowbit::isa::level::avx512vnni)) return true;
    state.SkipWithError("this machine has no AVX-512 VNNI");
    return false;
}

/// Keeps the calling thread on the processor of that place among those it may use.
void stay_on([[maybe_unused]] std::size_t place) {
#if defined(__linux__)
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof(all), &all);
    place %= static_cast<std::size_t>(CPU_COUNT(&all));
    std::size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all) || place-- > 0) ++cpu;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
#endif
}

/// The seconds in which so many threads, each on a processor of its own, do work(thread) side by side.
template <class Work>
double side_by_side(std::size_t threads, Work work) {
    using clock = std::chrono::steady_clock;
    std::vector<clock::time_point> starts(threads), ends(threads);
    std::atomic<std::size_t> waiting{threads};
    std::vector<std::thread> all;
    for (std::size_t i = 0; i < threads; ++i) {
        all.emplace_back([&, i] {
            stay_on(i);
            --waiting;
            while (waiting != 0) {
            }
            starts[i] = clock::now();
            work(i);
            ends[i] = clock::now();
        });
    }
    for (std::thread& t : all) t.join();
    const auto taken = *std::max_element(ends.begin(), ends.end()) - *std::min_element(starts.begin(), starts.end());
    return std::chrono::duration<double>(taken).count();
}

/// Times work(thread); all threads together do `amount` thousand millions of `unit` each time.
template <class Work>
void time_work(benchmark::State& state, const char* unit, double amount, Work work) {
    const auto threads = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) state.SetIterationTime(side_by_side(threads, work));
    state.counters[unit] =
        benchmark::Counter(static_cast<double>(threads) * amount * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

template <auto Instructions>
void peak(benchmark::State& state, int operations) {
    if (!runs(state)) return;
    constexpr std::int64_t rounds = 200000; // a millisecond, much longer than threads take to start
    time_work(state, "GOP/s", static_cast<double>(rounds) * chains * operations, [](std::size_t) { Instructions(rounds); });
}
void read_bandwidth(benchmark::State& state) {
    if (!runs(state)) return;
    const auto size = static_cast<std::size_t>(state.range(1)) << 10;
    const std::size_t passes = std::max<std::size_t>(1, (std::size_t{64} << 20) / size);
    std::vector<lowbit::aligned_buffer<std::byte>> memory;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        memory.emplace_back(size);
        std::memset(memory.back().data(), 1, size);
    }
    const auto read = size > std::size_t{64} << 20 ? bench::read_all<true> : bench::read_all<false>;
    time_work(state, "GB/s", static_cast<double>(passes * size), [&](std::size_t thread) {
        for (std::size_t i = 0; i < passes; ++i) benchmark::DoNotOptimize(read(memory[thread].data(), size));
    });
}

// Each thread works for itself, on memory of its own; rates are those of all threads together.
const bool registered = [] {
    const auto peak_of = [](const char* name, auto time, int operations) {
        benchmark::RegisterBenchmark(name, time, operations)->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->MinTime(0.1);
    };
    peak_of("peak_vpdpbusd", peak<dot_products>, 2 * 64);
    peak_of("peak_vpopcntd", peak<bit_counts>, 2 * 512); // of each word, which is compared first and added then
    peak_of("peak_fma", peak<fused_multiply_adds>, 2 * 16);
    auto* reads = benchmark::RegisterBenchmark("read_bandwidth", read_bandwidth);
    reads->ArgNames({"threads", "KiB"})->UseManualTime()->Unit(benchmark::kMicrosecond)->MinTime(0.1);
    for (const int threads : {1, 2}) {
        for (const int mib : {3, 6, 10, 14, 18, 32, 64, 512}) reads->Args({threads, mib << 10});
        reads->Args({threads, 16})->Args({threads, 512});
    }
    return true;
}();

} // namespace
#endif
