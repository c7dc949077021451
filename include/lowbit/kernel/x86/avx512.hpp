// SPDX-License-Identifier: MIT
// Level avx512: AVX-512 F, BW, DQ, VL, CD. No byte dot product: pairs of bytes, without saturation.
#pragma once

#include <bit>
#include <cstring>
#include <utility>

#include <lowbit/isa/detect.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/x86/avx2.hpp>

#if LOWBIT_HAS_X86

LOWBIT_REGION_BEGIN(avx512)
namespace lowbit::inline v0::kernel::avx512 {

// Each body needs those before it.
// clang-format off
#include <lowbit/kernel/body/parts.inl>
#include <lowbit/kernel/body/pair_dot.inl>
#include <lowbit/kernel/body/integer.inl>
#include <lowbit/kernel/body/binary.inl>
#include <lowbit/kernel/body/floating.inl>
#include <lowbit/kernel/body/masked.inl>
#include <lowbit/kernel/body/one_row.inl>
#include <lowbit/kernel/body/product.inl>
// clang-format on

/// Vectors of 512 bits; what AVX-512 VNNI shares.
template <class Here>
struct vectors : avx2::table_expander<Here> {
    using ints = __m512i;
    using floats = __m512;
    static constexpr unsigned lanes = 16;

    // 32 registers. Integers: 3 x 4 sums, as many results, a vector of weights, 3 activations, and 4 for what decoding needs.
    // Floats: 4 x 4 sums, weights, 4 activations; results wait in memory, a chain is long.
    static constexpr unsigned tile_rows = 3;
    static constexpr unsigned float_tile_rows = 4;
    static constexpr unsigned once_rows = 4;       ///< 4 x 4 sums, results in memory
    static constexpr unsigned least_spreading = 8; ///< rows of whole bytes with which lines of the next block come one by one
    template <unsigned Rows>
    static constexpr unsigned tile_vectors = 4;
    /// Of weights of several planes, where a product is one instruction.
    static LOWBIT_ALWAYS_INLINE unsigned tiles_of_planes() { return isa::has_spare_pipes<Here>() ? 4 : 1; }
    static constexpr bool fused = true; ///< decoding in registers pays for few rows: so many tiles
    static LOWBIT_ALWAYS_INLINE unsigned fused_tiles(decoding_cost cost) {
        if (cost.gathers) return 1;
        if (cost.planes > 1) return cost.floats ? tiles_of_planes() : 1;
        const bool spare = isa::has_spare_pipes<Here>();
        if (cost.floats) return isa::has_wide_pipes<Here>() ? most_rows : spare ? 16 : 1;
        if (!spare) return 4;
        return cost.table || cost.whole ? 16 : most_rows; // a table takes the units of products, bytes lie ready in a cache
    }

    /// Whether a vector is two operations: other instructions pay then, and other fetches.
    static LOWBIT_ALWAYS_INLINE bool splits_vectors() { return isa::has_split_pipes<Here>(); }

    static LOWBIT_ALWAYS_INLINE ints load(const void* p) { return _mm512_loadu_si512(p); }
    static LOWBIT_ALWAYS_INLINE void store(void* p, ints v) { _mm512_storeu_si512(p, v); }
    static LOWBIT_ALWAYS_INLINE ints splat(std::int32_t x) { return _mm512_set1_epi32(x); }
    static LOWBIT_ALWAYS_INLINE ints splat_quad(const std::int8_t* x) {
        std::int32_t quad;
        std::memcpy(&quad, x, sizeof quad);
        return _mm512_set1_epi32(quad);
    }
    static LOWBIT_ALWAYS_INLINE ints load_bytes(const std::byte* p) {
        return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static LOWBIT_ALWAYS_INLINE ints bit_and(ints a, ints b) { return _mm512_and_si512(a, b); }
    static LOWBIT_ALWAYS_INLINE ints bit_or(ints a, ints b) { return _mm512_or_si512(a, b); }
    static LOWBIT_ALWAYS_INLINE ints bit_xor(ints a, ints b) { return _mm512_xor_si512(a, b); }
    /// The function of three bits that has this table, of which a is the highest index.
    template <unsigned Table>
    static LOWBIT_ALWAYS_INLINE ints logic(ints a, ints b, ints c) {
        return _mm512_ternarylogic_epi32(a, b, c, Table);
    }
    /// (a & mask) | bits
    static LOWBIT_ALWAYS_INLINE ints masked_or(ints a, ints mask, ints bits) { return logic<0xea>(a, mask, bits); }
    /// Moves bit `From` of every 32 bits to bit `To`.
    template <unsigned From, unsigned To>
    static LOWBIT_ALWAYS_INLINE ints move_bits(ints a) {
        if constexpr (From > To) {
            return _mm512_srli_epi32(a, From - To);
        } else if constexpr (From < To) {
            return _mm512_slli_epi32(a, To - From);
        } else {
            return a;
        }
    }
    /// Every 32 bits shifted right as signed numbers.
    template <unsigned By>
    static LOWBIT_ALWAYS_INLINE ints lower(ints a) {
        return _mm512_srai_epi32(a, By);
    }
    static LOWBIT_ALWAYS_INLINE ints add(ints a, ints b) { return _mm512_add_epi32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints subtract(ints a, ints b) { return _mm512_sub_epi32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints multiply(ints a, ints b) { return _mm512_mullo_epi32(a, b); }
    /// Every byte looked up among the 16 at `table`.
    static LOWBIT_ALWAYS_INLINE ints lookup_bytes(const void* table, ints codes) {
        return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(table))), codes);
    }

