// SPDX-License-Identifier: MIT
// Which levels this CPU and this operating system can run. No compiler built-in: clang 14 refuses names we need.
#pragma once

#include <cstdint>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(_M_X64) || defined(_M_IX86)
#include <intrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace lowbit::inline v0::isa {

/// The words of CPUID, and of XCR0, that decide the x86 levels. A leaf that the CPU does not have is 0.
struct x86_words {
    std::uint32_t leaf1_ecx = 0;   ///< CPUID 1: ECX
    std::uint32_t leaf7_ebx = 0;   ///< CPUID 7.0: EBX
    std::uint32_t leaf7_ecx = 0;   ///< CPUID 7.0: ECX
    std::uint32_t leaf7_1_eax = 0; ///< CPUID 7.1: EAX
    std::uint64_t xcr0 = 0;        ///< register state the operating system saves; 0 without OSXSAVE
};

/// The two capability words that Linux hands to an AArch64 process.
struct arm_words {
    std::uint64_t hwcap = 0;
    std::uint64_t hwcap2 = 0;
};

/// The levels an x86 CPU with these words supports (Intel SDM volume 2A, CPUID; volume 1, 13.3 for XCR0).
template <class Here = here>
constexpr level_set levels_of(const x86_words& w) noexcept {
    constexpr auto all = [](std::uint64_t word, std::initializer_list<int> bits) {
        for (const int bit : bits)
            if ((word >> bit & 1) == 0) return false;
        return true;
    };
    constexpr std::uint64_t ymm_state = 0x06; // SSE and AVX
    constexpr std::uint64_t zmm_state = 0xe6; // and mask registers, upper halves, zmm16 to zmm31

    level_set found{level::scalar, level::baseline};
    const bool avx2 = all(w.leaf1_ecx, {12, 27, 28, 29}) // FMA, OSXSAVE, AVX, F16C
                      && all(w.leaf7_ebx, {5, 8})        // AVX2, BMI2
                      && (w.xcr0 & ymm_state) == ymm_state;
    if (!avx2) return found;
    found.insert(level::avx2);
    if (all(w.leaf7_1_eax, {4})) found.insert(level::avxvnni);
    const bool avx512 = all(w.leaf7_ebx, {16, 17, 28, 30, 31}) // F, DQ, CD, BW, VL
                        && (w.xcr0 & zmm_state) == zmm_state;
    if (!avx512) return found;
    found.insert(level::avx512);
    if (all(w.leaf7_ecx, {1, 6, 8, 11, 14})) found.insert(level::avx512vnni); // VBMI, VBMI2, GFNI, VNNI, VPOPCNTDQ
    return found;
}

/// The levels an AArch64 CPU with these words supports (Linux, uapi/asm/hwcap.h).
template <class Here = here>
constexpr level_set levels_of(const arm_words& w) noexcept {
    level_set found{level::scalar, level::baseline, level::neon};
    if ((w.hwcap >> 20 & 1) == 0) return found; // HWCAP_ASIMDDP
    found.insert(level::dotprod);
    if ((w.hwcap2 >> 13 & 1) != 0) found.insert(level::i8mm); // HWCAP2_I8MM
    return found;
}

/// Whether an x86 CPU of that vendor (CPUID 0: EBX) has more than two vector pipes, so that masks and shifts run beside products:
/// AMD's and Hygon's have four, Intel's two for 512 bits.
template <class Here = here>
constexpr bool has_spare_pipes(std::uint32_t vendor) noexcept {
    return vendor == 0x68747541 || vendor == 0x6f677948; // "Auth", "Hygo"
}

/// Whether such a CPU's pipes are free beside multiply-adds, too, and, in servers, whole vectors of 512 bits wide: AMD's since
/// Zen 5, of those with spare pipes the first with AVX-VNNI.
template <class Here = here>
constexpr bool has_wide_pipes(std::uint32_t vendor, level_set runs) noexcept {
    return has_spare_pipes<Here>(vendor) && runs.contains(level::avxvnni);
}

