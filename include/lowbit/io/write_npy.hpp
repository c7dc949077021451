// SPDX-License-Identifier: MIT
// write_npy: writes NumPy's files of one array.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/file_writer.hpp>
#include <lowbit/io/npy.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/tensor_writer.hpp>

namespace lowbit::inline v0::io {

namespace detail {

inline expected<file_plan> plan_npy(const tensor& array) {
    const auto type = std::ranges::find(npy_types, array.dtype, &npy_type::dtype);
    const bool big = array.byte_order == std::endian::big;
    if (type == npy_types.end() || (big && array.dtype == dtype::bf16)) {
        return fail(errc::unsupported, "npy has no elements of this type");
    }
    if (array.shape.size() > 32) return fail(errc::limit_exceeded, "the array has more dimensions than NumPy takes");
    std::uint64_t bytes = 0;
    if (!byte_size(array.dtype, array.shape, bytes)) return fail(errc::shape_mismatch, detail::says::array_too_large);

    // As NumPy writes it, to the byte: with room for the first dimension to grow, and padding that is never nothing.
    constexpr std::size_t longest_number = 21, alignment = 64, prefix = 10;
    std::string text = "{'descr': '";
    text.append(block_of(array.dtype).bytes == 1 ? "|" : big ? ">" : "<").append(type->name);
    text.append("', 'fortran_order': False, 'shape': (");
    for (std::size_t k = 0; k < array.shape.size(); ++k) text.append(k == 0 ? "" : ", ").append(std::to_string(array.shape[k]));
    text.append(array.shape.size() == 1 ? ",), }" : "), }");
    if (!array.shape.empty()) text.append(longest_number - std::to_string(array.shape[0]).size(), ' ');
    text.append(alignment - (prefix + text.size() + 1) % alignment, ' ').append("\n");

    file_plan plan;
    append(plan.header, npy_magic);
    append(plan.header, stored(std::uint16_t{1})); // version 1.0
    append(plan.header, stored(static_cast<std::uint16_t>(text.size())));
    append(plan.header, text);
    plan.places.push_back({0, bytes, 0});
    return plan;
}

} // namespace detail

/// Begins a file of version 1.0 of this array (type, shape and byte order; its bytes come later). errc::unsupported for types
/// that NumPy does not have (bfloat16 it has: as '<V2'), errc::shape_mismatch or errc::limit_exceeded for shapes that do not fit.
template <sink Sink>
[[nodiscard]] expected<tensor_writer<Sink>> stream_npy(Sink out, const tensor& array) {
    auto plan = detail::plan_npy(array);
    if (!plan) return unexpected<error>(plan.error());
    return tensor_writer<Sink>::begin(std::move(out), std::move(*plan));
}

/// Writes a whole file, with the bytes that the tensor has; its name goes nowhere. The file of that name is replaced at the end,
/// and at once. Errors: those of stream_npy, errc::shape_mismatch for bytes that are not those of the shape, errc::io from the
/// system.
[[nodiscard]] inline expected<void> write_npy(std::string path, const tensor& array) {
    auto file = file_writer::create(std::move(path));
    if (!file) return unexpected<error>(file.error());
    return detail::write_all(stream_npy(std::move(*file), array), {&array, 1});
}

} // namespace lowbit::inline v0::io
