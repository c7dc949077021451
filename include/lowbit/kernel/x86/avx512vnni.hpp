// SPDX-License-Identifier: MIT
// Level avx512vnni: avx512 and AVX-512 VNNI.
#pragma once

#include <lowbit/kernel/x86/avx512.hpp>

#if LOWBIT_HAS_X86

LOWBIT_REGION_BEGIN(avx512vnni)
namespace lowbit::inline v0::kernel::avx512vnni {

// Each body needs those before it.
// clang-format off
#include <lowbit/kernel/body/parts.inl>
#include <lowbit/kernel/body/byte_dot.inl>
#include <lowbit/kernel/body/integer.inl>
#include <lowbit/kernel/body/binary.inl>
#include <lowbit/kernel/body/floating.inl>
#include <lowbit/kernel/body/masked.inl>
#include <lowbit/kernel/body/product.inl>
// clang-format on

/// The vectors of level avx512 with its dot product of bytes.
template <class Here>
struct ops : avx512::vectors<Here> {
    using typename avx512::vectors<Here>::ints;

    static LOWBIT_ALWAYS_INLINE ints dot_bytes(ints sum, ints u, ints s) { return _mm512_dpbusd_epi32(sum, u, s); }

    /// See masked.inl: kept codes where `mask` has ones, `fill` elsewhere. The codes are loaded first, since an expansion from
    /// memory is slow.
    template <unsigned KeptBits>
    static LOWBIT_ALWAYS_INLINE ints expand(std::uint64_t mask, const std::byte* kept, ints fill) {
        if constexpr (KeptBits == 8) {
            return _mm512_mask_expand_epi8(fill, mask, _mm512_loadu_si512(kept));
        } else { // both nibbles of a byte to the bytes of a short
            const ints shorts = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(kept)));
            const ints both = _mm512_or_si512(shorts, _mm512_slli_epi16(shorts, 4));
            return _mm512_mask_expand_epi8(fill, mask, _mm512_and_si512(both, _mm512_set1_epi8(15)));
        }
    }

    static LOWBIT_ALWAYS_INLINE ints add_pairs(ints sum, ints a, ints b) { return _mm512_dpwssd_epi32(sum, a, b); }
    static LOWBIT_ALWAYS_INLINE ints places(const std::byte* masks) {
        std::int64_t all;
        std::memcpy(&all, masks, sizeof all);
        const ints bits = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
        return _mm512_multishift_epi64_epi8(bits, _mm512_set1_epi64(all));
    }

    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

    static LOWBIT_ALWAYS_INLINE ints count_lanes(ints a) { return _mm512_popcnt_epi32(a); }

    template <unsigned MaxCode>
    using dot = byte_dot<ops>;
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = 255;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::avx512vnni
LOWBIT_REGION_END(avx512vnni)

#endif