/// Whether such a CPU with AVX-512 takes vectors of 512 bits in two halves: AMD's Zen 4.
template <class Here = here>
constexpr bool has_split_pipes(std::uint32_t vendor, level_set runs) noexcept {
    return has_spare_pipes<Here>(vendor) && !has_wide_pipes<Here>(vendor, runs);
}

namespace detail {

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)

struct cpuid_registers {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

template <class Here = here>
cpuid_registers read_cpuid(std::uint32_t leaf, std::uint32_t subleaf) noexcept {
    cpuid_registers r;
#if defined(__GNUC__)
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#else
    int out[4];
    __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
    r = {static_cast<std::uint32_t>(out[0]), static_cast<std::uint32_t>(out[1]), static_cast<std::uint32_t>(out[2]),
         static_cast<std::uint32_t>(out[3])};
#endif
    return r;
}

template <class Here = here>
std::uint32_t read_vendor() noexcept {
    return read_cpuid<Here>(0, 0).ebx;
}

template <class Here = here>
std::uint64_t read_xcr0() noexcept {
#if defined(__GNUC__)
    std::uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); // the intrinsic would need -mxsave
    return std::uint64_t{high} << 32 | low;
#else
    return _xgetbv(0);
#endif
}

template <class Here = here>
level_set read_machine() noexcept {
    x86_words w;
    const std::uint32_t last_leaf = read_cpuid<Here>(0, 0).eax;
    if (last_leaf >= 1) w.leaf1_ecx = read_cpuid<Here>(1, 0).ecx;
    if (last_leaf >= 7) {
        const cpuid_registers leaf7 = read_cpuid<Here>(7, 0);
        w.leaf7_ebx = leaf7.ebx;
        w.leaf7_ecx = leaf7.ecx;
        if (leaf7.eax >= 1) w.leaf7_1_eax = read_cpuid<Here>(7, 1).eax;
    }
    if ((w.leaf1_ecx >> 27 & 1) != 0) w.xcr0 = read_xcr0<Here>(); // OSXSAVE: xgetbv exists
    return levels_of(w);
}

#elif defined(__aarch64__) && defined(__linux__)

template <class Here = here>
level_set read_machine() noexcept {
    return levels_of(arm_words{getauxval(AT_HWCAP), getauxval(AT_HWCAP2)});
}

#elif defined(__aarch64__) || defined(_M_ARM64)

template <class Here = here>
level_set read_machine() noexcept {
    return levels_of(arm_words{});
}

#else

template <class Here = here>
level_set read_machine() noexcept {
    return {level::scalar, level::baseline};
}

#endif

#if !defined(__x86_64__) && !defined(__i386__) && !defined(_M_X64) && !defined(_M_IX86)
template <class Here = here>
std::uint32_t read_vendor() noexcept {
    return 0;
}
#endif

} // namespace detail

/// Whether this machine's CPU has spare pipes, see above, read once.
template <class Here = here>
[[nodiscard]] bool has_spare_pipes() noexcept {
    static const bool found = has_spare_pipes<Here>(detail::read_vendor<Here>()); // CPUID traps in a virtual machine
    return found;
}

/// The levels of this machine, read once.
template <class Here = here>
[[nodiscard]] level_set supported_levels() noexcept {
    static const level_set found = detail::read_machine<Here>(); // CPUID traps in a virtual machine: read it once
    return found;
}

/// Whether this machine's CPU has wide pipes, see above, read once.
template <class Here = here>
[[nodiscard]] bool has_wide_pipes() noexcept {
    static const bool found = has_wide_pipes<Here>(detail::read_vendor<Here>(), supported_levels<Here>());
    return found;
}

/// Whether this machine's CPU has split pipes, see above, read once.
template <class Here = here>
[[nodiscard]] bool has_split_pipes() noexcept {
    static const bool found = has_split_pipes<Here>(detail::read_vendor<Here>(), supported_levels<Here>());
    return found;
}

/// Whether this machine runs kernels of that level.
template <class Here = here>
[[nodiscard]] bool supported(level l) noexcept {
    return supported_levels<Here>().contains(l);
}

} // namespace lowbit::inline v0::isa
