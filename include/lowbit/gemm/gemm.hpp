// SPDX-License-Identifier: MIT
// gemm and gemv: Y = X * W^T with packed weights, fused epilogues, and the caller's executor and workspace.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <type_traits>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/overlap.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/gemm/activation_rows.hpp>
#include <lowbit/gemm/epilogue.hpp>
#include <lowbit/gemm/is_int8.hpp>
#include <lowbit/gemm/packed_matrix.hpp>
#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/registry.hpp>
#include <lowbit/kernel/rows/rows.hpp>

namespace lowbit::inline v0 {

/// Workspace for a product of `p` with any X of m rows. With that much the product allocates nothing.
template <class Here = isa::here, any_policy P>
[[nodiscard]] std::size_t workspace_bytes(const packed_matrix<P>& p, std::size_t m) {
    std::size_t bytes = detail::prepared_rows<compute::float32, Here>::bytes(p.layout(), m, true);
    if constexpr (detail::takes_int8<typename P::element_type>) {
        bytes = std::max({bytes, detail::prepared_rows<compute::int8_per_row, Here>::bytes(p.layout(), m, true),
                          detail::prepared_rows<compute::int8_per_group, Here>::bytes(p.layout(), m, true)});
    }
    return bytes;
}

namespace detail {

/// Stores runs of results to Y, converted to its element type.
template <class View>
struct result_sink;
template <class T>
struct result_sink<matrix_view<T>> {
    static_assert(!std::is_const_v<T>, "lowbit: Y is const; a product needs somewhere to write");
    using value_type = T;
    matrix_view<T> y;
    [[nodiscard]] std::size_t rows() const noexcept { return y.rows(); }
    [[nodiscard]] std::size_t cols() const noexcept { return y.cols(); }
    [[nodiscard]] T* at(std::size_t row, std::size_t col) const noexcept { return y.row_data(row) + col; }
};
template <class T>
struct result_sink<transposed_view<T>> {
    static_assert(!std::is_const_v<T>, "lowbit: Y is const; a product needs somewhere to write");
    using value_type = T;
    transposed_view<T> y;
    [[nodiscard]] std::size_t rows() const noexcept { return y.rows(); }
    [[nodiscard]] std::size_t cols() const noexcept { return y.cols(); }
};

template <class T>
inline constexpr bool is_result = std::same_as<T, float> || std::same_as<T, float16> || std::same_as<T, bfloat16> || is_int8<T>;

template <class Sink, class Epilogue>
void store_run(const Sink& sink, const result_run& run, const Epilogue& ep, const kernel::row_kernels& rows) {
    using T = typename Sink::value_type;
    static_assert(is_result<T>, "lowbit: Y holds float, float16, bfloat16, or std::int8_t with requantize");
    static_assert(is_int8<T> == Epilogue::requantizes,
                  "lowbit: requantize goes with a Y of std::int8_t, and the other way round; end the epilogue with requantize(scale)");
    using written = std::conditional_t<is_int8<T>, std::int8_t, T>;
    constexpr bool direct = std::same_as<T, written> && requires { sink.at(run.row, run.col); };
    written converted[kernel::panel_columns];
    written* to = converted;
    if constexpr (direct) to = sink.at(run.row, run.col);
    if constexpr (is_int8<T>) {
        for (float& y : std::span(run.values, run.count)) y = y == y ? y : 0.0f; // NaN becomes the zero point
        rows.requantize(run.values, run.count, ep.output().scale, ep.output().zero, to);
    } else if constexpr (std::same_as<T, float>) {
        std::copy_n(run.values, run.count, to);
    } else {
        rows.of<T>().from_float(run.values, run.count, to);
    }
    if constexpr (!direct) {
        for (std::size_t i = 0; i < run.count; ++i) sink.y(run.row, run.col + i) = static_cast<T>(converted[i]);
    }
}

/// One product: everything but the pool is settled.
template <compute C, any_policy P, class Here>
class product_run {
    static constexpr kernel::product_key key = weights_of<format_of<P>>::key(C);

public:
    product_run(const packed_matrix<P>& p, isa::level level) noexcept
        : p_(p), rows_(kernel::rows<Here>(level)), multiply_(kernel::select<key, Here>(level).run) {}

