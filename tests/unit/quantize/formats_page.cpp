// SPDX-License-Identifier: MIT
// The table of docs/formats.md is what the policies say: made here, and compared. LOWBIT_WRITE_PAGE=1 writes it instead.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>

#include <lowbit/lowbit.hpp>
#include <lowbit/quantize/formats.hpp>

namespace lb = lowbit;

namespace {

std::string text(double value) {
    char out[32];
    std::snprintf(out, sizeof out, "%.6g", value);
    return out;
}

// --- what a part is called ---------------------------------------------------------------------------------------------

template <class T>
std::string scalar_name() {
    if constexpr (std::is_same_v<T, float>) {
        return "float32";
    } else if constexpr (std::is_same_v<T, lb::float16>) {
        return "float16";
    } else if constexpr (std::is_same_v<T, lb::bfloat16>) {
        return "bfloat16";
    } else {
        return std::string(lb::element_name<T>());
    }
}

template <class Rule>
constexpr std::string_view rule_name = "its own rule";
template <>
constexpr std::string_view rule_name<lb::absmax> = "absmax";
template <>
constexpr std::string_view rule_name<lb::signed_absmax> = "signed_absmax";
template <>
constexpr std::string_view rule_name<lb::abs_mean> = "abs_mean";
template <>
constexpr std::string_view rule_name<lb::mse> = "mse";

template <class Order>
struct order_name {
    static std::string text() { return "in sequence"; }
};
template <std::size_t Half>
struct order_name<lb::split_half<Half>> {
    static std::string text() { return std::to_string(Half) + " apart"; }
};
template <>
struct order_name<lb::high_first> {
    static std::string text() { return "high first"; }
};
template <std::size_t Codes, std::size_t... Runs>
struct order_name<lb::split_base3<Codes, Runs...>> {
    static std::string text() { return "base 3"; }
};
template <int LowBits, class Low, class High>
struct order_name<lb::bit_planes<LowBits, Low, High>> {
    static std::string text() {
        return "low " + std::to_string(LowBits) + " bits " + order_name<Low>::text() + ", the rest " + order_name<High>::text();
    }
};

template <class Field>
constexpr std::string_view field_name = "scale table";
template <>
constexpr std::string_view field_name<lb::field::scales> = "scales";
template <>
constexpr std::string_view field_name<lb::field::minimums> = "minimums";
template <>
constexpr std::string_view field_name<lb::field::super_scale> = "super-scale";
template <>
constexpr std::string_view field_name<lb::field::super_minimum> = "super-minimum";
template <>
constexpr std::string_view field_name<lb::field::codes> = "codes";
template <>
constexpr std::string_view field_name<lb::field::high_codes> = "high bits";

// --- columns -----------------------------------------------------------------------------------------------------------

/// What stands where: the fields of a block with their bytes, or the planes.
template <class F, class Layout = typename F::layout>
struct picture {
    static std::string text() {
        std::string planes = "planes: codes, scales";
        if (F::offset::kind != lb::offset_kind::none) planes += ", offsets";
        if (F::column_order::permuted) planes += ", order of columns";
        if (F::tensor_scale::present) planes += ", tensor scale";
        if (std::is_same_v<Layout, lb::planar_transposed>) planes += "; each by columns";
        return planes;
    }
};
template <class F, std::size_t Groups, class... Fields>
struct picture<F, lb::interleaved<Groups, Fields...>> {
    static std::string text() {
        using access = lb::detail::layout_access<F>;
        std::string block;
        ((block += (block.empty() ? "" : " \\| ") + std::string(field_name<Fields>) + ' ' +
                   std::to_string(access::template field_bytes<Fields>)),
         ...);
        return block + " = " + std::to_string(access::block_bytes) + " bytes for " + std::to_string(access::block_cols);
    }
};

template <class F>
std::string scale_text() {
    using super = typename F::super_scale::type;
    std::string s = scalar_name<typename F::scale_type>();
    if constexpr (!std::is_void_v<super>)
        s += " under " + scalar_name<super>() + " for " + std::to_string(F::super_scale::groups);
    if constexpr (F::granularity::cols != 0) {
        s += ", each for " + std::to_string(F::granularity::cols);
    } else {
        s += F::granularity::rows == 0 ? ", one" : ", each for a row";
    }
    if constexpr (F::tensor_scale::present) s += ", under one float32";
    return s;
}

/// The value of code c.
template <class F>
std::string decoder() {
    using E = typename F::element_type;
    std::string value = lb::integer_element<E> || std::is_same_v<E, lb::ternary> ? "s c" : "s T[c]";
    if (F::offset::kind == lb::offset_kind::zero_point) value = "s (c - z)";
    if (!std::is_void_v<typename F::super_scale::type>) value = "S " + value;
    if (std::is_same_v<typename F::tensor_scale, lb::tensor_scale>) value = "t " + value;
    if (std::is_same_v<typename F::tensor_scale, lb::tensor_divisor>) value += " / t";
    if (F::offset::kind == lb::offset_kind::minimum) value += " + m";
    if (F::offset::kind == lb::offset_kind::quantized_minimum) value += " - M m";
    return value;
}

std::string readers(std::string_view name, int ggml_id) {
    if (ggml_id >= 0) return "ggml, GGUF type " + std::to_string(ggml_id);
    if (name == "nf4" || name == "fp4_bnb") return "bitsandbytes";
    if (name.starts_with("gptq")) return "AutoGPTQ, GPTQModel (version 2)";
    if (name == "nvfp4") return "ModelOpt, Transformer Engine";
    if (name == "nvfp4_divisor") return "compressed-tensors";
    if (name == "ocp_mxfp4" || name == "ocp_mxfp6_e2m3" || name == "ocp_mxfp8_e4m3") return "compressed-tensors, OCP MX";
    if (name.starts_with("ocp_")) return "OCP MX";
    return "";
}

template <std::size_t I>
void add_row(std::string& page) {
    using P = lb::format_at<I>;
    using F = lb::format_of<P>;
    using E = typename F::element_type;
    const lb::quantized_matrix<P> wide(1024, 4096);
    const auto& format = lb::formats.rows[I];
    page += "| " + std::string(format.name) + " | " + text(wide.bits_per_weight()) + " | " + std::string(lb::element_name<E>()) +
            " | " + scale_text<F>() + " | " + picture<F>::text() + " | " + order_name<typename F::code_order>::text() + " | " +
            decoder<F>() + " | " + std::string(rule_name<typename P::rule>) + " | " + readers(format.name, format.ggml_id) +
            " |\n";
}

std::string table() {
    std::string page = "| format | bits | element | scales | in memory | codes | decoder | encoder | who else reads it |\n"
                       "|---|---|---|---|---|---|---|---|---|\n";
    [&]<std::size_t... I>(std::index_sequence<I...>) { (add_row<I>(page), ...); }(std::make_index_sequence<lb::format_count>{});
    return page;
}

TEST_CASE("the table of docs/formats.md is what the policies say") {
    const std::string path = LOWBIT_TEST_DATA "/../../docs/formats.md";
    std::ifstream in(path, std::ios::binary);
    REQUIRE(in);
    std::string page{std::istreambuf_iterator<char>(in), {}};
    const std::string_view begin = "<!-- made by tests/unit/quantize/formats_page.cpp -->\n";
    const std::string_view end = "<!-- end -->";
    const std::size_t first = page.find(begin);
    const std::size_t last = page.find(end);
    REQUIRE(first != std::string::npos);
    REQUIRE(last != std::string::npos);
    const std::string made = table();
    const std::string_view now = std::string_view(page).substr(first + begin.size(), last - first - begin.size());
    if (std::getenv("LOWBIT_WRITE_PAGE") != nullptr) {
        page.replace(first + begin.size(), last - first - begin.size(), made);
        std::ofstream(path, std::ios::binary) << page;
        return;
    }
    CHECK(now == made);
}

} // namespace
