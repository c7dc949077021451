// SPDX-License-Identifier: MIT
// to_any: a file's tensor of blocks as a quantized matrix, where it lies.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/any_matrix.hpp>
#include <lowbit/quantize/decode.hpp>
#include <lowbit/quantize/formats.hpp>
#include <lowbit/quantize/quantized_view.hpp>

namespace lowbit::inline v0::io {

/// Whether a reader looks at every scale before it hands weights out.
enum class scales : std::uint8_t {
    checked, ///< NaN and infinity are refused; costs a walk through the data
    trusted, ///< whatever the scales are, decoding touches no other memory; but weights may be no numbers. Importers take
             ///< infinity where the policy's type of scales has it, and answer errc::scale_range where not
};

namespace detail {

/// The first group, counted over all rows, whose scale or minimum is no finite number, or is stored as a NaN that decodes to one.
template <any_policy P, class Here>
std::optional<std::uint64_t> bad_scale(const quantized_view<P>& view) {
    using scale_type = typename format_of<P>::scale_type;
    const lowbit::detail::row_reader<P, Here> reader{view};
    if (view.cols() == 0) return std::nullopt; // a file may claim any number of rows of nothing
    const std::size_t groups = reader.groups();
    for (std::size_t r = 0; r < view.rows(); ++r) {
        for (std::size_t g = 0; g < groups; ++g) {
            bool bad = !std::isfinite(reader.scale(r, g)) || !std::isfinite(reader.minimum(r, g));
            if constexpr (requires { scale_type::is_nan(typename scale_type::code_type{}); }) {
                using access = lowbit::detail::layout_access<format_of<P>>;
                const std::uint32_t code = access::load_scale(view.planes(), view.layout_shape(), r, g);
                bad = bad || scale_type::is_nan(static_cast<typename scale_type::code_type>(code));
            }
            if (bad) return std::uint64_t{r} * groups + g;
        }
    }
    return std::nullopt;
}

} // namespace detail

/// The tensor as a quantized matrix in the reader's memory: the last dimension is the columns, along which blocks run, the
/// product of all others the rows. Errors: errc::unsupported for element types that are no blocks (to_matrix() reads them), for
/// ggml's blocks that no preset decodes, and for big-endian ones; errc::shape_mismatch if the bytes are not those of the shape
/// (never so in a tensor that a reader handed out); errc::limit_exceeded for sizes that this machine cannot hold;
/// errc::non_finite for a scale that is no number, with the group's index.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const tensor& source, scales how = scales::checked) {
    const std::size_t format = is_quantized(source.dtype) ? find_ggml_format(detail::row_of(source.dtype).ggml_id) : format_count;
    if (format == format_count) return fail(errc::unsupported, "no format is known for tensors of this type");
    if (source.byte_order != std::endian::little)
        return fail(errc::unsupported, "blocks are decoded from little-endian files only");
    std::uint64_t bytes = 0;
    if (!byte_size(source.dtype, source.shape, bytes) || bytes != source.bytes.size()) {
        return fail(errc::shape_mismatch, detail::says::not_its_shape);
    }
    std::uint64_t rows = 1; // no overflow: byte_size() has multiplied the same numbers; and blocks have a dimension to run along
    for (const std::uint64_t size : source.shape.first(source.shape.size() - 1)) rows *= size;
    const std::uint64_t cols = source.shape.back();
    constexpr std::uint64_t most = std::numeric_limits<std::size_t>::max();
    if (rows > most || cols > most) return detail::too_large();

    return with_format(format, [&]<any_policy P>() -> expected<any_matrix> {
        const lowbit::detail::shape_of<format_of<P>> shape{static_cast<std::size_t>(rows), static_cast<std::size_t>(cols)};
        std::size_t size = 0; // a file of fewer bits than weights may fit where they cannot be counted
        if (lowbit::detail::bytes_overflow<format_of<P>, Here>(shape, size)) return detail::too_large();
        const quantized_view<P> view(source.bytes.data(), shape.rows, shape.cols);
        if (view.size_bytes() != source.bytes.size()) return fail(errc::unsupported, "blocks of another size than the file's");
        if (how == scales::checked) {
            if (const auto group = detail::bad_scale<P, Here>(view))
                return fail(errc::non_finite, "a scale is no finite number", *group);
        }
        return any_matrix(view);
    });
}

} // namespace lowbit::inline v0::io
