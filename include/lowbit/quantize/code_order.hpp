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

/// An order knows `bytes(count, bits)`, `pack(codes, bits, out)` and `unpack(in, first, codes, bits)`.
template <class Order>
struct code_order;

template <>
struct code_order<sequential> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        return packed_bytes(count, bits);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void pack(std::span<const std::uint8_t> codes, int bits, std::byte* out) noexcept {
        pack_codes(codes, bits, out);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const std::byte* in, std::size_t first, std::span<std::uint8_t> codes,
                                                      int bits) noexcept {
        unpack_codes(in, first, codes, bits);
    }
};

/// Orders in which a code lies in one byte: `place(i, bits)` says which and how far up.
struct code_place {
    std::size_t byte;
    int shift;
};
template <class Derived>
struct code_in_one_byte {
    static LOWBIT_ALWAYS_INLINE constexpr void pack(std::span<const std::uint8_t> codes, int bits, std::byte* out) noexcept {
        const std::size_t size = Derived::bytes(codes.size(), bits);
        for (std::size_t i = 0; i < size; ++i) out[i] = std::byte{0};
        for (std::size_t i = 0; i < codes.size(); ++i) {
            const code_place at = Derived::place(i, bits);
            out[at.byte] |= static_cast<std::byte>(codes[i] & ((1u << bits) - 1)) << at.shift;
        }
    }
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const std::byte* in, std::size_t first, std::span<std::uint8_t> codes,
                                                      int bits) noexcept {
        for (std::size_t i = 0; i < codes.size(); ++i) {
            const code_place at = Derived::place(first + i, bits);
            codes[i] = static_cast<std::uint8_t>(std::to_integer<unsigned>(in[at.byte] >> at.shift) & ((1u << bits) - 1));
        }
    }
};

template <std::size_t Half>
struct code_order<split_half<Half>> : code_in_one_byte<code_order<split_half<Half>>> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        const std::size_t unit = Half * static_cast<std::size_t>(8 / bits);
        return (count + unit - 1) / unit * Half;
    }
    static LOWBIT_ALWAYS_INLINE constexpr code_place place(std::size_t i, int bits) noexcept {
        const std::size_t unit = Half * static_cast<std::size_t>(8 / bits);
        return {i / unit * Half + i % Half, static_cast<int>(i % unit / Half) * bits};
    }
};

template <>
struct code_order<high_first> : code_in_one_byte<code_order<high_first>> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        return packed_bytes(count, bits);
    }
    static LOWBIT_ALWAYS_INLINE constexpr code_place place(std::size_t i, int bits) noexcept {
        const auto per_byte = static_cast<std::size_t>(8 / bits);
        return {i / per_byte, 8 - bits * static_cast<int>(i % per_byte + 1)};
    }
};

template <>
struct code_order<base3> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int /*bits*/) noexcept {
        return packed_trit_bytes(count);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void pack(std::span<const std::uint8_t> codes, int /*bits*/, std::byte* out) noexcept {
        pack_trits(codes, out);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const std::byte* in, std::size_t first, std::span<std::uint8_t> codes,
                                                      int /*bits*/) noexcept {
        unpack_trits(in, first, codes);
    }
};

} // namespace lowbit::inline v0::detail
