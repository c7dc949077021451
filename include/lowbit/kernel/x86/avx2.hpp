// SPDX-License-Identifier: MIT
// Level avx2: AVX2, FMA, F16C. No byte dot product: pairs of bytes, without saturation.
#pragma once

#include <bit>
#include <cstring>
#include <utility>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/kernel/expand_places.hpp>
#include <lowbit/kernel/product.hpp>

#if LOWBIT_HAS_X86

LOWBIT_REGION_BEGIN(avx2)
namespace lowbit::inline v0::kernel::avx2 {

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

/// Expansion of masked panels, also for the levels above that have no instruction for it: eight codes at once, shuffled to where
/// eight mask bits say.
template <class Here>
struct table_expander {
    /// Writes 64 codes to `to`: kept bytes where the mask has ones, those at `fill` elsewhere. See masked.inl.
    static LOWBIT_ALWAYS_INLINE void expand_to(const std::byte* mask, const std::byte* kept, const std::byte* fill,
                                               std::byte* to) {
        const __m256i second = _mm256_setr_epi64x(0, 0x0808080808080808, 0, 0x0808080808080808); // place in a pair of eights
        LOWBIT_UNROLL for (std::size_t i = 0; i < chunk_codes; i += 32) {
            std::size_t eight[4];
            const std::byte* from[4];
            LOWBIT_UNROLL for (unsigned e = 0; e < 4; ++e) {
                eight[e] = std::to_integer<std::size_t>(mask[i / 8 + e]);
                from[e] = kept;
                kept += ones(eight[e]);
            }
            const __m256i codes = pairs(from[0], from[1], from[2], from[3]);
            const auto at = [&](unsigned e) LOWBIT_INLINE_LAMBDA { return expand_places[eight[e]].data(); };
            const __m256i places = _mm256_or_si256(pairs(at(0), at(1), at(2), at(3)), second);
            const __m256i others = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(fill + i));
            // a place of 0x80 is nothing to the shuffle, and a sign to the blend
            const __m256i all = _mm256_blendv_epi8(_mm256_shuffle_epi8(codes, places), others, places);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), all);
        }
    }
    /// Both nibbles of `count` bytes as bytes, low ones first; reads up to 15 bytes and writes up to 30 more.
    static LOWBIT_ALWAYS_INLINE void spread_nibbles(const std::byte* from, std::size_t count, std::byte* to) {
        for (std::size_t i = 0; i < count; i += 16) {
            const __m256i shorts = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
            const __m256i both = _mm256_or_si256(shorts, _mm256_slli_epi16(shorts, 4));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * i), _mm256_and_si256(both, _mm256_set1_epi8(15)));
        }
    }

private:
    /// Eight bytes from each of four places.
    static LOWBIT_ALWAYS_INLINE __m256i pairs(const void* a, const void* b, const void* c, const void* d) {
        const auto pair = [](const void* low, const void* high) LOWBIT_INLINE_LAMBDA {
            const __m128i first = _mm_loadl_epi64(static_cast<const __m128i*>(low));
            return _mm_castps_si128(_mm_loadh_pi(_mm_castsi128_ps(first), static_cast<const __m64*>(high)));
        };
        return _mm256_set_m128i(pair(c, d), pair(a, b));
    }
};

/// Vectors of 256 bits.
template <class Here>
struct ops : table_expander<Here> {
    using ints = __m256i;
    using floats = __m256;
    static constexpr unsigned lanes = 8;

    // 16 registers. Integers: 3 x 2 sums, 2 vectors of weights, 3 activations, and what products and decoding need; one row of
    // 8 vectors, so that a stream of weights is read once. Floats: 4 x 2 sums, results wait in memory.
    static constexpr unsigned tile_rows = 3;
    static constexpr unsigned float_tile_rows = 4;
    template <unsigned Rows>
    static constexpr unsigned tile_vectors = Rows == 1 ? 8 : 2;
    static constexpr bool row_is_crowded = true; ///< its sums leave no registers for codes that wait
    static constexpr bool fused = true;          ///< decoding in registers pays for few rows: so many tiles
    static LOWBIT_ALWAYS_INLINE unsigned fused_tiles(decoding_cost cost) {
        return cost.gathers ? 1 : cost.planes > 1 || cost.floats ? 2 : 4;
    }

