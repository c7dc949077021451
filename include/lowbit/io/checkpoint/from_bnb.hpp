// SPDX-License-Identifier: MIT
// from_bnb: 4-bit layers that bitsandbytes has packed, as quantized matrices.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::io {

/// A 4-bit layer of bitsandbytes; its blocks cut the flattened tensor.
struct bnb_tensors {
    tensor weight;                            ///< u8, two codes in each, whatever the shape
    tensor absmax;                            ///< one number for each block; u8 codes where they are quantized again
    tensor quant_map;                         ///< 16 numbers, what the codes stand for
    std::optional<tensor> nested_absmax{};    ///< one number for each block of quantized absmax
    std::optional<tensor> nested_quant_map{}; ///< 256 numbers, what the codes of absmax stand for
};

/// What the tensor `quant_state.bitsandbytes__nf4` (or `fp4`) says beside the tensors.
struct bnb_state {
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::size_t block = 64;         ///< weights that share a number of absmax
    std::size_t nested_block = 256; ///< absmax that share a number of nested_absmax
    float nested_offset = 0;        ///< added to each absmax that was quantized
};

/// Reads the JSON in a quant_state: the first dimension of its shape is the rows, the product of all others the columns, one
/// dimension one row. Errors: errc::malformed for what is no such object, errc::limit_exceeded for one above 4 KiB, or sizes that
/// this machine cannot hold.
[[nodiscard]] inline expected<bnb_state> read_bnb_state(const tensor& quant_state) {
    using json = nlohmann::json;
    constexpr auto* message = "quant_state should be u8, JSON with shape, blocksize, and sizes and offset of a nested absmax";
    if (quant_state.bytes.size() > 4096) return fail(errc::limit_exceeded, message);
    const auto* text = reinterpret_cast<const char*>(quant_state.bytes.data());
    const json object =
        quant_state.dtype == dtype::u8 ? json::parse(text, text + quant_state.bytes.size(), nullptr, false) : json();
    if (!object.is_object()) return fail(errc::malformed, message);

    bnb_state state{.rows = 1, .cols = 1};
    bool is_right = true;
    bool is_small = true;
    const auto read_size = [&](const json& from, std::size_t& to) {
        is_right = is_right && from.is_number_unsigned();
        const std::uint64_t size = from.is_number_unsigned() ? from.get<std::uint64_t>() : 0;
        constexpr std::uint64_t most = std::numeric_limits<std::size_t>::max();
        is_small = is_small && size <= most;
        to = static_cast<std::size_t>(std::min(size, most)); // never 0 where the file says otherwise
    };
    const auto shape = object.find("shape");
    if (shape == object.end() || !shape->is_array() || shape->empty()) return fail(errc::malformed, message);
    for (std::size_t i = 0; i < shape->size(); ++i) {
        std::size_t side = 0;
        read_size((*shape)[i], side);
        std::size_t& product = i == 0 && shape->size() > 1 ? state.rows : state.cols;
        is_small = is_small && !mul_overflow(product, side, product);
    }
    if (const auto block = object.find("blocksize"); block != object.end()) read_size(*block, state.block);
    if (const auto block = object.find("nested_blocksize"); block != object.end()) read_size(*block, state.nested_block);
    if (const auto offset = object.find("nested_offset"); offset != object.end()) {
        const double value = offset->is_number() ? offset->get<double>() : std::numeric_limits<double>::max();
        is_right = is_right && std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
        if (is_right) state.nested_offset = static_cast<float>(value);
    }
    if (!is_right || state.block == 0 || state.nested_block == 0) return fail(errc::malformed, message);
    if (!is_small) return detail::too_large();
    return state;
}

