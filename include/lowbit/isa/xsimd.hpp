// SPDX-License-Identifier: MIT
// The one place that includes xsimd and knows its versions; everything else uses the subset that 13.2 to 14 share.
#pragma once

#include <type_traits>

#include <lowbit/core/config.hpp>

#if !defined(__CUDACC__) // nvcc cannot compile it
#include <xsimd/xsimd.hpp>

// 8.1 (Debian 12's own) has no forced inlining, which makes mixed -m flags unsafe, and detects CPUs wrongly.
static_assert(XSIMD_VERSION_MAJOR * 100 + XSIMD_VERSION_MINOR >= 1302 && XSIMD_VERSION_MAJOR < 15,
              "lowbit needs xsimd 13.2 or newer, below 15");
#endif

/// 1 where xsimd has batches for the flags compiled with; elsewhere the baseline level is the scalar one.
#if defined(__CUDACC__) || defined(XSIMD_NO_SUPPORTED_ARCHITECTURE)
#define LOWBIT_HAS_XSIMD 0
#else
#define LOWBIT_HAS_XSIMD 1
#endif

#if LOWBIT_HAS_XSIMD
namespace lowbit::inline v0::isa {

/// a / b, rounded once. xsimd's own quotient of floats on NEON is a reciprocal estimate with two refinements: not IEEE, and NaN
/// for 0 / b where 1 / b overflows.
template <class T, class Arch>
LOWBIT_ALWAYS_INLINE xsimd::batch<T, Arch> divide(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b) {
    if constexpr (std::is_base_of_v<xsimd::neon, Arch>) {
        return xsimd::batch<T, Arch>(a.data / b.data);
    } else {
        return a / b;
    }
}

} // namespace lowbit::inline v0::isa
#endif
