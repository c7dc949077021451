// SPDX-License-Identifier: MIT
// Row kernels for the level avx512: 16 lanes, masks for the tails.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>

#if LOWBIT_HAS_X86
LOWBIT_REGION_BEGIN(avx512)
namespace lowbit::inline v0::kernel::avx512 {

template <class Here = isa::here>
struct row_ops {
    using floats = __m512;
    using ints = __m512i;
    static constexpr std::size_t lanes = 16;

    LOWBIT_ALWAYS_INLINE static floats load(const float* p) { return _mm512_loadu_ps(p); }
    LOWBIT_ALWAYS_INLINE static floats load(const float* p, std::size_t n) { return _mm512_maskz_loadu_ps(mask(n), p); }
    LOWBIT_ALWAYS_INLINE static void store(float* p, floats v) { _mm512_storeu_ps(p, v); }
    LOWBIT_ALWAYS_INLINE static void store_past_caches(float* p, floats v) { _mm512_stream_ps(p, v); }
    LOWBIT_ALWAYS_INLINE static void order_stores() { _mm_sfence(); }
    LOWBIT_ALWAYS_INLINE static void store(float* p, floats v, std::size_t n) { _mm512_mask_storeu_ps(p, mask(n), v); }
    LOWBIT_ALWAYS_INLINE static floats load(const float16* p) { return _mm512_cvtph_ps(load_words(p)); }
    LOWBIT_ALWAYS_INLINE static floats load(const float16* p, std::size_t n) { return _mm512_cvtph_ps(load_words(p, n)); }
    LOWBIT_ALWAYS_INLINE static void store(float16* p, floats v) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), halves(v));
    }
    LOWBIT_ALWAYS_INLINE static void store(float16* p, floats v, std::size_t n) {
        _mm256_mask_storeu_epi16(p, mask(n), halves(v));
    }

    LOWBIT_ALWAYS_INLINE static ints load_codes(const bfloat16* p) { return _mm512_cvtepu16_epi32(load_words(p)); }
    LOWBIT_ALWAYS_INLINE static ints load_codes(const bfloat16* p, std::size_t n) {
        return _mm512_cvtepu16_epi32(load_words(p, n));
    }
    LOWBIT_ALWAYS_INLINE static void store_codes(bfloat16* p, ints v) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
    }
    LOWBIT_ALWAYS_INLINE static void store_codes(bfloat16* p, ints v, std::size_t n) {
        _mm256_mask_storeu_epi16(p, mask(n), _mm512_cvtepi32_epi16(v));
    }
    LOWBIT_ALWAYS_INLINE static ints load_codes(const std::uint8_t* p) {
        return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    LOWBIT_ALWAYS_INLINE static ints load_codes(const std::uint8_t* p, std::size_t n) {
        return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask(n), p));
    }
    template <class Byte>
        requires(sizeof(Byte) == 1)
    LOWBIT_ALWAYS_INLINE static void store_codes(Byte* p, ints v) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
    }
    template <class Byte>
        requires(sizeof(Byte) == 1)
    LOWBIT_ALWAYS_INLINE static void store_codes(Byte* p, ints v, std::size_t n) {
        _mm_mask_storeu_epi8(p, mask(n), _mm512_cvtepi32_epi8(v));
    }

    /// Four vectors, narrowed together. Returns sums of two codes, as shorts.
    template <class Byte>
        requires(sizeof(Byte) == 1)
    LOWBIT_ALWAYS_INLINE static ints store_codes(Byte* p, ints a, ints b, ints c, ints d) {
        const ints low = _mm512_packs_epi32(a, b);
        const ints high = _mm512_packs_epi32(c, d);
        const ints bytes = std::is_signed_v<Byte> ? _mm512_packs_epi16(low, high) : _mm512_packus_epi16(low, high);
        const ints order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15); // packing stays within lanes
        _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
        return add_shorts(low, high);
    }
    LOWBIT_ALWAYS_INLINE static ints add_shorts(ints a, ints b) { return _mm512_add_epi16(a, b); }
    LOWBIT_ALWAYS_INLINE static std::int32_t sum_shorts(ints v) { return sum(_mm512_madd_epi16(v, _mm512_set1_epi16(1))); }

    LOWBIT_ALWAYS_INLINE static floats splat(float x) { return _mm512_set1_ps(x); }
    LOWBIT_ALWAYS_INLINE static ints splat(std::int32_t x) { return _mm512_set1_epi32(x); }
    LOWBIT_ALWAYS_INLINE static ints bits(floats v) { return _mm512_castps_si512(v); }
    LOWBIT_ALWAYS_INLINE static floats from_bits(ints v) { return _mm512_castsi512_ps(v); }
    LOWBIT_ALWAYS_INLINE static ints first(std::size_t n, ints a, ints b) { return _mm512_mask_blend_epi32(mask(n), b, a); }

    LOWBIT_ALWAYS_INLINE static floats add(floats a, floats b) { return _mm512_add_ps(a, b); }
    LOWBIT_ALWAYS_INLINE static floats sub(floats a, floats b) { return _mm512_sub_ps(a, b); }
    LOWBIT_ALWAYS_INLINE static floats mul(floats a, floats b) { return _mm512_mul_ps(a, b); }
    LOWBIT_ALWAYS_INLINE static floats div(floats a, floats b) { return _mm512_div_ps(a, b); }
    /// NaN gives lo: the instructions return their second operand then.
    LOWBIT_ALWAYS_INLINE static floats clamp(floats v, floats lo, floats hi) { return _mm512_min_ps(_mm512_max_ps(v, lo), hi); }
    LOWBIT_ALWAYS_INLINE static void fence(floats& v) { LOWBIT_NO_CONTRACT(v); }

    LOWBIT_ALWAYS_INLINE static ints add(ints a, ints b) { return _mm512_add_epi32(a, b); }
    LOWBIT_ALWAYS_INLINE static ints sub(ints a, ints b) { return _mm512_sub_epi32(a, b); }
    LOWBIT_ALWAYS_INLINE static ints bit_and(ints a, ints b) { return _mm512_and_si512(a, b); }
    LOWBIT_ALWAYS_INLINE static ints bit_or(ints a, ints b) { return _mm512_or_si512(a, b); }
    LOWBIT_ALWAYS_INLINE static ints bit_xor(ints a, ints b) { return _mm512_xor_si512(a, b); }
    LOWBIT_ALWAYS_INLINE static ints max(ints a, ints b) { return _mm512_max_epi32(a, b); }
    LOWBIT_ALWAYS_INLINE static ints min(ints a, ints b) { return _mm512_min_epi32(a, b); }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints shl(ints v) {
        return _mm512_slli_epi32(v, By);
    }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints shr(ints v) {
        return _mm512_srai_epi32(v, By);
    }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints rotl(ints v) {
        return _mm512_rol_epi32(v, By);
    }
    template <class T>
    LOWBIT_ALWAYS_INLINE static ints look_up(const T (&table)[16], ints index) {
        return _mm512_permutexvar_epi32(index, _mm512_loadu_si512(table));
    }
    LOWBIT_ALWAYS_INLINE static ints if_greater(ints a, ints b, ints yes, ints no) {
        return _mm512_mask_blend_epi32(_mm512_cmpgt_epi32_mask(a, b), no, yes);
    }
    LOWBIT_ALWAYS_INLINE static ints to_int(floats v) { return _mm512_cvtps_epi32(v); }
    LOWBIT_ALWAYS_INLINE static floats to_float(ints v) { return _mm512_cvtepi32_ps(v); }

    /// a * b + c and c - a * b, rounded once.
    LOWBIT_ALWAYS_INLINE static floats fused(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
    LOWBIT_ALWAYS_INLINE static floats fused_rest(floats a, floats b, floats c) { return _mm512_fnmadd_ps(a, b, c); }

    /// 64 codes to 8 * Bits bytes: neighbours join by multiplication, until a field has 8 bits.
    template <int Bits>
        requires(Bits == 2 || Bits == 4)
    LOWBIT_ALWAYS_INLINE static void squeeze_64(const std::uint8_t* codes, std::uint8_t flip, std::byte* out) {
        const ints flipped = _mm512_xor_si512(_mm512_loadu_si512(codes), _mm512_set1_epi8(static_cast<char>(flip)));
        const ints fields = _mm512_and_si512(flipped, _mm512_set1_epi8((1 << Bits) - 1));
        const ints pairs = _mm512_maddubs_epi16(fields, _mm512_set1_epi16(1 | 1 << (8 + Bits)));
        if constexpr (Bits == 4) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi16_epi8(pairs));
        } else {
            store_codes(out, _mm512_madd_epi16(pairs, _mm512_set1_epi32(1 | 1 << (16 + 2 * Bits))));
        }
    }

    /// 8 * Bits bytes to 64 codes.
    template <int Bits>
        requires(Bits == 4 || Bits == 8)
    LOWBIT_ALWAYS_INLINE static void spread_64(const std::byte* in, std::uint8_t flip, std::uint8_t* codes) {
        ints fields;
        if constexpr (Bits == 8) {
            fields = _mm512_loadu_si512(in);
        } else {
            const ints words = _mm512_cvtepu8_epi16(load_words(in));
            fields =
                _mm512_and_si512(_mm512_or_si512(words, _mm512_slli_epi16(words, 8 - Bits)), _mm512_set1_epi8((1 << Bits) - 1));
        }
        _mm512_storeu_si512(codes, _mm512_xor_si512(fields, _mm512_set1_epi8(static_cast<char>(flip))));
    }

