// SPDX-License-Identifier: MIT
// minifloat: every small binary float, from 4 to 16 bits, as one template.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0 {

/// What the codes at the top of a small float's range mean.
enum class float_kind : std::uint8_t {
    ieee,   ///< all-ones exponent: infinity, and NaN with a mantissa (IEEE 754)
    fn,     ///< no infinity; the all-ones magnitude is NaN (OCP OFP8 E4M3)
    fnuz,   ///< no infinity, no negative zero; the code of negative zero is the only NaN
    finite, ///< every code is a finite number (OCP MX FP6, FP4)
};

namespace detail {

/// Whether this is compiled for a GPU, which reads no constants of the host.
#if defined(__CUDA_ARCH__)
inline constexpr bool on_gpu = true;
#else
inline constexpr bool on_gpu = false;
#endif

/// The name of a format; each format's file names its own.
template <int ExponentBits, int MantissaBits, int Bias, float_kind Kind>
inline constexpr std::string_view minifloat_name = "minifloat";

/// The values of all codes of a float of at most 8 bits.
template <class F>
inline constexpr auto decode_table = [] {
    std::array<float, std::size_t{1} << F::bits> values{};
    for (std::size_t code = 0; code < values.size(); ++code) {
        values[code] = F::compute(static_cast<typename F::code_type>(code));
    }
    return values;
}();

} // namespace detail

/// A float of one sign bit, `ExponentBits` and `MantissaBits`, with exponent bias `Bias`. As a value it fills one byte (two
/// above 8 bits) and computes as float; as an element its code is sign, exponent, mantissa from the high bit down.
///
/// Two ways out of float, both to nearest even:
///  - `encode` (elements, storage) saturates: overflow and infinities give the finite limit;
///  - `encode_ieee` and the constructor follow IEEE 754: overflow gives infinity, NaN where the format has no infinity
///    (OFP8's non-saturating mode), and the finite limit where it has neither.
/// NaN stays NaN (quiet, sign kept, payload cut) in both; a format without NaN gives +0.
template <int ExponentBits, int MantissaBits, int Bias, float_kind Kind>
class minifloat {
    static constexpr int magnitude_bits = ExponentBits + MantissaBits;
    static constexpr bool f32_exponent =
        ExponentBits == 8 && Bias == detail::f32_bias && Kind == float_kind::ieee; // bfloat16 and its like

    static_assert(ExponentBits >= 1 && ExponentBits <= 8 && MantissaBits >= 1 && magnitude_bits <= 15,
                  "lowbit: a minifloat has 1 to 8 exponent bits, a mantissa and at most 16 bits");
    static_assert(f32_exponent || (Bias + MantissaBits <= 87 && (1 << ExponentBits) - 1 - Bias <= 127),
                  "lowbit: every value of a minifloat must be a normal float, with some room at the small end");

public:
    using code_type = std::conditional_t<(magnitude_bits < 8), std::uint8_t, std::uint16_t>;
    static constexpr int bits = 1 + magnitude_bits;
    static constexpr int exponent_bits = ExponentBits;
    static constexpr int mantissa_bits = MantissaBits;
    static constexpr int bias = Bias;
    static constexpr float_kind kind = Kind;
    static constexpr bool has_nan = Kind != float_kind::finite;
    static constexpr std::string_view name = detail::minifloat_name<ExponentBits, MantissaBits, Bias, Kind>;

    minifloat() = default; // trivial: uninitialised as float is, zero when value-initialised
    explicit LOWBIT_ALWAYS_INLINE constexpr minifloat(float value) noexcept : code_(encode_ieee(value)) {}

    LOWBIT_ALWAYS_INLINE constexpr operator float() const noexcept { return decode(code_); }

    /// The raw stored bits, unused high bits zero.
    [[nodiscard]] constexpr code_type code() const noexcept { return code_; }
    [[nodiscard]] static constexpr minifloat from_bits(code_type code) noexcept {
        minifloat value{};
        value.code_ = static_cast<code_type>(code & code_mask);
        return value;
    }

    /// The nearest code, saturating.
    static LOWBIT_HOST_DEVICE constexpr code_type encode(float x) noexcept { return encode<nearest_even>(x, 0); }
    /// The code of x rounded by R, saturating.
    template <nudge_rounding R>
    static LOWBIT_HOST_DEVICE constexpr code_type encode(float x, std::uint64_t counter) noexcept {
        return encode_with<R>(x, counter, max_magnitude);
    }
    /// The nearest code as IEEE 754 has it: overflow leaves the finite numbers.
    static LOWBIT_HOST_DEVICE constexpr code_type encode_ieee(float x) noexcept {
        return encode_with<nearest_even>(x, 0, overflow_magnitude);
    }

    static LOWBIT_HOST_DEVICE constexpr float decode(code_type code) noexcept {
        if constexpr (bits <= 8 && !detail::on_gpu) {
            return detail::decode_table<minifloat>[code & code_mask];
        } else {
            return compute(code);
        }
    }

