// SPDX-License-Identifier: MIT
// Level avxvnni: avx2 and AVX-VNNI, the VEX encoding of the dot product.
#pragma once

#include <lowbit/kernel/x86/avx2.hpp>

#if LOWBIT_HAS_X86

LOWBIT_REGION_BEGIN(avxvnni)
namespace lowbit::inline v0::kernel::avxvnni {

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

/// The vectors of level avx2 with its dot product of bytes.
template <class Here>
struct ops : avx2::ops<Here> {
    using typename avx2::ops<Here>::ints;

    /// Quicker products leave less time to decode beside them.
    static LOWBIT_ALWAYS_INLINE unsigned fused_tiles(decoding_cost cost) {
        return cost.planes > 1 && !cost.floats ? 1 : avx2::ops<Here>::fused_tiles(cost);
    }

    static LOWBIT_ALWAYS_INLINE ints dot_bytes(ints sum, ints u, ints s) { return _mm256_dpbusd_avx_epi32(sum, u, s); }

    static LOWBIT_ALWAYS_INLINE ints add_pairs(ints sum, ints a, ints b) { return _mm256_dpwssd_avx_epi32(sum, a, b); }

    template <unsigned MaxCode>
    using dot = byte_dot<ops>;
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = 255;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::avxvnni
LOWBIT_REGION_END(avxvnni)

#endif
