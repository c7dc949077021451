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
#include <lowbit/kernel/blocks/blocks.hpp>
#include <lowbit/kernel/registry.hpp>
#include <lowbit/kernel/rows/rows.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// Stores runs of results to Y, converted to its element type.
template <class View>
struct result_sink;
template <class T>
struct result_sink<matrix_view<T>> {
    static_assert(!std::is_const_v<T>, "lowbit: Y is const; a product needs somewhere to write");
    using value_type = T;
    matrix_view<T> y;
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return y.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return y.cols(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE T* at(std::size_t row, std::size_t col) const noexcept { return y.row_data(row) + col; }
};
template <class T>
struct result_sink<transposed_view<T>> {
    static_assert(!std::is_const_v<T>, "lowbit: Y is const; a product needs somewhere to write");
    using value_type = T;
    transposed_view<T> y;
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return y.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return y.cols(); }
};

template <class T>
inline constexpr bool is_result = std::same_as<T, float> || std::same_as<T, float16> || std::same_as<T, bfloat16> || is_int8<T>;

template <class Here, class Sink, class Epilogue>
void store_run(const Sink& sink, const result_run& run, const Epilogue& ep, const kernel::row_kernels& rows) {
    using T = typename Sink::value_type;
    static_assert(is_result<T>, "lowbit: Y holds float, float16, bfloat16, or std::int8_t with requantize");
    static_assert(
        is_int8<T> == Epilogue::requantizes,
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

/// Whether kernels may write their results to Y, where nothing more happens to them. An epilogue may read Y.
template <class Sink, class Epilogue>
inline constexpr bool may_multiply_in_place =
    std::same_as<Sink, result_sink<matrix_view<float>>> && std::same_as<Epilogue, epilogue_t<>>;

/// Packed weights of any policy, as products of one kind read them: what is compiled for that kind serves all policies.
template <compute C>
struct packed_operand {
    using code = typename prepared_rows<C>::code;
    using multiply_fn = void (*)(const kernel::weight_panel&, const kernel::activation_rows<code>&, std::size_t row0,
                                 std::size_t rows, kernel::result_rows<float> to);

    kernel::weight_panel whole; ///< all panels as one
    std::span<const std::uint32_t> order;
    multiply_fn multiply;
    float factor; ///< of the activations' scales: the step of an int8 table
    bool takes_int8;
    /// Of weights in blocks, for more rows of X than `most_plain`: see kernel::block_product.
    void (*arrange)(const kernel::activation_rows<code>&, std::size_t depth, std::size_t row0, std::size_t rows,
                    std::byte*) = nullptr;
    std::size_t most_plain = 0;
    std::size_t most_rows = kernel::most_rows; ///< of one call
    std::size_t abreast = 1;                   ///< panels of one call of one row

    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return whole.columns; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return whole.layout.depth; }
};

template <compute C, class Here, any_policy P>
packed_operand<C> operand_of(const packed_matrix<P>& p, isa::level level) noexcept {
    using E = typename P::element_type;
    if constexpr (packed_matrix<P>::blocks) {
        using mask = typename P::mask::mask;
        constexpr kernel::block_key block{
            .unit = kernel::block_unit(mask::rows), .atom = kernel::block_atom(mask::cols), .floats = C == compute::float32};
        const auto& k = kernel::blocks<block, Here>(level);
        return {p.template whole<C, Here>(), p.order(), k.run, 1.0f, takes_int8<E>, k.arrange, k.most_plain, kernel::lane_rows};
    } else {
        constexpr kernel::product_key key = weights_of<format_of<P>>::key(C, packed_matrix<P>::record_groups);
        constexpr bool scaled_table = C != compute::float32 && key.code == kernel::decoding::table;
        return {p.template whole<C, Here>(),
                p.order(),
                kernel::select<key, Here>(level).run,
                scaled_table ? int8_table_step<E> : 1.0f,
                takes_int8<E>,
                nullptr,
                0,
                kernel::most_rows,
                kernel::abreast(key)};
    }
}

/// Workspace for m rows of any X.
template <class Here>
std::size_t workspace_for(const kernel::panel_layout& layout, bool takes_int8, std::size_t m) {
    const std::size_t floats = prepared_rows<compute::float32, Here>::bytes(layout, m, true);
    if (!takes_int8) return floats;
    return std::max({floats, prepared_rows<compute::int8_per_row, Here>::bytes(layout, m, true),
                     prepared_rows<compute::int8_per_group, Here>::bytes(layout, m, true)});
}

/// Multiplications that are worth waking another thread for: several microseconds of them.
inline constexpr std::size_t least_work = std::size_t{1} << 20;

/// A panel and a block of rows of X.
struct panel_and_block {
    std::size_t panel;
    std::size_t block;
};
/// What is multiplied as number i, of `panels` panels and `blocks` blocks of rows: `few` panels meet one block of rows after the
/// other. So X comes from far away once for all of them, and they from near for all blocks but the first.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr panel_and_block place_of(std::size_t i, std::size_t panels, std::size_t blocks,
                                                                      std::size_t few) noexcept {
    if (blocks == 1) return {i, 0};
    const std::size_t start = i / (few * blocks) * few, in = i - start * blocks;
    const std::size_t here = std::min(few, panels - start);
    return {start + in % here, in / here};
}
/// Panels that stay in a third-level cache while blocks of rows pass.
inline constexpr std::size_t kept_panel_bytes = std::size_t{8} << 20;