    static LOWBIT_ALWAYS_INLINE ints load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    static LOWBIT_ALWAYS_INLINE void store(void* p, ints v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
    static LOWBIT_ALWAYS_INLINE ints splat(std::int32_t x) { return _mm256_set1_epi32(x); }
    static LOWBIT_ALWAYS_INLINE ints splat_quad(const std::int8_t* x) {
        std::int32_t quad;
        std::memcpy(&quad, x, sizeof quad);
        return _mm256_set1_epi32(quad);
    }
    static LOWBIT_ALWAYS_INLINE ints load_bytes(const std::byte* p) {
        return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    }
    static LOWBIT_ALWAYS_INLINE ints bit_and(ints a, ints b) { return _mm256_and_si256(a, b); }
    static LOWBIT_ALWAYS_INLINE ints bit_or(ints a, ints b) { return _mm256_or_si256(a, b); }
    static LOWBIT_ALWAYS_INLINE ints bit_xor(ints a, ints b) { return _mm256_xor_si256(a, b); }
    /// (a & mask) | bits
    static LOWBIT_ALWAYS_INLINE ints masked_or(ints a, ints mask, ints bits) { return bit_or(bit_and(a, mask), bits); }
    /// Moves bit `From` of every 32 bits to bit `To`.
    template <unsigned From, unsigned To>
    static LOWBIT_ALWAYS_INLINE ints move_bits(ints a) {
        if constexpr (From > To) {
            return _mm256_srli_epi32(a, From - To);
        } else if constexpr (From < To) {
            return _mm256_slli_epi32(a, To - From);
        } else {
            return a;
        }
    }
    /// Every 32 bits shifted right as signed numbers.
    template <unsigned By>
    static LOWBIT_ALWAYS_INLINE ints lower(ints a) {
        return _mm256_srai_epi32(a, By);
    }
    static LOWBIT_ALWAYS_INLINE ints add(ints a, ints b) { return _mm256_add_epi32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints subtract(ints a, ints b) { return _mm256_sub_epi32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints multiply(ints a, ints b) { return _mm256_mullo_epi32(a, b); }
    /// Every byte looked up among the 16 at `table`.
    static LOWBIT_ALWAYS_INLINE ints lookup_bytes(const void* table, ints codes) {
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(table))), codes);
    }

