// SPDX-License-Identifier: MIT
// Rounding: to nearest even by default, and the tags that name another way; written so that no contraction can change a code.
#pragma once

#include <bit>
#include <cfloat>
#include <concepts>
#include <cstdint>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/element.hpp>

namespace lowbit::inline v0 {

static_assert(FLT_EVAL_METHOD != 2, "lowbit: float and double must be computed as such; on 32-bit x86 add -msse2 -mfpmath=sse");

/// A way to round: `round(x, counter)` is a neighbouring integer of x, as a float. The counter tells one element from
/// the next and is read by random roundings only.
template <class R>
concept rounding_mode = requires(float x, std::uint64_t counter) {
    { R::round(x, counter) } noexcept -> std::same_as<float>;
};

/// A rounding that works on any grid: `nudge(significand, shift, counter)` is what to add to a significand before its low
/// `shift` bits (1..63) are dropped. At 63, which stands for "and more", nothing may be left: zero arrives this way. Signs are
/// kept apart, so such a rounding is symmetric around zero.
template <class R>
concept nudge_rounding = rounding_mode<R> && requires(std::uint64_t significand, int shift) {
    { R::nudge(significand, shift, significand) } noexcept -> std::same_as<std::uint64_t>;
};

/// What a random rounding draws from, given to quantize as `with(seed{n})`: the same seed gives the same bytes, another one
/// others.
struct seed {
    std::uint64_t value = 0;
};

/// A random rounding whose counters can begin elsewhere for every seed: at `stream(seed)`.
template <class R>
concept seeded_rounding = rounding_mode<R> && requires(std::uint64_t value) {
    { R::stream(value) } noexcept -> std::same_as<std::uint64_t>;
};

namespace detail {

inline constexpr std::uint32_t f32_sign = 0x8000'0000u;
inline constexpr std::uint32_t f32_infinity = 0x7f80'0000u;
inline constexpr std::uint32_t f32_quiet_nan = 0x7fc0'0000u;
inline constexpr int f32_mantissa_bits = 23;
inline constexpr int f32_bias = 127;

LOWBIT_HOST_DEVICE constexpr std::uint32_t magnitude_bits(float x) noexcept {
    return __builtin_bit_cast(std::uint32_t, x) & ~f32_sign;
}

/// `significand` (below 2^24) with its low `shift` bits, at least one, rounded away. Past 63 the shift makes no difference.
template <class R>
LOWBIT_HOST_DEVICE constexpr std::uint32_t drop_bits(std::uint32_t significand, int shift, std::uint64_t counter) noexcept {
    const int by = shift < 63 ? shift : 63;
    return static_cast<std::uint32_t>((significand + R::nudge(significand, by, counter)) >> by);
}

/// |x| rounded to an integer; x given as the bits of a magnitude below 2^23.
template <class R>
LOWBIT_ALWAYS_INLINE constexpr std::uint32_t round_magnitude(std::uint32_t magnitude, std::uint64_t counter) noexcept {
    const int exponent = static_cast<int>(magnitude >> f32_mantissa_bits);
    const std::uint32_t significand = (magnitude & 0x007f'ffffu) | 0x0080'0000u;
    return drop_bits<R>(significand, f32_bias + f32_mantissa_bits - exponent, counter);
}

inline constexpr std::uint32_t f32_all_integers = 0x4b00'0000u; // 2^23: from here on every float is an integer

/// Gives a rounding its `round` from its `nudge`.
template <class R>
struct rounds_by_nudge {
    /// x rounded to an integer. Keeps the sign of zero; NaN and infinities pass through.
    static LOWBIT_ALWAYS_INLINE constexpr float round(float x, std::uint64_t counter = 0) noexcept {
        const std::uint32_t magnitude = magnitude_bits(x);
        if (magnitude >= f32_all_integers) return x;
        const auto rounded = static_cast<float>(static_cast<std::int32_t>(round_magnitude<R>(magnitude, counter)));
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(rounded) | (std::bit_cast<std::uint32_t>(x) & f32_sign));
    }
};

} // namespace detail

/// To the nearest, ties to even. The default.
struct nearest_even : detail::rounds_by_nudge<nearest_even> {
    static LOWBIT_HOST_DEVICE constexpr std::uint64_t nudge(std::uint64_t significand, int shift,
                                                            std::uint64_t /*counter*/) noexcept {
        return (std::uint64_t{1} << (shift - 1)) - 1 + ((significand >> shift) & 1);
    }
};

/// To the nearest, ties away from zero (what C's round does).
struct nearest_away : detail::rounds_by_nudge<nearest_away> {
    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t nudge(std::uint64_t /*significand*/, int shift,
                                                              std::uint64_t /*counter*/) noexcept {
        return std::uint64_t{1} << (shift - 1);
    }
};

/// Towards zero: the fraction is cut off.
struct toward_zero : detail::rounds_by_nudge<toward_zero> {
    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t nudge(std::uint64_t /*significand*/, int /*shift*/,
                                                              std::uint64_t /*counter*/) noexcept {
        return 0;
    }
};

/// Up or down at random, up with the probability of the fraction, so that the expected value is x itself. Stateless: the
/// random bits are a hash of the counter, so element i of a tensor rounds the same way on every thread, level and run:
/// pass `stream(seed) + i`. Exact while x is at least 2^-39 of the grid; what is smaller becomes zero.
struct stochastic : detail::rounds_by_nudge<stochastic> {
    /// The finalizer of splitmix64 (Steele, Lea and Flood 2014; constants by Stafford, mix 13), on the counter spread by
    /// the golden ratio.
    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t hash(std::uint64_t counter) noexcept {
        std::uint64_t z = (counter + 1) * 0x9e37'79b9'7f4a'7c15u;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9u;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebu;
        return z ^ (z >> 31);
    }

