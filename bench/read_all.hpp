// SPDX-License-Identifier: MIT
// read_all: reads memory as fast as one thread can, for ceilings.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/isa/target_region.hpp>

#if LOWBIT_HAS_X86
#include <immintrin.h>

LOWBIT_REGION_BEGIN(avx512)
namespace bench {

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

} // namespace bench
LOWBIT_REGION_END(avx512)
#endif
