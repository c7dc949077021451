// SPDX-License-Identifier: MIT
// from_gptq: layers that GPTQ's programs have packed, as quantized matrices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::io {

/// How a GPTQ checkpoint stores zero points. Its `checkpoint_format` says so ("gptq" or "gptq_v2"), but some files are labelled
/// wrongly: symmetric 4-bit ones hold 7 in v1 and 8 in v2.
enum class gptq_zeros : std::uint8_t {
    less_one, ///< v1: zero - 1
    as_is,    ///< v2
};

/// A layer of a GPTQ checkpoint, K inputs and N outputs.
struct gptq_tensors {
    tensor qweight;                ///< 32-bit words [K * bits / 32, N]
    tensor qzeros;                 ///< 32-bit words [groups, N * bits / 32]
    tensor scales;                 ///< [groups, N]
    std::optional<tensor> g_idx{}; ///< i32 [K]: the group of each input; without it they follow each other
};

/// A GPTQ layer (AutoGPTQ, GPTQModel) as an N x K matrix of P, for instance presets::gptq4<128>, or policy<uint<3>,
/// per_group<32>, asymmetric>; P says bits and group size. Zero points are stored as v2 has them; a P without them takes layers
/// whose zero points are the middle of the codes. Inputs in groups out of order (act-order) need permuted_columns. In v1 the
/// highest zero point becomes 2^bits, as AutoGPTQ's decoder for any order of groups has it (its older one takes it for 0);
/// `asymmetric` can store that, and an offset of the codes' bits cannot. Errors, whose message says which tensor is wrong and
/// what it should be: errc::shape_mismatch for tensors that do not fit each other or P; errc::malformed for a g_idx that fills a
/// group with more inputs than P has there; errc::unsupported for scattered groups, and for scales of a type that is no number;
/// errc::non_finite for a scale; errc::scale_range for one, or a zero point, that P cannot store as it is; errc::limit_exceeded
/// if there is no memory.
template <detail::packed_row_policy P, class Here = isa::here>
[[nodiscard]] expected<quantized_matrix<P>> from_gptq(const gptq_tensors& t, gptq_zeros zeros, scales how = scales::checked) {
    constexpr int bits = P::element_type::bits;
    using words = detail::packed_words<std::uint32_t>;
    constexpr auto* qweight = "qweight should be 32-bit words [K * bits / 32, N]";
    constexpr auto* qzeros = "qzeros should be 32-bit words [groups, N * bits / 32]";
    const auto codes = words::of(t.qweight, 0, bits, qweight);
    if (!codes) return unexpected<error>(codes.error());
    const std::size_t rows = codes->runs();
    const std::size_t cols = codes->fields();
    if (!codes->is_full()) return fail(errc::shape_mismatch, qweight);
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    const auto zero = words::of(t.qzeros, 1, bits, qzeros);
    if (!zero) return unexpected<error>(zero.error());
    if (!zero->holds(rows) || zero->runs() != shape.groups()) return fail(errc::shape_mismatch, qzeros);
    const auto scale = detail::read_scales<P, Here>(t.scales, shape.groups(), rows, how, "scales should be numbers [groups, N]");
    if (!scale) return unexpected<error>(scale.error());
    std::vector<std::uint32_t> order;
    if (t.g_idx) {
        auto sorted = detail::order_of_groups<Here>(*t.g_idx, cols, shape.group_cols(),
                                                    "g_idx should be i32 [K], each a group that is there and not yet full");
        if (!sorted) return unexpected<error>(sorted.error());
        order = std::move(*sorted);
    }
    const std::uint32_t add = zeros == gptq_zeros::less_one ? 1 : 0;
    return detail::assemble<P, Here>(
        {"scales should be numbers that the policy can store as they are",
         "qzeros should be zero points that the policy can store; without any, all the middle of the codes"},
        rows, cols, order, [&](std::size_t n, std::size_t k) { return (*codes)(n, k); },
        [&](std::size_t n, std::size_t g) { return scale->row(g)[n]; },
        [&](std::size_t n, std::size_t g) { return (*zero)(g, n) + add; });
}

/// The same as an any_matrix, for bits and groups that are known at run time. Errors: besides, errc::unsupported if no format is
/// known for them.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const gptq_tensors& t, gptq_zeros zeros, const packing& p,
                                          scales how = scales::checked) {
    return detail::first_format(p, [&]<detail::packed_row_policy P>() { return from_gptq<P, Here>(t, zeros, how); });
}

} // namespace lowbit::inline v0::io
