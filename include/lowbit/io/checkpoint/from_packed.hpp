// SPDX-License-Identifier: MIT
// from_packed: integers that compressed-tensors has packed into words, as quantized matrices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::io {

/// A layer of a checkpoint of compressed-tensors, format pack-quantized.
struct packed_tensors {
    tensor weight;                      ///< `weight_packed`, 32-bit words [N, ceil(K * bits / 32)]
    tensor scale;                       ///< `weight_scale` [N, groups]
    tensor shape;                       ///< `weight_shape`, i64 [2]: N, K
    std::optional<tensor> zero_point{}; ///< `weight_zero_point`, 32-bit words [ceil(N * bits / 32), groups]
    std::optional<tensor> g_idx{};      ///< `weight_g_idx`, i32 [K]: the group of each column; with a -1 anywhere it says nothing
};

namespace detail {

/// Whether a group is -1, the value before any was set.
inline bool is_unset(const tensor& g_idx) {
    for (std::size_t k = 0; k < g_idx.bytes.size(); k += 4) {
        if (load<std::int32_t>(g_idx.bytes.data() + k, g_idx.byte_order) == -1) return true;
    }
    return false;
}

} // namespace detail

/// A pack-quantized layer of compressed-tensors as an N x K matrix of P, whose codes may span words. Releases that left the bits
/// over in each word empty, for 3, 5, 6 and 7 bits, are not read: they took more words, and are refused, but for some rows of at
/// most 150, 90, 75 and 28 columns, which take as many either way and are read as if codes spanned them. A layer without zero
/// points has the middle of the codes. Errors: as from_gptq.
template <detail::packed_integer_policy P, class Here = isa::here>
[[nodiscard]] expected<quantized_matrix<P>> from_packed(const packed_tensors& t, scales how = scales::checked) {
    constexpr int bits = P::element_type::bits;
    using words = detail::packed_words<std::uint32_t>;
    constexpr auto* weight = "weight_packed should be 32-bit words [N, ceil(K * bits / 32)], as weight_shape says";
    constexpr auto* zero_point = "weight_zero_point should be 32-bit words [ceil(N * bits / 32), groups]";
    constexpr auto* g_idx = "weight_g_idx should be i32 [K], each a group that is there and not yet full";
    if (t.shape.dtype != dtype::i64 || !detail::is_whole(t.shape, 1) || t.shape.shape[0] != 2)
        return fail(errc::shape_mismatch, "weight_shape should be i64 [2]");
    const auto rows = load<std::uint64_t>(t.shape.bytes.data(), t.shape.byte_order);
    const auto cols = load<std::uint64_t>(t.shape.bytes.data() + 8, t.shape.byte_order);
    const auto codes = words::of(t.weight, 1, bits, weight);
    if (!codes) return unexpected<error>(codes.error());
    if (codes->runs() != rows || cols == 0 || cols > codes->fields() || !codes->holds(static_cast<std::size_t>(cols)))
        return fail(errc::shape_mismatch, weight);
    const lowbit::detail::shape_of<format_of<P>> shape{codes->runs(), static_cast<std::size_t>(cols)};
    expected<words> zero{words{}};
    if (t.zero_point) {
        zero = words::of(*t.zero_point, 0, bits, zero_point);
        if (!zero) return unexpected<error>(zero.error());
        if (shape.group_rows() != 1 || !zero->holds(shape.rows) || zero->runs() != shape.groups())
            return fail(errc::shape_mismatch, zero_point);
    }
    const auto scale = detail::read_scales<P, Here>(t.scale, shape.scale_rows(), shape.groups(), how,
                                                    "weight_scale should be numbers, one for each group");
    if (!scale) return unexpected<error>(scale.error());
    std::vector<std::uint32_t> order;
    if (t.g_idx) {
        auto sorted = detail::order_of_groups<Here>(*t.g_idx, shape.cols, shape.group_cols(), g_idx);
        if (!sorted && (sorted.error().code != errc::malformed || !detail::is_unset(*t.g_idx)))
            return unexpected<error>(sorted.error());
        if (sorted) order = std::move(*sorted);
    }
    return detail::assemble<P, Here>(
        {"weight_scale should be numbers that the policy can store as they are",
         "weight_zero_point should be zero points that the policy can store; without any, all the middle of the codes"},
        shape.rows, shape.cols, order, [&](std::size_t n, std::size_t k) { return (*codes)(n, k); },
        [&](std::size_t n, std::size_t g) { return scale->row(n / shape.group_rows())[g]; },
        [&](std::size_t n, std::size_t g) { return t.zero_point ? (*zero)(g, n) : 1u << (bits - 1); });
}

/// The same as an any_matrix, for bits and groups that are known at run time. Errors: besides, errc::unsupported if no format is
/// known for them.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const packed_tensors& t, const packing& p, scales how = scales::checked) {
    return detail::first_format(p, [&]<detail::packed_integer_policy P>() { return from_packed<P, Here>(t, how); });
}

} // namespace lowbit::inline v0::io
