// SPDX-License-Identifier: MIT
// The few compiler facts everything else stands on: forced inlining, contraction barriers, assertions.
#pragma once

#include <type_traits>

#if defined(__FAST_MATH__)
#error "lowbit: -ffast-math breaks NaN checks and rounding; compile without it"
#endif

/// Inlines whatever the optimisation level says; vectors must never cross a call that is not inlined.
#if defined(__GNUC__)
#define LOWBIT_ALWAYS_INLINE inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define LOWBIT_ALWAYS_INLINE __forceinline
#else
#define LOWBIT_ALWAYS_INLINE inline
#endif

/// The same, on the host and on a GPU alike. There it may call what has this mark too, and nothing of std.
#if defined(__CUDACC__)
#define LOWBIT_HOST_DEVICE __host__ __device__ LOWBIT_ALWAYS_INLINE
#else
#define LOWBIT_HOST_DEVICE LOWBIT_ALWAYS_INLINE
#endif

/// Makes the value of an lvalue opaque, so that no compiler fuses the product in it with a later addition. g++ contracts
/// by default and ignores the STDC pragma; the barrier costs no instruction.
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__SSE2_MATH__))
#define LOWBIT_NO_CONTRACT(x) \
    do { \
        if (!::std::is_constant_evaluated()) __asm__("" : "+v"(x)); \
    } while (false)
#elif defined(__GNUC__) && defined(__aarch64__)
#define LOWBIT_NO_CONTRACT(x) \
    do { \
        if (!::std::is_constant_evaluated()) __asm__("" : "+w"(x)); \
    } while (false)
#elif defined(__GNUC__)
#define LOWBIT_NO_CONTRACT(x) \
    do { \
        if (!::std::is_constant_evaluated()) __asm__("" : "+m"(x)); \
    } while (false)
#else
#define LOWBIT_NO_CONTRACT(x) static_cast<void>(x)
#endif

/// Internal precondition of a kernel; users may define their own. On in debug builds.
#ifndef LOWBIT_ASSERT
#ifdef NDEBUG
#define LOWBIT_ASSERT(condition) static_cast<void>(0)
#else
#include <cassert>
#define LOWBIT_ASSERT(condition) assert(condition)
#endif
#endif
