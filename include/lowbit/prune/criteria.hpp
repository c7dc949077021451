// SPDX-License-Identifier: MIT
// Pruning criteria: how much a weight matters. A user's own type with the same member is used like these.
#pragma once

#include <concepts>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// Scores one weight; higher is kept. `statistic` is what the caller gave for the weight's column, 1 if nothing.
template <class C>
concept pruning_criterion = requires(float weight, float statistic) {
    { C::score(weight, statistic) } -> std::convertible_to<float>;
};

/// Keeps the weights of largest magnitude.
struct by_magnitude {
    static LOWBIT_ALWAYS_INLINE constexpr float score(float weight, float /*statistic*/) noexcept {
        return weight < 0.0f ? -weight : weight;
    }
};

/// Keeps what moves the outputs most: magnitude times the norm of the column's inputs (Wanda, arXiv:2306.11695). The statistics
/// are norms, which `input_norms` gathers; only their ratios matter, and a column of norm 0 goes first.
struct by_wanda {
    static LOWBIT_ALWAYS_INLINE constexpr float score(float weight, float norm) noexcept {
        return by_magnitude::score(weight, norm) * norm;
    }
    /// Searches of scales weigh squared errors, and so by squared norms.
    static LOWBIT_ALWAYS_INLINE constexpr float importance(float norm) noexcept { return norm * norm; }
};

namespace detail {

/// What a statistic says to searches of scales: itself, unless the criterion knows better.
template <class Criterion>
LOWBIT_ALWAYS_INLINE constexpr float importance_of(float statistic) noexcept {
    if constexpr (requires { Criterion::importance(statistic); }) {
        return Criterion::importance(statistic);
    } else {
        return statistic;
    }
}

} // namespace detail

} // namespace lowbit::inline v0
