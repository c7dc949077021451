// SPDX-License-Identifier: MIT
// Level neon: AArch64 Advanced SIMD. No byte dot product: long products of bytes, added up in pairs.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/kernel/expand_places.hpp>
#include <lowbit/kernel/product.hpp>

#if LOWBIT_HAS_NEON

LOWBIT_REGION_BEGIN(neon)
namespace lowbit::inline v0::kernel::neon {

// Each body needs those before it.
// clang-format off
#include <lowbit/kernel/body/parts.inl>
#include <lowbit/kernel/body/integer.inl>
#include <lowbit/kernel/body/binary.inl>
#include <lowbit/kernel/body/floating.inl>
#include <lowbit/kernel/body/masked.inl>
#include <lowbit/kernel/body/one_row.inl>
#include <lowbit/kernel/body/product.inl>
// clang-format on

/// Vectors of 128 bits; what the levels with dot products share.
template <class Here>
struct vectors {
    using ints = int32x4_t;
    using floats = float32x4_t;
    static constexpr unsigned lanes = 4;

    // 32 registers: 4 x 4 sums, weights, 4 activations, and what decoding needs; results wait in memory. One row of all 16
    // vectors, so that a stream of weights is read once.
    static constexpr unsigned tile_rows = 4;
    static constexpr unsigned float_tile_rows = 4;
    template <unsigned Rows>
    static constexpr unsigned tile_vectors = 16 / std::bit_ceil(Rows); // whole tiles a panel
    static constexpr bool fused = true;                                ///< decoding in registers pays for few rows: so many tiles
    static LOWBIT_ALWAYS_INLINE unsigned fused_tiles(decoding_cost cost) { return cost.planes > 1 || cost.floats ? 1 : 4; }

    // Loads are of bytes: packed weights have any alignment.
    static LOWBIT_ALWAYS_INLINE ints load(const void* p) {
        return vreinterpretq_s32_u8(vld1q_u8(static_cast<const std::uint8_t*>(p)));
    }
    static LOWBIT_ALWAYS_INLINE void store(void* p, ints v) { vst1q_u8(static_cast<std::uint8_t*>(p), vreinterpretq_u8_s32(v)); }
    static LOWBIT_ALWAYS_INLINE ints splat(std::int32_t x) { return vdupq_n_s32(x); }
    static LOWBIT_ALWAYS_INLINE ints load_bytes(const std::byte* p) {
        std::uint32_t bytes;
        std::memcpy(&bytes, p, sizeof bytes);
        return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes)))));
    }
    static LOWBIT_ALWAYS_INLINE ints bit_and(ints a, ints b) { return vandq_s32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints bit_or(ints a, ints b) { return vorrq_s32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints bit_xor(ints a, ints b) { return veorq_s32(a, b); }
    /// The bits of a where `mask` has ones, of b elsewhere.
    static LOWBIT_ALWAYS_INLINE ints bit_select(ints mask, ints a, ints b) {
        return vbslq_s32(vreinterpretq_u32_s32(mask), a, b);
    }
    /// (a & mask) | bits
    static LOWBIT_ALWAYS_INLINE ints masked_or(ints a, ints mask, ints bits) { return bit_or(bit_and(a, mask), bits); }
    /// Moves bit `From` of every 32 bits to bit `To`.
    template <unsigned From, unsigned To>
    static LOWBIT_ALWAYS_INLINE ints move_bits(ints a) {
        if constexpr (From > To) {
            return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a), From - To));
        } else if constexpr (From < To) {
            return vshlq_n_s32(a, To - From);
        } else {
            return a;
        }
    }
    /// The highest `Width` bits of every byte, as its lowest.
    template <unsigned Width>
    static LOWBIT_ALWAYS_INLINE ints high_bits(ints a) {
        return vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(a), 8 - Width));
    }
    static LOWBIT_ALWAYS_INLINE ints add(ints a, ints b) { return vaddq_s32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints subtract(ints a, ints b) { return vsubq_s32(a, b); }
    static LOWBIT_ALWAYS_INLINE ints multiply(ints a, ints b) { return vmulq_s32(a, b); }
    /// Every byte looked up among the 16 at `table`.
    static LOWBIT_ALWAYS_INLINE ints lookup_bytes(const void* table, ints codes) {
        return vreinterpretq_s32_u8(vqtbl1q_u8(vld1q_u8(static_cast<const std::uint8_t*>(table)), vreinterpretq_u8_s32(codes)));
    }
    /// The ones of every byte.
    static LOWBIT_ALWAYS_INLINE ints count_bytes(ints a) { return vreinterpretq_s32_u8(vcntq_u8(vreinterpretq_u8_s32(a))); }

    static LOWBIT_ALWAYS_INLINE floats load_floats(const void* p) { return vreinterpretq_f32_s32(load(p)); }
    static LOWBIT_ALWAYS_INLINE void store_floats(float* p, floats v) { vst1q_f32(p, v); }
    static LOWBIT_ALWAYS_INLINE floats splat_float(float x) { return vdupq_n_f32(x); }
    static LOWBIT_ALWAYS_INLINE floats as_floats(ints bits) { return vreinterpretq_f32_s32(bits); }
    static LOWBIT_ALWAYS_INLINE floats to_floats(ints a) { return vcvtq_f32_s32(a); }
    static LOWBIT_ALWAYS_INLINE floats multiply_floats(floats a, floats b) { return vmulq_f32(a, b); }
    static LOWBIT_ALWAYS_INLINE floats subtract_floats(floats a, floats b) { return vsubq_f32(a, b); }
    static LOWBIT_ALWAYS_INLINE floats fma(floats a, floats b, floats c) { return vfmaq_f32(c, a, b); }
    template <scale_kind Kind>
    static LOWBIT_ALWAYS_INLINE floats load_scales(const std::byte* p) {
        if constexpr (Kind == scale_kind::float32) {
            return load_floats(p);
        } else {
            const uint8x8_t halves = vld1_u8(reinterpret_cast<const std::uint8_t*>(p));
            if constexpr (Kind == scale_kind::float16) {
                return vcvt_f32_f16(vreinterpret_f16_u8(halves));
            } else {
                return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(halves), 16));
            }
        }
    }
    /// Lowest bits of a lane that one look-up among 64 bytes takes, once they are multiplied to indices of bytes.
    static constexpr unsigned table_bits = 4;
    static constexpr bool quick_table = false;
    static LOWBIT_ALWAYS_INLINE floats lookup_floats(const float* entries, ints codes) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(entries);
        const uint8x16x4_t table{{vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)}};
        // Byte b of entry c is byte 4 * c + b.
        const ints at = vmlaq_s32(splat(0x03020100), bit_and(codes, splat(15)), splat(0x04040404));
        return vreinterpretq_f32_u8(vqtbl4q_u8(table, vreinterpretq_u8_s32(at)));
    }
    static LOWBIT_ALWAYS_INLINE floats gather_floats(const float* table, ints codes) {
        std::int32_t at[lanes];
        store(at, codes);
        const float entries[lanes] = {table[at[0]], table[at[1]], table[at[2]], table[at[3]]};
        return load_floats(entries);
    }
    /// Into the second-level cache, and into the first.
    static LOWBIT_ALWAYS_INLINE void prefetch([[maybe_unused]] const void* p) {
#if defined(__GNUC__)
        __builtin_prefetch(p, 0, 2);
#endif
    }
    static LOWBIT_ALWAYS_INLINE void prefetch_near([[maybe_unused]] const void* p) {
#if defined(__GNUC__)
        __builtin_prefetch(p, 0, 3);
#endif
    }
};

