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
#include <lowbit/kernel/body/product.inl>
// clang-format on

/// The vectors of level avx512 with its dot product of bytes.
template <class Here>
struct ops : avx512::vectors<Here> {
    using typename avx512::vectors<Here>::ints;

    static LOWBIT_ALWAYS_INLINE ints dot_bytes(ints sum, ints u, ints s) { return _mm512_dpbusd_epi32(sum, u, s); }

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
