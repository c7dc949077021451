// SPDX-License-Identifier: MIT
// assemble: a quantized matrix made of codes, scales, zero points and an order of columns, however a checkpoint stores each.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/to_any.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/numeric/e8m0.hpp>
#include <lowbit/quantize/decode.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>
#include <lowbit/quantize/reference_rows.hpp>

namespace lowbit::inline v0::io::detail {

/// A policy of planes of codes under one level of scales, perhaps with zero points or one float for the tensor.
template <class P>
concept planar_policy =
    any_policy<P> &&
    (std::same_as<typename format_of<P>::layout, planar> || std::same_as<typename format_of<P>::layout, planar_transposed>) &&
    std::is_void_v<typename format_of<P>::super_scale::type> &&
    (format_of<P>::offset::kind == offset_kind::none || format_of<P>::offset::kind == offset_kind::zero_point);

/// A policy that a packed layer can become: one that keeps every weight.
template <class P>
concept packed_policy = planar_policy<P> && !format_of<P>::mask::present;

/// The same of integers, whose level and zero point are then what a checkpoint stores.
template <class P>
concept packed_integer_policy =
    packed_policy<P> && integer_element<typename P::element_type> && !format_of<P>::tensor_scale::present;

/// The same where rows share no scale.
template <class P>
concept packed_row_policy = packed_integer_policy<P> && format_of<P>::granularity::rows == 1;

/// Whether a tensor holds integers, which are nobody's scales: where they stand for some, they are codes of another format.
[[nodiscard]] constexpr bool is_integer(dtype d) noexcept {
    constexpr dtype all[] = {dtype::boolean, dtype::u8,  dtype::i8,  dtype::i16, dtype::u16,
                             dtype::i32,     dtype::u32, dtype::i64, dtype::u64};
    return std::ranges::find(all, d) != std::end(all);
}

/// The scales of a layer as floats, a matrix of that shape, and of numbers unless they are trusted. `should` says in an error
/// what the tensor should be.
template <class P, class Here>
expected<matrix<float>> read_scales(tensor t, std::size_t rows, std::size_t cols, scales how, const char* should) {
    if (std::same_as<typename format_of<P>::scale_type, e8m0> && t.dtype == dtype::u8) t.dtype = dtype::f8_e8m0;
    if (is_integer(t.dtype)) return fail(errc::shape_mismatch, should);
    auto floats = to_matrix<Here>(t);
    if (!floats) return fail(floats.error().code, should);
    if (floats->rows() != rows || floats->cols() != cols) return fail(errc::shape_mismatch, should);
    for (std::size_t r = 0; how == scales::checked && r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) {
            if (!std::isfinite(floats->row(r)[c])) return fail(errc::non_finite, should, r * cols + c);
        }
    }
    return floats;
}

/// A scale as T stores it: the nearest, infinity and NaN where T has them.
template <class T>
std::uint32_t scale_code(float scale) noexcept {
    if constexpr (std::same_as<T, float>)
        return std::bit_cast<std::uint32_t>(scale);
    else
        return T(scale).code();
}

/// What errors say of the tensor with the scales, and of that with the zero points, if a policy cannot store one of them.
struct not_storable {
    const char* scale;
    const char* zero = nullptr;
};

