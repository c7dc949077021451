// SPDX-License-Identifier: MIT
// from_awq: layers that AutoAWQ has packed, as quantized matrices.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::io {

/// A layer of an AWQ checkpoint of version GEMM, 4 bits, K inputs and N outputs.
struct awq_tensors {
    tensor qweight; ///< 32-bit words [K, N / 8]
    tensor qzeros;  ///< 32-bit words [groups, N / 8]
    tensor scales;  ///< [groups, N]
};

/// An AWQ layer (AutoAWQ's GEMM packing) as an N x K matrix of P, for instance policy<uint4, per_group<128>,
/// zero_point_as<uint4>>. Errors: as from_gptq.
template <detail::packed_row_policy P, class Here = isa::here>
    requires(P::element_type::bits == 4)
[[nodiscard]] expected<quantized_matrix<P>> from_awq(const awq_tensors& t, scales how = scales::checked) {
    using words = detail::packed_words<std::uint32_t>;
    constexpr auto* qzeros = "qzeros should be 32-bit words [groups, N / 8]";
    const auto codes = words::of(t.qweight, 1, 4, "qweight should be 32-bit words [K, N / 8]");
    if (!codes) return unexpected<error>(codes.error());
    const std::size_t rows = codes->fields();
    const std::size_t cols = codes->runs();
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    const auto zero = words::of(t.qzeros, 1, 4, qzeros);
    if (!zero) return unexpected<error>(zero.error());
    if (zero->fields() != rows || zero->runs() != shape.groups()) return fail(errc::shape_mismatch, qzeros);
    const auto scale = detail::read_scales<P, Here>(t.scales, shape.groups(), rows, how, "scales should be numbers [groups, N]");
    if (!scale) return unexpected<error>(scale.error());
    // a word holds the columns 0 2 4 6 1 3 5 7: the even ones first
    const auto field = [](std::size_t n) { return n / 8 * 8 + n % 2 * 4 + n % 8 / 2; };
    return detail::assemble<P, Here>(
        {"scales should be numbers that the policy can store as they are",
         "qzeros should be zero points that the policy can store; without any, all the middle of the codes"},
        rows, cols, {}, [&](std::size_t n, std::size_t k) { return (*codes)(k, field(n)); },
        [&](std::size_t n, std::size_t g) { return scale->row(g)[n]; },
        [&](std::size_t n, std::size_t g) { return (*zero)(g, field(n)); });
}

/// The same as an any_matrix, for groups that are known at run time. Errors: besides, errc::unsupported if no format is known for
/// them.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const awq_tensors& t, const packing& p, scales how = scales::checked) {
    return detail::first_format(p, [&]<detail::packed_row_policy P>()
                                    requires(P::element_type::bits == 4)
                                { return from_awq<P, Here>(t, how); });
}

} // namespace lowbit::inline v0::io
