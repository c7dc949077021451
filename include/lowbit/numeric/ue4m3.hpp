// SPDX-License-Identifier: MIT
// ue4m3: an unsigned 8-bit float, the block scale of NVFP4 in GGUF files.
#pragma once

#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/float8.hpp>

namespace lowbit::inline v0 {

/// The non-negative half of float8_e4m3 in a byte: 0 to 448. The high bit is not read. 0x7F, a NaN in E4M3, reads as 0, and 0xFF,
/// which nobody writes, as 480 (both as ggml has it). Encoding to nearest even, saturating; a negative number and NaN give 0.
class ue4m3 {
public:
    using code_type = std::uint8_t;
    static constexpr int bits = 8;
    static constexpr std::string_view name = "ue4m3";

    ue4m3() = default; // trivial: uninitialised as float is, zero when value-initialised
    explicit LOWBIT_ALWAYS_INLINE constexpr ue4m3(float value) noexcept : code_(encode(value)) {}

    LOWBIT_ALWAYS_INLINE constexpr operator float() const noexcept { return decode(code_); }

    [[nodiscard]] constexpr code_type code() const noexcept { return code_; }
    [[nodiscard]] static constexpr ue4m3 from_bits(code_type code) noexcept {
        ue4m3 value{};
        value.code_ = code;
        return value;
    }

    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x) noexcept {
        return x > 0.0f ? float8_e4m3::encode(x) : code_type{0};
    }
    static LOWBIT_ALWAYS_INLINE constexpr float decode(code_type code) noexcept {
        if (code == 0x7f) return 0.0f;
        return code == 0xff ? 480.0f : float8_e4m3::decode(static_cast<code_type>(code & 0x7f));
    }

    /// Whether the code is a NaN of E4M3, whatever decode() reads it as. Readers of files refuse such scales.
    static constexpr bool is_nan(code_type code) noexcept { return (code & 0x7f) == 0x7f; }

    static constexpr float lowest() noexcept { return 0.0f; }
    static constexpr float max() noexcept { return float8_e4m3::max(); }
    /// The smallest positive value.
    static constexpr float smallest() noexcept { return float8_e4m3::smallest(); }

private:
    code_type code_;
};

} // namespace lowbit::inline v0