template <class Here, compute C, class Pool, class Sink, class Epilogue>
void multiply(on_t<Pool> where, const prepared_rows<C, Here>& x, std::size_t m, const packed_operand<C>& w, const Sink& y,
              const Epilogue& ep, isa::level level) {
    constexpr bool may_be_in_place = may_multiply_in_place<Sink, Epilogue>;
    static_assert(kernel::lane_rows <= kernel::most_tile_rows); // rows that are arranged together meet a panel together
    const kernel::row_kernels& row_kernels = kernel::rows<Here>(level);
    std::size_t most_rows = may_be_in_place ? w.most_rows : std::min(w.most_rows, kernel::most_tile_rows);
    const std::size_t blocks = ceil_div(m, most_rows), panels = ceil_div(w.rows(), kernel::panel_columns);
    if (w.arrange == nullptr) most_rows = round_up(ceil_div(m, blocks), 12);     // even ones
    const std::size_t task_row = kernel::panel_columns * std::min(m, most_rows); // times all columns, more than 32 bits hold
    const std::size_t grain = ceil_div(ceil_div(least_work, task_row), w.cols() + 1);
    const std::size_t panel_bytes = w.whole.layout.panel_bytes(kernel::panel_columns);
    const std::size_t few = std::max<std::size_t>(8, kept_panel_bytes / (panel_bytes + 1));
    auto activations = x.view();
    if (w.arrange != nullptr && m > w.most_plain) {
        for_ranges(where, blocks, 1, [&](std::size_t first, std::size_t last) {
            for (std::size_t i = first; i < last; ++i) {
                const std::size_t row0 = i * most_rows;
                w.arrange(x.view(), w.cols(), row0, std::min(most_rows, m - row0), x.lanes());
            }
        });
        activations.lanes = x.lanes();
    }
    for_ranges(where, panels * blocks, grain, [&](std::size_t first, std::size_t last) {
        const isa::scoped_level same{level}; // for what an epilogue of the caller's asks or multiplies in turn
        alignas(64) float tile[kernel::most_tile_rows * kernel::panel_columns];
        std::size_t some = 1; // panels
        for (std::size_t i = first; i < last; i += some) {
            if (m == 1) some = std::min(w.abreast, last - i);
            const auto [at, block] = place_of(i, panels, blocks, few);
            const std::size_t column0 = at * kernel::panel_columns;
            kernel::weight_panel panel = w.whole;
            panel.data += at * panel_bytes;
            panel.columns = std::min(some * kernel::panel_columns, w.rows() - column0);
            const bool in_place = may_be_in_place && panel.columns % kernel::panel_columns == 0;
            const std::size_t last_row = std::min(m, (block + 1) * most_rows);
            std::size_t rows = 0; // of a call
            for (std::size_t row0 = block * most_rows; row0 < last_row; row0 += rows) {
                rows = std::min(in_place ? most_rows : kernel::most_tile_rows, last_row - row0);
                kernel::result_rows<float> to{tile};
                if constexpr (may_be_in_place) {
                    if (in_place) to = {y.at(row0, column0), m == 1 ? kernel::panel_columns : y.y.stride()};
                }
                if (w.cols() == 0) {
                    for (std::size_t r = 0; r < rows; ++r) std::fill_n(to.from(r).data, panel.columns, 0.0f);
                } else {
                    w.multiply(panel, activations, row0, rows, to);
                }
                for (std::size_t r = 0; r < rows; ++r) {
                    float* const results = to.from(r).data;
                    if (x.bad(row0 + r)) std::fill_n(results, panel.columns, std::numeric_limits<float>::quiet_NaN());
                    if (in_place) continue;
                    for (std::size_t c = 0; c < panel.columns; c += kernel::panel_columns) {
                        const result_run run{results + c, std::min(kernel::panel_columns, panel.columns - c), row0 + r,
                                             column0 + c};
                        ep.template apply<Here>(run);
                        store_run<Here>(y, run, ep, row_kernels);
                    }
                }
            }
        }
    });
}

