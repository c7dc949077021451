// SPDX-License-Identifier: MIT
// Regions of code compiled for a level whatever the command line says, and what this compiler can put in them.
//
//     LOWBIT_REGION_BEGIN(avx2)                 // at file scope, after every #include
//     namespace lowbit::inline v0::kernel::avx2 { ... intrinsics ... }
//     LOWBIT_REGION_END(avx2)
//
// A region whose level the command line already implies expands to nothing, so it cannot clash with -march. Nothing
// is included inside a region but `*.inl` bodies, which include nothing themselves.
#pragma once

/// 1 where x86 intrinsics exist.
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
#define LOWBIT_HAS_X86 1
#include <immintrin.h>
#else
#define LOWBIT_HAS_X86 0
#endif

/// 1 where AArch64 Advanced SIMD intrinsics exist.
#if defined(__aarch64__) || defined(_M_ARM64)
#define LOWBIT_HAS_NEON 1
#include <arm_neon.h>
#else
#define LOWBIT_HAS_NEON 0
#endif

/// 1 where the regions dotprod and i8mm can be compiled: clang before 17 declares their intrinsics only under -march.
#if LOWBIT_HAS_NEON && \
    (!defined(__clang__) || __clang_major__ >= 17 || (defined(__ARM_FEATURE_DOTPROD) && defined(__ARM_FEATURE_MATMUL_INT8)))
#define LOWBIT_HAS_ARM_DOT 1
#else
#define LOWBIT_HAS_ARM_DOT 0
#endif

// clang-format off
// What each level adds to the command line, in the spelling that g++ and clang share.
#define LOWBIT_TARGET_avx2 avx2,fma,f16c,bmi2
#define LOWBIT_TARGET_avxvnni LOWBIT_TARGET_avx2,avxvnni
#define LOWBIT_TARGET_avx512 LOWBIT_TARGET_avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512cd
#define LOWBIT_TARGET_avx512vnni LOWBIT_TARGET_avx512,avx512vnni,avx512vbmi,avx512vbmi2,avx512vpopcntdq,gfni
// A function is inlined only into one that has all it has, and g++ has the dot products only from Armv8.2 on: what the command
// line names is kept where it is that, else replaced.
#if (defined(__ARM_ARCH) && __ARM_ARCH >= 9) || defined(__ARM_FEATURE_DOTPROD) || defined(__ARM_FEATURE_SVE) || \
    defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
#define LOWBIT_TARGET_dotprod +dotprod
#elif defined(__ARM_FEATURE_CRYPTO)
#define LOWBIT_TARGET_dotprod arch=armv8.2-a+crypto+dotprod
#else
#define LOWBIT_TARGET_dotprod arch=armv8.2-a+dotprod
#endif
#define LOWBIT_TARGET_i8mm LOWBIT_TARGET_dotprod+i8mm
// clang-format on

#define LOWBIT_REGION_TEXT_(...) #__VA_ARGS__
#define LOWBIT_REGION_TEXT(...) LOWBIT_REGION_TEXT_(__VA_ARGS__)
#if defined(__clang__)
#define LOWBIT_REGION_OPEN(...) \
    _Pragma( \
        LOWBIT_REGION_TEXT(clang attribute push(__attribute__((target(LOWBIT_REGION_TEXT(__VA_ARGS__)))), apply_to = function)))
#define LOWBIT_REGION_CLOSE _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define LOWBIT_REGION_OPEN(...) \
    _Pragma("GCC push_options") _Pragma(LOWBIT_REGION_TEXT(GCC target(LOWBIT_REGION_TEXT(__VA_ARGS__))))
#define LOWBIT_REGION_CLOSE _Pragma("GCC pop_options")
#else
#define LOWBIT_REGION_OPEN(...)
#define LOWBIT_REGION_CLOSE
#endif

