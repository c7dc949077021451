// SPDX-License-Identifier: MIT
// The plain product of integers: int8 X times int8 W into int32, exact.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/core/bits.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/overlap.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/gemm/is_int8.hpp>
#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/pack_planes.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/registry.hpp>

namespace lowbit::inline v0 {

/// The longest K whose products of int8 surely fit int32: 131,071 * 128 * 128 < 2^31.
inline constexpr std::size_t longest_integer_product = 131071;

namespace detail {

template <class T>
concept int8_view = viewable<T> && is_int8<typename decltype(view_of(std::declval<const T&>()))::value_type>;
template <class T>
concept int32_view = viewable<T> && std::same_as<typename decltype(view_of(std::declval<T&>()))::value_type, std::int32_t>;

} // namespace detail

/// Y[M, N] = X[M, K] * W[N, K]^T in int32, exact. W is packed panel by panel on the way, so for weights used again pack them once
/// and use the scaled product. Raises errc::shape_mismatch, and errc::invalid_argument for K above longest_integer_product and
/// where Y overlaps an operand.
template <class Here = isa::here, class Pool, detail::int8_view X, detail::int8_view W, detail::int32_view Y>
void gemm(on_t<Pool> where, const X& x8, const W& w8, Y&& y32) {
    const auto x = view_of(x8);
    const auto w = view_of(w8);
    const auto y = view_of(y32);
    const std::size_t m = x.rows();
    const std::size_t n = w.rows();
    const std::size_t k = x.cols();
    if (w.cols() != k || y.rows() != m || y.cols() != n) {
        raise(errc::shape_mismatch, "gemm: X ", m, " x ", k, ", W ", n, " x ", w.cols(), ", Y ", y.rows(), " x ", y.cols(),
              "; Y = X * W^T");
    }
    if (k > longest_integer_product)
        raise(errc::invalid_argument, "gemm: K = ", k, " could overflow int32; split it at ", longest_integer_product);
    if (detail::overlap(detail::memory_of(x), detail::memory_of(y)) ||
        detail::overlap(detail::memory_of(w), detail::memory_of(y))) {
        raise(errc::invalid_argument, "gemm: Y overlaps X or W");
    }
    if (m == 0 || n == 0) return;
    if (k == 0) {
        for (std::size_t r = 0; r < m; ++r) {
            for (std::size_t c = 0; c < n; ++c) y(r, c) = 0;
        }
        return;
    }

    constexpr kernel::product_key key{.bits = 8,
                                      .code = kernel::decoding::integer,
                                      .offset = kernel::offset_kind::constant,
                                      .activations = kernel::activation_kind::int8_per_row,
                                      .step = 1,
                                      .scale_levels = 0};
    const kernel::product_fn<key> multiply = kernel::select<key, Here>(isa::active<Here>()).run;
    // one record for all K: unscaled sums are exact modulo 2^32
    kernel::panel_layout layout;
    layout.depth = k;
    layout.group = k;
    layout.bits = 8;

    const std::size_t stride = kernel::recommended_stride(layout.packed_depth());
    std::size_t row_bytes = 0;
    if (mul_overflow(m, stride, row_bytes)) raise<Here>(errc::invalid_argument, "gemm: no memory holds ", m, " packed rows of X");
    aligned_buffer<std::int8_t> rows(row_bytes);
    aligned_buffer<std::int32_t> sums(m * layout.groups());
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t g = 0; g < layout.groups(); ++g) {
            std::int32_t total = 0;
            for (std::size_t i = 0; i < layout.length(g); ++i) {
                const auto code = static_cast<std::int8_t>(x(r, g * layout.segment() + i));
                rows[r * stride + layout.packed_start(g) + i] = code;
                total += code;
            }
            sums[r * layout.groups() + g] = total;
        }
    }
    const kernel::activation_rows<std::int8_t> activations{rows.data(), stride, nullptr, sums.data()};

    detail::for_ranges(where, ceil_div(n, kernel::panel_columns), 1, [&](std::size_t first, std::size_t last) {
        detail::scratch<std::uint8_t> levels(kernel::panel_columns * k);
        detail::scratch<std::byte> packed(layout.panel_bytes(kernel::panel_columns));
        alignas(64) std::int32_t tile[kernel::most_tile_rows * kernel::panel_columns];
        for (std::size_t p = first; p < last; ++p) {
            kernel::weight_panel panel;
            panel.layout = layout;
            panel.data = packed.data();
            panel.columns = std::min(kernel::panel_columns, n - p * kernel::panel_columns);
            panel.offset = 128;
            for (std::size_t c = 0; c < panel.columns; ++c) {
                for (std::size_t i = 0; i < k; ++i)
                    levels[c * k + i] = static_cast<std::uint8_t>(w(p * kernel::panel_columns + c, i) + 128);
            }
            for (std::size_t g = 0; g < layout.groups(); ++g) {
                kernel::pack_planes(layout, g, panel.columns, {levels.data() + g * layout.segment(), k, layout.length(g)},
                                    packed.data() + layout.record_start(g, panel.columns));
            }
            for (std::size_t row0 = 0; row0 < m; row0 += kernel::most_tile_rows) {
                const std::size_t count = std::min(kernel::most_tile_rows, m - row0);
                multiply(panel, activations, row0, count, {tile});
                for (std::size_t r = 0; r < count; ++r) {
                    for (std::size_t c = 0; c < panel.columns; ++c)
                        y(row0 + r, p * kernel::panel_columns + c) = tile[r * kernel::panel_columns + c];
                }
            }
        }
    });
}
template <class Here = isa::here, detail::int8_view X, detail::int8_view W, detail::int32_view Y>
void gemm(const X& x8, const W& w8, Y&& y32) {
    gemm<Here>(detail::here_and_now(), x8, w8, y32);
}

} // namespace lowbit::inline v0