/// A matrix made of `level(row, place)`, unsigned codes; `scale(row, group)` and `zero(row, group)`; the logical column of each
/// place, empty where the columns are in order; and the tensor's scale, where the policy has one. A pruned row has a place for
/// each weight that it keeps, and the mask is the caller's to store. errc::scale_range for a scale or zero point that P cannot
/// store as it is.
template <planar_policy P, class Here, class Level, class Scale, class Zero>
expected<quantized_matrix<P>> assemble(const not_storable& says, std::size_t rows, std::size_t cols,
                                       std::span<const std::uint32_t> order, Level level, Scale scale, Zero zero,
                                       [[maybe_unused]] float tensor_scale = 1.0f) {
    using format = format_of<P>;
    using access = lowbit::detail::layout_access<format>;
    using codec = lowbit::detail::scalar_codec<typename format::scale_type>;
    constexpr bool permuted = format::column_order::permuted;
    if (!permuted && !order.empty())
        return fail(errc::unsupported, "g_idx scatters the columns of groups; that takes a policy with permuted_columns");

    if (permuted && cols > std::numeric_limits<std::uint32_t>::max()) return too_large();
    const lowbit::detail::shape_of<format> shape{rows, cols};
    std::size_t bytes = 0;
    if (lowbit::detail::bytes_overflow<format, Here>(shape, bytes) || !can_allocate(bytes)) return too_large();
    quantized_matrix<P> result(rows, cols);
    const auto planes = access::split(result.bytes().data(), shape);
    std::vector<std::uint8_t> levels(shape.stored_cols());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t k = 0; k < levels.size(); ++k)
            levels[k] = static_cast<std::uint8_t>(level(r, order.empty() ? k : std::size_t{order[k]}));
        access::store_levels(lowbit::detail::reference_rows<Here>{}, planes, shape, r, std::span<const std::uint8_t>(levels));
        for (std::size_t g = 0; g < shape.groups(); ++g) {
            const float s = scale(r, g);
            const std::uint32_t code = scale_code<typename format::scale_type>(s);
            if (codec::decode(code) != s && !std::isnan(s)) return fail(errc::scale_range, says.scale, r * shape.groups() + g);
            access::store_scale(planes, shape, r, g, code);
            if constexpr (integer_element<typename format::element_type>) {
                const std::uint32_t z = zero(r, g);
                if constexpr (format::offset::kind == offset_kind::zero_point) {
                    if (z >> access::offset::bits != 0) return fail(errc::scale_range, says.zero, r * shape.groups() + g);
                    access::store_offset(planes, shape, r, g, z);
                } else if (z != lowbit::detail::level_of<typename format::element_type>::bias) {
                    return fail(errc::scale_range, says.zero, r * shape.groups() + g);
                }
            }
        }
    }
    if constexpr (permuted) {
        for (std::size_t k = 0; k < cols; ++k)
            lowbit::detail::store_le<4>(planes.order + 4 * k, order.empty() ? static_cast<std::uint32_t>(k) : order[k]);
    }
    if constexpr (format::tensor_scale::present) {
        using tensor_codec = lowbit::detail::scalar_codec<float>;
        lowbit::detail::store_scalar<float>(planes.tensor_scale, tensor_codec::encode(tensor_scale));
    }
    return result;
}

/// The columns sorted by group, each group's in their order; empty where they are sorted already. Every group but the last has
/// `size` columns. `should` says in an error what the tensor should be.
template <class Here>
expected<std::vector<std::uint32_t>> order_of_groups(const tensor& g_idx, std::size_t cols, std::size_t size,
                                                     const char* should) {
    if (g_idx.dtype != dtype::i32 || !is_whole(g_idx, 1) || g_idx.shape[0] != cols) return fail(errc::shape_mismatch, should);
    if (cols > std::numeric_limits<std::uint32_t>::max()) return too_large();
    const std::size_t groups = ceil_div(cols, size);
    std::vector<std::uint32_t> order(cols);
    std::vector<std::size_t> next(groups);
    for (std::size_t g = 0; g < groups; ++g) next[g] = g * size;
    bool sorted = true;
    for (std::size_t k = 0; k < cols; ++k) {
        const auto g = load<std::uint32_t>(g_idx.bytes.data() + 4 * k, g_idx.byte_order); // negative ones are large
        if (g >= groups || next[g] == std::min(cols, (g + std::size_t{1}) * size)) return fail(errc::malformed, should, k);
        sorted = sorted && next[g] == k;
        order[next[g]++] = static_cast<std::uint32_t>(k);
    }
    if (sorted) order.clear();
    return order;
}

} // namespace lowbit::inline v0::io::detail