    static constexpr float lowest() noexcept { return -max(); }
    static constexpr float max() noexcept { return decode(static_cast<code_type>(max_magnitude)); }
    /// The smallest positive value, a subnormal one.
    static constexpr float smallest() noexcept { return decode(code_type{1}); }
    static constexpr float smallest_normal() noexcept { return decode(static_cast<code_type>(1u << MantissaBits)); }

    /// decode by arithmetic: what fills the table of the small formats.
    static LOWBIT_HOST_DEVICE constexpr float compute(code_type code) noexcept {
        const std::uint32_t magnitude = code & magnitude_mask;
        const std::uint32_t sign = (static_cast<std::uint32_t>(code) & sign_bit) << (31 - magnitude_bits);
        if constexpr (f32_exponent) {
            return __builtin_bit_cast(float, sign | magnitude << dropped_bits);
        } else {
            constexpr auto unit = __builtin_bit_cast(float, exponent_field(rebias + 1 - MantissaBits)); // the smallest number
            const float subnormal = static_cast<float>(static_cast<std::int32_t>(magnitude)) * unit;    // exact
            std::uint32_t value = magnitude < (1u << MantissaBits) ? __builtin_bit_cast(std::uint32_t, subnormal)
                                                                   : (magnitude << dropped_bits) + exponent_field(rebias);
            if constexpr (Kind == float_kind::ieee) {
                if (magnitude > max_magnitude) {
                    const std::uint32_t payload = (magnitude & ((1u << MantissaBits) - 1)) << dropped_bits;
                    value = payload == 0 ? detail::f32_infinity : detail::f32_quiet_nan | payload;
                }
            } else if constexpr (has_nan) {
                if ((Kind == float_kind::fn ? magnitude : code & code_mask) == nan_magnitude) value = detail::f32_quiet_nan;
            }
            return __builtin_bit_cast(float, sign | value);
        }
    }

private:
    static constexpr std::uint32_t code_mask = (1u << bits) - 1;
    static constexpr std::uint32_t sign_bit = 1u << magnitude_bits;
    static constexpr std::uint32_t magnitude_mask = sign_bit - 1;
    static constexpr std::uint32_t max_magnitude = Kind == float_kind::ieee ? magnitude_mask - (1u << MantissaBits)
                                                   : Kind == float_kind::fn ? magnitude_mask - 1
                                                                            : magnitude_mask;
    static constexpr std::uint32_t nan_magnitude = Kind == float_kind::ieee ? max_magnitude + 1 + (1u << MantissaBits >> 1)
                                                   : Kind == float_kind::fn ? magnitude_mask
                                                                            : sign_bit; // fnuz: negative zero
    static constexpr std::uint32_t overflow_magnitude = Kind == float_kind::ieee     ? max_magnitude + 1
                                                        : Kind == float_kind::finite ? max_magnitude
                                                                                     : nan_magnitude;
    static constexpr int dropped_bits = detail::f32_mantissa_bits - MantissaBits;
    static constexpr int rebias = detail::f32_bias - Bias;
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t exponent_field(int exponent) noexcept {
        return static_cast<std::uint32_t>(exponent) << detail::f32_mantissa_bits;
    }

    /// The magnitude's code, as if the exponent had no upper end. A carry out of the mantissa lands in the exponent, which
    /// is what rounding up to the next power of two means.
    template <class R>
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t round(std::uint32_t magnitude, std::uint64_t counter) noexcept {
        if constexpr (f32_exponent) { // float's own subnormals are the format's
            return detail::drop_bits<R>(magnitude, dropped_bits, counter);
        } else {
            const int exponent = static_cast<int>(magnitude >> detail::f32_mantissa_bits) - rebias; // normal from 1 on
            const std::uint32_t significand = (magnitude & 0x007f'ffffu) | 0x0080'0000u;
            const int missing = 1 - exponent;
            const int below = missing & ~(missing >> 31); // max(missing, 0), and no branch on the data
            const int above = below - missing;            // the significand's leading bit adds the one more
            return detail::drop_bits<R>(significand, dropped_bits + below, counter) +
                   (static_cast<std::uint32_t>(above) << MantissaBits);
        }
    }

    template <class R>
    static LOWBIT_HOST_DEVICE constexpr code_type encode_with(float x, std::uint64_t counter, std::uint32_t overflow) noexcept {
        const std::uint32_t magnitude = detail::magnitude_bits(x);
        std::uint32_t sign = (__builtin_bit_cast(std::uint32_t, x) >> (31 - magnitude_bits)) & sign_bit;
        std::uint32_t code = round<R>(magnitude, counter);
        code = code > max_magnitude ? overflow : code;
        if (magnitude > detail::f32_infinity) {
            code = !has_nan                   ? 0
                   : Kind == float_kind::ieee ? nan_magnitude | ((magnitude >> dropped_bits) & ((1u << MantissaBits) - 1))
                                              : nan_magnitude;
            if constexpr (!has_nan) sign = 0;
        }
        if constexpr (Kind == float_kind::fnuz) {
            if (code == 0) sign = 0;
        }
        return static_cast<code_type>(code | sign);
    }

    code_type code_;
};

} // namespace lowbit::inline v0
