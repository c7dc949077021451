// SPDX-License-Identifier: MIT
// Any tensor as floats.
#include "codec.hpp"

#include <lowbit/io/to_any.hpp>
#include <lowbit/quantize/active_rows.hpp>

#include <bit>
#include <cstdint>

namespace demo {

bool is_readable(io::dtype type) {
    if (io::is_quantized(type)) return !name_of(type).empty() && find_type(name_of(type)) == type;
    switch (type) {
    case io::dtype::unknown:
    case io::dtype::f4:
    case io::dtype::f6_e2m3:
    case io::dtype::f6_e3m2:
    case io::dtype::c64: return false;
    default: return true;
    }
}

lb::expected<lb::matrix_view<const float>> floats(const io::tensor& t, std::vector<float>& room) {
    const auto [rows, cols] = sides_of(t);
    const bool is_float_here = t.dtype == io::dtype::f32 && t.byte_order == std::endian::native;
    if (is_float_here && reinterpret_cast<std::uintptr_t>(t.bytes.data()) % alignof(float) == 0)
        return lb::matrix_view<const float>(reinterpret_cast<const float*>(t.bytes.data()), rows, cols);

    room.resize(rows * cols);
    const lb::matrix_view<float> out(room.data(), rows, cols);
    if (io::is_quantized(t.dtype)) {
        const auto blocks = io::to_any(t);
        if (!blocks) return lb::unexpected<lb::error>(blocks.error());
        visit(*blocks, [&](const auto& view) { lb::dequantize_into(out, view); });
    } else if (const auto read = io::read_rows(t, 0, out, lb::detail::active_rows()); !read) {
        return lb::unexpected<lb::error>(read.error());
    }
    return out;
}

} // namespace demo
