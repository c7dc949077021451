// SPDX-License-Identifier: MIT
// layer_sweep: a layer on its way through a column sweep: its weights as they are now, and the mask as far as it is chosen.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <lowbit/calibrate/column_sweep.hpp>
#include <lowbit/calibrate/input_hessian.hpp>
#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/axes.hpp>
#include <lowbit/prune/select.hpp>
#include <lowbit/quantize/quantize.hpp>

namespace lowbit::inline v0::detail {

/// What is left of a layer while it is swept, columns in stored order.
template <class Mask, class Here>
class layer_sweep {
public:
    static constexpr bool prunes = !std::same_as<Mask, dense>;

    template <class W>
    static expected<layer_sweep> over(const W& weights, const input_hessian& inputs, const side_input& side,
                                      const sweep_options& options) {
        const auto from = view_of(weights);
        if (from.cols() != inputs.cols())
            return fail(errc::shape_mismatch, "calibration data of another width than the weights", inputs.cols());
        if (side.scores.data() != nullptr || !side.statistics.empty())
            return fail(errc::invalid_argument, "a sweep scores by the Hessian; scores and statistics have no use");
        if (const misfit other = first_misfit<Here>(side, from.rows(), from.cols()); other.message != nullptr)
            return fail(errc::shape_mismatch, other.message, other.cols);
        if (auto ok = check_columns<Here>(side); !ok) return unexpected<error>(ok.error());
        auto factor = factor_inverse<Here>(inputs, side.order, options.damping);
        if (!factor) return unexpected<error>(factor.error());

        layer_sweep s{std::move(*factor), side, options, from.rows(), from.cols()};
        for (std::size_t r = 0; r < from.rows(); ++r) {
            for (std::size_t k = 0; k < from.cols(); ++k) {
                const auto x = static_cast<float>(from(r, s.column(k)));
                if (x - x != 0.0f) return fail(errc::non_finite, "a weight is NaN or infinite", r * from.cols() + s.column(k));
                s.weights(r, k) = s.factor.dead[k] ? 0.0f : x;
                if constexpr (prunes) s.mask(r, k) = !s.given() || side.mask(r, s.column(k)) != 0 ? 1 : 0;
            }
        }
        return s;
    }

    /// Sweeps. `fit(k)` may look at the weights of the columns that share scales when the first of them is reached, k % length ==
    /// 0, `quantize(r, k, x)` says what a kept weight becomes.
    template <class Fit, class Quantize>
    expected<bool> run(std::size_t length, Fit&& fit, Quantize&& quantize) {
        const sweep_run groups{std::max<std::size_t>(1, length)};
        const sweep_run choices{choice_cols()};
        const sweep_run runs[] = {groups, choices};
        const std::size_t block = std::max<std::size_t>(1, options.block);
        return column_sweep<Here>(
            weights, factor.upper, runs, block, [&](std::size_t k) { return column(k); },
            [&](std::size_t k) -> expected<bool> {
                if constexpr (prunes) {
                    if (!given() && (groups.starts(k) || choices.starts(k))) {
                        const std::size_t groups_end = groups.starts(k) ? k + groups.length : k;
                        choose(k, std::max(groups_end, choices.starts(k) ? k + choices.length : k));
                    }
                }
                return groups.starts(k) ? fit(k) : expected<bool>{true};
            },
            [&](std::size_t r, std::size_t k) {
                if constexpr (prunes) {
                    if (mask(r, k) == 0) return 0.0f;
                }
                return quantize(r, k, weights(r, k));
            });
    }

    /// The logical column of a stored one.
    [[nodiscard]] std::size_t column(std::size_t k) const { return side.order.empty() ? k : side.order[k]; }
    [[nodiscard]] bool given() const { return side.mask.data() != nullptr; }

    inverse_factor factor;
    side_input side;
    sweep_options options;
    matrix<float> weights;
    matrix<std::uint8_t> mask; ///< of what prunes nothing it is empty

private:
    layer_sweep(inverse_factor f, const side_input& s, const sweep_options& o, std::size_t rows, std::size_t cols)
        : factor(std::move(f)), side(s), options(o), weights(rows, cols), mask(prunes ? rows : 0, cols) {}

    static constexpr bool in_runs = requires { Mask::m; }; ///< each run of M columns by itself

    /// After how many columns the mask is chosen anew.
    [[nodiscard]] std::size_t choice_cols() const {
        if constexpr (!prunes) {
            return std::max<std::size_t>(1, weights.cols());
        } else if constexpr (in_runs) {
            return Mask::m;
        } else {
            const std::size_t cols = mask_grid<Mask>{weights.rows(), weights.cols()}.block_cols();
            return std::max<std::size_t>(1, ceil_div(options.block, cols) * cols);
        }
    }

    /// Chooses the mask of the columns from `first` on, for the weights as they are: of all that remain, unless runs are chosen
    /// by themselves. So a row keeps more where it matters more, and what is chosen beyond the next columns is chosen again
    /// there. What is lost with a weight is (w / U_kk)^2 (Frantar & Alistarh, arXiv:2301.00774).
    void choose(std::size_t first, std::size_t last) {
        const mask_grid<Mask> grid{weights.rows(), weights.cols()};
        if (grid.down && first != 0) return; // whole rows: once
        const std::size_t unit = in_runs ? choice_cols() : grid.block_cols();
        first = ceil_div(first, unit) * unit;
        last = in_runs ? std::min(ceil_div(last, unit) * unit, weights.cols()) : weights.cols();
        if (first >= last) return;
        const std::size_t begin = grid.down ? 0 : first / grid.block_cols();
        const std::size_t count = grid.down ? grid.bits() : ceil_div(last, grid.block_cols()) - begin;
        scratch<float> scores(count);
        scratch<std::uint32_t> order(count);
        scratch<std::byte> bits(ceil_div(count, 8));
        const std::size_t height = grid.down ? weights.rows() : grid.block_rows();
        for (std::size_t top = 0; top < weights.rows(); top += height) {
            const std::size_t bottom = std::min(weights.rows(), top + height);
            scores.assign(count, 0.0f);
            bits.assign(ceil_div(count, 8), std::byte{0});
            for (std::size_t r = top; r < bottom; ++r) {
                for (std::size_t k = first; k < last; ++k) {
                    const auto at = static_cast<Eigen::Index>(k);
                    const float lost = weights(r, k) / factor.upper(at, at);
                    scores[grid.bit(r, k) - begin] += lost * lost;
                }
            }
            for (float& score : scores.span()) // NaN has no rank; the sweep will come to what overflowed
                score = score == score ? score : std::numeric_limits<float>::infinity();
            if constexpr (in_runs) {
                select(Mask{}, scores.span(), order.span(), bits.data());
            } else {
                std::size_t kept = 0;
                for (std::size_t b = 0; b < begin; ++b) kept += mask(top, b * grid.block_cols());
                keep_highest<Here>(scores.span(), Mask::kept(grid.bits()) - kept, order.span(), bits.data());
            }
            for (std::size_t r = top; r < bottom; ++r) {
                for (std::size_t k = first; k < last; ++k) mask(r, k) = mask_bit(bits.data(), grid.bit(r, k) - begin) ? 1 : 0;
            }
        }
    }
};

} // namespace lowbit::inline v0::detail
