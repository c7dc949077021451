// SPDX-License-Identifier: MIT
// write_safetensors: writes files of named tensors, at once or tensor by tensor.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/file_writer.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/safetensors.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/tensor_writer.hpp>
#include <lowbit/io/utf8.hpp>

namespace lowbit::inline v0::io {

namespace detail {

inline expected<file_plan> plan_safetensors(std::span<const tensor> tensors, std::span<const attribute> metadata,
                                            const limits& bounds) {
    if (tensors.size() > bounds.tensors) return fail(errc::limit_exceeded, detail::says::too_many_tensors);
    file_plan plan;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const tensor& t = tensors[i];
        if (t.dtype == dtype::unknown || is_quantized(t.dtype)) {
            return fail(errc::unsupported, "safetensors has no tensors of this type", i);
        }
        if (t.byte_order != std::endian::little) return fail(errc::unsupported, "safetensors are little-endian", i);
        if (t.shape.size() > bounds.dims) return fail(errc::limit_exceeded, detail::says::too_many_dims, i);
        std::uint64_t bytes = 0;
        if (!byte_size(t.dtype, t.shape, bytes)) return fail(errc::shape_mismatch, "a tensor has no whole number of bytes", i);
        if (!is_utf8(t.name) || t.name == "__metadata__") return fail(errc::malformed, "a name that no tensor may have", i);
        if (t.name.size() > bounds.name_bytes) return fail(errc::limit_exceeded, detail::says::name_too_long, i);
        plan.places.push_back({i, bytes, 0});
    }
    // The index of the first that has an earlier one's name; how many there are if none has.
    const auto repeated = [](const auto& list, auto member) {
        std::vector<std::size_t> order(list.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        const auto named = [&](std::size_t i) { return std::pair(std::invoke(member, list[i]), i); };
        std::ranges::sort(order, {}, named);
        std::size_t first = list.size();
        for (std::size_t i = 1; i < order.size(); ++i) {
            if (named(order[i]).first == named(order[i - 1]).first) first = std::min(first, order[i]);
        }
        return first;
    };
    if (const std::size_t i = repeated(tensors, &tensor::name); i < tensors.size()) {
        return fail(errc::malformed, detail::says::two_of_a_name, i);
    }
    if (repeated(metadata, &attribute::key) < metadata.size()) {
        return fail(errc::malformed, "the metadata has the same key twice");
    }

    // As the reference writer sorts, so that every tensor is aligned if the data is.
    const auto rank = [&](const tensor_place& p) {
        const tensor& t = tensors[p.index];
        const dtype_block block = block_of(t.dtype);
        const unsigned alignment = block.elements == 1 ? block.bytes : 1;
        return std::tuple(-static_cast<int>(alignment), -static_cast<int>(t.dtype), t.name);
    };
    std::ranges::sort(plan.places, {}, rank);

    const auto quoted = [](std::string_view text) { return nlohmann::json(text).dump(); };
    std::string text = "{";
    const auto member = [&](std::string_view name) { text.append(text.size() > 1 ? "," : "").append(quoted(name)).append(":"); };
    if (!metadata.empty()) {
        member("__metadata__");
        char before = '{';
        for (const auto& [key, value] : metadata) {
            if (!is_utf8(key) || !is_utf8(value)) return fail(errc::malformed, "metadata is not UTF-8");
            if (key.size() > bounds.name_bytes) return fail(errc::limit_exceeded, detail::says::name_too_long);
            text.append(1, std::exchange(before, ',')).append(quoted(key)).append(":").append(quoted(value));
        }
        text += "}";
    }
    std::uint64_t offset = 0;
    for (const tensor_place& p : plan.places) {
        const tensor& t = tensors[p.index];
        member(t.name);
        text.append(R"({"dtype":")").append(name(t.dtype)).append(R"(","shape":[)");
        for (std::size_t k = 0; k < t.shape.size(); ++k) text.append(k == 0 ? "" : ",").append(std::to_string(t.shape[k]));
        if (p.bytes > ~std::uint64_t{0} - offset)
            return fail(errc::shape_mismatch, "the file's size does not fit 64 bits", p.index);
        text.append(R"(],"data_offsets":[)").append(std::to_string(offset)).append(",");
        text.append(std::to_string(offset += p.bytes)).append("]}");
    }
    text += "}";
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > bounds.header_bytes) return fail(errc::limit_exceeded, detail::says::header_too_long);
    append(plan.header, stored(std::uint64_t{text.size()}));
    append(plan.header, text);
    return plan;
}

} // namespace detail

/// Begins a safetensors file of these tensors (names, types and shapes; their bytes come later, in the order that
/// tensor_writer::next() says: as the reference writer has them, by decreasing alignment, then by type, then by name).
/// Errors: errc::unsupported for types and byte orders that safetensors does not have, errc::shape_mismatch for sizes that are no
/// whole bytes or do not fit, errc::malformed for names that are not UTF-8, not unique, or "__metadata__", errc::limit_exceeded
/// above `limits`, as readers with the same would refuse the file; the offset is the tensor's index, 0 where none is to blame.
template <sink Sink>
[[nodiscard]] expected<tensor_writer<Sink>> stream_safetensors(Sink out, std::span<const tensor> tensors,
                                                               std::span<const attribute> metadata = {},
                                                               const limits& bounds = {}) {
    auto plan = detail::plan_safetensors(tensors, metadata, bounds);
    if (!plan) return unexpected<error>(plan.error());
    return tensor_writer<Sink>::begin(std::move(out), std::move(*plan));
}

/// Writes a whole file, with the bytes that the tensors have. The file of that name is replaced at the end, and at once.
/// Errors: those of stream_safetensors, errc::shape_mismatch for bytes that are not those of the shape, errc::io from the system.
[[nodiscard]] inline expected<void> write_safetensors(std::string path, std::span<const tensor> tensors,
                                                      std::span<const attribute> metadata = {}, const limits& bounds = {}) {
    auto file = file_writer::create(std::move(path));
    if (!file) return unexpected<error>(file.error());
    return detail::write_all(stream_safetensors(std::move(*file), tensors, metadata, bounds), tensors);
}

} // namespace lowbit::inline v0::io
