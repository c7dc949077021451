// SPDX-License-Identifier: MIT
// cubic_schedule: how much is pruned at each step of a training that prunes as it goes.
#pragma once

#include <cstddef>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// The gradual schedule of Zhu & Gupta (arXiv:1710.01878): fast while there is much to choose from, slower and slower after. From
/// step `begin` to `end` the percentage that is pruned grows from `first` to `last`; the mask is made anew where `due`.
struct cubic_schedule {
    double first = 0.0; ///< percent of the weights
    double last = 50.0;
    std::size_t begin = 0; ///< steps
    std::size_t end = 1;
    std::size_t every = 1; ///< steps from mask to mask

    /// Percent of the weights that are pruned at `step`: `first` before `begin`, exactly `last` from `end` on.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr double operator()(std::size_t step) const noexcept {
        if (step >= end) return last;
        if (step <= begin) return first;
        const double left = static_cast<double>(end - step) / static_cast<double>(end - begin);
        return last + (first - last) * left * left * left;
    }
    /// Whether a new mask is made at `step`; at `end` always, and never after.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool due(std::size_t step) const noexcept {
        return step == end || (step >= begin && step < end && (step - begin) % (every == 0 ? 1 : every) == 0);
    }
};

} // namespace lowbit::inline v0
