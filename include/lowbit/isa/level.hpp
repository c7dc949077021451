// SPDX-License-Identifier: MIT
// The closed list of instruction-set levels a kernel can be written for, with their names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0::isa {

/// A bundle of instruction-set extensions that real CPUs have together; kernels are written for levels, never for
/// single extensions. The list covers every architecture; `levels` holds those of this one. Within an architecture
/// the order is ascending, but a CPU need not have every level below its highest one (Zen 4 has avx512vnni and no
/// avxvnni), so support is asked per level.
enum class level : std::uint8_t {
    scalar,     ///< plain C++, one element at a time: the reference
    baseline,   ///< whatever the translation unit is compiled for, through xsimd
    avx2,       ///< AVX2 + FMA + F16C + BMI2
    avxvnni,    ///< avx2 + AVX-VNNI (the VEX encoding)
    avx512,     ///< avx2 + AVX-512 F, BW, DQ, VL, CD
    avx512vnni, ///< avx512 + AVX-512 VNNI, VBMI, VBMI2, VPOPCNTDQ, GFNI
    neon,       ///< AArch64 Advanced SIMD
    dotprod,    ///< neon + the 8-bit dot products of Armv8.2
    i8mm,       ///< dotprod + the 8-bit matrix products of Armv8.6
};

namespace detail {
inline constexpr std::array<std::string_view, 9> level_names{"scalar",     "baseline", "avx2",    "avxvnni", "avx512",
                                                             "avx512vnni", "neon",     "dotprod", "i8mm"};
}

/// The name of a level as LOWBIT_ISA, kernel keys and `explain` spell it.
LOWBIT_ALWAYS_INLINE constexpr std::string_view name(level l) noexcept {
    return detail::level_names[static_cast<std::size_t>(l)];
}

/// The level of that name, or nothing.
LOWBIT_ALWAYS_INLINE constexpr std::optional<level> parse(std::string_view text) noexcept {
    for (std::size_t i = 0; i < detail::level_names.size(); ++i)
        if (detail::level_names[i] == text) return static_cast<level>(i);
    return std::nullopt;
}

/// The levels that exist on the architecture compiled for, in ascending order.
inline constexpr auto levels = std::to_array<level>({
    level::scalar,
    level::baseline,
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
    level::avx2,
    level::avxvnni,
    level::avx512,
    level::avx512vnni,
#elif defined(__aarch64__) || defined(_M_ARM64)
    level::neon,
    level::dotprod,
    level::i8mm,
#endif
});

/// A small set of levels.
class level_set {
public:
    constexpr level_set() noexcept = default;
    LOWBIT_ALWAYS_INLINE constexpr level_set(std::initializer_list<level> members) noexcept {
        for (const level l : members) insert(l);
    }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool contains(level l) const noexcept { return (bits_ & bit(l)) != 0; }
    LOWBIT_ALWAYS_INLINE constexpr void insert(level l) noexcept { bits_ |= bit(l); }

    friend constexpr bool operator==(level_set, level_set) noexcept = default;

private:
    LOWBIT_ALWAYS_INLINE static constexpr std::uint32_t bit(level l) noexcept {
        return std::uint32_t{1} << static_cast<unsigned>(l);
    }

    std::uint32_t bits_ = 0;
};

} // namespace lowbit::inline v0::isa
