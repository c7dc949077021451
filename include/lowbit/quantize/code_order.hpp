// SPDX-License-Identifier: MIT
// How codes stand in bytes: one overload set per code order, over rows of codes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0::detail {

/// Bytes that move together: a word, or as many as every machine has a register for, which compilers spell for themselves.
template <std::size_t Width>
struct byte_word;
template <>
struct byte_word<1> {
    using type = std::uint64_t;
};
template <>
struct byte_word<8> {
    using type = std::uint64_t;
};
#if defined(__GNUC__)
template <>
struct byte_word<16> {
    using type = std::uint64_t __attribute__((vector_size(16)));
};
inline constexpr std::size_t widest_word = 16;
#else
inline constexpr std::size_t widest_word = 8;
#endif
template <std::size_t Width>
using byte_word_t = typename byte_word<Width>::type;

template <std::size_t Width, class Byte>
LOWBIT_ALWAYS_INLINE constexpr byte_word_t<Width> load_word(const Byte* in) noexcept {
    if constexpr (Width <= 8) {
        return load_le<static_cast<int>(Width)>(in);
    } else {
        byte_word_t<Width> word;
        std::memcpy(&word, in, Width);
        return word;
    }
}
template <std::size_t Width, class Byte>
LOWBIT_ALWAYS_INLINE constexpr void store_word(Byte* out, const byte_word_t<Width>& word) noexcept {
    if constexpr (Width <= 8) {
        store_le<static_cast<int>(Width)>(out, word);
    } else {
        std::memcpy(out, &word, Width);
    }
}
/// Calls f(width) with the widest word of which `bytes` are a multiple; the compiler itself has none of more than 8.
template <std::size_t Bytes, class F>
LOWBIT_ALWAYS_INLINE constexpr void with_word(F&& f) noexcept {
    if constexpr (Bytes % widest_word == 0) {
        if (!std::is_constant_evaluated()) return f(std::integral_constant<std::size_t, widest_word>{});
    }
    f(std::integral_constant < std::size_t, Bytes % 8 == 0 ? 8 : 1 > {});
}

/// `Bytes` bytes, each exclusive-or `flip`.
template <std::size_t Bytes, class From, class To>
LOWBIT_ALWAYS_INLINE constexpr void flip_bytes(const From* in, std::uint8_t flip, To* out) noexcept {
    with_word<Bytes>([&](auto width) LOWBIT_INLINE_LAMBDA {
        for (std::size_t i = 0; i < Bytes; i += width) store_word<width>(out + i, load_word<width>(in + i) ^ eight_times(flip));
    });
}

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
            if (bits == 8 && Size % widest_word == 0) return flip_bytes<Size>(codes.data(), flip, out);
            pack_codes(codes, bits, out, flip);
        } else {
            rows.pack(codes.data(), codes.size(), bits, flip, out);
        }
    }
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows& rows, const std::byte* in, std::span<std::uint8_t, Size> codes,
                                                      int bits, std::uint8_t flip) noexcept {
        if constexpr (Size <= 64) {
            if (bits == 8 && Size % widest_word == 0) return flip_bytes<Size>(in, flip, codes.data());
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
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows&, std::span<const std::uint8_t, Size> codes, int bits,
                                                    std::uint8_t flip, std::byte* out) noexcept {
        const std::uint64_t flips = eight_times(flip);
        each_byte(codes.size(), bits, [&](auto width, std::size_t from, std::size_t first) LOWBIT_INLINE_LAMBDA {
            byte_word_t<width> word{};
            int shift = 0;
            for (std::size_t k = first; shift < 8; k += Half, shift += bits) {
                if (k + width <= codes.size()) {
                    word |= ((load_word<width>(codes.data() + k) ^ flips) & mask(bits)) << shift;
                } else if constexpr (width <= 8) {
                    for (std::size_t j = 0; k + j < codes.size() && j < width; ++j)
                        word |= (std::uint64_t{codes[k + j]} ^ flip) << 8 * j << shift & mask(bits) << shift;
                }
            }
            store_word<width>(out + from, word);
        });
    }
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows&, const std::byte* in, std::span<std::uint8_t, Size> codes,
                                                      int bits, std::uint8_t flip) noexcept {
        unpack_parts<false>(in, codes, bits, flip, 0);
    }
    /// As the bits from `above` on of codes whose lower bits are there.
    template <std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack_above(const std::byte* in, std::span<std::uint8_t, Size> codes, int bits,
                                                            std::uint8_t flip, int above) noexcept {
        unpack_parts<true>(in, codes, bits, flip, above);
    }