namespace detail {

/// A policy of 4-bit codes that are looked up.
template <class P>
concept lookup_policy = packed_policy<P> && !integer_element<typename P::element_type> && P::element_type::bits == 4 &&
                        format_of<P>::granularity::rows == 1 && !format_of<P>::tensor_scale::present;

/// The numbers of `blocks` blocks; of a nested absmax the floats that bitsandbytes computes before it decodes.
template <class P, class Here>
expected<matrix<float>> read_absmax(const bnb_tensors& t, const bnb_state& state, std::size_t blocks, scales how) {
    constexpr auto* should = "absmax should be a number, or a code of a nested one, for each block";
    if (t.nested_absmax.has_value() != (t.absmax.dtype == dtype::u8)) return fail(errc::shape_mismatch, should);
    if (!t.nested_absmax) return read_scales<P, Here>(t.absmax, 1, blocks, how, should);
    if (!is_whole(t.absmax, 1) || t.absmax.shape[0] != blocks || state.nested_block == 0)
        return fail(errc::shape_mismatch, should);
    const auto nested = read_scales<P, Here>(*t.nested_absmax, 1, ceil_div(blocks, state.nested_block), how,
                                             "nested_absmax should be a number for each block of absmax");
    if (!nested) return unexpected<error>(nested.error());
    constexpr auto* values = "nested_quant_map should be 256 numbers";
    if (!t.nested_quant_map) return fail(errc::shape_mismatch, values);
    const auto map = read_scales<P, Here>(*t.nested_quant_map, 1, 256, how, values);
    if (!map) return unexpected<error>(map.error());
    matrix<float> absmax(1, blocks);
    for (std::size_t i = 0; i < blocks; ++i) {
        float product = map->data()[std::to_integer<std::size_t>(t.absmax.bytes[i])] * nested->data()[i / state.nested_block];
        LOWBIT_NO_CONTRACT(product);
        absmax.data()[i] = product + state.nested_offset;
        if (how == scales::checked && !std::isfinite(absmax.data()[i])) return fail(errc::non_finite, should, i);
    }
    return absmax;
}

} // namespace detail

/// A 4-bit layer of bitsandbytes as a state.rows x state.cols matrix of P: presets::nf4, presets::fp4_bnb, or such a policy with
/// another group. An absmax that is quantized itself is multiplied out. Rows must be whole blocks; of other tensors set the state
/// to one row. Errors: as from_gptq; errc::unsupported if quant_map is not what P's codes stand for.
template <detail::lookup_policy P, class Here = isa::here>
[[nodiscard]] expected<quantized_matrix<P>> from_bnb(const bnb_tensors& t, const bnb_state& state, scales how = scales::checked) {
    constexpr auto* weight = "weight should be u8, two codes in each, of rows of whole blocks";
    const std::size_t rows = state.rows;
    const std::size_t cols = state.cols;
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    std::size_t weights = 0;
    if (t.weight.dtype != dtype::u8 || rows == 0 || cols == 0 || mul_overflow(rows, cols, weights) ||
        !detail::is_whole(t.weight, t.weight.shape.size()) || t.weight.bytes.size() != weights / 2 + weights % 2 ||
        (rows != 1 && cols % shape.group_cols() != 0))
        return fail(errc::shape_mismatch, weight);
    if (state.block != shape.group_cols()) return fail(errc::shape_mismatch, "blocksize should be the policy's group");
    const auto map = detail::read_scales<P, Here>(t.quant_map, 1, 16, how, "quant_map should be 16 numbers");
    if (!map) return unexpected<error>(map.error());
    for (std::size_t code = 0; code < 16; ++code) {
        if (map->data()[code] != P::element_type::decode(static_cast<std::uint8_t>(code)))
            return fail(errc::unsupported, "quant_map should be what the policy's codes stand for", code);
    }
    const auto scale = detail::read_absmax<P, Here>(t, state, rows * shape.groups(), how);
    if (!scale) return unexpected<error>(scale.error());
    return detail::assemble<P, Here>(
        {"absmax should be numbers that the policy can store as they are"}, rows, cols, {},
        [&](std::size_t n, std::size_t k) {
            const std::size_t i = n * cols + k;
            return std::to_integer<unsigned>(t.weight.bytes[i / 2]) >> (i % 2 == 0 ? 4 : 0) & 15u;
        },
        [&](std::size_t n, std::size_t g) { return scale->data()[n * shape.groups() + g]; },
        [](std::size_t, std::size_t) { return 0u; });
}

/// The same as an any_matrix, for codes and blocks that are known at run time: quant_map and the state say them. Errors: besides,
/// errc::unsupported if no format is known for them.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const bnb_tensors& t, const bnb_state& state, scales how = scales::checked) {
    return detail::first_format({4, state.block}, [&]<detail::lookup_policy P>() { return from_bnb<P, Here>(t, state, how); });
}

} // namespace lowbit::inline v0::io
