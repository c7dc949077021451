// SPDX-License-Identifier: MIT
// Level avx512vnni: avx512 and AVX-512 VNNI, VBMI, VBMI2, VPOPCNTDQ and GFNI.
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
#include <lowbit/kernel/body/one_row.inl>
#include <lowbit/kernel/body/product.inl>
// clang-format on

template <class Here>
struct split_ops;

/// The vectors of level avx512 with its dot product of bytes.
template <class Here>
struct ops : avx512::vectors<Here> {
    using typename avx512::vectors<Here>::ints;

    using split = split_ops<Here>;
    static constexpr unsigned deep_rows = 6; ///< 6 x 4 sums, 6 activations, weights and a mask; results in memory

    static LOWBIT_ALWAYS_INLINE unsigned fused_tiles(decoding_cost cost) {
        return cost.planes > 1 ? avx512::vectors<Here>::tiles_of_planes() : avx512::vectors<Here>::fused_tiles(cost);
    }

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

    // Of pairs, two quads at once.
    /// Bits [From, From + Width) of each byte in its highest bits, zeros below.
    template <unsigned From, unsigned Width>
    static LOWBIT_ALWAYS_INLINE ints high_fields(ints words) {
        if constexpr (Width == 8) return words;
        const ints high = From + Width == 8 ? words : _mm512_slli_epi32(words, 8 - From - Width);
        return _mm512_and_si512(high, _mm512_set1_epi8(static_cast<char>(0x100 - (1 << (8 - Width)))));
    }
    /// The pairs of eight activations plus 128: a short for each pattern of the first quad, then of the second, and all again.
    static LOWBIT_ALWAYS_INLINE ints pairs_of_octet(const std::int8_t* x) {
        std::int64_t octet;
        std::memcpy(&octet, x, sizeof octet);
        const ints raised = _mm512_xor_si512(_mm512_set1_epi64(octet), _mm512_set1_epi8(-128));
        return _mm512_shuffle_epi8(raised, avx512::vectors<Here>::load(pairs_from_octet.data()));
    }
    /// What was loaded stays behind what was loaded before: compilers move loads within an unrolled loop, and where lines do not
    /// come in ascending order the hardware loses the stream.
    static LOWBIT_ALWAYS_INLINE ints in_order(ints loaded) {
        __asm__ __volatile__("" : "+v"(loaded));
        return loaded;
    }
    static LOWBIT_ALWAYS_INLINE ints patterns(const std::byte* p) {
        using all = avx512::vectors<Here>;
        return _mm512_permutexvar_epi8(all::load(thirds_to_lanes.data()), all::load(p));
    }
    /// Where pick_shorts finds the pairs of quads 2 * J and 2 * J + 1.
    template <unsigned J>
    static LOWBIT_ALWAYS_INLINE ints octet_patterns(ints patterns) {
        constexpr std::int64_t low = 6 * J | (6 * J + 3) << 16;
        const ints fields = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(low | (low + 0x200020) << 32), patterns);
        return avx512::vectors<Here>::masked_or(fields, _mm512_set1_epi16(7), _mm512_set1_epi32(8 << 16));
    }
    static LOWBIT_ALWAYS_INLINE ints pick_shorts(ints pairs, ints at) { return _mm512_permutexvar_epi16(at, pairs); }

    // Of lists.
    /// 256 activations plus 128, and places in them.
    struct window {
        ints quarters[4];
    };
    struct place {
        ints at;
        __mmask64 upper; ///< the second half of the window
    };
    static LOWBIT_ALWAYS_INLINE window load_window(const std::int8_t* x) {
        window w;
        LOWBIT_UNROLL for (unsigned i = 0; i < 4; ++i) {
            w.quarters[i] = _mm512_xor_si512(_mm512_loadu_si512(x + 64 * i), _mm512_set1_epi8(-128));
        }
        return w;
    }
    static LOWBIT_ALWAYS_INLINE place window_places(const std::byte* p) {
        const ints at = _mm512_loadu_si512(p);
        return {at, _mm512_movepi8_mask(at)};
    }
    static LOWBIT_ALWAYS_INLINE ints pick(const window& w, place p) {
        const ints lower = _mm512_permutex2var_epi8(w.quarters[0], p.at, w.quarters[1]);
        return _mm512_mask_blend_epi8(p.upper, lower, _mm512_permutex2var_epi8(w.quarters[2], p.at, w.quarters[3]));
    }

    /// Where move_field, one instruction rather than two, but on the units of products, pays: several rows have none to spare.
    /// 2 bits gain all the same, as long as there are registers for its matrices.
    template <unsigned Bits, unsigned Rows>
    static constexpr bool moves_fields = Rows == 1 || (Bits == 2 && Rows <= ops::tile_rows);
    /// Bits From to From + Width - 1 of each byte at To, and zeros beside them: a product of each byte with a matrix of bits,
    /// whose row for bit i is byte 7 - i.
    template <unsigned From, unsigned Width, unsigned To>
    static LOWBIT_ALWAYS_INLINE ints move_field(ints a) {
        constexpr std::uint64_t matrix = [] {
            std::uint64_t rows = 0;
            for (unsigned i = 0; i < Width; ++i) rows |= std::uint64_t{1} << (8 * (7 - To - i) + From + i);
            return rows;
        }();
        return _mm512_gf2p8affine_epi64_epi8(a, _mm512_set1_epi64(static_cast<long long>(matrix)), 0);
    }

    static LOWBIT_ALWAYS_INLINE ints count_lanes(ints a) { return _mm512_popcnt_epi32(a); }

    template <unsigned MaxCode>
    using dot = byte_dot<ops>;
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = 255;
};

/// For 2 bits where vectors are split, and those units not as many: a shift and a mask are quicker.
template <class Here>
struct split_ops : ops<Here> {
    static constexpr bool splits_vectors() { return true; }
    template <unsigned, unsigned>
    static constexpr bool moves_fields = false;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::avx512vnni
LOWBIT_REGION_END(avx512vnni)

#endif
