// SPDX-License-Identifier: MIT
// keep_more: an order of the columns under which n_of_m keeps more of what matters.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <lowbit/core/error.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0 {

/// An order of columns, and what it is worth.
struct column_order {
    std::vector<std::uint32_t> order; ///< the logical index of each stored column, for `with` and permuted_columns
    double kept_before = 0;           ///< sum of the scores that n_of_m keeps, columns as they are
    double kept_after = 0;            ///< and in this order
    std::size_t trials = 0;           ///< pairs of runs that were looked at
    std::size_t swaps = 0;            ///< columns that changed places
};

namespace detail {

/// The scores of the columns that stand in one run of M, and what N of M keep of it where one column is taken out: for each row
/// the sum of the N highest others, and the lowest of those. With a score x in its place `sum + max(0, x - lowest)` is kept.
template <std::size_t N, std::size_t M, class Here>
class score_runs {
public:
    template <class S>
    explicit score_runs(const S& scores)
        : rows_(scores.rows()), columns_(scores.cols() * rows_), sums_(columns_.size()), lowest_(columns_.size()) {
        for (std::size_t k = 0; k < scores.cols(); ++k) {
            for (std::size_t r = 0; r < rows_; ++r) {
                const auto x = static_cast<float>(scores(r, k));
                if (!(x >= 0.0f && x <= 3e38f))
                    raise<Here>(errc::non_finite, "keep_more: a score is negative, NaN or infinite (row ", r, ", column ", k,
                                ")");
                columns_[k * rows_ + r] = x;
            }
        }
        for (std::size_t run = 0; run < runs(); ++run) look_at(run);
    }
    /// Whole runs; columns behind them stay where they are.
    [[nodiscard]] std::size_t runs() const noexcept { return rows_ == 0 ? 0 : columns_.size() / rows_ / M; }

    /// What is kept of all runs.
    [[nodiscard]] double kept() const {
        double sum = 0;
        for (std::size_t run = 0; run < runs(); ++run) sum += kept(run);
        return sum;
    }
    /// What is kept of a run as it is.
    [[nodiscard]] double kept(std::size_t run) const { return kept_with(run, 0, run * M); }
    /// The best swap of a column of run a with one of run b.
    struct swap_of {
        std::size_t a, b;
        double kept; ///< of both runs after it
    };
    [[nodiscard]] swap_of best_swap(std::size_t a, std::size_t b) const {
        swap_of best{a * M, b * M, 0};
        for (std::size_t i = 0; i < M; ++i) {
            for (std::size_t j = 0; j < M; ++j) {
                const double sum = kept_with(a, i, b * M + j) + kept_with(b, j, a * M + i);
                if (sum > best.kept) best = {a * M + i, b * M + j, sum};
            }
        }
        return best;
    }
    void swap(std::size_t a, std::size_t b) {
        std::swap_ranges(at(columns_, a), at(columns_, a) + rows_, at(columns_, b));
        look_at(a / M);
        look_at(b / M);
    }

private:
    float* at(scratch<float>& v, std::size_t column) noexcept { return v.data() + column * rows_; }

    /// What is kept of a run in which `column`, of any run, stands in one place.
    [[nodiscard]] double kept_with(std::size_t run, std::size_t place, std::size_t column) const {
        // in lanes, whose number no compiler flag changes
        constexpr std::size_t width = 16;
        using lanes = Eigen::Array<float, static_cast<int>(width), 1>;
        const std::size_t out = run * M + place;
        const float* const sums = sums_.data() + out * rows_;
        const float* const lowest = lowest_.data() + out * rows_;
        const float* const scores = columns_.data() + column * rows_;
        const auto at_row = [](const float* p) { return Eigen::Map<const lanes>(p); };
        lanes kept = lanes::Zero();
        std::size_t r = 0;
        for (; r + width <= rows_; r += width) kept += at_row(sums + r) + (at_row(scores + r) - at_row(lowest + r)).max(0.0f);
        double sum = 0;
        for (const float x : kept) sum += static_cast<double>(x);
        for (; r < rows_; ++r) sum += static_cast<double>(sums[r] + std::max(scores[r] - lowest[r], 0.0f));
        return sum;
    }
    void look_at(std::size_t run) {
        for (std::size_t r = 0; r < rows_; ++r) {
            for (std::size_t out = 0; out < M; ++out) {
                float others[M] = {};
                std::size_t n = 0;
                for (std::size_t i = 0; i < M; ++i)
                    if (i != out) others[n++] = at(columns_, run * M + i)[r];
                std::nth_element(others, others + N - 1, others + n, [](float a, float b) { return a > b; });
                float sum = 0.0f;
                for (std::size_t i = 0; i < N; ++i) sum += others[i];
                at(sums_, run * M + out)[r] = sum;
                at(lowest_, run * M + out)[r] = others[N - 1];
            }
        }
    }

    std::size_t rows_;
    scratch<float> columns_;
    scratch<float> sums_;
    scratch<float> lowest_;
};

template <class Here, std::size_t N, std::size_t M, class S>
column_order keep_more(n_of_m<N, M>, const S& scores, std::size_t most_trials) {
    score_runs<N, M, Here> kept{scores};
    column_order found;
    found.order.resize(scores.cols());
    for (std::size_t k = 0; k < found.order.size(); ++k) found.order[k] = static_cast<std::uint32_t>(k);
    found.kept_before = kept.kept();
    const std::size_t runs = kept.runs();
    bool changed = runs > 1;
    while (changed && found.trials < most_trials) {
        changed = false;
        for (std::size_t apart = 1; apart < runs && found.trials < most_trials; ++apart) {
            for (std::size_t a = 0; a + apart < runs && found.trials < most_trials; ++a) {
                const std::size_t b = a + apart;
                const auto swap = kept.best_swap(a, b);
                ++found.trials;
                const double now = kept.kept(a) + kept.kept(b);
                if (!(swap.kept > now * (1.0 + 1e-5))) continue; // more than rounding
                kept.swap(swap.a, swap.b);
                std::swap(found.order[swap.a], found.order[swap.b]);
                ++found.swaps;
                changed = true;
            }
        }
    }
    found.kept_after = kept.kept();
    return found;
}

} // namespace detail

/// An order of the columns in which `Mask`, n_of_m<N, M>, keeps more of `scores` (rows x cols, none negative): greedy swaps of
/// the columns of two runs of M, as in Pool & Yu (NeurIPS 2021), until no pair of runs gains or `most_trials` pairs were looked
/// at. A trial reads 2 * M * M columns. The result depends on nothing else; columns behind the last whole run stay. Raises
/// errc::non_finite.
template <class Mask, class Here = isa::here, viewable S>
[[nodiscard]] column_order keep_more(const S& scores, std::size_t most_trials = 200'000) {
    return detail::keep_more<Here>(Mask{}, view_of(scores), most_trials);
}

} // namespace lowbit::inline v0