    /// The ones of every byte, looked up by half bytes.
    static LOWBIT_ALWAYS_INLINE ints count_bytes(ints a) {
        alignas(16) static constexpr std::uint8_t ones[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
        const ints low = splat(0x0f0f0f0f);
        return add(lookup_bytes(ones, bit_and(a, low)), lookup_bytes(ones, bit_and(move_bits<4, 0>(a), low)));
    }

    static LOWBIT_ALWAYS_INLINE floats load_floats(const float* p) { return _mm256_loadu_ps(p); }
    static LOWBIT_ALWAYS_INLINE void store_floats(float* p, floats v) { _mm256_storeu_ps(p, v); }
    static LOWBIT_ALWAYS_INLINE floats splat_float(float x) { return _mm256_set1_ps(x); }
    static LOWBIT_ALWAYS_INLINE floats as_floats(ints bits) { return _mm256_castsi256_ps(bits); }
    static LOWBIT_ALWAYS_INLINE floats to_floats(ints a) { return _mm256_cvtepi32_ps(a); }
    static LOWBIT_ALWAYS_INLINE floats multiply_floats(floats a, floats b) { return _mm256_mul_ps(a, b); }
    static LOWBIT_ALWAYS_INLINE floats fma(floats a, floats b, floats c) { return _mm256_fmadd_ps(a, b, c); }
    template <scale_kind Kind>
    static LOWBIT_ALWAYS_INLINE floats load_scales(const std::byte* p) {
        if constexpr (Kind == scale_kind::float32) {
            return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
        } else {
            const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
            if constexpr (Kind == scale_kind::float16) {
                return _mm256_cvtph_ps(halves);
            } else {
                return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
            }
        }
    }
    static LOWBIT_ALWAYS_INLINE floats subtract_floats(floats a, floats b) { return _mm256_sub_ps(a, b); }
    /// Lowest bits of a lane that are looked up: two registers of 8, chosen between by the highest of them.
    static constexpr unsigned table_bits = 4;
    static constexpr bool quick_table = false; ///< by one instruction
    static LOWBIT_ALWAYS_INLINE floats lookup_floats(const float* entries, ints codes) {
        const floats low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(entries), codes);
        const floats high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(entries + 8), codes);
        return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)));
    }
    /// One by one: gathers are no faster since their mitigations (Downfall), and qemu 7.2 takes an index in ymm4 for none.
    static LOWBIT_ALWAYS_INLINE floats gather_floats(const float* table, ints codes) {
        std::int32_t at[lanes];
        store(at, codes);
        return _mm256_setr_ps(table[at[0]], table[at[1]], table[at[2]], table[at[3]], table[at[4]], table[at[5]], table[at[6]],
                              table[at[7]]);
    }
    /// Into the second-level cache, and into the first.
    static LOWBIT_ALWAYS_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1); }
    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

    // Of panels that store pairs, see masked.inl.
    /// The patterns of 8 columns, a lane each; reads 28 bytes.
    static LOWBIT_ALWAYS_INLINE ints patterns(const std::byte* p) {
        const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 12));
        return _mm256_shuffle_epi8(_mm256_set_m128i(high, low), _mm256_broadcastsi128_si256(thirds()));
    }
    static LOWBIT_ALWAYS_INLINE __m128i thirds() { return _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1); }
    /// Bits [From, From + Width) of the first or second two bytes of each lane, as signed shorts.
    template <unsigned Which, unsigned From, unsigned Width>
    static LOWBIT_ALWAYS_INLINE ints signed_pair(ints words) {
        const ints high = _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(high_bytes_of<Which>()));
        return _mm256_srai_epi16(From + Width == 8 ? high : _mm256_slli_epi16(high, 8 - From - Width), 16 - Width);
    }
    template <unsigned Which>
    static LOWBIT_ALWAYS_INLINE __m128i high_bytes_of() {
        constexpr char a = 2 * Which, b = a + 1;
        return _mm_setr_epi8(-1, a, -1, b, -1, a + 4, -1, b + 4, -1, a + 8, -1, b + 8, -1, a + 12, -1, b + 12);
    }
    /// The pairs of four activations as shorts, by the pattern.
    static LOWBIT_ALWAYS_INLINE ints pairs_of_quad(const std::int8_t* x) {
        return _mm256_srai_epi16(_mm256_shuffle_epi8(splat_quad(x), load(pairs_from_quad.data())), 8);
    }
    static LOWBIT_ALWAYS_INLINE ints pick_pairs(ints pairs, ints patterns) {
        return _mm256_permutevar8x32_epi32(pairs, patterns);
    }
    static LOWBIT_ALWAYS_INLINE ints add_pairs(ints sum, ints a, ints b) { return add(sum, _mm256_madd_epi16(a, b)); }
    /// Quads of bytes, fill + code where the pattern names one.
    static LOWBIT_ALWAYS_INLINE ints quads_of_pairs(ints codes, ints patterns, ints fill) {
        const ints lanes_of_128 = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);
        const ints from = bit_or(pick_pairs(load(quad_from_pairs.data()), patterns), lanes_of_128);
        return _mm256_add_epi8(_mm256_shuffle_epi8(codes, from), fill);
    }

    static LOWBIT_ALWAYS_INLINE ints multiply_bytes(ints u, ints s) { return _mm256_maddubs_epi16(u, s); }
    static LOWBIT_ALWAYS_INLINE ints multiply_shorts(ints a, ints b) { return _mm256_madd_epi16(a, b); }
    static LOWBIT_ALWAYS_INLINE ints add_shorts(ints a, ints b) { return _mm256_add_epi16(a, b); }
    static LOWBIT_ALWAYS_INLINE ints high_bytes(ints a) { return _mm256_srli_epi16(a, 8); }
    static LOWBIT_ALWAYS_INLINE ints signed_high_bytes(ints a) { return _mm256_srai_epi16(a, 8); }
    static LOWBIT_ALWAYS_INLINE ints signed_low_bytes(ints a) { return _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8); }

    template <unsigned MaxCode>
    using dot = pair_dot<ops, MaxCode>;
    /// The largest code of those that share a dot product, so that unpacked weights share their kernel.
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = MaxCode;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::avx2
LOWBIT_REGION_END(avx2)

#endif