    /// The ones of every byte, looked up by half bytes.
    static LOWBIT_ALWAYS_INLINE ints count_bytes(ints a) {
        alignas(16) static constexpr std::uint8_t ones[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
        const ints low = splat(0x0f0f0f0f);
        return add(lookup_bytes(ones, bit_and(a, low)), lookup_bytes(ones, bit_and(move_bits<4, 0>(a), low)));
    }

    static LOWBIT_ALWAYS_INLINE floats load_floats(const float* p) { return _mm512_loadu_ps(p); }
    static LOWBIT_ALWAYS_INLINE void store_floats(float* p, floats v) { _mm512_storeu_ps(p, v); }
    static LOWBIT_ALWAYS_INLINE floats splat_float(float x) { return _mm512_set1_ps(x); }
    static LOWBIT_ALWAYS_INLINE floats as_floats(ints bits) { return _mm512_castsi512_ps(bits); }
    static LOWBIT_ALWAYS_INLINE floats to_floats(ints a) { return _mm512_cvtepi32_ps(a); }
    static LOWBIT_ALWAYS_INLINE floats multiply_floats(floats a, floats b) { return _mm512_mul_ps(a, b); }
    static LOWBIT_ALWAYS_INLINE floats fma(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
    template <scale_kind Kind>
    static LOWBIT_ALWAYS_INLINE floats load_scales(const std::byte* p) {
        if constexpr (Kind == scale_kind::float32) {
            return _mm512_loadu_ps(p);
        } else {
            const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
            if constexpr (Kind == scale_kind::float16) {
                return _mm512_cvtph_ps(halves);
            } else {
                return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
            }
        }
    }
    static LOWBIT_ALWAYS_INLINE floats subtract_floats(floats a, floats b) { return _mm512_sub_ps(a, b); }
    /// Lowest bits of a lane that one permutation looks up.
    static constexpr unsigned table_bits = 4;
    static constexpr bool quick_table = true; ///< by one instruction
    static LOWBIT_ALWAYS_INLINE floats lookup_floats(const float* entries, ints codes) {
        return _mm512_permutexvar_ps(codes, _mm512_loadu_ps(entries));
    }
    static LOWBIT_ALWAYS_INLINE floats gather_floats(const float* table, ints codes) {
        return _mm512_i32gather_ps(codes, table, 4);
    }
    // Of panels that store pairs, see masked.inl and avx2.
    static LOWBIT_ALWAYS_INLINE ints patterns(const std::byte* p) { // reads 64 bytes
        const ints groups =
            _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11), load(p));
        return _mm512_shuffle_epi8(groups, _mm512_broadcast_i32x4(avx2::ops<Here>::thirds()));
    }
    template <unsigned Which, unsigned From, unsigned Width>
    static LOWBIT_ALWAYS_INLINE ints signed_pair(ints words) {
        const ints high = _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(avx2::ops<Here>::template high_bytes_of<Which>()));
        return _mm512_srai_epi16(From + Width == 8 ? high : _mm512_slli_epi16(high, 8 - From - Width), 16 - Width);
    }
    static LOWBIT_ALWAYS_INLINE ints pairs_of_quad(const std::int8_t* x) {
        return _mm512_srai_epi16(_mm512_shuffle_epi8(splat_quad(x), load(pairs_from_quad.data())), 8);
    }
    static LOWBIT_ALWAYS_INLINE ints pick_pairs(ints pairs, ints patterns) { return _mm512_permutexvar_epi32(patterns, pairs); }
    static LOWBIT_ALWAYS_INLINE ints quads_of_pairs(ints codes, ints patterns, ints fill) {
        const ints lanes_of_128 = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
        const ints from = bit_or(pick_pairs(load(quad_from_pairs.data()), patterns), lanes_of_128);
        return _mm512_add_epi8(_mm512_shuffle_epi8(codes, from), fill);
    }

    /// Into the second-level cache, and into the first.
    static LOWBIT_ALWAYS_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1); }
    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
};

/// The level's vectors with pairwise products.
template <class Here>
struct ops : vectors<Here> {
    using typename vectors<Here>::ints;

    static LOWBIT_ALWAYS_INLINE ints add_pairs(ints sum, ints a, ints b) {
        return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
    }

    static LOWBIT_ALWAYS_INLINE ints multiply_bytes(ints u, ints s) { return _mm512_maddubs_epi16(u, s); }
    static LOWBIT_ALWAYS_INLINE ints multiply_shorts(ints a, ints b) { return _mm512_madd_epi16(a, b); }
    static LOWBIT_ALWAYS_INLINE ints add_shorts(ints a, ints b) { return _mm512_add_epi16(a, b); }
    static LOWBIT_ALWAYS_INLINE ints high_bytes(ints a) { return _mm512_srli_epi16(a, 8); }
    static LOWBIT_ALWAYS_INLINE ints signed_high_bytes(ints a) { return _mm512_srai_epi16(a, 8); }
    static LOWBIT_ALWAYS_INLINE ints signed_low_bytes(ints a) { return _mm512_srai_epi16(_mm512_slli_epi16(a, 8), 8); }

    template <unsigned MaxCode>
    using dot = pair_dot<ops, MaxCode>;
    /// The largest code of those that share a dot product, so that unpacked weights share their kernel.
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = MaxCode;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::avx512
LOWBIT_REGION_END(avx512)

#endif
