// SPDX-License-Identifier: MIT
// Detection on CPUs that are made up, and on this one against the compiler's own.
#include <doctest/doctest.h>

#include <lowbit/isa/detect.hpp>

#include <cstdint>
#include <cstring>

namespace isa = lowbit::isa;
using isa::level;
using isa::level_set;

namespace {

constexpr std::uint32_t bit(int n) { return std::uint32_t{1} << n; }

const level_set portable{level::scalar, level::baseline};
const level_set with_avx2{level::scalar, level::baseline, level::avx2};

// The words as the CPUs' makers document them; only the bits that matter here.
constexpr isa::x86_words haswell{.leaf1_ecx = bit(12) | bit(27) | bit(28) | bit(29), .leaf7_ebx = bit(5) | bit(8), .xcr0 = 0x7};
constexpr isa::x86_words alder_lake{
    .leaf1_ecx = haswell.leaf1_ecx, .leaf7_ebx = haswell.leaf7_ebx, .leaf7_1_eax = bit(4), .xcr0 = 0x7};
constexpr isa::x86_words skylake_x{.leaf1_ecx = haswell.leaf1_ecx,
                                   .leaf7_ebx = haswell.leaf7_ebx | bit(16) | bit(17) | bit(28) | bit(30) | bit(31),
                                   .xcr0 = 0xe7};
constexpr isa::x86_words zen4{.leaf1_ecx = haswell.leaf1_ecx,
                              .leaf7_ebx = skylake_x.leaf7_ebx,
                              .leaf7_ecx = bit(1) | bit(6) | bit(8) | bit(11) | bit(14),
                              .xcr0 = 0xe7};
constexpr isa::x86_words sapphire_rapids{.leaf1_ecx = haswell.leaf1_ecx,
                                         .leaf7_ebx = skylake_x.leaf7_ebx,
                                         .leaf7_ecx = bit(1) | bit(6) | bit(8) | bit(11) | bit(14),
                                         .leaf7_1_eax = bit(4),
                                         .xcr0 = 0x600e7};

} // namespace

TEST_CASE("known x86 CPUs") {
    CHECK(isa::levels_of(isa::x86_words{}) == portable);
    CHECK(isa::levels_of(haswell) == with_avx2);
    CHECK(isa::levels_of(alder_lake) == level_set{level::scalar, level::baseline, level::avx2, level::avxvnni});
    CHECK(isa::levels_of(skylake_x) == level_set{level::scalar, level::baseline, level::avx2, level::avx512});
    CHECK(isa::levels_of(zen4) == level_set{level::scalar, level::baseline, level::avx2, level::avx512, level::avx512vnni});
    CHECK(isa::levels_of(sapphire_rapids) ==
          level_set{level::scalar, level::baseline, level::avx2, level::avxvnni, level::avx512, level::avx512vnni});
    static_assert(isa::levels_of(zen4).contains(level::avx512vnni) && !isa::levels_of(zen4).contains(level::avxvnni));
}

TEST_CASE("each bit of the avx2 bundle is needed") {
    for (const int n : {12, 27, 28, 29}) {
        isa::x86_words w = sapphire_rapids;
        w.leaf1_ecx &= ~bit(n);
        CAPTURE(n);
        CHECK(isa::levels_of(w) == portable);
    }
    for (const int n : {5, 8}) {
        isa::x86_words w = sapphire_rapids;
        w.leaf7_ebx &= ~bit(n);
        CAPTURE(n);
        CHECK(isa::levels_of(w) == portable);
    }
}

TEST_CASE("each bit of the avx512 bundles is needed") {
    for (const int n : {16, 17, 28, 30, 31}) {
        isa::x86_words w = zen4;
        w.leaf7_ebx &= ~bit(n);
        CAPTURE(n);
        CHECK(isa::levels_of(w) == with_avx2);
    }
    for (const int n : {1, 6, 8, 11, 14}) {
        isa::x86_words w = zen4;
        w.leaf7_ecx &= ~bit(n);
        CAPTURE(n);
        CHECK(isa::levels_of(w) == isa::levels_of(skylake_x));
    }
}

