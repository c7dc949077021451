// SPDX-License-Identifier: MIT
// sparse_gpt: prunes and quantizes in one pass, in which the weights that are left make up for what is lost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <lowbit/calibrate/input_hessian.hpp>
#include <lowbit/calibrate/layer_sweep.hpp>
#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/prune/keep_mask.hpp>
#include <lowbit/quantize/quantize.hpp>

namespace lowbit::inline v0 {

/// Weights that a sweep has pruned and changed, as floats.
struct pruned_weights {
    matrix<float> weights;     ///< N x K, in logical column order; 0 where pruned
    matrix<std::uint8_t> mask; ///< 1 = kept, as `with` takes it
    sweep_report report;
};

/// Weights that a sweep has pruned, quantized and changed.
template <any_policy P>
struct swept {
    quantized_matrix<P> weights;
    sweep_report report;
};

namespace detail {

/// The policy of the columns that share scales: all of them stored, but scales made for what a given mask keeps.
template <any_policy P>
struct unpruned {
    using type = P;
};
template <any_policy P>
    requires P::mask::present
struct unpruned<P> {
    using type = policy<typename P::element_type, typename P::granularity, typename P::scale, typename P::super_scale,
                        typename P::offset, typename P::super_minimum, typename P::code_form, prune<unstructured<0>>,
                        lowbit::scale_rule<typename P::rule>, lowbit::rounding<typename P::rounding>>;
};

} // namespace detail

/// SparseGPT (Frantar & Alistarh, arXiv:2301.00774) for a mask alone: prunes `weights` (N x K) as `Mask` says where it costs
/// least of the outputs that `inputs` lead to, and changes what is left to make up for it. `side`: a mask that is kept as it is,
/// the order in which columns are swept and cut into runs.
///
/// errc::shape_mismatch, errc::non_finite (weights: with the index row * K + column), errc::invalid_argument (no samples; scores,
/// statistics or a seed; a Hessian that no damping makes invertible).
template <class Mask, class Here = isa::here, viewable W>
    requires detail::masks<Mask>
[[nodiscard]] expected<pruned_weights> sparse_gpt(const W& weights, const input_hessian& inputs, const side_input& side = {},
                                                  const sweep_options& options = {}) {
    if (side.rounding_seed) return fail(errc::invalid_argument, "a seed is given, but a mask alone rounds nothing");
    auto sweep = detail::layer_sweep<Mask, Here>::over(weights, inputs, side, options);
    if (!sweep) return unexpected<error>(sweep.error());
    auto ok = sweep->run(
        sweep->weights.cols(), [](std::size_t) { return expected<bool>{true}; },
        [](std::size_t, std::size_t, float x) { return x; });
    if (!ok) return unexpected<error>(ok.error());
    pruned_weights result{matrix<float>(sweep->weights.rows(), sweep->weights.cols()),
                          matrix<std::uint8_t>(sweep->weights.rows(), sweep->weights.cols()), sweep->factor.report};
    for (std::size_t r = 0; r < result.weights.rows(); ++r) {
        for (std::size_t k = 0; k < result.weights.cols(); ++k) {
            result.weights(r, sweep->column(k)) = sweep->weights(r, k);
            result.mask(r, sweep->column(k)) = sweep->mask(r, k);
        }
    }
    return result;
}

/// SparseGPT under policy P: prunes and quantizes `weights` (N x K) in one pass. Columns that share scales get them when the
/// first is reached, made for what is kept of the weights as they are then. The criterion of P has no say: what a weight is worth
/// follows from the Hessian. Rules that search scales weigh errors by the energies of the inputs. Where P prunes nothing this is
/// GPTQ (arXiv:2210.17323).
///
/// Errors as above, whatever P makes of weights that are no numbers, and errc::scale_range; errc::invalid_argument where a given
/// mask keeps more than P stores.
template <any_policy P, class Here = isa::here, viewable W>
[[nodiscard]] expected<swept<P>> sparse_gpt(const W& weights, const input_hessian& inputs, const side_input& side = {},
                                            const sweep_options& options = {},
                                            std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    using F = format_of<P>;
    using E = typename P::element_type;
    using mask_type = typename P::mask::mask;
    using slab_policy = typename detail::unpruned<P>::type;
    using slab_format = format_of<slab_policy>;
    using access = detail::layout_access<F>;
    using slab_access = detail::layout_access<slab_format>;
    using rows_type = decltype(detail::active_rows<Here>());
    using quantizer = detail::group_quantizer<P, rows_type>;
    static_assert(!F::tensor_scale::present,
                  "lowbit: sparse_gpt makes the scales of some columns at a time, and a tensor scale is "
                  "made of all; leave tensor_scale out");

    if (const char* message = detail::unasked<P, rows_type>(side)) return fail(errc::invalid_argument, message);
    auto state = detail::layer_sweep<mask_type, Here>::over(weights, inputs, side, options);
    if (!state) return unexpected<error>(state.error());
    auto& sweep = *state;
    const std::size_t rows = sweep.weights.rows();
    const std::size_t cols = sweep.weights.cols();
    const auto row_ops = detail::active_rows<Here>();
    swept<P> result{quantized_matrix<P>(rows, cols, memory), sweep.factor.report};
    const detail::shape_of<F> shape{rows, cols};
    const auto to = access::split(result.weights.bytes().data(), shape);
    if constexpr (F::column_order::permuted) {
        for (std::size_t k = 0; k < cols; ++k) detail::store_le<4>(to.order + 4 * k, sweep.column(k));
    }
    if (rows == 0 || cols == 0) return result;

    // what errors weigh where a rule searches scales
    std::vector<float> energies(detail::fit_rule<typename P::rule, quantizer> ? cols : 0);
    for (std::size_t k = 0; k < energies.size(); ++k) {
        energies[k] =
            static_cast<float>(std::min(inputs(sweep.column(k), sweep.column(k)) / static_cast<double>(inputs.samples()),
                                        double{std::numeric_limits<float>::max()}));
    }

    // the scales of the columns from k on, made by quantizing them as they are
    constexpr std::size_t together = std::lcm(F::super_scale::groups, F::super_minimum::groups);
    const std::size_t length = std::min(cols, shape.group_cols() * together);
    std::size_t start = 0;
    quantized_matrix<slab_policy> slab;
    const auto fit = [&](std::size_t k) -> expected<bool> {
        start = k;
        const std::size_t width = std::min(length, cols - k);
        side_input known;
        known.rounding_seed = sweep.side.rounding_seed;
        if (!energies.empty()) known.statistics = std::span<const float>(energies).subspan(k, width);
        if constexpr (F::mask::present) known.mask = matrix_view<const std::uint8_t>{sweep.mask.data() + k, rows, width, cols};
        auto made = try_quantize<slab_policy, Here>(matrix_view<const float>{sweep.weights.data() + k, rows, width, cols}, known);
        if (!made) {
            const error& e = made.error();
            return fail(e.code, e.message,
                        e.offset / width * cols + sweep.column(k + static_cast<std::size_t>(e.offset % width)));
        }
        slab = std::move(*made);
        const detail::shape_of<slab_format> part{rows, width};
        const auto from = slab.view().planes();
        const std::size_t group = k / shape.group_cols();
        for (std::size_t r = 0; r < rows; r += shape.group_rows()) {
            for (std::size_t g = 0; g < part.groups(); ++g) {
                access::store_scale(to, shape, r, group + g, slab_access::load_scale(from, part, r, g));
                if constexpr (F::offset::kind != offset_kind::none)
                    access::store_offset(to, shape, r, group + g, slab_access::load_offset(from, part, r, g));
                if constexpr (!std::is_void_v<typename F::super_scale::type>)
                    access::store_super_scale(to, shape, r, group + g, slab_access::load_super_scale(from, part, r, g));
                if constexpr (!std::is_void_v<typename F::super_minimum::type>)
                    access::store_super_minimum(to, shape, r, group + g, slab_access::load_super_minimum(from, part, r, g));
            }
        }
        return true;
    };

    // levels of kept weights, and what they decode to
    matrix<std::uint8_t> levels(rows, cols);
    std::uint64_t counter = 0;
    if constexpr (seeded_rounding<typename P::rounding>) counter = P::rounding::stream(side.rounding_seed.value_or(seed{}).value);
    const auto quantize = [&](std::size_t r, std::size_t k, float x) {
        const detail::row_reader<slab_policy, Here> reader{slab.view()};
        const std::size_t g = (k - start) / shape.group_cols();
        const float scale = reader.scale(r, g);
        const float minimum = reader.minimum(r, g);
        group_fit with;
        if constexpr (F::offset::kind == offset_kind::zero_point) with.zero = reader.zero(r, g) + detail::integer_levels<E>::low;
        const quantizer one{row_ops, std::span<const float>{&x, 1}, std::span<const float>{}};
        std::uint8_t& level = levels(r, k);
        one.encode(with, scale, minimum, counter + r * cols + k, std::span<std::uint8_t>{&level, 1});
        return detail::level_of<E>::decode(level, reader.zero(r, g)) * scale + minimum;
    };
    if (auto ok = sweep.run(length, fit, quantize); !ok) return unexpected<error>(ok.error());

    // codes, and the mask: where a given one keeps less than the policy stores, zeros fill up
    const detail::row_reader<P, Here> reader{result.weights.view()};
    if constexpr (F::mask::present) {
        const detail::mask_grid<mask_type> grid{rows, cols};
        matrix<std::uint8_t> stored = sweep.mask;
        if (sweep.given()) {
            matrix<float> kept(rows, cols);
            for (std::size_t i = 0; i < rows * cols; ++i) kept.data()[i] = sweep.mask.data()[i];
            stored = keep_mask<mask_type, Here>(kept);
        }
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t k = 0; k < cols; ++k) {
                if (sweep.mask(r, k) != 0 && stored(r, k) == 0)
                    return fail(errc::invalid_argument, "the given mask keeps more weights than the policy stores",
                                r * cols + sweep.column(k));
                if (stored(r, k) != 0) detail::set_mask_bit(to.mask + grid.line(r) * shape.mask_row_bytes(), grid.bit(r, k));
            }
        }
        std::vector<std::uint8_t> row(shape.stored_cols());
        for (std::size_t r = 0; r < rows; ++r) {
            std::size_t n = 0;
            for (std::size_t k = 0; k < cols; ++k) {
                if (stored(r, k) == 0) continue;
                row[n++] =
                    sweep.mask(r, k) != 0 ? levels(r, k) : static_cast<std::uint8_t>(reader.zero(r, k / shape.group_cols()));
            }
            std::fill(row.begin() + static_cast<std::ptrdiff_t>(n), row.end(), detail::level_flip<F>);
            const std::size_t at = shape.stored_row(to.mask, r);
            if (at != shape.stored_rows()) access::store_levels(row_ops, to, shape, at, std::span<const std::uint8_t>{row});
        }
    } else {
        for (std::size_t r = 0; r < rows; ++r) access::store_levels(row_ops, to, shape, r, std::as_const(levels).row(r));
    }
    return result;
}

} // namespace lowbit::inline v0
