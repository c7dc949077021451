// SPDX-License-Identifier: MIT
// dense_codes: the codes of a quantized matrix, one byte each, for libraries that multiply plain arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/core/matrix.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/quantize/active_rows.hpp>
#include <lowbit/quantize/decode.hpp>

namespace lowbit::inline v0 {

/// The codes of `q`, N x K in logical column order, the code of 0 where a weight is pruned: integers by their value, as
/// std::int8_t, other elements by their code, as std::uint8_t (float8: what a GPU multiplies). With n_of_m<2, 4> this is the
/// matrix that cuSPARSELt compresses, and that `compress` splits into values and indices. For symmetric policies.
template <class Here = isa::here, quantized Q>
[[nodiscard]] auto dense_codes(const Q& q) {
    const auto view = q.view();
    using P = typename decltype(view)::policy_type;
    using E = typename P::element_type;
    using T = std::conditional_t<integer_element<E>, std::int8_t, std::uint8_t>;
    static_assert(
        P::offset::kind == offset_kind::none && (!integer_element<E> || E::max() <= 127.0f),
        "lowbit: dense_codes takes symmetric policies of at most 8 bits with a sign: a code without an offset is the value "
        "over the scale");
    matrix<T> codes(view.rows(), view.cols());
    if (view.cols() == 0) return codes; // a file may claim any number of rows of nothing
    const detail::row_reader<P, Here> reader{view};
    const auto rows = detail::active_rows<Here>();
    detail::scratch<std::uint8_t> levels(view.cols());
    for (std::size_t i = 0; i < view.rows(); ++i) {
        reader.levels(rows, i, levels.span());
        for (std::size_t k = 0; k < view.cols(); ++k)
            codes(i, reader.column(k)) = static_cast<T>(int{levels[k]} - detail::level_of<E>::bias);
    }
    return codes;
}

} // namespace lowbit::inline v0
