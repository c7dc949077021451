// SPDX-License-Identifier: MIT
// movement_scores: what a training says of its weights, for masks that keep what it moves away from 0.
#pragma once

#include <cstddef>

#include <lowbit/core/config.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0 {

/// Movement scores (Sanh et al., arXiv:2005.07683): weights that training moves away from 0 stay. Each step adds -weight *
/// gradient.
class movement_scores {
public:
    LOWBIT_ALWAYS_INLINE movement_scores(std::size_t rows, std::size_t cols) : scores_(rows, cols) {}

    /// Takes in one step. Raises errc::shape_mismatch.
    template <class Here = isa::here, viewable W, viewable G>
    void add(const W& weights, const G& gradients) {
        const auto w = view_of(weights);
        const auto g = view_of(gradients);
        if (w.rows() != scores_.rows() || w.cols() != scores_.cols() || g.rows() != w.rows() || g.cols() != w.cols()) {
            raise<Here>(errc::shape_mismatch, "movement_scores: weights ", w.rows(), " x ", w.cols(), " and gradients ", g.rows(),
                        " x ", g.cols(), " for ", scores_.rows(), " x ", scores_.cols(), " scores");
        }
        for (std::size_t i = 0; i < w.rows(); ++i) {
            for (std::size_t k = 0; k < w.cols(); ++k) scores_(i, k) -= static_cast<float>(w(i, k)) * static_cast<float>(g(i, k));
        }
    }
    /// rows x cols, for keep_mask and `with`.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const matrix<float>& scores() const noexcept { return scores_; }

private:
    matrix<float> scores_;
};

} // namespace lowbit::inline v0
