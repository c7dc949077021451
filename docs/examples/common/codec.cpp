// SPDX-License-Identifier: MIT
// Names of types, and tensors as rows.
#include "codec.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

namespace demo {
namespace {

struct named_type {
    std::string_view name;
    io::dtype type;
};

std::vector<named_type> named_types() {
    std::vector<named_type> types{{"f32", io::dtype::f32}, {"f16", io::dtype::f16}, {"bf16", io::dtype::bf16}};
    for (const auto& format : lb::formats.rows) {
        if (format.ggml_id >= 0) types.push_back({format.name, io::dtype_of_ggml(static_cast<std::uint32_t>(format.ggml_id))});
    }
    return types;
}

const std::vector<named_type>& all_types() {
    static const std::vector<named_type> types = named_types();
    return types;
}

} // namespace

std::vector<std::string> type_names() {
    std::vector<std::string> names;
    for (const named_type& t : all_types()) names.emplace_back(t.name);
    return names;
}

io::dtype find_type(std::string_view name) {
    const auto found = std::ranges::find(all_types(), name, &named_type::name);
    return found == all_types().end() ? io::dtype::unknown : found->type;
}

std::string name_of(io::dtype type) {
    const auto found = std::ranges::find(all_types(), type, &named_type::type);
    return std::string(found == all_types().end() ? io::name(type) : found->name);
}

sides sides_of(const io::tensor& t) {
    sides s{1, 1};
    if (t.shape.empty()) return s;
    for (const std::uint64_t extent : t.shape.first(t.shape.size() - 1)) s.rows *= static_cast<std::size_t>(extent);
    s.cols = static_cast<std::size_t>(t.shape.back());
    return s;
}

io::tensor rows_of(const io::tensor& t, std::size_t first, std::size_t count, std::vector<std::uint64_t>& shape) {
    const auto [rows, cols] = sides_of(t);
    shape = {count, cols};
    const std::size_t row_bytes = t.bytes.size() / rows;
    return {t.name, t.dtype, shape, t.bytes.subspan(first * row_bytes, count * row_bytes), t.byte_order};
}

} // namespace demo