    /// Whether rows must pass through a float row: columns are gathered, or X is read against its grain.
    template <class Source>
    [[nodiscard]] bool staged() const noexcept {
        return !p_.order().empty() || !Source::contiguous;
    }

    template <class Pool, class Source, class Sink, class Epilogue>
    void operator()(on_t<Pool> where, const Source& x, const Sink& y, const Epilogue& ep, std::byte* workspace) {
        prepared_rows<C, Here> prepared(p_.layout(), x.rows(), staged<Source>(), workspace);
        for_ranges(where, x.rows(), std::max<std::size_t>(1, 32768 / (p_.cols() + 1)), [&](std::size_t first, std::size_t last) {
            for (std::size_t r = first; r < last; ++r) prepared.prepare(x, r, p_.order(), rows_, factor);
        });
        multiply(where, prepared.view(), x.rows(), y, ep, [&](std::size_t r) { return prepared.bad(r); });
    }

    template <class Pool, class Sink, class Epilogue>
    void operator()(on_t<Pool> where, const int8_rows& x, const Sink& y, const Epilogue& ep, std::byte* workspace) {
        prepared_rows<C, Here> prepared(p_.layout(), x.codes.rows(), false, workspace);
        for_ranges(where, x.codes.rows(), std::max<std::size_t>(1, 32768 / (p_.cols() + 1)), [&](std::size_t first, std::size_t last) {
            for (std::size_t r = first; r < last; ++r) prepared.copy_codes(x, r, p_.order(), factor);
        });
        multiply(where, prepared.view(), x.codes.rows(), y, ep, [](std::size_t) { return false; });
    }

private:
    /// Multiplications that are worth waking another thread for: several microseconds of them.
    static constexpr std::size_t least_work = std::size_t{1} << 20;

    using E = typename P::element_type;
    static constexpr float factor = C != compute::float32 && element_kernel<E>::code == kernel::decoding::table ? int8_table_step<E> : 1.0f;

    template <class Pool, class Rows, class Sink, class Epilogue, class Bad>
    void multiply(on_t<Pool> where, const Rows& x, std::size_t m, const Sink& y, const Epilogue& ep, Bad bad) {
        const std::size_t blocks = ceil_div(m, kernel::most_rows);
        const std::size_t task = kernel::panel_columns * (p_.cols() + 1) * std::min(m, kernel::most_rows);
        for_ranges(where, p_.panels() * blocks, ceil_div(least_work, task), [&](std::size_t first, std::size_t last) {
            alignas(64) float tile[kernel::most_rows * kernel::panel_columns];
            for (std::size_t i = first; i < last; ++i) {
                const kernel::weight_panel panel = p_.template panel<C, Here>(i / blocks);
                const std::size_t row0 = i % blocks * kernel::most_rows;
                const std::size_t rows = std::min(kernel::most_rows, m - row0);
                if (p_.cols() == 0) {
                    std::fill_n(tile, rows * kernel::panel_columns, 0.0f);
                } else {
                    multiply_(panel, x, row0, rows, tile);
                }
                for (std::size_t r = 0; r < rows; ++r) {
                    const result_run run{tile + r * kernel::panel_columns, panel.columns, row0 + r, i / blocks * kernel::panel_columns};
                    if (bad(row0 + r)) std::fill_n(run.values, run.count, std::numeric_limits<float>::quiet_NaN());
                    ep.template apply<Here>(run);
                    store_run(y, run, ep, rows_);
                }
            }
        });
    }

