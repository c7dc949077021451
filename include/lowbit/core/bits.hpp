// SPDX-License-Identifier: MIT
// Codes of 1 to 8 bits (and base-3 digits) to and from dense bytes, and size arithmetic that notices overflow.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// a + b into `result`; true, and `result` untouched, if that does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool add_overflow(T a, std::type_identity_t<T> b, T& result) noexcept {
    if (b > std::numeric_limits<T>::max() - a) return true;
    result = static_cast<T>(a + b);
    return false;
}

/// a * b into `result`; true, and `result` untouched, if that does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool mul_overflow(T a, std::type_identity_t<T> b, T& result) noexcept {
    if (b != 0 && a > std::numeric_limits<T>::max() / b) return true;
    result = static_cast<T>(a * b);
    return false;
}

/// How many groups of `size` (not 0) hold `count` things, the last perhaps partly filled. Never overflows.
[[nodiscard]] constexpr std::size_t ceil_div(std::size_t count, std::size_t size) noexcept {
    return count / size + (count % size != 0 ? 1 : 0);
}

/// The next multiple of `multiple` (not 0) at or above `value`, which must exist.
[[nodiscard]] constexpr std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
    return ceil_div(value, multiple) * multiple;
}

/// round_up for sizes from outside: true, and `result` untouched, if there is no such number.
[[nodiscard]] constexpr bool round_up_overflow(std::size_t value, std::size_t multiple, std::size_t& result) noexcept {
    return mul_overflow(ceil_div(value, multiple), multiple, result);
}

/// Bytes that `count` codes of `bits` (1..8) bits take in a dense stream. Never overflows.
[[nodiscard]] constexpr std::size_t packed_bytes(std::size_t count, int bits) noexcept {
    const auto width = static_cast<std::size_t>(bits);
    return count / 8 * width + ceil_div(count % 8 * width, 8);
}

namespace detail {

/// `Count` bytes as a little-endian number; straight-line, so that compilers make one load of it.
template <int Count, class Byte>
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t load_le(const Byte* in) noexcept {
    return [&]<int... I>(std::integer_sequence<int, I...>) {
        return (std::uint64_t{0} | ... | (static_cast<std::uint64_t>(in[I]) << (8 * I)));
    }(std::make_integer_sequence<int, Count>{});
}

template <int Count, class Byte>
LOWBIT_ALWAYS_INLINE constexpr void store_le(Byte* out, std::uint64_t value) noexcept {
    [&]<int... I>(std::integer_sequence<int, I...>) {
        ((out[I] = static_cast<Byte>(static_cast<std::uint8_t>(value >> (8 * I)))), ...);
    }(std::make_integer_sequence<int, Count>{});
}

/// The low `Bits` bits of each of eight bytes, squeezed together: neighbours join, then pairs, then quadruples.
template <int Bits>
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t squeeze(std::uint64_t x) noexcept {
    constexpr int gap = 8 - Bits;
    x &= 0x0101'0101'0101'0101u * ((1u << Bits) - 1);
    x = (x & 0x00ff'00ff'00ff'00ffu) | (x & 0xff00'ff00'ff00'ff00u) >> gap;
    x = (x & 0x0000'ffff'0000'ffffu) | (x & 0xffff'0000'ffff'0000u) >> (2 * gap);
    return (x & 0x0000'0000'ffff'ffffu) | (x & 0xffff'ffff'0000'0000u) >> (4 * gap);
}

/// The inverse of squeeze.
template <int Bits>
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t spread(std::uint64_t x) noexcept {
    constexpr int gap = 8 - Bits;
    constexpr std::uint64_t quadruple = (std::uint64_t{1} << (4 * Bits)) - 1;
    constexpr std::uint64_t pair = 0x0000'0001'0000'0001u * ((std::uint64_t{1} << (2 * Bits)) - 1);
    constexpr std::uint64_t single = 0x0001'0001'0001'0001u * ((std::uint64_t{1} << Bits) - 1);
    x = (x & quadruple) | (x & (quadruple << (4 * Bits))) << (4 * gap);
    x = (x & pair) | (x & (pair << (2 * Bits))) << (2 * gap);
    return (x & single) | (x & (single << Bits)) << gap;
}

/// Calls f with the width as a constant, so that the loops inside have constant shifts.
template <class F>
constexpr void with_width(int bits, F f) {
    LOWBIT_ASSERT(bits >= 1 && bits <= 8);
    switch (bits) {
    case 1: return f(std::integral_constant<int, 1>{});
    case 2: return f(std::integral_constant<int, 2>{});
    case 3: return f(std::integral_constant<int, 3>{});
    case 4: return f(std::integral_constant<int, 4>{});
    case 5: return f(std::integral_constant<int, 5>{});
    case 6: return f(std::integral_constant<int, 6>{});
    case 7: return f(std::integral_constant<int, 7>{});
    case 8: return f(std::integral_constant<int, 8>{});
    default: return;
    }
}

} // namespace detail

