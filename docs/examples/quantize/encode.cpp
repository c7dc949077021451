// SPDX-License-Identifier: MIT
// The encoders of all types that GGUF has, which take the longest to compile.
#include "codec.hpp"

#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/rows/rows.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <array>
#include <cmath>
#include <tuple>
#include <utility>

namespace demo {
namespace {

using rows_view = lb::matrix_view<const float>;
using consumer = std::function<void(std::span<const std::byte>)>;
using encoder = lb::expected<void> (*)(rows_view, const consumer&);

/// float16 or bfloat16.
template <class T>
lb::expected<void> encode_halves(rows_view rows, const consumer& give) {
    const auto& kernels = lb::kernel::rows(lb::isa::active());
    std::vector<T> halves(rows.rows() * rows.cols());
    for (std::size_t r = 0; r < rows.rows(); ++r) {
        T* const to = halves.data() + r * rows.cols();
        kernels.of<T>().from_float(rows.row_data(r), rows.cols(), to);
        // Infinities that were there stay, but none is made.
        if (std::isfinite(kernels.f32.absmax(rows.row_data(r), rows.cols())) &&
            !std::isfinite(kernels.of<T>().absmax(to, rows.cols()))) {
            return lb::fail(lb::errc::scale_range, "a number is too large for the type", r * rows.cols());
        }
    }
    give(std::as_bytes(std::span(halves)));
    return {};
}

template <lb::any_policy P>
lb::expected<void> encode_blocks(rows_view rows, const consumer& give) {
    const auto encoded = lb::try_quantize<P>(rows);
    if (!encoded) return lb::unexpected<lb::error>(encoded.error());
    give(encoded->bytes());
    return {};
}

/// Only what GGUF has is compiled.
template <std::size_t Format>
constexpr encoder block_encoder() {
    if constexpr (std::get<Format>(lb::formats).ggml_id >= 0) return &encode_blocks<lb::format_at<Format>>;
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

lb::expected<void> encode(io::dtype type, rows_view rows, const consumer& give) {
    if (type != io::dtype::f32) return encoder_of(type)(rows, give);
    give(std::as_bytes(std::span(rows.data(), rows.rows() * rows.cols())));
    return {};
}

} // namespace demo
