// SPDX-License-Identifier: MIT
// dtype: the element types that files name, ggml's blocks among them, and their sizes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lowbit/core/bits.hpp>

namespace lowbit::inline v0::io {

/// What a tensor's bytes are. The first are safetensors' types, in its own vocabulary (source: huggingface/safetensors,
/// tensor.rs; F4 and F6, F8_E8M0, the FNUZ pair and C64 came with later releases); the others are ggml's blocks (source:
/// ggml-common.h).
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
    c64, ///< two f32; the last that safetensors has
    q1_0,
    q2_0,
    q4_0,
    q4_1,
    q5_0,
    q5_1,
    q8_0,
    q8_1, ///< of activations; files do not hold it
    q2_k,
    q3_k,
    q4_k,
    q5_k,
    q6_k,
    q8_k, ///< of activations; files do not hold it
    iq1_s,
    iq1_m,
    iq2_xxs,
    iq2_xs,
    iq2_s,
    iq3_xxs,
    iq3_s,
    iq4_nl,
    iq4_xs,
    tq1_0,
    tq2_0,
    mxfp4,
    nvfp4,
};

/// The least that a tensor is made of: `elements` neighbours along its last dimension in `bytes` bytes. {0, 0} for `unknown`.
struct dtype_block {
    unsigned elements;
    unsigned bytes;
    friend constexpr bool operator==(const dtype_block&, const dtype_block&) noexcept = default;
};

namespace detail {

struct dtype_row {
    std::string_view name;
    dtype_block block;
    int ggml_id = -1; // the type's number in a GGUF file
};

/// In the order of the enumerators.
inline constexpr std::array<dtype_row, 50> dtype_table{{
    {"unknown", {0, 0}},
    {"BOOL", {1, 1}},
    {"U8", {1, 1}},
    {"I8", {1, 1}, 24},
    {"F8_E5M2", {1, 1}},
    {"F8_E4M3", {1, 1}},
    {"I16", {1, 2}, 25},
    {"U16", {1, 2}},
    {"F16", {1, 2}, 1},
    {"BF16", {1, 2}, 30},
    {"I32", {1, 4}, 26},
    {"U32", {1, 4}},
    {"F32", {1, 4}, 0},
    {"F64", {1, 8}, 28},
    {"I64", {1, 8}, 27},
    {"U64", {1, 8}},
    {"F4", {2, 1}},
    {"F6_E2M3", {4, 3}},
    {"F6_E3M2", {4, 3}},
    {"F8_E8M0", {1, 1}},
    {"F8_E4M3FNUZ", {1, 1}},
    {"F8_E5M2FNUZ", {1, 1}},
    {"C64", {1, 8}},
    {"Q1_0", {128, 18}, 41},
    {"Q2_0", {64, 18}, 42},
    {"Q4_0", {32, 18}, 2},
    {"Q4_1", {32, 20}, 3},
    {"Q5_0", {32, 22}, 6},
    {"Q5_1", {32, 24}, 7},
    {"Q8_0", {32, 34}, 8},
    {"Q8_1", {32, 36}, 9},
    {"Q2_K", {256, 84}, 10},
    {"Q3_K", {256, 110}, 11},
    {"Q4_K", {256, 144}, 12},
    {"Q5_K", {256, 176}, 13},
    {"Q6_K", {256, 210}, 14},
    {"Q8_K", {256, 292}, 15},
    {"IQ1_S", {256, 50}, 19},
    {"IQ1_M", {256, 56}, 29},
    {"IQ2_XXS", {256, 66}, 16},
    {"IQ2_XS", {256, 74}, 17},
    {"IQ2_S", {256, 82}, 22},
    {"IQ3_XXS", {256, 98}, 18},
    {"IQ3_S", {256, 110}, 21},
    {"IQ4_NL", {32, 18}, 20},
    {"IQ4_XS", {256, 136}, 23},
    {"TQ1_0", {256, 54}, 34},
    {"TQ2_0", {256, 66}, 35},
    {"MXFP4", {32, 17}, 39},
    {"NVFP4", {64, 36}, 40},
}};
static_assert(dtype_table.size() == static_cast<std::size_t>(dtype::nvfp4) + 1);

[[nodiscard]] constexpr const dtype_row& row_of(dtype type) noexcept { return dtype_table[static_cast<std::size_t>(type)]; }

} // namespace detail

/// The block of a type; of one element where elements have whole bytes.
[[nodiscard]] constexpr dtype_block block_of(dtype type) noexcept { return detail::row_of(type).block; }

/// Whether this is one of ggml's blocks: scales and codes together, no elements of their own.
[[nodiscard]] constexpr bool is_quantized(dtype type) noexcept { return type > dtype::c64; }

/// Stored bits for one element; 0 for `unknown`.
[[nodiscard]] constexpr double bits_per_element(dtype type) noexcept {
    const dtype_block block = block_of(type);
    return block.elements == 0 ? 0 : 8.0 * block.bytes / block.elements;
}

/// The bytes of `elements` elements into `bytes`; false if they are no whole blocks, do not fit 64 bits or are `unknown`.
[[nodiscard]] constexpr bool byte_size(dtype type, std::uint64_t elements, std::uint64_t& bytes) noexcept {
    const dtype_block block = block_of(type);
    return block.elements != 0 && elements % block.elements == 0 && !mul_overflow(elements / block.elements, block.bytes, bytes);
}

/// The name a file has for it.
[[nodiscard]] constexpr std::string_view name(dtype type) noexcept { return detail::row_of(type).name; }

/// The type of that name (upper case, as files write it), or `unknown`.
[[nodiscard]] constexpr dtype dtype_of(std::string_view name) noexcept {
    for (std::size_t i = 1; i < detail::dtype_table.size(); ++i) {
        if (detail::dtype_table[i].name == name) return static_cast<dtype>(i);
    }
    return dtype::unknown;
}

/// The type of that number in a GGUF file, or `unknown`.
[[nodiscard]] constexpr dtype dtype_of_ggml(std::uint32_t id) noexcept {
    for (std::size_t i = 1; i < detail::dtype_table.size(); ++i) {
        if (detail::dtype_table[i].ggml_id >= 0 && static_cast<std::uint32_t>(detail::dtype_table[i].ggml_id) == id) {
            return static_cast<dtype>(i);
        }
    }
    return dtype::unknown;
}

} // namespace lowbit::inline v0::io