    const packed_matrix<P>& p_;
    const kernel::row_kernels& rows_;
    kernel::product_fn<key> multiply_;
};

template <class Here, class Pool, class X, any_policy P, class Y, class Epilogue>
void run_gemm(on_t<Pool> where, const X& x, const packed_matrix<P>& p, const result_sink<Y>& y, const Epilogue& ep,
              std::span<std::byte> workspace, bool given_workspace) {
    constexpr bool given_codes = std::same_as<X, int8_rows>;
    const std::size_t m = [&] {
        if constexpr (given_codes) return x.codes.rows();
        else return activation_source<X>{x}.rows();
    }();
    const std::size_t k = [&] {
        if constexpr (given_codes) return x.codes.cols();
        else return activation_source<X>{x}.cols();
    }();
    if (k != p.cols()) raise(errc::shape_mismatch, "gemm: X is ", m, " x ", k, " but W is ", p.rows(), " x ", p.cols(), "; X needs as many columns as W");
    if (y.rows() != m || y.cols() != p.rows()) {
        raise(errc::shape_mismatch, "gemm: Y is ", y.rows(), " x ", y.cols(), " but X * W^T is ", m, " x ", p.rows());
    }
    ep.check(m, p.rows());
    if (overlap(memory_of(x), memory_of(y.y))) raise(errc::invalid_argument, "gemm: X and Y overlap");
    if (m == 0 || p.rows() == 0) return;

    constexpr compute c = [] {
        if constexpr (given_codes) {
            static_assert(takes_int8<typename P::element_type>,
                          "lowbit: quantized_rows need integer weights or a codebook of at most 16 entries");
            return compute::int8_per_row;
        } else if constexpr (given_scale<activation_source<X>>) {
            static_assert(takes_int8<typename P::element_type>, "lowbit: at_scale needs integer weights or a codebook of at most 16 entries");
            return compute::int8_per_row;
        } else {
            using T = typename activation_source<X>::value_type;
            static_assert(std::same_as<T, float> || std::same_as<T, float16> || std::same_as<T, bfloat16>,
                          "lowbit: X holds float, float16 or bfloat16; int8 codes with their scales go in through quantized_rows(codes, scales)");
            return compute_of<P, T>;
        }
    }();
    product_run<c, P, Here> run(p, isa::active<Here>());
    const bool staged = [&] {
        if constexpr (given_codes) return false;
        else return run.template staged<activation_source<X>>();
    }();
    if (given_workspace && workspace.size() < workspace_bytes<Here>(p, m)) {
        raise(errc::short_buffer, "gemm: a workspace of ", workspace.size(), " bytes; workspace_bytes(W, ", m, ") is ", workspace_bytes<Here>(p, m));
    }
    aligned_buffer<std::byte> own(given_workspace ? 0 : prepared_rows<c, Here>::bytes(p.layout(), m, staged));
    std::byte* memory = given_workspace ? workspace.data() : own.data();
    if constexpr (given_codes) {
        run(where, x, y, ep, memory);
    } else {
        run(where, activation_source<X>{x}, y, ep, memory);
    }
}

/// The form of X that run_gemm takes.
template <class X>
auto activation_view(const X& x) {
    if constexpr (std::same_as<X, int8_rows> || requires { x.view.rows(); x.scale; }) {
        return x;
    } else {
        return view_of(x);
    }
}

template <class X>
concept activation_operand = viewable<X> || std::same_as<std::remove_cvref_t<X>, int8_rows> || requires(const X& x) { x.view.rows(); x.scale; };

template <class T>
inline constexpr bool is_packed_matrix = false;
template <class P>
inline constexpr bool is_packed_matrix<packed_matrix<P>> = true;
template <class W>
concept packed_range = requires(const W& w) {
    std::size(w);
    requires is_packed_matrix<std::remove_cvref_t<decltype(*std::data(w))>>;
};

template <class Y>
auto sink_of(Y&& y) {
    return result_sink<decltype(view_of(y))>{view_of(y)};
}

} // namespace detail

/// Y[M, N] = X[M, K] * W[N, K]^T, then the epilogue. X: float, float16 or bfloat16 (or quantized_rows, at_scale); Y: float, float16,
/// bfloat16, or int8 with requantize. The compute axis of the packed policy decides what meets the weights. Runs at the calling thread's
/// level. Raises errc::shape_mismatch, errc::short_buffer, errc::invalid_argument (X and Y overlap). A NaN or infinity in a row of X makes
/// that row of Y NaN (before the epilogue) and touches no other.
template <class Here = isa::here, class Pool, detail::activation_operand X, any_policy P, viewable Y, any_epilogue E = epilogue_t<>>
void gemm(on_t<Pool> where, const X& x, const packed_matrix<P>& p, Y&& y, const E& ep = {}) {
    detail::run_gemm<Here>(where, detail::activation_view(x), p, detail::sink_of(y), ep, {}, false);
}
template <class Here = isa::here, class Pool, detail::activation_operand X, any_policy P, viewable Y, any_epilogue E>
void gemm(on_t<Pool> where, const X& x, const packed_matrix<P>& p, Y&& y, const E& ep, std::span<std::byte> workspace) {
    detail::run_gemm<Here>(where, detail::activation_view(x), p, detail::sink_of(y), ep, workspace, true);
}
template <class Here = isa::here, detail::activation_operand X, any_policy P, viewable Y, any_epilogue E = epilogue_t<>>
void gemm(const X& x, const packed_matrix<P>& p, Y&& y, const E& ep = {}) {
    gemm<Here>(detail::here_and_now(), x, p, y, ep);
}
template <class Here = isa::here, detail::activation_operand X, any_policy P, viewable Y, any_epilogue E>
void gemm(const X& x, const packed_matrix<P>& p, Y&& y, const E& ep, std::span<std::byte> workspace) {
    gemm<Here>(detail::here_and_now(), x, p, y, ep, workspace);
}

/// y[N] = x[K] * W[N, K]^T: a product of one row.
template <class Here = isa::here, any_policy P, any_epilogue E = epilogue_t<>>
void gemv(std::span<const float> x, const packed_matrix<P>& p, std::span<float> y, const E& ep = {}) {
    gemm<Here>(matrix_view<const float>(x.data(), 1, x.size()), p, matrix_view<float>(y.data(), 1, y.size()), ep);
}

/// The same weights for every member of a batch.
template <class Here = isa::here, class Pool, class TX, any_policy P, class TY, any_epilogue E = epilogue_t<>>
void gemm(on_t<Pool> where, batch_view<TX> x, const packed_matrix<P>& p, batch_view<TY> y, const E& ep = {}) {
    if (x.size() != y.size()) raise(errc::shape_mismatch, "gemm: a batch of ", x.size(), " X and ", y.size(), " Y");
    for (std::size_t i = 0; i < x.size(); ++i) gemm<Here>(where, x[i], p, y[i], ep);
}
template <class Here = isa::here, class TX, any_policy P, class TY, any_epilogue E = epilogue_t<>>
void gemm(batch_view<TX> x, const packed_matrix<P>& p, batch_view<TY> y, const E& ep = {}) {
    gemm<Here>(detail::here_and_now(), x, p, y, ep);
}
/// Weights of its own for every member of a batch: a span, vector or array of packed matrices.
template <class Here = isa::here, class Pool, class TX, detail::packed_range W, class TY, any_epilogue E = epilogue_t<>>
void gemm(on_t<Pool> where, batch_view<TX> x, const W& p, batch_view<TY> y, const E& ep = {}) {
    if (x.size() != y.size() || x.size() != std::size(p)) {
        raise(errc::shape_mismatch, "gemm: a batch of ", x.size(), " X, ", std::size(p), " W and ", y.size(), " Y");
    }
    for (std::size_t i = 0; i < x.size(); ++i) gemm<Here>(where, x[i], std::data(p)[i], y[i], ep);
}
template <class Here = isa::here, class TX, detail::packed_range W, class TY, any_epilogue E = epilogue_t<>>
void gemm(batch_view<TX> x, const W& p, batch_view<TY> y, const E& ep = {}) {
    gemm<Here>(detail::here_and_now(), x, p, y, ep);
}

} // namespace lowbit::inline v0
