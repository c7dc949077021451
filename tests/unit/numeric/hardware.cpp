// SPDX-License-Identifier: MIT
// float16 against the processor's own conversions, where it has them.
#include "oracle.hpp"

#include <lowbit/numeric/float16.hpp>

#include <cstdio>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

namespace {

bool has_hardware() {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    constexpr unsigned needed = 1u << 27 | 1u << 28 | 1u << 29; // OSXSAVE, AVX, F16C
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & needed) == needed;
}
__attribute__((target("f16c"))) std::uint16_t narrow(float x) {
    return static_cast<std::uint16_t>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x), _MM_FROUND_TO_NEAREST_INT), 0));
}
__attribute__((target("f16c"))) float widen(std::uint16_t code) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(code))); }

} // namespace

#elif defined(__aarch64__)

namespace {

bool has_hardware() { return true; }
std::uint16_t narrow(float x) { return std::bit_cast<std::uint16_t>(static_cast<__fp16>(x)); }
float widen(std::uint16_t code) { return static_cast<float>(std::bit_cast<__fp16>(code)); }

} // namespace

#else

namespace {

bool has_hardware() { return false; }
std::uint16_t narrow(float) { return 0; }
float widen(std::uint16_t) { return 0; }

} // namespace

#endif

TEST_CASE("float16: conversions agree with the processor bit for bit, NaN payloads included") {
    if (!has_hardware()) {
        std::puts("skipped: this processor has no float16 conversions to compare with");
        return;
    }
    const auto step = static_cast<std::uint64_t>(oracle::stride());
    std::uint64_t wrong = 0;
    std::uint64_t tried = 0;
    for (std::uint64_t bits = lowbit_test::seed() % step; bits < std::uint64_t{1} << 32; bits += step, ++tried) {
        const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        if (lowbit::float16::encode_ieee(x) != narrow(x)) ++wrong;
    }
    CHECK(tried == (std::uint64_t{1} << 32) / step);
    CHECK(wrong == 0);
    for (unsigned code = 0; code < 0x1'0000u; ++code) {
        const float ours = lowbit::float16::decode(static_cast<std::uint16_t>(code));
        const float theirs = widen(static_cast<std::uint16_t>(code));
        if (std::bit_cast<std::uint32_t>(ours) != std::bit_cast<std::uint32_t>(theirs)) ++wrong;
    }
    CHECK(wrong == 0);
}
