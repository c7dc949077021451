// SPDX-License-Identifier: MIT
// The encoders of all types that GGUF has, which take the longest to compile.
#include "codec.hpp"

#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/rows/rows.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <array>
#include <cmath>
#include <span>
#include <utility>

namespace demo {
namespace {

using rows_view = lb::matrix_view<const float>;
using encoder = lb::expected<void> (*)(rows_view, std::vector<std::byte>&);

void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

/// float16 or bfloat16.
template <class T>
lb::expected<void> encode_halves(rows_view rows, std::vector<std::byte>& to) {
    const auto& kernels = lb::kernel::rows(lb::isa::active());
    std::vector<T> row(rows.cols());
    for (std::size_t r = 0; r < rows.rows(); ++r) {
        kernels.of<T>().from_float(rows.row_data(r), row.size(), row.data());
        // Infinities that were there stay, but none is made.
        const bool infinite = !std::isfinite(kernels.of<T>().absmax(row.data(), row.size()));
        for (std::size_t k = 0; infinite && k < row.size(); ++k) {
            if (std::isinf(static_cast<float>(row[k])) && !std::isinf(rows(r, k)))
                return lb::fail(lb::errc::scale_range, "a number is too large for the type", r * rows.cols() + k);
        }
        append(to, std::as_bytes(std::span(row)));
    }
    return {};
}

template <lb::any_policy P>
lb::expected<void> encode_blocks(rows_view rows, std::vector<std::byte>& to) {
    const auto encoded = lb::try_quantize<P>(rows);
    if (!encoded) return lb::unexpected<lb::error>(encoded.error());
    append(to, encoded->bytes());
    return {};
}

/// Only what GGUF has is compiled.
template <std::size_t Format>
constexpr encoder block_encoder() {
    if constexpr (lb::formats.rows[Format].ggml_id >= 0) return &encode_blocks<lb::format_at<Format>>;
    return nullptr;
}

constexpr auto block_encoders = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array{block_encoder<I>()...};
}(std::make_index_sequence<lb::format_count>{});

encoder encoder_of(io::dtype type) {
    if (type == io::dtype::f16) return &encode_halves<lb::float16>;
    if (type == io::dtype::bf16) return &encode_halves<lb::bfloat16>;
    return block_encoders[lb::find_format(name_of(type))];
}

} // namespace

lb::expected<void> encode(io::dtype type, rows_view rows, std::vector<std::byte>& to) {
    if (type != io::dtype::f32) return encoder_of(type)(rows, to);
    append(to, std::as_bytes(std::span(rows.data(), rows.rows() * rows.cols())));
    return {};
}

} // namespace demo