/// Raises what is wrong with the shapes of a product with n rows of weights, or with its workspace.
template <class Here, class X, class Y, class Epilogue>
void check_operands(const X& x, std::size_t n, const kernel::panel_layout& layout, bool takes_int8, const Y& y,
                    const Epilogue& ep, std::span<std::byte> workspace, bool given_workspace) {
    const std::size_t m = x.rows();
    if (x.cols() != layout.depth) {
        raise<Here>(errc::shape_mismatch, "gemm: X is ", m, " x ", x.cols(), " but W is ", n, " x ", layout.depth,
                    "; X needs as many columns as W");
    }
    if (y.rows() != m || y.cols() != n)
        raise<Here>(errc::shape_mismatch, "gemm: Y is ", y.rows(), " x ", y.cols(), " but X * W^T is ", m, " x ", n);
    ep.check(m, n);
    if (!given_workspace || m == 0 || n == 0) return;
    const std::size_t need = workspace_for<Here>(layout, takes_int8, m);
    if (workspace.size() < need) {
        raise<Here>(errc::short_buffer, "gemm: a workspace of ", workspace.size(), " bytes; workspace_bytes(W, ", m, ") is ",
                    need);
    }
}

template <class Here, compute C, class Pool, class X, class Y, class Epilogue>
void run_gemm(on_t<Pool> where, const X& given, const packed_operand<C>& w, const result_sink<Y>& y, const Epilogue& ep,
              isa::level level, std::span<std::byte> workspace, bool given_workspace) {
    using source = activation_source<X>;
    const source x{given};
    const std::size_t m = x.rows();
    const kernel::panel_layout& layout = w.whole.layout;
    check_operands<Here>(x, w.rows(), layout, w.takes_int8, y.y, ep, workspace, given_workspace);
    if (overlap(memory_of(given), memory_of(y.y))) raise<Here>(errc::invalid_argument, "gemm: X and Y overlap");
    if (m == 0 || w.rows() == 0) return;

    const bool through_floats = staged<source>(w.order);
    aligned_buffer<std::byte> own(given_workspace ? 0 : prepared_rows<C, Here>::bytes(layout, m, through_floats));
    prepared_rows<C, Here> prepared(layout, m, through_floats, given_workspace ? workspace.data() : own.data());
    const kernel::row_kernels& row_kernels = kernel::rows<Here>(level);
    for_ranges(where, m, std::max<std::size_t>(1, 32768 / (w.cols() + 1)), [&](std::size_t first, std::size_t last) {
        for (std::size_t r = first; r < last; ++r) prepared.prepare(x, r, w.order, row_kernels, w.factor);
    });
    multiply<Here>(where, prepared, m, w, y, ep, level);
}

