// SPDX-License-Identifier: MIT
// Row kernels for the level avx2: 8 lanes, float16 in hardware.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>

#if LOWBIT_HAS_X86
LOWBIT_REGION_BEGIN(avx2)
namespace lowbit::inline v0::kernel::avx2 {

template <class Here = isa::here>
struct row_ops {
    using floats = __m256;
    using ints = __m256i;
    static constexpr std::size_t lanes = 8;

    LOWBIT_ALWAYS_INLINE static floats load(const float* p) { return _mm256_loadu_ps(p); }
    // No masked load: emulators read past it, and stores are slow.
    LOWBIT_ALWAYS_INLINE static floats load(const float* p, std::size_t n) {
        floats v = _mm256_setzero_ps();
        std::memcpy(&v, p, n * sizeof *p);
        return v;
    }
    LOWBIT_ALWAYS_INLINE static void store(float* p, floats v) { _mm256_storeu_ps(p, v); }
    LOWBIT_ALWAYS_INLINE static void store_past_caches(float* p, floats v) { _mm256_stream_ps(p, v); }
    LOWBIT_ALWAYS_INLINE static void order_stores() { _mm_sfence(); }
    LOWBIT_ALWAYS_INLINE static void store(float* p, floats v, std::size_t n) { std::memcpy(p, &v, n * sizeof *p); }
    LOWBIT_ALWAYS_INLINE static floats load(const float16* p, std::size_t n = lanes) { return _mm256_cvtph_ps(load_words(p, n)); }
    LOWBIT_ALWAYS_INLINE static void store(float16* p, floats v, std::size_t n = lanes) {
        const __m128i words = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
        std::memcpy(static_cast<void*>(p), &words, n * sizeof *p);
    }
    LOWBIT_ALWAYS_INLINE static ints load_codes(const bfloat16* p, std::size_t n = lanes) {
        return _mm256_cvtepu16_epi32(load_words(p, n));
    }
    LOWBIT_ALWAYS_INLINE static void store_codes(bfloat16* p, ints v, std::size_t n = lanes) {
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        std::memcpy(static_cast<void*>(p), &words, n * sizeof *p);
    }
    LOWBIT_ALWAYS_INLINE static ints load_codes(const std::uint8_t* p, std::size_t n = lanes) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, p, n);
        return _mm256_cvtepu8_epi32(
            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&bytes))); // also where registers have 32 bits
    }
    LOWBIT_ALWAYS_INLINE static void store_codes(std::uint8_t* p, ints v, std::size_t n = lanes) {
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        const __m128i bytes = _mm_packus_epi16(words, words);
        std::memcpy(p, &bytes, n);
    }
    LOWBIT_ALWAYS_INLINE static void store_codes(std::int8_t* p, ints v, std::size_t n = lanes) {
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        const __m128i bytes = _mm_packs_epi16(words, words);
        std::memcpy(p, &bytes, n);
    }

    /// Four vectors, narrowed together. Returns sums of two codes, as shorts.
    template <class Byte>
        requires(sizeof(Byte) == 1)
    LOWBIT_ALWAYS_INLINE static ints store_codes(Byte* p, ints a, ints b, ints c, ints d) {
        const ints low = _mm256_packs_epi32(a, b);
        const ints high = _mm256_packs_epi32(c, d);
        const ints bytes = std::is_signed_v<Byte> ? _mm256_packs_epi16(low, high) : _mm256_packus_epi16(low, high);
        const ints order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); // packing stays within lanes
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permutevar8x32_epi32(bytes, order));
        return add_shorts(low, high);
    }
    LOWBIT_ALWAYS_INLINE static ints add_shorts(ints a, ints b) { return _mm256_add_epi16(a, b); }
    LOWBIT_ALWAYS_INLINE static std::int32_t sum_shorts(ints v) { return sum(_mm256_madd_epi16(v, _mm256_set1_epi16(1))); }

    LOWBIT_ALWAYS_INLINE static floats splat(float x) { return _mm256_set1_ps(x); }
    LOWBIT_ALWAYS_INLINE static ints splat(std::int32_t x) { return _mm256_set1_epi32(x); }
    LOWBIT_ALWAYS_INLINE static ints bits(floats v) { return _mm256_castps_si256(v); }
    LOWBIT_ALWAYS_INLINE static floats from_bits(ints v) { return _mm256_castsi256_ps(v); }
    LOWBIT_ALWAYS_INLINE static ints first(std::size_t n, ints a, ints b) { return _mm256_blendv_epi8(b, a, mask(n)); }

    LOWBIT_ALWAYS_INLINE static floats add(floats a, floats b) { return _mm256_add_ps(a, b); }
    LOWBIT_ALWAYS_INLINE static floats sub(floats a, floats b) { return _mm256_sub_ps(a, b); }
    LOWBIT_ALWAYS_INLINE static floats mul(floats a, floats b) { return _mm256_mul_ps(a, b); }
    LOWBIT_ALWAYS_INLINE static floats div(floats a, floats b) { return _mm256_div_ps(a, b); }
    /// NaN gives lo: the instructions return their second operand then.
    LOWBIT_ALWAYS_INLINE static floats clamp(floats v, floats lo, floats hi) { return _mm256_min_ps(_mm256_max_ps(v, lo), hi); }
    LOWBIT_ALWAYS_INLINE static void fence(floats& v) { LOWBIT_NO_CONTRACT(v); }

    LOWBIT_ALWAYS_INLINE static ints add(ints a, ints b) { return _mm256_add_epi32(a, b); }
    LOWBIT_ALWAYS_INLINE static ints sub(ints a, ints b) { return _mm256_sub_epi32(a, b); }
    LOWBIT_ALWAYS_INLINE static ints bit_and(ints a, ints b) { return _mm256_and_si256(a, b); }
    LOWBIT_ALWAYS_INLINE static ints bit_or(ints a, ints b) { return _mm256_or_si256(a, b); }
    LOWBIT_ALWAYS_INLINE static ints bit_xor(ints a, ints b) { return _mm256_xor_si256(a, b); }
    LOWBIT_ALWAYS_INLINE static ints max(ints a, ints b) { return _mm256_max_epi32(a, b); }
    LOWBIT_ALWAYS_INLINE static ints min(ints a, ints b) { return _mm256_min_epi32(a, b); }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints shl(ints v) {
        return _mm256_slli_epi32(v, By);
    }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints shr(ints v) {
        return _mm256_srai_epi32(v, By);
    }
    template <class T>
    LOWBIT_ALWAYS_INLINE static ints look_up(const T (&table)[16], ints index) {
        const auto half = [&](const T* at) LOWBIT_INLINE_LAMBDA {
            return _mm256_castsi256_ps(
                _mm256_permutevar8x32_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), index));
        };
        return _mm256_castps_si256(_mm256_blendv_ps(half(table), half(table + 8), _mm256_castsi256_ps(shl<28>(index))));
    }
    LOWBIT_ALWAYS_INLINE static ints if_greater(ints a, ints b, ints yes, ints no) {
        return _mm256_blendv_epi8(no, yes, _mm256_cmpgt_epi32(a, b));
    }
    LOWBIT_ALWAYS_INLINE static ints to_int(floats v) { return _mm256_cvtps_epi32(v); }
    LOWBIT_ALWAYS_INLINE static floats round(floats v) {
        return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    LOWBIT_ALWAYS_INLINE static floats to_float(ints v) { return _mm256_cvtepi32_ps(v); }

    /// a * b + c and c - a * b, rounded once.
    LOWBIT_ALWAYS_INLINE static floats fused(floats a, floats b, floats c) { return _mm256_fmadd_ps(a, b, c); }
    LOWBIT_ALWAYS_INLINE static floats fused_rest(floats a, floats b, floats c) { return _mm256_fnmadd_ps(a, b, c); }

    /// 64 codes to 32 bytes: neighbours join by multiplication.
    template <int Bits>
        requires(Bits == 4)
    LOWBIT_ALWAYS_INLINE static void squeeze_64(const std::uint8_t* codes, std::uint8_t flip, std::byte* out) {
        const auto pairs = [&](const std::uint8_t* p) LOWBIT_INLINE_LAMBDA {
            const ints flipped = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
                                                  _mm256_set1_epi8(static_cast<char>(flip)));
            return _mm256_maddubs_epi16(_mm256_and_si256(flipped, _mm256_set1_epi8((1 << Bits) - 1)),
                                        _mm256_set1_epi16(1 | 1 << (8 + Bits)));
        };
        const ints bytes = _mm256_packus_epi16(pairs(codes), pairs(codes + 32)); // stays within lanes
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_permute4x64_epi64(bytes, 0xd8));
    }
    /// 8 * Bits bytes to 64 codes.
    template <int Bits>
        requires(Bits == 4 || Bits == 8)
    LOWBIT_ALWAYS_INLINE static void spread_64(const std::byte* in, std::uint8_t flip, std::uint8_t* codes) {
        for (int half = 0; half < 2; ++half, in += 4 * Bits, codes += 32) {
            ints fields;
            if constexpr (Bits == 8) {
                fields = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
            } else {
                const ints words = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in)));
                fields = _mm256_and_si256(_mm256_or_si256(words, _mm256_slli_epi16(words, 8 - Bits)),
                                          _mm256_set1_epi8((1 << Bits) - 1));
            }
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes),
                                _mm256_xor_si256(fields, _mm256_set1_epi8(static_cast<char>(flip))));
        }
    }
    // Codes of other widths are not packed by pext and pdep: the first processors that have AVX2 from AMD run them in microcode.

    LOWBIT_ALWAYS_INLINE static float tree(floats v) {
        __m128 t = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        t = _mm_add_ps(t, _mm_movehl_ps(t, t));
        return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
    }
    LOWBIT_ALWAYS_INLINE static std::int32_t sum(ints v) {
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
        return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
    }
    /// The sum of n codes, a multiple of 32. Differences from -128 are summed, since bytes without a sign are eight at once.
    LOWBIT_ALWAYS_INLINE static std::int32_t sum_codes(const std::int8_t* codes, std::size_t n) {
        __m256i sums = _mm256_setzero_si256();
        for (std::size_t i = 0; i < n; i += 32) {
            const __m256i moved =
                _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i)), _mm256_set1_epi8(-128));
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(moved, _mm256_setzero_si256()));
        }
        __m128i s = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
        s = _mm_add_epi64(s, _mm_unpackhi_epi64(s, s));
        return _mm_cvtsi128_si32(s) - 128 * static_cast<std::int32_t>(n);
    }
    LOWBIT_ALWAYS_INLINE static std::int32_t max_of(ints v) {
        __m128i s = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        s = _mm_max_epi32(s, _mm_shuffle_epi32(s, 0x4e));
        return _mm_cvtsi128_si32(_mm_max_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
    }
    LOWBIT_ALWAYS_INLINE static std::int32_t min_of(ints v) {
        __m128i s = _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        s = _mm_min_epi32(s, _mm_shuffle_epi32(s, 0x4e));
        return _mm_cvtsi128_si32(_mm_min_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
    }

    /// The largest lane of each vector.
    LOWBIT_ALWAYS_INLINE static ints max_of_each(const ints (&v)[8]) {
        const auto twos = [&](ints a, ints b)
                              LOWBIT_INLINE_LAMBDA { return max(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)); };
        const auto fours = [&](const ints* of) LOWBIT_INLINE_LAMBDA {
            const ints a = twos(of[0], of[1]);
            const ints b = twos(of[2], of[3]);
            return max(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        };
        const ints a = fours(v);
        const ints b = fours(v + 4);
        return max(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    }

    /// The elements below 0 among 32. Narrowing keeps signs; 4 elements in a row go to 4 bytes.
    LOWBIT_ALWAYS_INLINE static std::uint32_t negative(const ints (&v)[4]) {
        const __m256i alternate = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        const __m256i quads = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9, 13, 2,
                                               6, 10, 14, 3, 7, 11, 15);
        const ints bytes =
            _mm256_packs_epi16(_mm256_packs_epi32(signs(v[0]), signs(v[1])), _mm256_packs_epi32(signs(v[2]), signs(v[3])));
        const ints sorted = _mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(bytes, alternate), quads);
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(sorted, alternate)));
    }

private:
    /// Has the sign bit where a is below 0: -0 has it too, but so has -0 + (2^31 - 1), and no other negative number.
    LOWBIT_ALWAYS_INLINE static ints signs(ints a) {
        return _mm256_andnot_si256(_mm256_add_epi32(a, _mm256_set1_epi32(INT32_MAX)), a);
    }
    /// All ones in the first n lanes.
    LOWBIT_ALWAYS_INLINE static ints mask(std::size_t n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    template <class T>
    LOWBIT_ALWAYS_INLINE static __m128i load_words(const T* p, std::size_t n) {
        __m128i words = _mm_setzero_si128();
        std::memcpy(&words, p, n * sizeof *p);
        return words;
    }
};

#include <lowbit/kernel/body/rows.inl>

} // namespace lowbit::inline v0::kernel::avx2
LOWBIT_REGION_END(avx2)
#endif
