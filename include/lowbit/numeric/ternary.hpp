// SPDX-License-Identifier: MIT
// ternary: -1, 0 or +1.
#pragma once

#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0 {

/// -1, 0, +1 as the codes 0, 1, 2 of two bits; the unused code 3 reads as +2. Five of them fit a byte in base 3, see
/// pack_trits. Encoding is to nearest with the ties at +-0.5 to zero, the even number (BitNet's round and clip);
/// NaN gives 0.
struct ternary {
    using code_type = std::uint8_t;
    static constexpr int bits = 2;
    static constexpr std::string_view name = "ternary";

    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x) noexcept {
        return static_cast<code_type>(1 + (x > 0.5f ? 1 : 0) - (x < -0.5f ? 1 : 0));
    }
    /// The code of x rounded by R, which may be any rounding_mode.
    template <rounding_mode R>
    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x, std::uint64_t counter) noexcept {
        return encode(R::round(x, counter));
    }
    static LOWBIT_ALWAYS_INLINE constexpr float decode(code_type code) noexcept { return static_cast<float>((code & 3) - 1); }
    static constexpr float lowest() noexcept { return -1.0f; }
    static constexpr float max() noexcept { return 1.0f; }
};

} // namespace lowbit::inline v0