/// What X becomes before it meets weights of policy P.
template <any_policy P, class X>
inline constexpr compute compute_for = [] {
    if constexpr (std::same_as<X, int8_rows> || given_scale<activation_source<X>>) {
        static_assert(!std::same_as<typename P::activations::type, binary>,
                      "lowbit: quantized_rows and at_scale are int8, and weights packed for binary activations take their signs; "
                      "pack<lb::activations<lb::int8>> makes those that take int8");
    }
    if constexpr (std::same_as<X, int8_rows>) {
        static_assert(takes_int8<typename P::element_type>,
                      "lowbit: quantized_rows need integer weights or a codebook of at most 16 entries");
        return compute::int8_per_row;
    } else if constexpr (given_scale<activation_source<X>>) {
        static_assert(takes_int8<typename P::element_type>,
                      "lowbit: at_scale needs integer weights or a codebook of at most 16 entries");
        return compute::int8_per_row;
    } else {
        using T = typename activation_source<X>::value_type;
        static_assert(std::same_as<T, float> || std::same_as<T, float16> || std::same_as<T, bfloat16>,
                      "lowbit: X holds float, float16 or bfloat16; int8 codes with their scales go in through "
                      "quantized_rows(codes, scales)");
        return compute_of<P, T>;
    }
}();

/// The form of X that run_gemm takes.
template <class X>
LOWBIT_ALWAYS_INLINE auto activation_view(const X& x) {
    if constexpr (std::same_as<X, int8_rows> || requires {
                      x.view.rows();
                      x.scale;
                  }) {
        return x;
    } else {
        return view_of(x);
    }
}

template <class X>
concept activation_operand = viewable<X> || std::same_as<std::remove_cvref_t<X>, int8_rows> || requires(const X& x) {
    x.view.rows();
    x.scale;
};

template <class T>
inline constexpr bool is_packed_matrix = false;
template <class P>
inline constexpr bool is_packed_matrix<packed_matrix<P>> = true;
template <class W>
concept packed_range = requires(const W& w) {
    std::size(w);
    requires is_packed_matrix<std::remove_cvref_t<decltype(*std::data(w))>>;
};
template <class W>
concept batch_weights = is_packed_matrix<W> || packed_range<W>;

template <class Here, class Pool, class X, any_policy P, class Y, class Epilogue>
LOWBIT_ALWAYS_INLINE void start_gemm(on_t<Pool> where, const X& x, const packed_matrix<P>& p, Y& y, const Epilogue& ep,
                                     std::span<std::byte> workspace, bool given_workspace) {
    const auto from = activation_view(x);
    const result_sink<decltype(view_of(y))> to{view_of(y)};
    constexpr compute c = compute_for<P, std::remove_const_t<decltype(from)>>;
    const isa::level level = isa::active<Here>();
    run_gemm<Here>(where, from, operand_of<c, Here>(p, level), to, ep, level, workspace, given_workspace);
}

/// Calls f(x[i], its weights, y[i]) for all members.
template <class X, batch_weights W, class Y, class F>
LOWBIT_ALWAYS_INLINE void for_members(const batch_view<X>& x, const W& w, const batch_view<Y>& y, F f) {
    for (std::size_t i = 0; i < x.size(); ++i) {
        if constexpr (packed_range<W>) {
            f(x[i], std::data(w)[i], y[i]);
        } else {
            f(x[i], w, y[i]);
        }
    }
}

