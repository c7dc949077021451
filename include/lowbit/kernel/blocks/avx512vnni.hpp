// SPDX-License-Identifier: MIT
// Block-sparse products of level avx512vnni: activations plus 128 are the unsigned operand, codes the signed one.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/kernel/blocks/block_product.hpp>
#include <lowbit/kernel/x86/avx512vnni.hpp>

#if LOWBIT_HAS_X86

LOWBIT_REGION_BEGIN(avx512vnni)
namespace lowbit::inline v0::kernel::avx512vnni {

#include <lowbit/kernel/body/blocks.inl>

template <unsigned Unit>
struct strip_sums {
    __m128i sums{};
};
template <>
struct strip_sums<2> {
    __m256i sums{};
};
template <>
struct strip_sums<4> {
    __m512i sums{};
};

template <class Here>
struct block_ops : ops<Here> {
    using ints = __m512i;
    using floats = __m512;
    static constexpr std::int32_t code_bias = 128; ///< what activations have too much

    static LOWBIT_ALWAYS_INLINE ints as_ints(floats a) { return _mm512_castps_si512(a); }
    static LOWBIT_ALWAYS_INLINE void transpose(ints (&a)[16]) {
        ints b[16];
        LOWBIT_UNROLL for (unsigned i = 0; i < 16; i += 2) {
            b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
        }
        LOWBIT_UNROLL for (unsigned i = 0; i < 16; i += 4) { // a[i + c]: column 4 * l + c of rows i to i + 3 in each 128 bits l
            LOWBIT_UNROLL for (unsigned j = 0; j < 2; ++j) {
                a[i + 2 * j] = _mm512_unpacklo_epi64(b[i + j], b[i + j + 2]);
                a[i + 2 * j + 1] = _mm512_unpackhi_epi64(b[i + j], b[i + j + 2]);
            }
        }
        LOWBIT_UNROLL for (unsigned c = 0; c < 4; ++c) {
            const ints low = _mm512_shuffle_i32x4(a[c], a[c + 4], 0x88), high = _mm512_shuffle_i32x4(a[c], a[c + 4], 0xdd);
            const ints low2 = _mm512_shuffle_i32x4(a[c + 8], a[c + 12], 0x88);
            const ints high2 = _mm512_shuffle_i32x4(a[c + 8], a[c + 12], 0xdd);
            b[c] = _mm512_shuffle_i32x4(low, low2, 0x88);
            b[c + 4] = _mm512_shuffle_i32x4(high, high2, 0x88);
            b[c + 8] = _mm512_shuffle_i32x4(low, low2, 0xdd);
            b[c + 12] = _mm512_shuffle_i32x4(high, high2, 0xdd);
        }
        LOWBIT_UNROLL for (unsigned i = 0; i < 16; ++i) a[i] = b[i];
    }

    /// The sums of rows of W over 16 k at a time, 128 bits for each row; so many chains of them hide the time of a product.
    template <unsigned>
    static constexpr unsigned strip_chains = 4;
    template <unsigned Unit>
    struct strip : strip_sums<Unit> {
        using strip_sums<Unit>::sums;
        LOWBIT_ALWAYS_INLINE void add(const std::int8_t* x, const std::int8_t* codes) {
            const __m128i some = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)), _mm_set1_epi8(-128));
            if constexpr (Unit == 4) {
                sums = _mm512_dpbusd_epi32(sums, _mm512_broadcast_i32x4(some), _mm512_loadu_si512(codes));
            } else if constexpr (Unit == 2) {
                sums = _mm256_dpbusd_epi32(sums, _mm256_broadcastsi128_si256(some),
                                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)));
            } else {
                sums = _mm_dpbusd_epi32(sums, some, _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
            }
        }
        LOWBIT_ALWAYS_INLINE void add(const strip& other) {
            if constexpr (Unit == 4) {
                sums = _mm512_add_epi32(sums, other.sums);
            } else if constexpr (Unit == 2) {
                sums = _mm256_add_epi32(sums, other.sums);
            } else {
                sums = _mm_add_epi32(sums, other.sums);
            }
        }
        LOWBIT_ALWAYS_INLINE void totals(std::int32_t* to) const {
            alignas(16) std::int32_t all[4 * Unit];
            std::memcpy(all, &sums, sizeof sums);
            LOWBIT_UNROLL for (unsigned r = 0; r < Unit; ++r) {
                __m128i s = _mm_load_si128(reinterpret_cast<const __m128i*>(all + 4 * r));
                s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
                to[r] = _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
            }
        }
    };

    // 32 registers: up to 16 sums, 4 vectors of activations, weights.
    template <unsigned>
    static constexpr unsigned lane_vectors = 4;
    static constexpr unsigned held_lanes = 16; ///< activations of an atom, beside 4 sums
    static constexpr unsigned lane_step = 4;
    static LOWBIT_ALWAYS_INLINE ints lane_piece(const std::int8_t* x) {
        return _mm512_xor_si512(_mm512_loadu_si512(x), _mm512_set1_epi8(-128));
    }
    template <unsigned>
    struct lane_codes {
        const std::int8_t* from;
        LOWBIT_ALWAYS_INLINE explicit lane_codes(const std::int8_t* codes) : from(codes) {}
        [[nodiscard]] LOWBIT_ALWAYS_INLINE ints at(unsigned i) const { return ops<Here>::splat_quad(from + i); }
    };
    static LOWBIT_ALWAYS_INLINE ints lane_dot(ints sum, ints x, ints w) { return _mm512_dpbusd_epi32(sum, x, w); }
};

template <block_key Key, class Here = isa::here>
inline constexpr auto block_kernel = block_body<block_ops<Here>, Key>::of(isa::level::avx512vnni);

} // namespace lowbit::inline v0::kernel::avx512vnni
LOWBIT_REGION_END(avx512vnni)

#endif
