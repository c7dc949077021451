// SPDX-License-Identifier: MIT
// Metadata of GGUF is typed, that of safetensors is text.
#include "metadata.hpp"

#include "../common/table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace demo {
namespace {

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(std::string_view value) { return std::string(value); }
std::string text_of(double value) { return number(value, 9); }
std::string text_of(float value) { return number(static_cast<double>(value), 9); }
template <std::integral T>
std::string text_of(T value) {
    return std::to_string(value);
}

std::optional<std::string> scalar_text(const io::gguf_value& value) {
    std::optional<std::string> text;
    const auto try_as = [&]<class T>(T) {
        if (const auto given = value.get<T>()) text = text_of(*given);
        return text.has_value();
    };
    static_cast<void>(try_as(std::string_view()) || try_as(false) || try_as(0.0f) || try_as(0.0) || try_as(std::uint8_t()) ||
                      try_as(std::int8_t()) || try_as(std::uint16_t()) || try_as(std::int16_t()) || try_as(std::uint32_t()) ||
                      try_as(std::int32_t()) || try_as(std::uint64_t()) || try_as(std::int64_t()));
    return text;
}

std::string array_text(const io::gguf_value& value) {
    constexpr std::array names{"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
    return "[" + std::to_string(value.size()) + " x " + names[static_cast<std::size_t>(value.element_type())] + "]";
}

constexpr std::string_view file_type_key = "general.file_type";
constexpr std::string_view version_key = "general.quantization_version";
constexpr std::uint32_t blocks_version = 2; // of the blocks as ggml has them since 2023

/// llama.cpp's number for a file of mostly that type, where it has one.
std::optional<std::uint32_t> file_type(io::dtype type) {
    using enum io::dtype;
    constexpr std::pair<io::dtype, std::uint32_t> numbers[]{{f32, 0},    {f16, 1},    {q4_0, 2},   {q4_1, 3},    {q8_0, 7},
                                                            {q5_0, 8},   {q5_1, 9},   {q2_k, 10},  {q3_k, 11},   {q4_k, 14},
                                                            {q5_k, 16},  {q6_k, 18},  {bf16, 32},  {iq4_nl, 25}, {iq4_xs, 30},
                                                            {tq1_0, 36}, {tq2_0, 37}, {mxfp4, 38}, {nvfp4, 39},  {q1_0, 40}};
    const auto* const found = std::ranges::find(numbers, type, &std::pair<io::dtype, std::uint32_t>::first);
    return found == std::end(numbers) ? std::nullopt : std::optional(found->second);
}

} // namespace

std::vector<std::pair<std::string, std::string>> metadata_text(const model_file& file, bool whole_only) {
    std::vector<std::pair<std::string, std::string>> text;
    if (const auto* gguf = file.as<io::gguf>()) {
        for (const io::gguf_attribute& pair : gguf->metadata()) {
            if (const auto scalar = scalar_text(pair.value)) {
                text.emplace_back(pair.key, *scalar);
            } else if (!whole_only) {
                text.emplace_back(pair.key, array_text(pair.value));
            }
        }
    } else if (const auto* safetensors = file.as<io::safetensors>()) {
        for (const io::attribute& pair : safetensors->metadata()) text.emplace_back(pair.key, pair.value);
    }
    return text;
}

io::gguf_header gguf_header_of(const model_file& file, std::span<const step> steps) {
    const auto* const gguf = file.as<io::gguf>();
    io::gguf_header header = gguf != nullptr ? io::gguf_header(gguf->version()) : io::gguf_header();
    if (gguf != nullptr) {
        for (const io::gguf_attribute& pair : gguf->metadata()) {
            if (pair.key != file_type_key && pair.key != version_key) header.add(pair.key, pair.value);
        }
    } else {
        for (const auto& [key, value] : metadata_text(file)) header.add(key, value);
    }
    if (const auto number = file_type(main_type(steps))) header.add(file_type_key, *number);
    if (std::ranges::any_of(steps, [](const step& s) { return io::is_quantized(s.to.dtype); }))
        header.add(version_key, blocks_version);
    return header;
}

} // namespace demo