/// Multiplies all members, once they are known to fit and not to overlap.
template <class Here, class Pool, class X, batch_weights W, class Y, class Epilogue>
void start_batch(on_t<Pool> where, const batch_view<X>& x, const W& w, const batch_view<Y>& y, const Epilogue& ep,
                 std::span<std::byte> workspace, bool given_workspace) {
    if constexpr (packed_range<W>) {
        if (x.size() != y.size() || x.size() != std::size(w)) {
            raise<Here>(errc::shape_mismatch, "gemm: a batch of ", x.size(), " X, ", std::size(w), " W and ", y.size(), " Y");
        }
    } else {
        if (x.size() != y.size()) raise<Here>(errc::shape_mismatch, "gemm: a batch of ", x.size(), " X and ", y.size(), " Y");
    }
    if (overlaps_itself(y)) raise<Here>(errc::invalid_argument, "gemm: members of the batch Y overlap");
    if (overlap(x, y)) raise<Here>(errc::invalid_argument, "gemm: X and Y overlap");
    for_members(x, w, y, [&]<any_policy P>(const X& xi, const packed_matrix<P>& wi, const Y& yi) {
        constexpr bool takes = takes_int8<typename P::element_type>;
        check_operands<Here>(xi, wi.rows(), wi.layout(), takes, yi, ep, workspace, given_workspace);
    });
    for_members(x, w, y, [&](const X& xi, const auto& wi, const Y& yi) {
        start_gemm<Here>(where, xi, wi, yi, ep, workspace, given_workspace);
    });
}

} // namespace detail

/// Workspace for a product of `p` with any X of m rows. With that much the product allocates nothing. Raises
/// errc::invalid_argument where no memory holds it.
template <class Here = isa::here, any_policy P>
[[nodiscard]] std::size_t workspace_bytes(const packed_matrix<P>& p, std::size_t m) {
    return detail::workspace_for<Here>(p.layout(), detail::takes_int8<typename P::element_type>, m);
}

/// Y[M, N] = X[M, K] * W[N, K]^T, then the epilogue. X: float, float16 or bfloat16 (or quantized_rows, at_scale); Y: float,
/// float16, bfloat16, or int8 with requantize. The compute axis of the packed policy decides what meets the weights. Runs at the
/// calling thread's level. Raises errc::shape_mismatch, errc::short_buffer, errc::invalid_argument (X and Y overlap). A NaN or
/// infinity in a row of X makes that row of Y NaN (before the epilogue) and touches no other.
template <class Here = isa::here, class Pool, detail::activation_operand X, any_policy P, viewable Y,
          any_epilogue E = epilogue_t<>>
void gemm(on_t<Pool> where, const X& x, const packed_matrix<P>& p, Y&& y, const E& ep = {}) {
    detail::start_gemm<Here>(where, x, p, y, ep, {}, false);
}
template <class Here = isa::here, class Pool, detail::activation_operand X, any_policy P, viewable Y, any_epilogue E>
void gemm(on_t<Pool> where, const X& x, const packed_matrix<P>& p, Y&& y, const E& ep, std::span<std::byte> workspace) {
    detail::start_gemm<Here>(where, x, p, y, ep, workspace, true);
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

/// A product for every member of a batch, one after the other: with the same weights, or with a span, vector or array of packed
/// matrices, one for each. A workspace serves all. Raises what a product raises, errc::shape_mismatch where the batches differ in
/// size, and errc::invalid_argument where a member of Y overlaps another one or any member of X.
template <class Here = isa::here, class Pool, class X, detail::batch_weights W, class Y, any_epilogue E = epilogue_t<>>
void gemm(on_t<Pool> where, batch_view<X> x, const W& p, batch_view<Y> y, const E& ep = {}) {
    detail::start_batch<Here>(where, x, p, y, ep, {}, false);
}
template <class Here = isa::here, class Pool, class X, detail::batch_weights W, class Y, any_epilogue E>
void gemm(on_t<Pool> where, batch_view<X> x, const W& p, batch_view<Y> y, const E& ep, std::span<std::byte> workspace) {
    detail::start_batch<Here>(where, x, p, y, ep, workspace, true);
}
template <class Here = isa::here, class X, detail::batch_weights W, class Y, any_epilogue E = epilogue_t<>>
void gemm(batch_view<X> x, const W& p, batch_view<Y> y, const E& ep = {}) {
    gemm<Here>(detail::here_and_now(), x, p, y, ep);
}
template <class Here = isa::here, class X, detail::batch_weights W, class Y, any_epilogue E>
void gemm(batch_view<X> x, const W& p, batch_view<Y> y, const E& ep, std::span<std::byte> workspace) {
    gemm<Here>(detail::here_and_now(), x, p, y, ep, workspace);
}

} // namespace lowbit::inline v0
