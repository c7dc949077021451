// SPDX-License-Identifier: MIT
// Pruning criteria: how much a weight matters. A user's own type with the same member is used like these.
#pragma once

#include <concepts>

namespace lowbit::inline v0 {

/// Scores one weight; higher is kept. `statistic` is what the caller gave for the weight's column, 1 if nothing.
template <class C>
concept pruning_criterion = requires(float weight, float statistic) {
    { C::score(weight, statistic) } -> std::convertible_to<float>;
};

/// Keeps the weights of largest magnitude.
struct by_magnitude {
    static constexpr float score(float weight, float /*statistic*/) noexcept { return weight < 0.0f ? -weight : weight; }
};

} // namespace lowbit::inline v0
