// SPDX-License-Identifier: MIT
// Block-sparse products of level avx2: codes become 16 bits and are multiplied in pairs.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/kernel/blocks/block_product.hpp>
#include <lowbit/kernel/x86/avx2.hpp>

#if LOWBIT_HAS_X86

LOWBIT_REGION_BEGIN(avx2)
namespace lowbit::inline v0::kernel::avx2 {

#include <lowbit/kernel/body/blocks.inl>

template <class Here>
struct block_ops : ops<Here> {
    using ints = __m256i;
    using floats = __m256;
    static constexpr std::int32_t code_bias = 0;

    static LOWBIT_ALWAYS_INLINE ints as_ints(floats a) { return _mm256_castps_si256(a); }
    static LOWBIT_ALWAYS_INLINE ints widen(const std::int8_t* p) {
        return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static LOWBIT_ALWAYS_INLINE void transpose(ints (&a)[8]) {
        ints b[8];
        LOWBIT_UNROLL for (unsigned i = 0; i < 8; i += 2) {
            b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
            b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
        }
        LOWBIT_UNROLL for (unsigned i = 0; i < 8; i += 4) {
            LOWBIT_UNROLL for (unsigned j = 0; j < 2; ++j) {
                a[i + 2 * j] = _mm256_unpacklo_epi64(b[i + j], b[i + j + 2]);
                a[i + 2 * j + 1] = _mm256_unpackhi_epi64(b[i + j], b[i + j + 2]);
            }
        }
        LOWBIT_UNROLL for (unsigned i = 0; i < 4; ++i) {
            b[i] = _mm256_permute2x128_si256(a[i], a[i + 4], 0x20);
            b[i + 4] = _mm256_permute2x128_si256(a[i], a[i + 4], 0x31);
        }
        LOWBIT_UNROLL for (unsigned i = 0; i < 8; ++i) a[i] = b[i];
    }

    /// The sums of rows of W over 16 k at a time; so many chains of them hide the time of a product.
    template <unsigned Unit>
    static constexpr unsigned strip_chains = 4 / Unit;
    template <unsigned Unit>
    struct strip {
        ints sums[Unit];
        LOWBIT_ALWAYS_INLINE strip() { LOWBIT_UNROLL for (unsigned r = 0; r < Unit; ++r) sums[r] = _mm256_setzero_si256(); }
        LOWBIT_ALWAYS_INLINE void add(const std::int8_t* x, const std::int8_t* codes) {
            const ints wide = widen(x);
            LOWBIT_UNROLL for (unsigned r = 0; r < Unit; ++r) {
                sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(wide, widen(codes + 16 * r)));
            }
        }
        LOWBIT_ALWAYS_INLINE void add(const strip& other) {
            LOWBIT_UNROLL for (unsigned r = 0; r < Unit; ++r) sums[r] = _mm256_add_epi32(sums[r], other.sums[r]);
        }
        LOWBIT_ALWAYS_INLINE void totals(std::int32_t* to) const {
            LOWBIT_UNROLL for (unsigned r = 0; r < Unit; ++r) {
                __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sums[r]), _mm256_extracti128_si256(sums[r], 1));
                s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
                to[r] = _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
            }
        }
    };

    // 16 registers: 4 or 8 sums, a vector of activations, weights.
    template <unsigned Unit>
    static constexpr unsigned lane_vectors = Unit == 4 ? 2 : 4;
    static constexpr unsigned held_lanes = 0;
    static constexpr unsigned lane_step = 2;
    static LOWBIT_ALWAYS_INLINE ints lane_piece(const std::int8_t* x) { return widen(x); }
    template <unsigned Count>
    struct lane_codes {
        alignas(32) std::int16_t wide[Count];
        LOWBIT_ALWAYS_INLINE explicit lane_codes(const std::int8_t* from) {
            if constexpr (Count % 16 == 0) {
                LOWBIT_UNROLL for (unsigned i = 0; i < Count; i += 16) ops<Here>::store(wide + i, widen(from + i));
            } else {
                for (unsigned i = 0; i < Count; ++i) wide[i] = from[i];
            }
        }
        [[nodiscard]] LOWBIT_ALWAYS_INLINE ints at(unsigned i) const {
            std::int32_t pair;
            std::memcpy(&pair, wide + i, sizeof pair);
            return _mm256_set1_epi32(pair);
        }
    };
    static LOWBIT_ALWAYS_INLINE ints lane_dot(ints sum, ints x, ints w) { return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w)); }
};

template <block_key Key, class Here = isa::here>
inline constexpr auto block_kernel = block_body<block_ops<Here>, Key>::of(isa::level::avx2);

} // namespace lowbit::inline v0::kernel::avx2
LOWBIT_REGION_END(avx2)

#endif
