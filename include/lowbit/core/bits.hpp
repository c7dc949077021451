// SPDX-License-Identifier: MIT
// Codes of 1 to 8 bits (and base-3 digits) to and from dense bytes, bits of masks, and size arithmetic that notices overflow.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// a * b into `result`; true, and `result` untouched, if that does not fit.
template <std::unsigned_integral T>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool mul_overflow(T a, std::type_identity_t<T> b, T& result) noexcept {
    if (b != 0 && a > std::numeric_limits<T>::max() / b) return true;
    result = static_cast<T>(a * b);
    return false;
}

/// How many groups of `size` (not 0) hold `count` things, the last perhaps partly filled. Never overflows.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t ceil_div(std::size_t count, std::size_t size) noexcept {
    return count / size + (count % size != 0 ? 1 : 0);
}

/// The next multiple of `multiple` (not 0) at or above `value`, which must exist.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
    return ceil_div(value, multiple) * multiple;
}

/// Bytes that `count` codes of `bits` (1..8) bits take in a dense stream. Never overflows.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t packed_bytes(std::size_t count, int bits) noexcept {
    const auto width = static_cast<std::size_t>(bits);
    return count / 8 * width + ceil_div(count % 8 * width, 8);
}

namespace detail {

/// Bit i of a mask, whose bytes start with their lowest bit.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool mask_bit(const std::byte* bits, std::size_t i) noexcept {
    return ((bits[i / 8] >> (i % 8)) & std::byte{1}) != std::byte{0};
}
LOWBIT_ALWAYS_INLINE constexpr void set_mask_bit(std::byte* bits, std::size_t i) noexcept {
    bits[i / 8] |= std::byte{1} << (i % 8);
}
/// The first bit of a mask that is set, from i on and before `end`, or `end`.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t next_mask_bit(const std::byte* bits, std::size_t i,
                                                                       std::size_t end) noexcept {
    while (i < end) {
        const unsigned rest = std::to_integer<unsigned>(bits[i / 8]) >> (i % 8);
        if (rest != 0) return std::min(end, i + static_cast<std::size_t>(std::countr_zero(rest)));
        i += 8 - i % 8;
    }
    return end;
}

template <int Count>
using up_to = std::make_integer_sequence<int, Count>;

/// `sizeof...(I)` bytes as a little-endian number; straight-line, so that compilers make one load of it.
template <class Byte, int... I>
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t load_le(const Byte* in, std::integer_sequence<int, I...>) noexcept {
    return (std::uint64_t{0} | ... | (static_cast<std::uint64_t>(in[I]) << (8 * I)));
}

template <class Byte, int... I>
LOWBIT_ALWAYS_INLINE constexpr void store_le(Byte* out, std::uint64_t value, std::integer_sequence<int, I...>) noexcept {
    ((out[I] = static_cast<Byte>(static_cast<std::uint8_t>(value >> (8 * I)))), ...);
}

/// The same with the count as a number.
template <int Count, class Byte>
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t load_le(const Byte* in) noexcept {
    return load_le(in, up_to<Count>{});
}
template <int Count, class Byte>
LOWBIT_ALWAYS_INLINE constexpr void store_le(Byte* out, std::uint64_t value) noexcept {
    store_le(out, value, up_to<Count>{});
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

/// Calls `Op::run<width>(args...)`, so that the loops inside have constant shifts. If the caller's width is a constant, only that
/// loop is left.
template <class Op, class... Args>
LOWBIT_ALWAYS_INLINE constexpr void with_width(int bits, Args... args) noexcept {
    LOWBIT_ASSERT(bits >= 1 && bits <= 8);
    switch (bits) {
    case 1: return Op::template run<1>(args...);
    case 2: return Op::template run<2>(args...);
    case 3: return Op::template run<3>(args...);
    case 4: return Op::template run<4>(args...);
    case 5: return Op::template run<5>(args...);
    case 6: return Op::template run<6>(args...);
    case 7: return Op::template run<7>(args...);
    case 8: return Op::template run<8>(args...);
    default: return;
    }
}

} // namespace detail

/// One code out of a dense stream.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::uint8_t unpack_code(const std::byte* in, std::size_t index, int bits) noexcept {
    const std::size_t bit = index % 8 * static_cast<std::size_t>(bits);
    const std::byte* at = in + (index / 8 * static_cast<std::size_t>(bits) + bit / 8);
    const int shift = static_cast<int>(bit % 8);
    unsigned code = std::to_integer<unsigned>(at[0]) >> shift;
    if (shift + bits > 8) code |= std::to_integer<unsigned>(at[1]) << (8 - shift);
    return static_cast<std::uint8_t>(code & ((1u << bits) - 1));
}

