// SPDX-License-Identifier: MIT
// write_gguf: writes ggml's model files, at once or tensor by tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/file_writer.hpp>
#include <lowbit/io/gguf.hpp>
#include <lowbit/io/gguf_header.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/tensor_writer.hpp>

namespace lowbit::inline v0::io {

namespace detail {

/// What the reader will say of a header; nobody else knows the rules.
inline expected<std::uint64_t> check_gguf(const gguf_fields& header, const limits& bounds) {
    constexpr std::uint64_t any_file = std::uint64_t{1} << 62;
    gguf_tables tables;
    if (const auto problem = gguf_walk(header.bytes, any_file, bounds, tables).run()) return unexpected<error>(*problem);
    return tables.alignment;
}

inline expected<file_plan> plan_gguf(std::span<const tensor> tensors, const gguf_header& header, const limits& bounds) {
    const auto preamble = [&](std::uint64_t tensor_count) {
        gguf_fields fields{header.byte_order()};
        append(fields.bytes, stored(gguf_magic)); // letters, the same in both orders
        fields.put(header.version());
        fields.put(tensor_count);
        fields.put(header.count());
        append(fields.bytes, header.pairs());
        return fields;
    };
    const auto alignment = check_gguf(preamble(0), bounds);
    if (!alignment) return unexpected<error>(alignment.error());

    file_plan plan;
    gguf_fields fields = preamble(tensors.size());
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const tensor& t = tensors[i];
        const int type = row_of(t.dtype).ggml_id;
        if (type < 0) return fail(errc::unsupported, "GGUF has no tensors of this type", i);
        if (t.byte_order != header.byte_order()) return fail(errc::unsupported, "a tensor's byte order is not the file's", i);
        std::uint64_t bytes = 0;
        if (!byte_size(t.dtype, t.shape, bytes) || bytes >> 62 != 0) {
            return fail(errc::shape_mismatch, "a tensor's rows are no whole blocks, or it is too large", i);
        }
        fields.put(t.name);
        fields.put(static_cast<std::uint32_t>(t.shape.size()));
        for (std::size_t k = t.shape.size(); k-- > 0;) fields.put(t.shape[k]); // the file has the fastest first
        fields.put(static_cast<std::uint32_t>(type));
        fields.put(offset);
        const std::uint64_t size = padded(bytes, *alignment);
        plan.places.push_back({i, bytes, size - bytes});
        offset += size;
    }
    if (const auto checked = check_gguf(fields, bounds); !checked) return unexpected<error>(checked.error());
    if (fields.bytes.size() > bounds.header_bytes) return fail(errc::limit_exceeded, detail::says::header_too_long);
    fields.bytes.resize(static_cast<std::size_t>(padded(fields.bytes.size(), *alignment)));
    plan.header = std::move(fields.bytes);
    return plan;
}

} // namespace detail

/// Begins a GGUF file of these tensors (names, types and shapes; their bytes come later) in their order. What a reader of this
/// library would refuse is refused here, with the reader's own answer; errc::unsupported for types that GGUF does not have or a
/// byte order that is not the header's, errc::shape_mismatch for rows that are no whole blocks (the offset is the tensor's index
/// then).
template <sink Sink>
[[nodiscard]] expected<tensor_writer<Sink>> stream_gguf(Sink out, std::span<const tensor> tensors, const gguf_header& header,
                                                        const limits& bounds = {}) {
    auto plan = detail::plan_gguf(tensors, header, bounds);
    if (!plan) return unexpected<error>(plan.error());
    return tensor_writer<Sink>::begin(std::move(out), std::move(*plan));
}

/// Writes a whole file, with the bytes that the tensors have. The file of that name is replaced at the end, and at once.
/// Errors: those of stream_gguf, errc::shape_mismatch for bytes that are not those of the shape, errc::io from the system.
[[nodiscard]] inline expected<void> write_gguf(std::string path, std::span<const tensor> tensors, const gguf_header& header,
                                               const limits& bounds = {}) {
    auto file = file_writer::create(std::move(path));
    if (!file) return unexpected<error>(file.error());
    return detail::write_all(stream_gguf(std::move(*file), tensors, header, bounds), tensors);
}

} // namespace lowbit::inline v0::io
