// SPDX-License-Identifier: MIT
// Masks that grow: what a training that prunes as it goes needs of a mask.
#pragma once

#include "dataset.hpp"

#include <lowbit/eigen.hpp>
#include <lowbit/prune/keep_mask.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace demo {

namespace lb = lowbit;

/// A kind of mask, known at run time. The same kind is the same object.
struct mask_kind {
    double percent; ///< of the weights that are gone in the end
    /// What stays of `weights` when `percent` of each row are gone, 1 where a weight stays.
    lb::matrix<std::uint8_t> (*grown)(const matrix& weights, double percent);
};

template <std::size_t N, std::size_t M>
constexpr double percent_of(lb::n_of_m<N, M>) {
    return 100 - 100.0 * N / M;
}
template <class Mask>
constexpr double percent_of(Mask) {
    return Mask::percent;
}

/// What the whole mask would keep is safe; of the rest the smallest weights go first.
template <class Mask>
lb::matrix<std::uint8_t> grown_mask(const matrix& weights, double percent) {
    lb::matrix<float> scores = lb::scores_of<lb::by_magnitude>(weights);
    const lb::matrix<std::uint8_t> whole = lb::keep_mask<Mask>(scores);
    if (percent >= percent_of(Mask{})) return whole;
    for (std::size_t i = 0; i < scores.rows(); ++i) {
        for (std::size_t k = 0; k < scores.cols(); ++k) {
            if (whole(i, k) != 0) scores(i, k) = std::numeric_limits<float>::infinity();
        }
    }
    return lb::keep_mask(scores, percent);
}

template <class Mask>
inline constexpr mask_kind some_mask{percent_of(Mask{}), grown_mask<Mask>};

/// The kind of a policy's mask; null where it prunes nothing.
template <class Mask>
inline constexpr const mask_kind* kind_of_mask = nullptr;
template <class Mask, class Criterion>
inline constexpr const mask_kind* kind_of_mask<lb::prune<Mask, Criterion>> = &some_mask<Mask>;

} // namespace demo