private:
    template <bool Above, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack_parts(const std::byte* in, std::span<std::uint8_t, Size> codes, int bits,
                                                            std::uint8_t flip, int above) noexcept {
        const std::uint64_t flips = eight_times(flip);
        each_byte(codes.size(), bits, [&](auto width, std::size_t from, std::size_t first) LOWBIT_INLINE_LAMBDA {
            const byte_word_t<width> word = load_word<width>(in + from);
            int shift = 0;
            for (std::size_t k = first; shift < 8; k += Half, shift += bits) {
                byte_word_t<width> part = ((word >> shift) & mask(bits)) ^ flips;
                if constexpr (Above) part = part << above;
                if (k + width <= codes.size()) {
                    if constexpr (Above) part |= load_word<width>(codes.data() + k);
                    store_word<width>(codes.data() + k, part);
                } else if constexpr (width <= 8) {
                    for (std::size_t j = 0; k + j < codes.size() && j < width; ++j) {
                        const auto code = static_cast<std::uint8_t>(part >> 8 * j);
                        codes[k + j] = static_cast<std::uint8_t>(Above ? codes[k + j] | code : code);
                    }
                }
            }
        });
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t mask(int bits) noexcept {
        return eight_times(static_cast<std::uint8_t>((1u << bits) - 1));
    }
    /// Calls f(width, first byte, its first code) for the words of all bytes: wide ones while all runs of a byte are there.
    template <class F>
    static LOWBIT_ALWAYS_INLINE constexpr void each_byte(std::size_t count, int bits, F&& f) noexcept {
        const std::size_t run = Half * static_cast<std::size_t>(8 / bits);
        std::size_t first = 0;
        const auto halves = [&](auto width, std::size_t end) LOWBIT_INLINE_LAMBDA {
            for (; first < end; first += run)
                for (std::size_t i = 0; i < Half; i += width) f(width, first / run * Half + i, first + i);
        };
        with_word<Half>([&](auto width) LOWBIT_INLINE_LAMBDA { halves(width, count / run * run); });
        halves(std::integral_constant < std::size_t, Half % 8 == 0 ? 8 : 1 > {}, count);
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
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void pack(const Rows& rows, std::span<const std::uint8_t, Size> codes, int bits,
                                                    std::uint8_t flip, std::byte* low_out, std::byte* high_out) noexcept {
        low::pack(rows, codes, LowBits, flip & low_mask, low_out);
        each_part(codes, [&](auto some, std::size_t first) LOWBIT_INLINE_LAMBDA {
            std::uint8_t part[run];
            each_word(some.size(), [&](auto width, std::size_t i) LOWBIT_INLINE_LAMBDA {
                store_word<width>(part + i, (load_word<width>(some.data() + i) >> LowBits) & high_masks);
            });
            high::pack(rows, std::span<const std::uint8_t, decltype(some)::extent>(part, some.size()), bits - LowBits,
                       static_cast<std::uint8_t>(flip >> LowBits), high_out + high::bytes(first, bits - LowBits));
        });
    }
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void unpack(const Rows& rows, const std::byte* low_in, const std::byte* high_in,
                                                      std::span<std::uint8_t, Size> codes, int bits, std::uint8_t flip) noexcept {
        low::unpack(rows, low_in, codes, LowBits, flip & low_mask);
        const auto high_flip = static_cast<std::uint8_t>(flip >> LowBits);
        if constexpr (requires { high::unpack_above(high_in, codes, bits, high_flip, LowBits); }) {
            high::unpack_above(high_in, codes, bits - LowBits, high_flip, LowBits);
        } else {
            each_part(codes, [&](auto some, std::size_t first) LOWBIT_INLINE_LAMBDA {
                std::uint8_t part[run];
                high::unpack(rows, high_in + high::bytes(first, bits - LowBits),
                             std::span<std::uint8_t, decltype(some)::extent>(part, some.size()), bits - LowBits, high_flip);
                each_word(some.size(), [&](auto width, std::size_t i) LOWBIT_INLINE_LAMBDA {
                    store_word<width>(some.data() + i, load_word<width>(some.data() + i) | load_word<width>(part + i) << LowBits);
                });
            });
        }
    }

private:
    using low = code_order<LowOrder>;
    using high = code_order<HighOrder>;
    static constexpr std::uint8_t low_mask = (1u << LowBits) - 1;
    static constexpr std::uint64_t high_masks = eight_times(0xffu >> LowBits);
    static constexpr std::size_t run = ceil_div(256, high::unit) * high::unit; ///< codes whose high bits are held at once

    /// Calls f(some codes, their first) for all of them, at most `run` at a time.
    template <class Codes, class F>
    static LOWBIT_ALWAYS_INLINE constexpr void each_part(const Codes& codes, F&& f) noexcept {
        if constexpr (Codes::extent <= run) {
            f(codes, 0);
        } else {
            for (std::size_t first = 0; first < codes.size(); first += run)
                f(codes.subspan(first, std::min(run, codes.size() - first)), first);
        }
    }
    /// Calls f(width, first) for the words of `count` bytes.
    template <class F>
    static LOWBIT_ALWAYS_INLINE constexpr void each_word(std::size_t count, F&& f) noexcept {
        std::size_t i = 0;
        with_word<widest_word>([&](auto width) LOWBIT_INLINE_LAMBDA {
            for (; i + width <= count; i += width) f(width, i);
        });
        for (; i < count; ++i) f(std::integral_constant<std::size_t, 1>{}, i);
    }
};

} // namespace lowbit::inline v0::detail