TEST_CASE("an operating system that does not save the registers takes the levels away") {
    const auto with_xcr0 = [](std::uint64_t xcr0) {
        isa::x86_words w = zen4;
        w.xcr0 = xcr0;
        return isa::levels_of(w);
    };
    CHECK(with_xcr0(0) == portable);
    CHECK(with_xcr0(0x3) == portable);
    CHECK(with_xcr0(0x5) == portable);
    CHECK(with_xcr0(0x7) == with_avx2);
    for (const std::uint64_t zmm_bit : {0x20u, 0x40u, 0x80u}) CHECK(with_xcr0(0xe7 & ~zmm_bit) == with_avx2);
    CHECK(with_xcr0(0xe7).contains(level::avx512vnni));
}

TEST_CASE("AArch64 words") {
    const level_set neon{level::scalar, level::baseline, level::neon};
    CHECK(isa::levels_of(isa::arm_words{}) == neon);
    CHECK(isa::levels_of(isa::arm_words{.hwcap = 1u << 20}) ==
          level_set{level::scalar, level::baseline, level::neon, level::dotprod});
    CHECK(isa::levels_of(isa::arm_words{.hwcap = 1u << 20, .hwcap2 = 1u << 13}) ==
          level_set{level::scalar, level::baseline, level::neon, level::dotprod, level::i8mm});
    CHECK(isa::levels_of(isa::arm_words{.hwcap2 = 1u << 13}) == neon); // i8mm without dotprod is no bundle of ours
}

TEST_CASE(
    "AMD's and Hygon's CPUs have spare pipes, Intel's have none, and those with AVX-VNNI have wide ones, others split ones") {
    const auto vendor = [](const char(&name)[13]) {
        std::uint32_t ebx;
        std::memcpy(&ebx, name, sizeof ebx);
        return ebx;
    };
    CHECK(isa::has_spare_pipes(vendor("AuthenticAMD")));
    CHECK(isa::has_spare_pipes(vendor("HygonGenuine")));
    CHECK_FALSE(isa::has_spare_pipes(vendor("GenuineIntel")));
    CHECK_FALSE(isa::has_spare_pipes(0));
    const level_set vnni{level::scalar, level::baseline, level::avx2, level::avxvnni};
    CHECK(isa::has_wide_pipes(vendor("AuthenticAMD"), vnni));
    CHECK_FALSE(isa::has_wide_pipes(vendor("AuthenticAMD"), level_set{level::scalar, level::baseline, level::avx2}));
    CHECK_FALSE(isa::has_wide_pipes(vendor("GenuineIntel"), vnni));
    CHECK(isa::has_split_pipes(vendor("AuthenticAMD"), level_set{level::scalar, level::baseline, level::avx2}));
    CHECK_FALSE(isa::has_split_pipes(vendor("AuthenticAMD"), vnni));
    CHECK_FALSE(isa::has_split_pipes(vendor("GenuineIntel"), level_set{level::scalar, level::baseline, level::avx2}));
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_is("amd")) CHECK(isa::has_spare_pipes());
    if (__builtin_cpu_is("intel")) CHECK_FALSE(isa::has_spare_pipes());
#endif
}

TEST_CASE("this machine, against the compiler's detection") {
    CHECK(isa::supported(level::scalar));
    CHECK(isa::supported(level::baseline));
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    CHECK(isa::supported(level::avx2) == avx2); // no CPU has those and not F16C
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512cd");
    CHECK(isa::supported(level::avx512) == avx512);
    CHECK(isa::supported(level::avx512vnni) ==
          (avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("gfni")));
    CHECK_FALSE(isa::supported(level::neon));
#elif defined(__aarch64__)
    CHECK(isa::supported(level::neon));
    CHECK_FALSE(isa::supported(level::avx2));
#endif
}
