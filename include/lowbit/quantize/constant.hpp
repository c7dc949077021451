// SPDX-License-Identifier: MIT
// quantize_constant: weights that are constants become constants of the policy's bytes, encoded by the compiler.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <lowbit/core/error.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/encoder.hpp>

namespace lowbit::inline v0 {

/// A Rows x Cols matrix in the format of P, in an array: it may stand in ROM.
template <any_policy P, std::size_t Rows, std::size_t Cols>
class quantized_constant {
public:
    using policy_type = P;
    using format = format_of<P>;
    static constexpr std::size_t stored_bytes = detail::layout_access<format>::bytes(detail::shape_of<format>{Rows, Cols});

    [[nodiscard]] static LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() noexcept { return Rows; }
    [[nodiscard]] static LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() noexcept { return Cols; }
    [[nodiscard]] static LOWBIT_ALWAYS_INLINE constexpr std::size_t size_bytes() noexcept { return stored_bytes; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr double bits_per_weight() const noexcept { return view().bits_per_weight(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const std::byte* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr quantized_view<P> view() const noexcept { return {bytes_.data(), Rows, Cols}; }

    std::array<std::byte, stored_bytes> bytes_{}; ///< public, so that the type is structural
};

namespace detail {

template <std::size_t Rows, std::size_t Cols>
struct array_source {
    const std::array<float, Cols>* first;

    static LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() noexcept { return Rows; }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() noexcept { return Cols; }
    LOWBIT_ALWAYS_INLINE constexpr const float* row(std::size_t i, float* /*scratch*/) const noexcept { return first[i].data(); }
};

template <any_policy P, class Here, std::size_t Rows, std::size_t Cols>
constexpr quantized_constant<P, Rows, Cols> encode_constant(const std::array<float, Cols>* weights) {
    using F = format_of<P>;
    static_assert(!F::tensor_scale::present && !F::column_order::permuted,
                  "lowbit policy: quantize_constant knows neither tensor_scale nor permuted_columns; leave them out");
    quantized_constant<P, Rows, Cols> q;
    const shape_of<F> shape{Rows, Cols};
    const array_source<Rows, Cols> source{weights};
    const side_input side{};
    const reference_rows<Here> rows{};
    encoder<P, array_source<Rows, Cols>, reference_rows<Here>> encode(source, side, rows,
                                                                      layout_access<F>::split(q.bytes_.data(), shape), shape);
    if (auto ok = encode(0, Rows); !ok) raise<Here>(ok.error());
    return q;
}

} // namespace detail

/// Encodes one row of K weights as a 1 x K matrix. In a constant expression a weight that cannot be encoded is a compile-time
/// error.
template <any_policy P, std::size_t Cols, class Here = isa::here>
[[nodiscard]] constexpr quantized_constant<P, 1, Cols> quantize_constant(const std::array<float, Cols>& weights) {
    return detail::encode_constant<P, Here, 1>(&weights);
}
/// Encodes N rows of K weights as an N x K matrix.
template <any_policy P, std::size_t Rows, std::size_t Cols, class Here = isa::here>
[[nodiscard]] constexpr quantized_constant<P, Rows, Cols>
quantize_constant(const std::array<std::array<float, Cols>, Rows>& weights) {
    return detail::encode_constant<P, Here, Rows>(weights.data());
}

} // namespace lowbit::inline v0