#if defined(__x86_64__)
    template <int Bits>
    LOWBIT_ALWAYS_INLINE static std::uint64_t squeeze(std::uint64_t x) {
        return _pext_u64(x, lowbit::detail::eight_times((1u << Bits) - 1));
    }
    template <int Bits>
    LOWBIT_ALWAYS_INLINE static std::uint64_t spread(std::uint64_t x) {
        return _pdep_u64(x, lowbit::detail::eight_times((1u << Bits) - 1));
    }
#endif

    LOWBIT_ALWAYS_INLINE static float tree(floats v) {
        const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
        const __m256 s = _mm256_add_ps(_mm512_castps512_ps256(v), high);
        __m128 t = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
        t = _mm_add_ps(t, _mm_movehl_ps(t, t));
        return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
    }
    LOWBIT_ALWAYS_INLINE static std::int32_t sum(ints v) { return _mm512_reduce_add_epi32(v); }
    /// The sum of n codes, a multiple of 32. Differences from -128 are summed, since bytes without a sign are eight at once.
    LOWBIT_ALWAYS_INLINE static std::int32_t sum_codes(const std::int8_t* codes, std::size_t n) {
        ints sums = _mm512_setzero_si512();
        const auto add = [&](ints some) LOWBIT_INLINE_LAMBDA {
            sums =
                _mm512_add_epi64(sums, _mm512_sad_epu8(_mm512_xor_si512(some, _mm512_set1_epi8(-128)), _mm512_setzero_si512()));
        };
        std::size_t i = 0;
        for (; i + 64 <= n; i += 64) add(_mm512_loadu_si512(codes + i));
        // the other half counts as 32 codes of 0
        if (i < n) add(_mm512_zextsi256_si512(load_words(codes + i)));
        return static_cast<std::int32_t>(_mm512_reduce_add_epi64(sums)) - 128 * static_cast<std::int32_t>(n + n % 64);
    }
    /// The sums of 16 runs of 32 codes: neighbours join until a lane of 128 bits is one number.
    LOWBIT_ALWAYS_INLINE static void sums_of_32(const std::int8_t* codes, std::int32_t* sums) {
        const ints ones = _mm512_set1_epi16(1);
        const auto fours = [&](std::size_t i) LOWBIT_INLINE_LAMBDA {
            return _mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_set1_epi8(1), _mm512_loadu_si512(codes + 64 * i)), ones);
        };
        const auto join = [&](ints a, ints b) LOWBIT_INLINE_LAMBDA { return _mm512_madd_epi16(_mm512_packs_epi32(a, b), ones); };
        const ints low = join(join(fours(0), fours(1)), join(fours(2), fours(3)));
        const ints high = join(join(fours(4), fours(5)), join(fours(6), fours(7)));
        alignas(64) static constexpr auto places = [] { // of the two lanes of each run: words of a lane are vectors
            std::array<std::uint16_t, 32> p{};
            for (unsigned i = 0; i < 32; ++i) p[i] = static_cast<std::uint16_t>(i % 4 * 8 + i / 4);
            return p;
        }();
        const ints words = _mm512_permutexvar_epi16(_mm512_load_si512(places.data()), _mm512_packs_epi32(low, high));
        _mm512_storeu_si512(sums, _mm512_madd_epi16(words, ones));
    }
    LOWBIT_ALWAYS_INLINE static std::int32_t max_of(ints v) { return _mm512_reduce_max_epi32(v); }
    LOWBIT_ALWAYS_INLINE static std::int32_t min_of(ints v) { return _mm512_reduce_min_epi32(v); }

    /// The largest lane of each vector.
    LOWBIT_ALWAYS_INLINE static ints max_of_each(const ints (&v)[16]) {
        const auto twos = [&](ints a, ints b)
                              LOWBIT_INLINE_LAMBDA { return max(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)); };
        const auto fours = [&](const ints* of) LOWBIT_INLINE_LAMBDA {
            const ints a = twos(of[0], of[1]);
            const ints b = twos(of[2], of[3]);
            return max(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
        };
        const auto halves_of = [&](ints a, ints b) LOWBIT_INLINE_LAMBDA {
            return max(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
        };
        return halves_of(halves_of(fours(v), fours(v + 4)), halves_of(fours(v + 8), fours(v + 12)));
    }

    /// The elements below 0 among 32: masks have them in order, bytes of masks are sorted by 4.
    LOWBIT_ALWAYS_INLINE static std::uint32_t negative(const ints (&v)[2]) {
        const ints zero = _mm512_set1_epi32(INT32_MIN); // -0, above which, taken as unsigned, all below 0 stand
        const __mmask32 masks = _mm512_kunpackw(_mm512_cmpgt_epu32_mask(v[1], zero), _mm512_cmpgt_epu32_mask(v[0], zero));
        const __m256i quads = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9, 13, 2,
                                               6, 10, 14, 3, 7, 11, 15);
        const __m256i sorted = _mm256_shuffle_epi8(_mm256_movm_epi8(masks), quads);
        return _mm256_movepi8_mask(_mm256_permutevar8x32_epi32(sorted, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
    }

private:
    LOWBIT_ALWAYS_INLINE static __mmask16 mask(std::size_t n) {
        return static_cast<__mmask16>((std::uint32_t{1} << n) - 1); // n <= 16
    }
    LOWBIT_ALWAYS_INLINE static __m256i load_words(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    LOWBIT_ALWAYS_INLINE static __m256i load_words(const void* p, std::size_t n) { return _mm256_maskz_loadu_epi16(mask(n), p); }
    LOWBIT_ALWAYS_INLINE static __m256i halves(floats v) { // masked: g++ 12's plain macro warns where optimisation is off
        return _mm512_maskz_cvtps_ph(mask(lanes), v, _MM_FROUND_TO_NEAREST_INT);
    }
};

#include <lowbit/kernel/body/rows.inl>

} // namespace lowbit::inline v0::kernel::avx512
LOWBIT_REGION_END(avx512)
#endif