    /// Where the counters of a seed's value begin; element i takes `stream(value) + i`.
    static constexpr std::uint64_t stream(std::uint64_t value) noexcept { return hash(~value); }

    static LOWBIT_ALWAYS_INLINE constexpr std::uint64_t nudge(std::uint64_t /*significand*/, int shift,
                                                              std::uint64_t counter) noexcept {
        return shift < 63 ? hash(counter) >> (64 - shift) : 0;
    }
};

/// x rounded to the nearest integer, ties to even. Keeps the sign of zero; NaN and infinities pass through.
LOWBIT_ALWAYS_INLINE constexpr float round_half_even(float x) noexcept { return nearest_even::round(x); }

/// x rounded to the nearest integer, ties to even; saturates at the limits of int32, NaN gives 0.
LOWBIT_HOST_DEVICE constexpr std::int32_t round_to_int(float x) noexcept {
    // At 1.5 * 2^52 the step of a double is 1, so the addition rounds and leaves the integer in the low bits. Being in double,
    // it cannot be fused with a float product that made x.
    constexpr double anchor = 0x1.8p52;
    const double exact = static_cast<double>(x);
    const double wide = exact < -0x1p31 ? -0x1p31 : 0x1p31 - 1 < exact ? 0x1p31 - 1 : exact;
    const auto rounded = static_cast<std::int32_t>(__builtin_bit_cast(std::int64_t, wide + anchor));
    return x == x ? rounded : 0;
}

/// The code of x under rounding R: the element's own `encode<R>(x, counter)`, or its plain `encode` for nearest_even.
template <element E, rounding_mode R = nearest_even>
LOWBIT_ALWAYS_INLINE constexpr typename E::code_type encode_as(float x, std::uint64_t counter = 0) noexcept {
    if constexpr (std::same_as<R, nearest_even>) {
        return E::encode(x);
    } else {
        static_assert(
            requires { E::template encode<R>(x, counter); },
            "lowbit: this element rounds to nearest only; drop lb::rounding<...> from the policy, or give the "
            "element a static encode<Rounding>(float, std::uint64_t counter)");
        return E::template encode<R>(x, counter);
    }
}

} // namespace lowbit::inline v0
