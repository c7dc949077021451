// SPDX-License-Identifier: MIT
// Target regions: each level's own instructions, in functions, templates and lambdas, run where the machine has them.
#include <doctest/doctest.h>

#include <lowbit/core/config.hpp>
#include <lowbit/isa/detect.hpp>
#include <lowbit/isa/target_region.hpp>

#include "support/levels.hpp"

#include <cstdint>

#if LOWBIT_HAS_X86
LOWBIT_REGION_BEGIN(avx2)
namespace at_avx2 {
/// The dot product of 8 numbers with themselves; `f` is the caller's, called between vectors.
template <class F>
float squares(const float* x, F&& f) {
    __m256 v = _mm256_loadu_ps(x);
    v = _mm256_fmadd_ps(v, v, _mm256_set1_ps(f(0.0f)));
    float all[8];
    const auto put = [&] { _mm256_storeu_ps(all, v); };
    put();
    return all[0] + all[1] + all[2] + all[3] + all[4] + all[5] + all[6] + all[7];
}
} // namespace at_avx2
LOWBIT_REGION_END(avx2)

LOWBIT_REGION_BEGIN(avxvnni)
namespace at_avxvnni {
inline int dot(const std::int8_t* a, const std::uint8_t* b) {
    const __m256i va = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
    const __m256i vb = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
    const __m256i sum = _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), vb, va);
    std::int32_t all[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(all), sum);
    return all[0] + all[7];
}
} // namespace at_avxvnni
LOWBIT_REGION_END(avxvnni)

LOWBIT_REGION_BEGIN(avx512)
namespace at_avx512 {
inline int sum(const std::int32_t* a) { return _mm512_reduce_add_epi32(_mm512_loadu_si512(a)); }
} // namespace at_avx512
LOWBIT_REGION_END(avx512)

LOWBIT_REGION_BEGIN(avx512vnni)
namespace at_avx512vnni {
inline int dot(const std::int8_t* a, const std::uint8_t* b) {
    const __m512i va = _mm512_loadu_si512(a);
    const __m512i vb = _mm512_permutexvar_epi8(_mm512_set1_epi8(3), _mm512_loadu_si512(b));
    return _mm512_reduce_add_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), vb, va));
}
inline int ones(const std::int32_t* a) { return _mm512_reduce_add_epi32(_mm512_popcnt_epi32(_mm512_loadu_si512(a))); }
} // namespace at_avx512vnni
LOWBIT_REGION_END(avx512vnni)
#endif

#if LOWBIT_HAS_ARM_DOT
LOWBIT_REGION_BEGIN(dotprod)
namespace at_dotprod {
inline int dot(const std::int8_t* a, const std::int8_t* b) {
    return vaddvq_s32(vdotq_s32(vdupq_n_s32(0), vld1q_s8(a), vld1q_s8(b)));
}
} // namespace at_dotprod
LOWBIT_REGION_END(dotprod)

LOWBIT_REGION_BEGIN(i8mm)
namespace at_i8mm {
inline int dot(const std::int8_t* a, const std::int8_t* b) {
    return vaddvq_s32(vmmlaq_s32(vdupq_n_s32(0), vld1q_s8(a), vld1q_s8(b)));
}
} // namespace at_i8mm
LOWBIT_REGION_END(i8mm)
#endif

TEST_CASE("regions compile at any flags and run where supported") {
    using lowbit::isa::level;
    std::int8_t a[64];
    [[maybe_unused]] std::uint8_t b[64];
    [[maybe_unused]] std::int32_t c[16];
    [[maybe_unused]] float x[8];
    for (int i = 0; i < 64; ++i) {
        a[i] = static_cast<std::int8_t>(i - 30);
        b[i] = static_cast<std::uint8_t>(i + 190);
    }
    for (int i = 0; i < 16; ++i) c[i] = 1 << i;
    for (int i = 0; i < 8; ++i) x[i] = static_cast<float>(i);
    int checked = 0;
    lowbit_test::each_level([&](level l) {
        checked += l == level::scalar || l == level::baseline || l == level::neon;
#if LOWBIT_HAS_X86
        if (l == level::avx2) {
            CHECK(at_avx2::squares(x, [](float y) { return y + 1; }) == 148.0f);
            ++checked;
        }
        if (l == level::avxvnni) {
            int expected = 0;
            for (const int i : {0, 1, 2, 3, 28, 29, 30, 31}) expected += a[i] * b[i];
            CHECK(at_avxvnni::dot(a, b) == expected);
            ++checked;
        }
        if (l == level::avx512) {
            CHECK(at_avx512::sum(c) == 65535);
            ++checked;
        }
        if (l == level::avx512vnni) {
            CHECK(at_avx512vnni::dot(a, b) == 193 * (63 * 64 / 2 - 30 * 64));
            CHECK(at_avx512vnni::ones(c) == 16);
            ++checked;
        }
#endif
#if LOWBIT_HAS_ARM_DOT
        if (l == level::dotprod) {
            int expected = 0;
            for (int i = 0; i < 16; ++i) expected += a[i] * a[i];
            CHECK(at_dotprod::dot(a, a) == expected);
            ++checked;
        }
        if (l == level::i8mm) {
            int row0 = 0;
            int row1 = 0;
            for (int i = 0; i < 8; ++i) {
                row0 += a[i];
                row1 += a[i + 8];
            }
            int expected = 0; // the 2 x 2 product of two rows with themselves, summed
            for (int i = 0; i < 8; ++i) expected += (a[i] + a[i + 8]) * (a[i] + a[i + 8]);
            CHECK(row0 != row1);
            CHECK(at_i8mm::dot(a, a) == expected);
            ++checked;
        }
#elif LOWBIT_HAS_NEON
        checked += l == level::dotprod || l == level::i8mm; // this compiler has no such regions
#endif
        CHECK(checked > 0);
    });
    int supported = 0;
    for (const level l : lowbit::isa::levels) supported += lowbit::isa::supported(l);
    CHECK(checked == supported);
}
