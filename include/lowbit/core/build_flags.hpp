// SPDX-License-Identifier: MIT
// A type that names the instruction-set flags a translation unit is compiled with.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace lowbit::inline v0 {

/// Tag with one bit per instruction-set flag. Never used as data: only as a template argument of functions.
template <std::uint64_t Bits>
struct flag_set {};

namespace detail {

/// One bit per text; set where the macro of that name was defined, because then its text is its value, not its name.
consteval std::uint64_t flag_bits(std::initializer_list<const char*> expanded) {
    std::uint64_t bits = 0;
    std::uint64_t bit = 1;
    for (const char* text : expanded) {
        if (text[0] != '_') bits |= bit;
        bit <<= 1;
    }
    return bits;
}

} // namespace detail

#define LOWBIT_DETAIL_TEXT(...) #__VA_ARGS__
#define LOWBIT_DETAIL_FLAG(name) LOWBIT_DETAIL_TEXT(name)

/// The flags of the translation unit that reads this line. The linker keeps one copy of an inline function, and it may
/// be the copy of the object compiled with -mavx2; so every function here that is not forced inline takes
/// `class Here = build_flags` as a template parameter, or has a parameter that does, which gives each set of flags
/// a symbol of its own. That goes for copies and moves of data types, which are forced inline, for what only raises, and
/// for lambdas handed to standard algorithms: these are named after their function. Data types never carry it.
// clang-format off
using build_flags = flag_set<detail::flag_bits({
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
    LOWBIT_DETAIL_FLAG(__SSE2__),
    LOWBIT_DETAIL_FLAG(__SSE3__),
    LOWBIT_DETAIL_FLAG(__SSSE3__),
    LOWBIT_DETAIL_FLAG(__SSE4_1__),
    LOWBIT_DETAIL_FLAG(__SSE4_2__),
    LOWBIT_DETAIL_FLAG(__POPCNT__),
    LOWBIT_DETAIL_FLAG(__AVX__),
    LOWBIT_DETAIL_FLAG(__F16C__),
    LOWBIT_DETAIL_FLAG(__FMA__),
    LOWBIT_DETAIL_FLAG(__FMA4__),
    LOWBIT_DETAIL_FLAG(__XOP__),
    LOWBIT_DETAIL_FLAG(__BMI__),
    LOWBIT_DETAIL_FLAG(__BMI2__),
    LOWBIT_DETAIL_FLAG(__LZCNT__),
    LOWBIT_DETAIL_FLAG(__MOVBE__),
    LOWBIT_DETAIL_FLAG(__AVX2__),
    LOWBIT_DETAIL_FLAG(__AVXVNNI__),
    LOWBIT_DETAIL_FLAG(__AVXVNNIINT8__),
    LOWBIT_DETAIL_FLAG(__AVXVNNIINT16__),
    LOWBIT_DETAIL_FLAG(__AVXNECONVERT__),
    LOWBIT_DETAIL_FLAG(__AVXIFMA__),
    LOWBIT_DETAIL_FLAG(__GFNI__),
    LOWBIT_DETAIL_FLAG(__AVX512F__),
    LOWBIT_DETAIL_FLAG(__AVX512BW__),
    LOWBIT_DETAIL_FLAG(__AVX512DQ__),
    LOWBIT_DETAIL_FLAG(__AVX512VL__),
    LOWBIT_DETAIL_FLAG(__AVX512CD__),
    LOWBIT_DETAIL_FLAG(__AVX512VNNI__),
    LOWBIT_DETAIL_FLAG(__AVX512VBMI__),
    LOWBIT_DETAIL_FLAG(__AVX512VBMI2__),
    LOWBIT_DETAIL_FLAG(__AVX512IFMA__),
    LOWBIT_DETAIL_FLAG(__AVX512BITALG__),
    LOWBIT_DETAIL_FLAG(__AVX512VPOPCNTDQ__),
    LOWBIT_DETAIL_FLAG(__AVX512BF16__),
    LOWBIT_DETAIL_FLAG(__AVX512FP16__),
    LOWBIT_DETAIL_FLAG(__AVX10_1__),
    LOWBIT_DETAIL_FLAG(__AVX10_2__),
    LOWBIT_DETAIL_FLAG(__APX_F__),
#elif defined(__ARM_NEON) || defined(__aarch64__)
    LOWBIT_DETAIL_FLAG(__ARM_NEON),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_ATOMICS),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_DOTPROD),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_MATMUL_INT8),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_BF16),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_SVE),
    LOWBIT_DETAIL_FLAG(__ARM_FEATURE_SVE2),
#else
    LOWBIT_DETAIL_FLAG(__riscv_v),
    LOWBIT_DETAIL_FLAG(__wasm_simd128__),
    LOWBIT_DETAIL_FLAG(__wasm_relaxed_simd__),
    LOWBIT_DETAIL_FLAG(__VSX__),
    LOWBIT_DETAIL_FLAG(__VEC__),
#endif
    LOWBIT_DETAIL_FLAG(__CUDACC__),
})>;
// clang-format on

#undef LOWBIT_DETAIL_FLAG
#undef LOWBIT_DETAIL_TEXT

} // namespace lowbit::inline v0
