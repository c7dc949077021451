// SPDX-License-Identifier: MIT
// Tables of packed scales and offsets: parts of an interleaved block that a user can add to, and those of ggml's formats.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// The codes of eight groups, a byte each, the first in the lowest.
struct eight_codes {
    std::uint64_t bytes;
};

/// A part of an `interleaved` block that packs the scales of its groups. Any type with these static members is one:
///  - `groups`: how many groups the block has;  `bytes`: what the table takes;
///  - `scale_bits`: the width of a scale, that of the element T in scale_as<T>;
///  - `load_scale(table, group)`: the raw code of a scale, as T stores it (two's complement where T is signed);
///  - `store_scale(table, group, code)`: writes it and leaves all other bits as they are.
/// Both constexpr; they are part of the row loops, so make them LOWBIT_ALWAYS_INLINE. A table that has eight codes at once by
/// less work may say so, `load_scales(table, first)` -> eight_codes, `first` a multiple of 8.
template <class T>
concept scale_table = requires(const std::byte* from, std::byte* to, std::size_t group, std::uint32_t code) {
    { std::integral_constant<std::size_t, T::groups>{} };
    { std::integral_constant<std::size_t, T::bytes>{} };
    { std::integral_constant<int, T::scale_bits>{} };
    { T::load_scale(from, group) } noexcept -> std::same_as<std::uint32_t>;
    { T::store_scale(to, group, code) } noexcept;
};

/// The same for the offsets of the groups: zero points or minimums, `load_offsets` for eight. A table may hold both.
template <class T>
concept offset_table = requires(const std::byte* from, std::byte* to, std::size_t group, std::uint32_t code) {
    { std::integral_constant<std::size_t, T::groups>{} };
    { std::integral_constant<std::size_t, T::bytes>{} };
    { std::integral_constant<int, T::offset_bits>{} };
    { T::load_offset(from, group) } noexcept -> std::same_as<std::uint32_t>;
    { T::store_offset(to, group, code) } noexcept;
};

namespace detail {

/// `width` bits of a byte, from bit `shift` on; and the same written, from the low bits of a code.
LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_bits(std::byte from, std::size_t shift, int width) noexcept {
    return std::to_integer<std::uint32_t>(from) >> shift & ((1u << width) - 1);
}
LOWBIT_ALWAYS_INLINE constexpr void store_bits(std::byte& to, std::size_t shift, int width, std::uint32_t code) noexcept {
    const std::uint32_t mask = ((1u << width) - 1) << shift;
    to = static_cast<std::byte>((std::to_integer<std::uint32_t>(to) & ~mask) | (code << shift & mask));
}

/// The low `width` bits of each byte.
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t low_bits(std::uint64_t bytes, int width) noexcept {
    return bytes & eight_times(static_cast<std::uint8_t>((1u << width) - 1));
}

} // namespace detail

