// SPDX-License-Identifier: MIT
// Level dotprod: neon and the dot product of signed bytes.
#pragma once

#include <lowbit/kernel/arm/neon.hpp>

#if LOWBIT_HAS_ARM_DOT

LOWBIT_REGION_BEGIN(dotprod)
namespace lowbit::inline v0::kernel::dotprod {

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

/// The vectors of level neon, and how activations meet them in dot products.
template <class Here>
struct vectors : neon::vectors<Here> {
    /// 4 bytes at the lowest place: a dot product takes them from there for each column, and no instruction spreads them.
    static LOWBIT_ALWAYS_INLINE int8x8_t splat_quad(const std::int8_t* x) {
        float bytes; // g++ and clang load a float, and nothing else, straight to a vector
        std::memcpy(&bytes, x, sizeof bytes);
        return vreinterpret_s8_f32(vset_lane_f32(bytes, vdup_n_f32(0), 0));
    }
};

template <class Here>
struct ops : vectors<Here> {
    static LOWBIT_ALWAYS_INLINE int32x4_t dot_bytes(int32x4_t sum, int32x4_t w, int8x8_t x) {
        return vdotq_lane_s32(sum, vreinterpretq_s8_s32(w), x, 0);
    }

    /// Both operands are signed.
    template <unsigned MaxCode>
    struct dot : byte_dot<ops> {
        static constexpr bool any_code = false;
        using codes = neon::signed_codes<MaxCode>;
        static constexpr std::int32_t bias = codes::bias;
        static LOWBIT_ALWAYS_INLINE int32x4_t prepare(int32x4_t w) { return codes::prepare(w); }
    };
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = MaxCode > 127 ? 255 : 127;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::dotprod
LOWBIT_REGION_END(dotprod)

#endif
