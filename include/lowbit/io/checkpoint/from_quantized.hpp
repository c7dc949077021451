// SPDX-License-Identifier: MIT
// from_quantized: layers of compressed-tensors with one code in each byte, as quantized matrices.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/numeric/float8.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0::io {

/// A layer of a checkpoint of compressed-tensors, format int-quantized, float-quantized or mxfp8-quantized.
struct quantized_tensors {
    tensor weight;                      ///< i8 or f8_e4m3 [N, K]
    tensor scale;                       ///< `weight_scale`: one for each group, or one for all; of mxfp8 the bytes of E8M0
    std::optional<tensor> zero_point{}; ///< `weight_zero_point`, i8, of the shape of the scales
};

namespace detail {

/// The type of tensors that hold codes of E, one in each byte.
template <class E>
inline constexpr dtype dtype_of_codes = dtype::unknown;
template <integer_element E>
inline constexpr dtype dtype_of_codes<E> = dtype::i8;
template <>
inline constexpr dtype dtype_of_codes<float8_e4m3> = dtype::f8_e4m3;
template <>
inline constexpr dtype dtype_of_codes<float8_e5m2> = dtype::f8_e5m2;

/// A policy whose codes stand in bytes somewhere.
template <class P>
concept byte_policy =
    planar_policy<P> && !format_of<P>::tensor_scale::present && dtype_of_codes<typename P::element_type> != dtype::unknown;

/// A byte of a weight or zero point of element E as a level: integers counted from the lowest, any other code as it is.
template <class E>
constexpr std::uint32_t level_of_byte(std::byte byte) noexcept {
    const auto code = std::to_integer<std::uint32_t>(byte);
    if constexpr (!integer_element<E>) return code;
    return (code ^ 0x80u) - 0x80u + (1u << (E::bits - 1)); // wraps where an integer is below the lowest
}

/// Whether all bytes are codes of E, and such as are numbers unless they are trusted; else an error that names their tensor.
template <class E>
expected<void> check_bytes(std::span<const std::byte> bytes, scales how, const char* beyond, const char* not_finite) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::uint32_t level = level_of_byte<E>(bytes[i]);
        if constexpr (integer_element<E>) {
            if (level >> E::bits != 0) return fail(errc::malformed, beyond, i);
        } else if (!std::isfinite(E::decode(static_cast<std::uint8_t>(level))) && how == scales::checked) {
            return fail(errc::non_finite, not_finite, i);
        }
    }
    return {};
}

/// Scales, or zero points, of groups, blocks or rows; or one for all of them.
struct group_places {
    std::size_t rows, groups, group_rows;
    bool is_one;

    template <class Format>
    group_places(const lowbit::detail::shape_of<Format>& shape, const tensor& scale) : group_rows(shape.group_rows()) {
        std::uint64_t count = 0;
        is_one = element_count(scale.shape, count) && count == 1;
        rows = is_one ? 1 : shape.scale_rows();
        groups = is_one ? 1 : shape.groups();
    }
    [[nodiscard]] std::size_t operator()(std::size_t n, std::size_t g) const { return is_one ? 0 : n / group_rows * groups + g; }
};

} // namespace detail

/// A layer of one code in each byte as an N x K matrix of P: integers of up to 8 bits, or float8_e4m3, with groups, blocks or
/// rows of whatever size; one scale alone serves all of them. Errors: as from_gptq; errc::malformed for an integer that P lacks,
/// and errc::non_finite for a weight that is no number.
template <detail::byte_policy P, class Here = isa::here>
    requires detail::packed_policy<P>
[[nodiscard]] expected<quantized_matrix<P>> from_quantized(const quantized_tensors& t, scales how = scales::checked) {
    using element = typename P::element_type;
    constexpr auto* zero_point = "weight_zero_point should be i8, of the shape of the scales";
    if (t.weight.dtype != detail::dtype_of_codes<element>)
        return fail(errc::unsupported, "weight is of another type than the policy's codes");
    if (!detail::is_whole(t.weight, 2)) return fail(errc::shape_mismatch, "weight should be a matrix [N, K]");
    const auto rows = static_cast<std::size_t>(t.weight.shape[0]);
    const auto cols = static_cast<std::size_t>(t.weight.shape[1]);
    const auto checked = detail::check_bytes<element>(t.weight.bytes, how, "weight holds an integer beyond the policy's",
                                                      "weight holds what is no finite number");
    if (!checked) return unexpected<error>(checked.error());
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    const detail::group_places place(shape, t.scale);
    const auto scale = detail::read_scales<P, Here>(t.scale, place.rows, place.groups, how,
                                                    "weight_scale should be numbers, one for each group");
    if (!scale) return unexpected<error>(scale.error());
    if (t.zero_point) {
        if (!integer_element<element> || t.zero_point->dtype != dtype::i8) return fail(errc::shape_mismatch, zero_point);
        const auto sides = detail::sides_of(*t.zero_point);
        if (!sides || sides->rows != place.rows || sides->cols != place.groups) return fail(errc::shape_mismatch, zero_point);
    }
    return detail::assemble<P, Here>(
        {"weight_scale should be numbers that the policy can store as they are",
         "weight_zero_point should be zero points that the policy can store; without any, all the middle of the codes"},
        rows, cols, {},
        [&](std::size_t n, std::size_t k) { return detail::level_of_byte<element>(t.weight.bytes[n * cols + k]); },
        [&](std::size_t n, std::size_t g) { return scale->data()[place(n, g)]; },
        [&](std::size_t n, std::size_t g) {
            return detail::level_of_byte<element>(t.zero_point ? t.zero_point->bytes[place(n, g)] : std::byte{0});
        });
}

/// The same as an any_matrix, for bits and groups that are known at run time; p.bits is 8 for float8. Errors: besides,
/// errc::unsupported if no format is known for them.
template <class Here = isa::here>
[[nodiscard]] expected<any_matrix> to_any(const quantized_tensors& t, const packing& p, scales how = scales::checked) {
    return detail::first_format(p, [&]<detail::byte_policy P>() { return from_quantized<P, Here>(t, how); });
}

} // namespace lowbit::inline v0::io
