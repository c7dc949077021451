// SPDX-License-Identifier: MIT
// decode: from packed words to the A registers of a product, by shifts, masks and at most two multiply-adds for a pair of
// weights.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/cuda/byte_rows.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/numeric/element.hpp>
#include <lowbit/numeric/minifloat.hpp>
#include <lowbit/numeric/ternary.hpp>

namespace lowbit::inline v0::cuda {

/// Bits that a code takes on a GPU.
template <element E>
inline constexpr int stored_bits = E::bits <= 2   ? 2
                                   : E::bits <= 4 ? 4
                                                  : 8;

/// An element that stands for whole numbers, level - zero: a level counts codes upwards from the lowest (see
/// quantize/decode.hpp).
template <class E>
concept counted_element = element<E> && (integer_element<E> || std::same_as<E, ternary>);
/// The level of 0 where no zero point is stored.
template <counted_element E>
inline constexpr int zero_level = [] {
    if constexpr (integer_element<E>) return -E::min_code;
    return 1;
}();

/// A small float: sign, exponent, mantissa.
template <class E>
concept small_float = element<E> && requires {
    { E::exponent_bits } -> std::convertible_to<int>;
    { E::mantissa_bits } -> std::convertible_to<int>;
    requires E::bits == 1 + E::exponent_bits + E::mantissa_bits&& E::bits <= 8;
};

/// Codes of E as a register of numbers T, exactly where T can hold them. `pair(word, place, side)` are the two, or four of 8
/// bits, at the bits from stored_bits * place on, 16 bits apart, or 8; `side` is what the rows of a lane need besides. `Zeros`:
/// zero points are stored.
template <element E, class T, bool Zeros>
struct decoder {
    static_assert(half_number<T>,
                  "lowbit: int8 activations go with whole numbers, float8_e4m3 activations with weights in float8_e4m3");
    static_assert(!Zeros, "lowbit: zero points go with integer weights");
    static_assert(E::bits <= 4, "lowbit: on a GPU a codebook has at most 16 entries");
    static constexpr bool looks_up = true;
    static constexpr int bits = stored_bits<E>;
    /// Pairs of entries, and copies of each, one for each bank of shared memory: then no two lanes of a warp meet in one.
    static constexpr int entries = 1 << (2 * bits);
    static constexpr int copies = 32;

    struct side {
        const std::uint32_t* table; ///< entry i of this lane is table[copies * i]
    };
    /// The entry i of the table: the low code in the low half.
    static constexpr std::uint32_t entry(int i) noexcept {
        const auto number = [](int code) { return std::uint32_t{T(E::decode(static_cast<typename E::code_type>(code))).code()}; };
        return number(i % (1 << bits)) | number(i >> bits) << 16;
    }
    static LOWBIT_DEVICE std::uint32_t pair(std::uint32_t word, int place, const side& s) noexcept {
        constexpr std::uint32_t mask = (1u << bits) - 1;
        const std::uint32_t at_0 = word >> (bits * place);
        return s.table[static_cast<std::uint32_t>(copies) * ((at_0 & mask) | (at_0 >> (16 - bits) & mask << bits))];
    }
    /// All eight numbers of a word: each byte is a pair of the table as it stands, and two such pairs swap their inner numbers.
    static LOWBIT_DEVICE void word(std::uint32_t word, const side& s, std::uint32_t (&a)[4]) noexcept
        requires(bits == 4)
    {
        const auto bytes = [&](int i) { return ptx::read_table<copies>(s.table, word >> (8 * i) & 0xff); };
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < 2; ++i) {
            const std::uint32_t low = bytes(i), high = bytes(i + 2);
            a[2 * i] = ptx::bytes<0x5410>(low, high);
            a[2 * i + 1] = ptx::bytes<0x7632>(low, high);
        }
    }
};

/// Whole numbers: a code under the exponent of 2^m, m the bits of a mantissa, is 2^m + code; as many codes as fit a mantissa need
/// one shift, a code p bits further up counts 2^p fold. One multiply-add takes off both, and the zero point.
template <counted_element E, half_number T, bool Zeros>
struct decoder<E, T, Zeros> {
    static constexpr bool looks_up = false;
    static constexpr int bits = stored_bits<E>;
    static constexpr int fitting = T::mantissa_bits / bits;
    static constexpr std::size_t bases = std::max(fitting, 1);
    static constexpr std::uint32_t both = 0x0001'0001;
    static constexpr std::uint32_t mask = ((1u << bits) - 1) * both;
    /// 2^e as T, in both halves.
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t power(int e) noexcept {
        return static_cast<std::uint32_t>(T::bias + e) << T::mantissa_bits;
    }
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t powers(int e) noexcept { return power(e) * both; }

