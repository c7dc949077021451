// SPDX-License-Identifier: MIT
// From whatever a file holds to rows of floats, and from these to whatever a file can hold.
#pragma once

#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/quantize/formats.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

namespace lb = lowbit;
namespace io = lb::io;

/// The names that find_type knows: f32, f16, bf16, and lowbit's formats that are types of tensors in GGUF.
std::vector<std::string> type_names();
/// The type of tensors of that name; `unknown` if there is none.
io::dtype find_type(std::string_view name);
/// What --policy calls a type; the file's own name where there is no such policy.
std::string name_of(io::dtype type);

/// Tensors are taken apart along their last dimension, since blocks run along it.
struct sides {
    std::size_t rows, cols;
};
sides sides_of(const io::tensor& t);
/// Some rows of a tensor, as a tensor. `shape` has room for its two sides, and must outlive it.
io::tensor rows_of(const io::tensor& t, std::size_t first, std::size_t count, std::vector<std::uint64_t>& shape);

/// Whether floats() can read tensors of this type.
bool is_readable(io::dtype type);
/// The floats of a tensor of two dimensions: where they lie, if they are floats of this machine; else in `room`.
lb::expected<lb::matrix_view<const float>> floats(const io::tensor& t, std::vector<float>& room);

/// Encodes rows of floats and appends their bytes. Errors: those of try_quantize; errc::scale_range also where float16 cannot
/// hold a number. Their offset is the place of the weight in `rows`.
lb::expected<void> encode(io::dtype type, lb::matrix_view<const float> rows, std::vector<std::byte>& to);

} // namespace demo
