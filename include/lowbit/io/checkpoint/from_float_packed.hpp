// SPDX-License-Identifier: MIT
// from_float_packed: floats of 4 and 6 bits packed into bytes (NVFP4, MXFP4, MXFP6), as quantized matrices.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/numeric/minifloat.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::io {

/// A layer of compressed-tensors, format nvfp4-, mxfp4- or mxfp6-pack-quantized, or of NVFP4 as ModelOpt stores it.
struct float_packed_tensors {
    tensor weight;                        ///< `weight_packed`, u8 [N, K * bits / 8], the first code in the lowest bits
    tensor scale;                         ///< `weight_scale` [N, groups]: f8_e4m3, or the bytes of E8M0
    std::optional<tensor> tensor_scale{}; ///< one float: `weight_global_scale` divides, ModelOpt's `weight_scale_2` multiplies
};

namespace detail {

template <class E>
inline constexpr bool is_small_float = false;
template <int Exponent, int Mantissa, int Bias, float_kind Kind>
inline constexpr bool is_small_float<minifloat<Exponent, Mantissa, Bias, Kind>> = 1 + Exponent + Mantissa < 8;

/// A policy of floats below a byte.
template <class P>
concept small_float_policy = packed_policy<P> && is_small_float<typename P::element_type> && format_of<P>::granularity::rows == 1;

} // namespace detail

/// A packed layer of floats as an N x K matrix of P: presets::nvfp4_divisor for compressed-tensors, presets::nvfp4 for ModelOpt,
/// presets::ocp_mxfp4, presets::ocp_mxfp6_e2m3. Errors: as from_gptq; errc::unsupported if either the layer or P lacks a scale of
/// the tensor, errc::non_finite also for scales that it turns into none.
template <detail::small_float_policy P, class Here = isa::here>
[[nodiscard]] expected<quantized_matrix<P>> from_float_packed(const float_packed_tensors& t, scales how = scales::checked) {
    using format = format_of<P>;
    constexpr auto* one_number =
        "weight_global_scale or weight_scale_2, the scale of the tensor, should be one number that leaves all others finite";
    const auto codes = detail::packed_words<std::uint8_t>::of(t.weight, 1, P::element_type::bits,
                                                              "weight_packed should be u8 [N, K * bits / 8]");
    if (!codes) return unexpected<error>(codes.error());
    if (!codes->is_full()) return fail(errc::shape_mismatch, "weight_packed should have rows of whole codes");
    const lowbit::detail::shape_of<format> shape{codes->runs(), codes->fields()};
    const auto scale =
        detail::read_scales<P, Here>(t.scale, shape.rows, shape.groups(), how, "weight_scale should be numbers [N, groups]");
    if (!scale) return unexpected<error>(scale.error());
    if (t.tensor_scale.has_value() != format::tensor_scale::present)
        return fail(
            errc::unsupported,
            "weight_global_scale or weight_scale_2 should be there if the policy has a scale of the tensor, and only then");
    float whole = 1.0f;
    if (t.tensor_scale) {
        const auto one = to_matrix<Here>(*t.tensor_scale);
        if (!one || one->rows() != 1 || one->cols() != 1) return fail(errc::shape_mismatch, one_number);
        whole = *one->data();
        for (std::size_t i = 0; how == scales::checked && i < shape.rows * shape.groups(); ++i) {
            if (!std::isfinite(whole) || !std::isfinite(lowbit::detail::under_tensor_scale<format>(scale->data()[i], whole)))
                return fail(errc::non_finite, one_number, i);
        }
    }
    return detail::assemble<P, Here>(
        {"weight_scale should be numbers that the policy can store as they are"}, shape.rows, shape.cols, {},
        [&](std::size_t n, std::size_t k) { return (*codes)(n, k); },
        [&](std::size_t n, std::size_t g) { return scale->row(n)[g]; }, [](std::size_t, std::size_t) { return 0u; }, whole);
}

/// The same as an any_matrix, for bits and groups that are known at run time, of compressed-tensors: a scale of the tensor
/// divides. Errors: besides, errc::unsupported if no format is known for them.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const float_packed_tensors& t, const packing& p, scales how = scales::checked) {
    return detail::first_format(p, [&]<detail::small_float_policy P>()
                                    requires(!format_of<P>::tensor_scale::present || format_of<P>::tensor_scale::divides)
                                { return from_float_packed<P, Here>(t, how); });
}

} // namespace lowbit::inline v0::io
