// SPDX-License-Identifier: MIT
// How codes stand in bytes: one overload set per code order, over rows of codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0::detail {

/// An order knows `bytes(count, bits)`, `pack(rows, codes, bits, flip, out)` and `unpack(rows, in, codes, bits, flip)`: codes
/// stand in bytes exclusive-or `flip`. `rows` are row operations.
template <class Order>
struct code_order;

template <>
struct code_order<sequential> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        return packed_bytes(count, bits);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows& rows, std::span<const std::uint8_t> codes, int bits,
                                                    std::uint8_t flip, std::byte* out) noexcept {
        rows.pack(codes.data(), codes.size(), bits, flip, out);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows& rows, const std::byte* in, std::span<std::uint8_t> codes,
                                                      int bits, std::uint8_t flip) noexcept {
        rows.unpack(in, codes.size(), bits, flip, codes.data());
    }
};

/// A byte holds the codes of one place in each of several runs, the first run in its lowest bits.
template <std::size_t Half>
struct code_order<split_half<Half>> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        const std::size_t unit = Half * static_cast<std::size_t>(8 / bits);
        return (count + unit - 1) / unit * Half;
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows&, std::span<const std::uint8_t> codes, int bits, std::uint8_t flip,
                                                    std::byte* out) noexcept {
        const std::uint64_t flips = eight_times(flip);
        const std::size_t unit = Half * static_cast<std::size_t>(8 / bits);
        for (std::size_t first = 0; first < codes.size(); first += unit, out += Half) {
            for (std::size_t i = 0; i < Half; i += width) {
                std::uint64_t word = 0;
                int shift = 0;
                for (std::size_t k = first + i; shift < 8; k += Half, shift += bits) {
                    if (k + width <= codes.size()) {
                        word |= (load_le<width>(codes.data() + k) ^ flips) << shift & mask(bits) << shift;
                    } else {
                        for (std::size_t j = 0; k + j < codes.size() && j < width; ++j)
                            word |= (std::uint64_t{codes[k + j]} ^ flip) << 8 * j << shift & mask(bits) << shift;
                    }
                }
                store_le<width>(out + i, word);
            }
        }
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows&, const std::byte* in, std::span<std::uint8_t> codes, int bits,
                                                      std::uint8_t flip) noexcept {
        const std::uint64_t flips = eight_times(flip);
        const std::size_t unit = Half * static_cast<std::size_t>(8 / bits);
        for (std::size_t first = 0; first < codes.size(); first += unit, in += Half) {
            for (std::size_t i = 0; i < Half; i += width) {
                const std::uint64_t word = load_le<width>(in + i);
                int shift = 0;
                for (std::size_t k = first + i; shift < 8; k += Half, shift += bits) {
                    const std::uint64_t part = (word >> shift & mask(bits)) ^ flips;
                    if (k + width <= codes.size()) {
                        store_le<width>(codes.data() + k, part);
                    } else {
                        for (std::size_t j = 0; k + j < codes.size() && j < width; ++j)
                            codes[k + j] = static_cast<std::uint8_t>(part >> 8 * j);
                    }
                }
            }
        }
    }

private:
    static constexpr int width = Half % 8 == 0 ? 8 : 1; ///< bytes at a time
    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t mask(int bits) noexcept {
        return eight_times(static_cast<std::uint8_t>((1u << bits) - 1));
    }
};

/// The first code of a byte in its highest bits.
template <>
struct code_order<high_first> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        return packed_bytes(count, bits);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows&, std::span<const std::uint8_t> codes, int bits, std::uint8_t flip,
                                                    std::byte* out) noexcept {
        const auto per_byte = static_cast<std::size_t>(8 / bits);
        for (std::size_t first = 0; first < codes.size(); first += per_byte) {
            unsigned byte = 0;
            for (std::size_t i = first; i < first + per_byte; ++i)
                byte = byte << bits | (i < codes.size() ? (codes[i] ^ flip) & ((1u << bits) - 1) : 0u);
            *out++ = static_cast<std::byte>(byte);
        }
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows&, const std::byte* in, std::span<std::uint8_t> codes, int bits,
                                                      std::uint8_t flip) noexcept {
        const auto per_byte = static_cast<std::size_t>(8 / bits);
        for (std::size_t i = 0; i < codes.size(); ++i) {
            const int shift = 8 - bits * static_cast<int>(i % per_byte + 1);
            codes[i] =
                static_cast<std::uint8_t>((std::to_integer<unsigned>(in[i / per_byte] >> shift) & ((1u << bits) - 1)) ^ flip);
        }
    }
};

/// Digits of base 3 are never flipped.
template <>
struct code_order<base3> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int /*bits*/) noexcept {
        return packed_trit_bytes(count);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows&, std::span<const std::uint8_t> codes, int /*bits*/,
                                                    std::uint8_t /*flip*/, std::byte* out) noexcept {
        pack_trits(codes, out);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows&, const std::byte* in, std::span<std::uint8_t> codes,
                                                      int /*bits*/, std::uint8_t /*flip*/) noexcept {
        unpack_trits(in, 0, codes);
    }
};

} // namespace lowbit::inline v0::detail