#define LOWBIT_REGION_BEGIN_baseline // where -march may ask for AVX-512
#define LOWBIT_REGION_END_baseline

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__) && defined(__BMI2__)
#define LOWBIT_REGION_BEGIN_avx2
#define LOWBIT_REGION_END_avx2
#else
#define LOWBIT_REGION_BEGIN_avx2 LOWBIT_REGION_OPEN(LOWBIT_TARGET_avx2)
#define LOWBIT_REGION_END_avx2 LOWBIT_REGION_CLOSE
#endif

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__) && defined(__BMI2__) && defined(__AVXVNNI__)
#define LOWBIT_REGION_BEGIN_avxvnni
#define LOWBIT_REGION_END_avxvnni
#else
#define LOWBIT_REGION_BEGIN_avxvnni LOWBIT_REGION_OPEN(LOWBIT_TARGET_avxvnni)
#define LOWBIT_REGION_END_avxvnni LOWBIT_REGION_CLOSE
#endif

#if defined(__FMA__) && defined(__F16C__) && defined(__BMI2__) && defined(__AVX512F__) && defined(__AVX512BW__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__AVX512CD__)
#define LOWBIT_REGION_BEGIN_avx512
#define LOWBIT_REGION_END_avx512
#else
#define LOWBIT_REGION_BEGIN_avx512 LOWBIT_REGION_OPEN(LOWBIT_TARGET_avx512)
#define LOWBIT_REGION_END_avx512 LOWBIT_REGION_CLOSE
#endif

#if defined(__FMA__) && defined(__F16C__) && defined(__BMI2__) && defined(__AVX512F__) && defined(__AVX512BW__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__AVX512CD__) && defined(__AVX512VNNI__) && \
    defined(__AVX512VBMI__) && defined(__AVX512VBMI2__) && defined(__AVX512VPOPCNTDQ__) && defined(__GFNI__)
#define LOWBIT_REGION_BEGIN_avx512vnni
#define LOWBIT_REGION_END_avx512vnni
#else
#define LOWBIT_REGION_BEGIN_avx512vnni LOWBIT_REGION_OPEN(LOWBIT_TARGET_avx512vnni)
#define LOWBIT_REGION_END_avx512vnni LOWBIT_REGION_CLOSE
#endif

// Advanced SIMD is part of every AArch64.
#define LOWBIT_REGION_BEGIN_neon
#define LOWBIT_REGION_END_neon

#if defined(__ARM_FEATURE_DOTPROD)
#define LOWBIT_REGION_BEGIN_dotprod
#define LOWBIT_REGION_END_dotprod
#else
#define LOWBIT_REGION_BEGIN_dotprod LOWBIT_REGION_OPEN(LOWBIT_TARGET_dotprod)
#define LOWBIT_REGION_END_dotprod LOWBIT_REGION_CLOSE
#endif

#if defined(__ARM_FEATURE_DOTPROD) && defined(__ARM_FEATURE_MATMUL_INT8)
#define LOWBIT_REGION_BEGIN_i8mm
#define LOWBIT_REGION_END_i8mm
#else
#define LOWBIT_REGION_BEGIN_i8mm LOWBIT_REGION_OPEN(LOWBIT_TARGET_i8mm)
#define LOWBIT_REGION_END_i8mm LOWBIT_REGION_CLOSE
#endif

// g++ 12 takes the deliberately undefined pass-through operand inside its own AVX-512 intrinsics for a mistake (GCC bug
// 105593); the suppression has to stand around the code that calls them.
#if defined(__GNUC__) && !defined(__clang__)
#define LOWBIT_REGION_QUIET \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wuninitialized\"") \
        _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"")
#define LOWBIT_REGION_LOUD _Pragma("GCC diagnostic pop")
#else
#define LOWBIT_REGION_QUIET
#define LOWBIT_REGION_LOUD
#endif

/// Opens the region of a level: functions defined until its end may use that level's instructions.
#define LOWBIT_REGION_BEGIN(level) LOWBIT_REGION_QUIET LOWBIT_REGION_BEGIN_##level
/// Closes the region.
#define LOWBIT_REGION_END(level) LOWBIT_REGION_END_##level LOWBIT_REGION_LOUD
