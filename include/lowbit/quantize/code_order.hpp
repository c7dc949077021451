// SPDX-License-Identifier: MIT
// How codes stand in bytes: one overload set per code order, over rows of codes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0::detail {

/// An order knows `bytes(count, bits)`, `pack(rows, codes, bits, flip, out)` and `unpack(rows, in, codes, bits, flip)`: codes
/// stand in bytes exclusive-or `flip`, of which only `bits` bits are read. Every `unit` codes begin a new byte, whatever their
/// width. `rows` are row operations.
template <class Order>
struct code_order;

template <>
struct code_order<sequential> {
    static constexpr std::size_t unit = 8;
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        return packed_bytes(count, bits);
    }
    // a call is too much for a block
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows& rows, std::span<const std::uint8_t, Size> codes, int bits,
                                                    std::uint8_t flip, std::byte* out) noexcept {
        if constexpr (Size <= 64) {
            pack_codes(codes, bits, out, flip);
        } else {
            rows.pack(codes.data(), codes.size(), bits, flip, out);
        }
    }
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows& rows, const std::byte* in, std::span<std::uint8_t, Size> codes,
                                                      int bits, std::uint8_t flip) noexcept {
        if constexpr (Size <= 64) {
            unpack_codes(in, 0, codes, bits, flip);
        } else {
            rows.unpack(in, codes.size(), bits, flip, codes.data());
        }
    }
};

