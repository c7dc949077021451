// SPDX-License-Identifier: MIT
// What the machine can do at best: read bandwidth by working-set size, and the dot-product and FMA peaks of the best level.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/isa/detect.hpp>
#include <lowbit/isa/target_region.hpp>

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

/// `Fetch`: ahead, also across the ends of pages, where the hardware's own prefetch ends; only a loss where data is in a cache.
template <bool Fetch>
[[gnu::noinline]] std::uint64_t read_all(const std::byte* p, std::size_t size) {
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (std::size_t i = 0; i + 256 <= size; i += 256) {
        for (std::size_t line = 0; Fetch && line < 256; line += 64)
            _mm_prefetch(reinterpret_cast<const char*>(p + i + line + 4096), _MM_HINT_T1);
        a = _mm512_or_si512(a, _mm512_load_si512(p + i));
        b = _mm512_or_si512(b, _mm512_load_si512(p + i + 64));
        c = _mm512_or_si512(c, _mm512_load_si512(p + i + 128));
        d = _mm512_or_si512(d, _mm512_load_si512(p + i + 192));
    }
    const __m512i all = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
    return static_cast<std::uint64_t>(_mm512_reduce_or_epi64(all));
}

} // namespace
LOWBIT_REGION_END(avx512vnni)

namespace {

bool runs(benchmark::State& state) {
    if (lowbit::isa::supported(lowbit::isa::level::avx512vnni)) return true;
    state.SkipWithError("this machine has no AVX-512 VNNI");
    return false;
}

void peak_vpdpbusd(benchmark::State& state) {
    if (!runs(state)) return;
    constexpr std::int64_t rounds = 10000;
    for (auto _ : state) dot_products(rounds);
    state.counters["GOP/s"] =
        benchmark::Counter(2.0 * 64 * chains * rounds * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
void peak_fma(benchmark::State& state) {
    if (!runs(state)) return;
    constexpr std::int64_t rounds = 10000;
    for (auto _ : state) fused_multiply_adds(rounds);
    state.counters["GOP/s"] =
        benchmark::Counter(2.0 * 16 * chains * rounds * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
/// A multiplication and an addition for each bit counted; that the bits are compared first, and the counts added, is not in it.
void peak_vpopcntd(benchmark::State& state) {
    if (!runs(state)) return;
    constexpr std::int64_t rounds = 10000;
    for (auto _ : state) bit_counts(rounds);
    state.counters["GOP/s"] =
        benchmark::Counter(2.0 * 512 * chains * rounds * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
void read_bandwidth(benchmark::State& state) {
    if (!runs(state)) return;
    const auto size = static_cast<std::size_t>(state.range(0)) << 10;
    lowbit::aligned_buffer<std::byte> memory(size);
    std::memset(memory.data(), 1, size);
    const auto read = size > std::size_t{64} << 20 ? read_all<true> : read_all<false>;
    for (auto _ : state) benchmark::DoNotOptimize(read(memory.data(), size));
    state.counters["GB/s"] = benchmark::Counter(static_cast<double>(size) * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// Each thread works for itself, on memory of its own; rates are those of all threads together.
BENCHMARK(peak_vpdpbusd)->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(peak_vpopcntd)->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(peak_fma)->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(read_bandwidth)
    ->ArgName("KiB")
    ->Arg(16)
    ->Arg(512)
    ->Arg(6 << 10)
    ->Arg(10 << 10)
    ->Arg(14 << 10)
    ->Arg(18 << 10)
    ->Arg(32 << 10)
    ->Arg(64 << 10)
    ->Arg(512 << 10)
    ->UseRealTime()
    ->ThreadRange(1, 2);

} // namespace
#endif
