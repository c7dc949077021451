// SPDX-License-Identifier: MIT
// dtype: the element types that safetensors names, and their sizes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lowbit::inline v0::io {

/// Element types of the safetensors format, in its own vocabulary. Source: huggingface/safetensors, tensor.rs; F4 and F6,
/// F8_E8M0, the FNUZ pair and C64 came with later releases.
enum class dtype : std::uint8_t {
    unknown, ///< a name that is none of these: its bytes can be handed on, not understood
    boolean,
    u8,
    i8,
    f8_e5m2,
    f8_e4m3, ///< OCP OFP8 E4M3 (no infinity)
    i16,
    u16,
    f16,
    bf16,
    i32,
    u32,
    f32,
    f64,
    i64,
    u64,
    f4,
    f6_e2m3,
    f6_e3m2,
    f8_e8m0,
    f8_e4m3fnuz,
    f8_e5m2fnuz,
    c64, ///< two f32
};

namespace detail {

struct dtype_row {
    std::string_view name;
    unsigned bits;
};

/// In the order of the enumerators.
inline constexpr std::array<dtype_row, 23> dtype_table{{
    {"unknown", 0}, {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"I16", 16},    {"U16", 16},    {"F16", 16},        {"BF16", 16},       {"I32", 32},    {"U32", 32},
    {"F32", 32},    {"F64", 64},    {"I64", 64},        {"U64", 64},        {"F4", 4},      {"F6_E2M3", 6},
    {"F6_E3M2", 6}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"C64", 64},
}};

} // namespace detail

/// Bits of one element, 0 for `unknown`. Elements of fewer than 8 bits fill whole bytes together.
[[nodiscard]] constexpr unsigned bits(dtype type) noexcept { return detail::dtype_table[static_cast<std::size_t>(type)].bits; }

/// The name a file has for it.
[[nodiscard]] constexpr std::string_view name(dtype type) noexcept {
    return detail::dtype_table[static_cast<std::size_t>(type)].name;
}

/// The type of that name (upper case, as files write it), or `unknown`.
[[nodiscard]] constexpr dtype dtype_of(std::string_view name) noexcept {
    for (std::size_t i = 1; i < detail::dtype_table.size(); ++i) {
        if (detail::dtype_table[i].name == name) return static_cast<dtype>(i);
    }
    return dtype::unknown;
}

} // namespace lowbit::inline v0::io