/// A byte for each group: the scale in its low nibble, the offset in its high one (ggml's Q2_K).
template <std::size_t Groups>
struct nibble_pairs {
    static constexpr std::size_t groups = Groups;
    static constexpr std::size_t bytes = Groups;
    static constexpr int scale_bits = 4;
    static constexpr int offset_bits = 4;
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scale(const std::byte* t, std::size_t g) noexcept {
        return detail::load_bits(t[g], 0, 4);
    }
    static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_scales(const std::byte* t, std::size_t first) noexcept {
        return {detail::low_bits(detail::load_le<8>(t + first), 4)};
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(std::byte* t, std::size_t g, std::uint32_t code) noexcept {
        detail::store_bits(t[g], 0, 4, code);
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_offset(const std::byte* t, std::size_t g) noexcept {
        return detail::load_bits(t[g], 4, 4);
    }
    static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_offsets(const std::byte* t, std::size_t first) noexcept {
        return {detail::low_bits(detail::load_le<8>(t + first) >> 4, 4)};
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_offset(std::byte* t, std::size_t g, std::uint32_t code) noexcept {
        detail::store_bits(t[g], 4, 4, code);
    }
};

/// 16 signed scales of 6 bits, stored 32 higher (ggml's Q3_K): the low nibbles of 0..7 and 8..15 share bytes 0..7, two high bits
/// of 0..3, 4..7 ... share bytes 8..11.
struct q3_k_scales {
    static constexpr std::size_t groups = 16;
    static constexpr std::size_t bytes = 12;
    static constexpr int scale_bits = 6;
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scale(const std::byte* t, std::size_t g) noexcept {
        return (detail::load_bits(t[g % 8], g / 8 * 4, 4) | detail::load_bits(t[8 + g % 4], g / 4 * 2, 2) << 4) ^ 32;
    }
    static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_scales(const std::byte* t, std::size_t first) noexcept {
        const std::uint64_t low = detail::low_bits(detail::load_le<8>(t) >> first / 2, 4);
        const std::uint64_t high = detail::load_le<4>(t + 8) >> first / 2;
        return {(low | detail::low_bits(high | high << 30, 2) << 4) ^ detail::eight_times(32)};
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(std::byte* t, std::size_t g, std::uint32_t code) noexcept {
        detail::store_bits(t[g % 8], g / 8 * 4, 4, code);
        detail::store_bits(t[8 + g % 4], g / 4 * 2, 2, (code ^ 32) >> 4);
    }
};

/// 8 scales and 8 minimums of 6 bits (ggml's Q4_K and Q5_K): the first four of each fill the low 6 bits of bytes 0..3 and 4..7;
/// of the last four, bytes 8..11 hold the low nibbles (scale low, minimum high) and the top two bits of bytes 0..7 the rest.
struct q4_k_scales {
    static constexpr std::size_t groups = 8;
    static constexpr std::size_t bytes = 12;
    static constexpr int scale_bits = 6;
    static constexpr int offset_bits = 6;
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scale(const std::byte* t, std::size_t g) noexcept {
        return load(t, g, 0);
    }
    static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_scales(const std::byte* t, std::size_t) noexcept {
        return load_all(t, 0);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(std::byte* t, std::size_t g, std::uint32_t code) noexcept {
        store(t, g, 0, code);
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_offset(const std::byte* t, std::size_t g) noexcept {
        return load(t, g, 4);
    }
    static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_offsets(const std::byte* t, std::size_t) noexcept {
        return load_all(t, 4);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_offset(std::byte* t, std::size_t g, std::uint32_t code) noexcept {
        store(t, g, 4, code);
    }

private:
    // `at`: where the first four stand, and which nibble holds the others
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load(const std::byte* t, std::size_t g, std::size_t at) noexcept {
        if (g < 4) return detail::load_bits(t[at + g], 0, 6);
        return detail::load_bits(t[4 + g], at, 4) | detail::load_bits(t[at + g - 4], 6, 2) << 4;
    }
    static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_all(const std::byte* t, std::size_t at) noexcept {
        const std::uint64_t first = detail::load_le<4>(t + at);
        const std::uint64_t last = detail::low_bits(detail::load_le<4>(t + 8) >> at, 4) | detail::low_bits(first >> 6, 2) << 4;
        return {detail::low_bits(first, 6) | last << 32};
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store(std::byte* t, std::size_t g, std::size_t at, std::uint32_t code) noexcept {
        if (g < 4) return detail::store_bits(t[at + g], 0, 6, code);
        detail::store_bits(t[4 + g], at, 4, code);
        detail::store_bits(t[at + g - 4], 6, 2, code >> 4);
    }
};

/// 8 signed scales of 6 bits, stored 32 higher (ggml's IQ4_XS): two high bits of each in bytes 0..1, the low nibbles in 2..5.
struct iq4_xs_scales {
    static constexpr std::size_t groups = 8;
    static constexpr std::size_t bytes = 6;
    static constexpr int scale_bits = 6;
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scale(const std::byte* t, std::size_t g) noexcept {
        return (detail::load_bits(t[2 + g / 2], g % 2 * 4, 4) | detail::load_bits(t[g / 4], g % 4 * 2, 2) << 4) ^ 32;
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(std::byte* t, std::size_t g, std::uint32_t code) noexcept {
        detail::store_bits(t[2 + g / 2], g % 2 * 4, 4, code);
        detail::store_bits(t[g / 4], g % 4 * 2, 2, (code ^ 32) >> 4);
    }
};

} // namespace lowbit::inline v0
