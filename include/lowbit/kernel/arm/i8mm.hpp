// SPDX-License-Identifier: MIT
// Level i8mm: dotprod and the dot product of unsigned by signed bytes.
#pragma once

#include <lowbit/kernel/arm/dotprod.hpp>

#if LOWBIT_HAS_ARM_DOT

LOWBIT_REGION_BEGIN(i8mm)
namespace lowbit::inline v0::kernel::i8mm {

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

/// The vectors of level dotprod with the dot product that takes codes as they are.
template <class Here>
struct ops : dotprod::vectors<Here> {
    static LOWBIT_ALWAYS_INLINE int32x4_t dot_bytes(int32x4_t sum, int32x4_t w, int8x8_t x) {
        return vusdotq_lane_s32(sum, vreinterpretq_u8_s32(w), x, 0);
    }

    template <unsigned>
    struct dot : byte_dot<ops> {
        static constexpr bool any_code = false; ///< sums in two places would need all registers, and save nothing
    };
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = 255;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::i8mm
LOWBIT_REGION_END(i8mm)

#endif