/// Codes as int8 for products of signed bytes: those above 127 less 128, which is their highest bit turned.
template <unsigned MaxCode>
struct signed_codes {
    static constexpr std::int32_t bias = MaxCode > 127 ? 128 : 0;

    static LOWBIT_ALWAYS_INLINE int32x4_t prepare(int32x4_t codes) {
        if constexpr (bias == 0) return codes;
        return vreinterpretq_s32_u8(veorq_u8(vreinterpretq_u8_s32(codes), vdupq_n_u8(bias)));
    }
};

/// Dot products by long products of 8 bits. A vector has two halves with sums of their own, until the bytes of a column are added
/// up at the end. Codes up to 63 are added up in 16 bits as long as they fit; pairs of larger ones go to 32 bits at once, which
/// takes fewer instructions than to start 16 bits anew every second quad.
template <unsigned MaxCode>
struct long_dot : signed_codes<MaxCode> {
    static constexpr bool sums_fit = MaxCode <= 63;
    struct shorts {
        int16x8_t low, high;
    };
    struct pairs {
        int32x4_t low, high;
    };
    using partial = std::conditional_t<sums_fit, shorts, pairs>;
    using weights = int32x4_t;
    using quad = int8x16_t;
    static constexpr unsigned quads = sums_fit ? 32767 / (128 * MaxCode) : 1u << 30;

    static LOWBIT_ALWAYS_INLINE partial begin(int32x4_t) {
        if constexpr (sums_fit) {
            return {vdupq_n_s16(0), vdupq_n_s16(0)};
        } else {
            return {vdupq_n_s32(0), vdupq_n_s32(0)};
        }
    }
    static LOWBIT_ALWAYS_INLINE int32x4_t end(int32x4_t acc, partial p) {
        if constexpr (sums_fit) {
            return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(p.low), vpaddlq_s16(p.high)));
        } else {
            return vaddq_s32(acc, vpaddq_s32(p.low, p.high));
        }
    }
    static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) {
        std::int32_t bytes;
        std::memcpy(&bytes, x, sizeof bytes);
        return vreinterpretq_s8_s32(vdupq_n_s32(bytes));
    }
    static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) {
        const int8x16_t codes = vreinterpretq_s8_s32(w);
        if constexpr (sums_fit) {
            return {vmlal_s8(p.low, vget_low_s8(codes), vget_low_s8(x)), vmlal_high_s8(p.high, codes, x)};
        } else {
            return {vpadalq_s16(p.low, vmull_s8(vget_low_s8(codes), vget_low_s8(x))),
                    vpadalq_s16(p.high, vmull_high_s8(codes, x))};
        }
    }
};

/// The level's vectors with long products.
template <class Here>
struct ops : vectors<Here> {
    // A sum takes two registers while products are added.
    static constexpr unsigned tile_rows = 2;
    template <unsigned Rows>
    static constexpr unsigned tile_vectors = Rows == 1 ? 8 : 4;

    template <unsigned MaxCode>
    using dot = long_dot<MaxCode>;
    /// The largest code of those that share a dot product, so that unpacked weights share their kernel.
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = MaxCode;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::neon
LOWBIT_REGION_END(neon)

#endif