/// A byte holds the codes of one place in each of several runs, the first run in its lowest bits.
template <std::size_t Half>
struct code_order<split_half<Half>> {
    static constexpr std::size_t unit = 8 * Half;
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        const std::size_t run = Half * static_cast<std::size_t>(8 / bits);
        return (count + run - 1) / run * Half;
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows&, std::span<const std::uint8_t> codes, int bits, std::uint8_t flip,
                                                    std::byte* out) noexcept {
        const std::uint64_t flips = eight_times(flip);
        const std::size_t run = Half * static_cast<std::size_t>(8 / bits);
        for (std::size_t first = 0; first < codes.size(); first += run, out += Half) {
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
        const std::size_t run = Half * static_cast<std::size_t>(8 / bits);
        for (std::size_t first = 0; first < codes.size(); first += run, in += Half) {
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
    static constexpr std::size_t unit = 8;
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
template <std::size_t Codes, std::size_t... Runs>
struct code_order<split_base3<Codes, Runs...>> {
    static constexpr std::size_t unit = Codes;
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int /*bits*/) noexcept {
        return ceil_div(count, Codes) * (Runs + ...);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows&, std::span<const std::uint8_t> codes, int /*bits*/,
                                                    std::uint8_t /*flip*/, std::byte* out) noexcept {
        for (std::size_t first = 0; first < codes.size(); first += Codes) {
            std::size_t k = first;
            const std::size_t end = first + Codes;
            (pack_run<Runs>(codes, k, end, out), ...);
        }
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows&, const std::byte* in, std::span<std::uint8_t> codes,
                                                      int /*bits*/, std::uint8_t /*flip*/) noexcept {
        for (std::size_t first = 0; first < codes.size(); first += Codes) {
            std::size_t k = first;
            const std::size_t end = first + Codes;
            (unpack_run<Runs>(in, codes, k, end), ...);
        }
    }

private:
    static constexpr std::size_t most = 5; ///< digits in a byte

    /// One run of bytes, from the codes that begin at `k` and end before `end`; moves both on.
    template <std::size_t Run>
    static LOWBIT_ALWAYS_INLINE constexpr void pack_run(std::span<const std::uint8_t> codes, std::size_t& k, std::size_t end,
                                                        std::byte*& out) noexcept {
        const std::size_t digits = std::min(most, (end - k) / Run);
        for (std::size_t i = 0; i < Run; ++i) {
            std::uint8_t trits[most]{};
            for (std::size_t n = 0; n < digits; ++n) {
                if (const std::size_t from = k + n * Run + i; from < codes.size()) trits[n] = codes[from];
            }
            pack_trits(trits, out + i);
        }
        k += digits * Run;
        out += Run;
    }
    template <std::size_t Run>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack_run(const std::byte*& in, std::span<std::uint8_t> codes, std::size_t& k,
                                                          std::size_t end) noexcept {
        constexpr int width = Run % 8 == 0 ? 8 : Run % 4 == 0 ? 4 : 1; // bytes at a time
        const std::size_t digits = std::min(most, (end - k) / Run);
        for (std::size_t i = 0; i < Run; i += width) {
            std::uint64_t even = load_le<width>(in + i);
            std::uint64_t odd = even >> 8 & low_bytes;
            even &= low_bytes;
            for (std::size_t n = 0; n < digits; ++n) {
                const std::uint64_t part = next_digit(even) | next_digit(odd) << 8;
                const std::size_t to = k + n * Run + i;
                if (to + width <= codes.size()) {
                    store_le<width>(codes.data() + to, part);
                } else {
                    for (std::size_t j = 0; to + j < codes.size() && j < width; ++j)
                        codes[to + j] = static_cast<std::uint8_t>(part >> 8 * j);
                }
            }
        }
        k += digits * Run;
        in += Run;
    }

    static constexpr std::uint64_t low_bytes = 0x00ff'00ff'00ff'00ffu;
    /// Multiplying the fraction in each low byte by 3 moves its next digit over the point, see unpack_trit.
    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t next_digit(std::uint64_t& fractions) noexcept {
        const std::uint64_t moved = fractions * 3;
        fractions = moved & low_bytes;
        return moved >> 8 & low_bytes;
    }
};

/// Two planes, which need not stand side by side.
template <int LowBits, class LowOrder, class HighOrder>
struct code_order<bit_planes<LowBits, LowOrder, HighOrder>> {
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t low_bytes(std::size_t count) noexcept { return low::bytes(count, LowBits); }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(std::size_t count, int bits) noexcept {
        return low_bytes(count) + high::bytes(count, bits - LowBits);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows& rows, std::span<const std::uint8_t> codes, int bits,
                                                    std::uint8_t flip, std::byte* low_out, std::byte* high_out) noexcept {
        low::pack(rows, codes, LowBits, flip & low_mask, low_out);
        std::uint8_t part[run];
        for (std::size_t first = 0; first < codes.size(); first += run) {
            const std::size_t count = std::min(run, codes.size() - first);
            split(codes.data() + first, count, part);
            high::pack(rows, std::span<const std::uint8_t>{part, count}, bits - LowBits,
                       static_cast<std::uint8_t>(flip >> LowBits), high_out + high::bytes(first, bits - LowBits));
        }
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows& rows, const std::byte* low_in, const std::byte* high_in,
                                                      std::span<std::uint8_t> codes, int bits, std::uint8_t flip) noexcept {
        low::unpack(rows, low_in, codes, LowBits, flip & low_mask);
        std::uint8_t part[run];
        for (std::size_t first = 0; first < codes.size(); first += run) {
            const std::size_t count = std::min(run, codes.size() - first);
            high::unpack(rows, high_in + high::bytes(first, bits - LowBits), std::span<std::uint8_t>{part, count}, bits - LowBits,
                         static_cast<std::uint8_t>(flip >> LowBits));
            join(part, count, codes.data() + first);
        }
    }

private:
    using low = code_order<LowOrder>;
    using high = code_order<HighOrder>;
    static constexpr std::uint8_t low_mask = (1u << LowBits) - 1;
    static constexpr std::uint64_t high_masks = eight_times(0xffu >> LowBits);
    static constexpr std::size_t run = ceil_div(256, high::unit) * high::unit; ///< codes whose high bits are held at once

    static LOWBIT_ALWAYS_INLINE constexpr void split(const std::uint8_t* codes, std::size_t count, std::uint8_t* part) noexcept {
        std::size_t i = 0;
        for (; i + 8 <= count; i += 8) store_le<8>(part + i, load_le<8>(codes + i) >> LowBits & high_masks);
        for (; i < count; ++i) part[i] = static_cast<std::uint8_t>(codes[i] >> LowBits);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void join(const std::uint8_t* part, std::size_t count, std::uint8_t* codes) noexcept {
        std::size_t i = 0;
        for (; i + 8 <= count; i += 8) store_le<8>(codes + i, load_le<8>(codes + i) | load_le<8>(part + i) << LowBits);
        for (; i < count; ++i) codes[i] = static_cast<std::uint8_t>(codes[i] | part[i] << LowBits);
    }
};

} // namespace lowbit::inline v0::detail