namespace detail {

/// A byte in all eight bytes of a word.
LOWBIT_ALWAYS_INLINE constexpr std::uint64_t eight_times(std::uint8_t byte) noexcept { return 0x0101'0101'0101'0101u * byte; }

struct packer {
    template <int Bits>
    static LOWBIT_ALWAYS_INLINE constexpr void run(const std::uint8_t* in, std::size_t count, std::uint8_t flip,
                                                   std::byte* out) noexcept {
        for (; count >= 8; count -= 8, in += 8, out += Bits) { // eight codes are always `Bits` whole bytes
            store_le(out, squeeze<Bits>(load_le(in, up_to<8>{}) ^ eight_times(flip)), up_to<Bits>{});
        }
        if (count == 0) return;
        std::uint8_t rest[8] = {};
        for (std::size_t i = 0; i < count; ++i) rest[i] = in[i] ^ flip;
        const std::uint64_t word = squeeze<Bits>(load_le(rest, up_to<8>{}));
        const std::size_t bytes = packed_bytes(count, Bits);
        for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(static_cast<std::uint8_t>(word >> (8 * i)));
    }
};

struct unpacker {
    template <int Bits>
    static LOWBIT_ALWAYS_INLINE constexpr void run(const std::byte* in, std::size_t first, std::uint8_t* out, std::size_t count,
                                                   std::uint8_t flip) noexcept {
        for (; first % 8 != 0 && count != 0; ++first, --count) *out++ = unpack_code(in, first, Bits) ^ flip;
        for (; count >= 8; first += 8, count -= 8, out += 8) {
            store_le(out, spread<Bits>(load_le(in + first / 8 * Bits, up_to<Bits>{})) ^ eight_times(flip), up_to<8>{});
        }
        if (count == 0) return;
        std::byte rest[8] = {};
        const std::size_t bytes = packed_bytes(count, Bits);
        for (std::size_t i = 0; i < bytes; ++i) rest[i] = in[first / 8 * Bits + i];
        const std::uint64_t codes = spread<Bits>(load_le(rest, up_to<Bits>{})) ^ eight_times(flip);
        for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(codes >> (8 * i));
    }
};

} // namespace detail

/// Writes codes of `bits` (1..8) bits as a dense stream: code i lies in the bits [i * bits, (i + 1) * bits), least
/// significant first. Only the low `bits` bits of a code are taken, exclusive-or `flip`. Writes exactly
/// packed_bytes(codes.size(), bits) bytes; bits left over in the last one are zero. Forced inline, as everything here that moves
/// data: its instructions depend on the including file's flags, so it must not have a symbol.
LOWBIT_ALWAYS_INLINE constexpr void pack_codes(std::span<const std::uint8_t> codes, int bits, std::byte* out,
                                               std::uint8_t flip = 0) noexcept {
    detail::with_width<detail::packer>(bits, codes.data(), codes.size(), flip, out);
}

/// Reads codes.size() codes from a stream that pack_codes wrote, beginning with code number `first`. Reads no byte outside
/// those that hold these codes. Codes come exclusive-or `flip`.
LOWBIT_ALWAYS_INLINE constexpr void unpack_codes(const std::byte* in, std::size_t first, std::span<std::uint8_t> codes, int bits,
                                                 std::uint8_t flip = 0) noexcept {
    detail::with_width<detail::unpacker>(bits, in, first, codes.data(), codes.size(), flip);
}

/// Bytes that `count` base-3 digits take, five to a byte.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t packed_trit_bytes(std::size_t count) noexcept {
    return ceil_div(count, 5);
}

/// Digit `index` (0..4) of a byte that pack_trits wrote: the byte is the fraction v / 243 in 1/256ths, rounded up, so
/// multiplying by 3 moves one digit at a time over the point - which SIMD can do, unlike division.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::uint8_t unpack_trit(std::byte packed, int index) noexcept {
    constexpr std::uint8_t power[5] = {1, 3, 9, 27, 81};
    const auto fraction = static_cast<std::uint8_t>(std::to_integer<unsigned>(packed) * power[index]);
    return static_cast<std::uint8_t>(fraction * 3u >> 8);
}

/// Writes base-3 digits (0, 1, 2), five to a byte, the first one most significant; missing digits of the last byte are 0.
/// The byte code is that of ggml's TQ1_0. Writes exactly packed_trit_bytes(trits.size()) bytes.
LOWBIT_ALWAYS_INLINE constexpr void pack_trits(std::span<const std::uint8_t> trits, std::byte* out) noexcept {
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
LOWBIT_ALWAYS_INLINE constexpr void unpack_trits(const std::byte* in, std::size_t first, std::span<std::uint8_t> trits) noexcept {
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
