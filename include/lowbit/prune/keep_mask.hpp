// SPDX-License-Identifier: MIT
// keep_mask: from scores to the mask of what stays, as a matrix: for training loops, and for masks that are chosen once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/axes.hpp>
#include <lowbit/prune/criteria.hpp>
#include <lowbit/prune/select.hpp>

namespace lowbit::inline v0 {

/// The scores that `Criterion` gives `weights`. `statistics`: one for each column, or none, which stand for 1. Raises
/// errc::shape_mismatch.
template <pruning_criterion Criterion, class Here = isa::here, viewable W>
[[nodiscard]] matrix<float> scores_of(const W& weights, std::span<const float> statistics = {}) {
    const auto view = view_of(weights);
    if (!statistics.empty() && statistics.size() != view.cols())
        raise<Here>(errc::shape_mismatch, "scores_of: ", statistics.size(), " statistics for ", view.cols(), " columns");
    matrix<float> scores(view.rows(), view.cols());
    for (std::size_t i = 0; i < view.rows(); ++i) {
        for (std::size_t k = 0; k < view.cols(); ++k)
            scores(i, k) = Criterion::score(static_cast<float>(view(i, k)), statistics.empty() ? 1.0f : statistics[k]);
    }
    return scores;
}

namespace detail {

/// The mask of the blocks with the highest sums, as `choose(scores, order, bits)` selects those of one line.
template <class Mask, class Here, class S, class Choose>
matrix<std::uint8_t> mask_by_scores(const S& scores, Choose choose) {
    const auto view = view_of(scores);
    const mask_grid<Mask> grid{view.rows(), view.cols()};
    matrix<std::uint8_t> mask(view.rows(), view.cols());
    scratch<float> sums(grid.lines() * grid.bits());
    for (std::size_t i = 0; i < view.rows(); ++i) {
        for (std::size_t k = 0; k < view.cols(); ++k) {
            float& sum = sums[grid.line(i) * grid.bits() + grid.bit(i, k)];
            sum += view(i, k);
            if (sum != sum) raise<Here>(errc::non_finite, "keep_mask: a pruning score is NaN (row ", i, ", column ", k, ")");
        }
    }
    const std::size_t bytes = ceil_div(grid.bits(), 8);
    scratch<std::byte> bits(grid.lines() * bytes);
    scratch<std::uint32_t> order(grid.bits());
    for (std::size_t line = 0; line < grid.lines(); ++line)
        choose(std::span<const float>{sums.data() + line * grid.bits(), grid.bits()}, order.span(), bits.data() + line * bytes);
    for (std::size_t i = 0; i < view.rows(); ++i) {
        for (std::size_t k = 0; k < view.cols(); ++k)
            mask(i, k) = mask_bit(bits.data() + grid.line(i) * bytes, grid.bit(i, k)) ? 1 : 0;
    }
    return mask;
}

} // namespace detail

/// What `Mask` keeps of weights with these scores (a matrix of float; the highest stay): rows x cols, 1 = kept, as `with` takes
/// it. Raises errc::non_finite for a score that is NaN.
template <class Mask, class Here = isa::here, viewable S>
[[nodiscard]] matrix<std::uint8_t> keep_mask(const S& scores) {
    return detail::mask_by_scores<Mask, Here>(scores, [](std::span<const float> line, std::span<std::uint32_t> order,
                                                         std::byte* bits) { detail::select(Mask{}, line, order, bits); });
}
/// The same for a percentage that is known at run time, as a schedule says it: each row loses floor(K * percent / 100), of blocks
/// where `Block` is another mask (its own percentage has no say).
template <class Block = unstructured<0>, class Here = isa::here, viewable S>
[[nodiscard]] matrix<std::uint8_t> keep_mask(const S& scores, double percent) {
    if (!(percent >= 0.0 && percent <= 100.0))
        raise<Here>(errc::invalid_argument, "keep_mask: a percentage lies between 0 and 100");
    return detail::mask_by_scores<Block, Here>(
        scores, [percent](std::span<const float> line, std::span<std::uint32_t> order, std::byte* bits) {
            const auto pruned = static_cast<std::size_t>(static_cast<double>(line.size()) * percent / 100.0);
            detail::keep_highest<Here>(line, line.size() - pruned, order, bits);
        });
}

} // namespace lowbit::inline v0