/// One code out of a dense stream.
[[nodiscard]] constexpr std::uint8_t unpack_code(const std::byte* in, std::size_t index, int bits) noexcept {
    const std::size_t bit = index % 8 * static_cast<std::size_t>(bits);
    const std::byte* at = in + (index / 8 * static_cast<std::size_t>(bits) + bit / 8);
    const int shift = static_cast<int>(bit % 8);
    unsigned code = std::to_integer<unsigned>(at[0]) >> shift;
    if (shift + bits > 8) code |= std::to_integer<unsigned>(at[1]) << (8 - shift);
    return static_cast<std::uint8_t>(code & ((1u << bits) - 1));
}

/// Writes codes of `bits` (1..8) bits as a dense stream: code i lies in the bits [i * bits, (i + 1) * bits), least
/// significant first. Only the low `bits` bits of a code are taken. Writes exactly packed_bytes(codes.size(), bits) bytes;
/// bits left over in the last one are zero.
constexpr void pack_codes(std::span<const std::uint8_t> codes, int bits, std::byte* out) noexcept {
    detail::with_width(bits, [&](auto width) {
        constexpr int w = width;
        const std::uint8_t* in = codes.data();
        std::byte* to = out;
        std::size_t left = codes.size();
        for (; left >= 8; left -= 8, in += 8, to += w) { // eight codes are always `bits` whole bytes
            detail::store_le<w>(to, detail::squeeze<w>(detail::load_le<8>(in)));
        }
        if (left == 0) return;
        std::uint8_t rest[8] = {};
        for (std::size_t i = 0; i < left; ++i) rest[i] = in[i];
        const std::uint64_t word = detail::squeeze<w>(detail::load_le<8>(rest));
        const std::size_t bytes = packed_bytes(left, w);
        for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<std::byte>(static_cast<std::uint8_t>(word >> (8 * i)));
    });
}

/// Reads codes.size() codes from a stream that pack_codes wrote, beginning with code number `first`. Reads no byte outside
/// those that hold these codes.
constexpr void unpack_codes(const std::byte* in, std::size_t first, std::span<std::uint8_t> codes, int bits) noexcept {
    detail::with_width(bits, [&](auto width) {
        constexpr int w = width;
        std::size_t index = first;
        std::size_t done = 0;
        const std::size_t count = codes.size();
        for (; index % 8 != 0 && done < count; ++index, ++done) codes[done] = unpack_code(in, index, w);
        const std::byte* from = in + index / 8 * w;
        std::uint8_t* out = codes.data() + done;
        for (; count - done >= 8; done += 8, index += 8, from += w, out += 8) {
            detail::store_le<8>(out, detail::spread<w>(detail::load_le<w>(from)));
        }
        for (; done < count; ++index, ++done) codes[done] = unpack_code(in, index, w);
    });
}

/// Bytes that `count` base-3 digits take, five to a byte.
[[nodiscard]] constexpr std::size_t packed_trit_bytes(std::size_t count) noexcept { return ceil_div(count, 5); }

/// Digit `index` (0..4) of a byte that pack_trits wrote: the byte is the fraction v / 243 in 1/256ths, rounded up, so
/// multiplying by 3 moves one digit at a time over the point - which SIMD can do, unlike division.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::uint8_t unpack_trit(std::byte packed, int index) noexcept {
    constexpr std::uint8_t power[5] = {1, 3, 9, 27, 81};
    const auto fraction = static_cast<std::uint8_t>(std::to_integer<unsigned>(packed) * power[index]);
    return static_cast<std::uint8_t>(fraction * 3u >> 8);
}

/// Writes base-3 digits (0, 1, 2), five to a byte, the first one most significant; missing digits of the last byte are 0.
/// The byte code is that of ggml's TQ1_0. Writes exactly packed_trit_bytes(trits.size()) bytes.
constexpr void pack_trits(std::span<const std::uint8_t> trits, std::byte* out) noexcept {
    for (std::size_t i = 0; i < trits.size(); i += 5) {
        unsigned value = 0;
        for (std::size_t k = i; k < i + 5; ++k) {
            LOWBIT_ASSERT(k >= trits.size() || trits[k] < 3);
            value = value * 3 + (k < trits.size() ? trits[k] : 0u);
        }
        out[i / 5] = static_cast<std::byte>((value * 256 + 242) / 243);
    }
}

/// Reads trits.size() digits that pack_trits wrote, beginning with digit number `first`.
constexpr void unpack_trits(const std::byte* in, std::size_t first, std::span<std::uint8_t> trits) noexcept {
    const std::byte* from = in + first / 5;
    int digit = static_cast<int>(first % 5);
    for (std::uint8_t& trit : trits) {
        trit = unpack_trit(*from, digit);
        if (++digit == 5) {
            digit = 0;
            ++from;
        }
    }
}

} // namespace lowbit::inline v0