    struct side {
        std::uint32_t minus[bases]; ///< for codes p bits up: -(2^(m - p) + zero), in both halves
    };
    /// For a zero point in levels, 0 .. 2^bits.
    static LOWBIT_DEVICE side side_of(int zero) noexcept {
        side s;
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < static_cast<int>(bases); ++i) {
            const float base = fitting == 0 ? -128.0f : static_cast<float>(1 << (T::mantissa_bits - i * bits));
            s.minus[i] = ptx::from_float<T>(-(base + static_cast<float>(zero))) * both;
        }
        return s;
    }
    static LOWBIT_DEVICE std::uint32_t pair(std::uint32_t word, int place, const side& s) noexcept {
        if constexpr (fitting != 0) {
            const int up = place % fitting;
            const std::uint32_t from = word >> (bits * (place - up));
            const std::uint32_t number = ptx::and_or(from, mask << (bits * up), powers(T::mantissa_bits));
            return ptx::fma2<T>(number, powers(-bits * up), s.minus[up]);
        } else {
            // Eight bits in bfloat16: 128 + the low seven, less 256 or, under the top bit, 128, are level - 128.
            static_assert(bits == 8 && T::mantissa_bits == 7);
            const std::uint32_t from = word >> (8 * place);
            const std::uint32_t low = ptx::and_or(from, 0x7f * both, powers(7));
            const std::uint32_t less = (from & 0x80 * both) ^ (0x8000 * both | powers(8));
            const std::uint32_t signed_level = ptx::fma2<T>(low, powers(0), less);
            if constexpr (!Zeros && zero_level<E> == 128) return signed_level;
            return ptx::fma2<T>(signed_level, powers(0), s.minus[0]);
        }
    }
};

/// Small floats: sign and magnitude go where T has them, exponent bits at the right end, and one multiplication mends the bias.
/// Subnormal numbers come out right. NaN and infinity do not: they are kept from the device.
template <small_float E, half_number T, bool Zeros>
struct decoder<E, T, Zeros> {
    static_assert(!Zeros, "lowbit: zero points go with integer weights");
    static constexpr bool looks_up = false;
    static constexpr int bits = stored_bits<E>;
    static constexpr int magnitude = E::bits - 1;
    static constexpr int down = T::exponent_bits - E::exponent_bits;
    static_assert(down >= 0 && T::mantissa_bits >= E::mantissa_bits && 2 * T::bias - E::bias < (2 << T::exponent_bits) / 2 - 1);
    static constexpr std::uint32_t both = 0x0001'0001;
    static constexpr std::uint32_t mask = (((1u << magnitude) - 1) << (15 - down - magnitude)) * both;
    static constexpr std::uint32_t factor = (static_cast<std::uint32_t>(2 * T::bias - E::bias) << T::mantissa_bits) * both;

    struct side {};
    static LOWBIT_DEVICE std::uint32_t pair(std::uint32_t word, int place, const side&) noexcept {
        const std::uint32_t top = word << (16 - E::bits - bits * place);
        const std::uint32_t number = (top & 0x8000'8000) | (top >> down & mask);
        if constexpr (T::bias == E::bias) return number;
        return ptx::fma2<T>(number, factor, 0x8000'8000); // plus -0 keeps the sign of a zero
    }
};

/// Whole numbers as four int8, level - zero, exactly: with 128 besides, no byte lends to its neighbour.
template <counted_element E, bool Zeros>
struct decoder<E, int8, Zeros> {
    static constexpr bool looks_up = false;
    static constexpr int bits = stored_bits<E>;
    static constexpr std::uint32_t every = 0x0101'0101;
    static_assert(bits < 8 || (!Zeros && zero_level<E> == 128),
                  "lowbit: with int8 activations, weights of 8 bits are int8 and symmetric");

    struct side {
        std::uint32_t plus; ///< 128 - zero in each byte
    };
    /// For a zero point in levels, 0 .. 2^bits.
    static LOWBIT_DEVICE side side_of(int zero) noexcept { return {static_cast<std::uint32_t>(128 - zero) * every}; }
    static LOWBIT_DEVICE std::uint32_t pair(std::uint32_t word, int place, const side& s) noexcept {
        if constexpr (bits == 8) return word ^ (0x80 * every);
        constexpr std::uint32_t mask = ((1u << bits) - 1) * every;
        return ((word >> (bits * place) & mask) + s.plus) ^ (0x80 * every);
    }
};

/// E4M3 as it is stored.
template <>
struct decoder<float8_e4m3, float8_e4m3, false> {
    static constexpr bool looks_up = false;
    static constexpr int bits = 8;
    struct side {};
    static LOWBIT_DEVICE std::uint32_t pair(std::uint32_t word, int, const side&) noexcept { return word; }
};

/// The A registers of a k-step from the words of a lane, in numbers of `Compute` bits; side[i] belongs to its row 8 i.
template <class Decoder, int Compute = 16>
LOWBIT_DEVICE void decode_step(const words4& words, int step, const typename Decoder::side (&side)[2],
                               std::uint32_t (&a)[4]) noexcept {
    using order = layout<Decoder::bits, Compute>;
    if constexpr (requires { Decoder::word(words.at[0], side[0], a); }) {
        static_assert(order::registers_in_word == 4);
        Decoder::word(words.at[order::word_of(step, 0)], side[0], a);
    } else {
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < 4; ++i)
            a[i] = Decoder::pair(words.at[order::word_of(step, i)], order::place_of(step, i), side[i % 2]);
    }
}

} // namespace lowbit::inline v0::cuda
