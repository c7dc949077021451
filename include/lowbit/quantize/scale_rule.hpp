// SPDX-License-Identifier: MIT
// Scale rules: from the values of a group to the range that its codes shall cover, or straight to its scale and offset.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>

#include <lowbit/core/scratch.hpp>

namespace lowbit::inline v0 {

/// The real values that the codes of a group shall reach. Symmetric formats take the larger magnitude.
struct value_range {
    float low;
    float high;
};

/// The parameters of a group: value = scale * (level - zero) + minimum. `zero` is used by integer elements, `minimum` by formats that store one.
struct group_fit {
    float scale = 0.0f;
    int zero = 0;
    float minimum = 0.0f;
};

/// A rule of the simple kind: sees a group's values, names their range. A user's own type with this member is used like ours.
template <class R>
concept range_rule = requires(std::span<const float> values) {
    { R::range(values) } -> std::convertible_to<value_range>;
};

/// A largest magnitude maps to the largest code.
struct absmax {
    template <class Rows>
    static constexpr value_range range(std::span<const float> values, const Rows& rows) {
        const float reach = rows.absmax(values.data(), values.size());
        return {-reach, reach};
    }
};

/// The smallest and the largest value map to the ends of the codes. With `symmetric` the same as absmax.
struct minmax {
    template <class Rows>
    static constexpr value_range range(std::span<const float> values, const Rows& rows) {
        value_range r{0.0f, 0.0f};
        if (!values.empty()) rows.minmax(values.data(), values.size(), &r.low, &r.high);
        return r;
    }
};

/// The mean magnitude maps to the largest code: BitNet's rule for ternary and XNOR-Net's for binary weights.
struct abs_mean {
    template <class Rows>
    static constexpr value_range range(std::span<const float> values, const Rows& rows) {
        if (values.empty()) return {0.0f, 0.0f};
        const float mean = rows.sum_abs(values.data(), values.size()) / static_cast<float>(values.size());
        return {-mean, mean};
    }
};

/// Clips: the magnitude that `Part` / `Of` of the values do not exceed maps to the largest code.
template <std::size_t Part, std::size_t Of = 100>
    requires(Part > 0 && Part <= Of)
struct percentile {
    static constexpr value_range range(std::span<const float> values) {
        if (values.empty()) return {0.0f, 0.0f};
        const std::size_t n = values.size();
        detail::scratch<float> magnitudes(n);
        for (std::size_t i = 0; i < n; ++i) magnitudes[i] = values[i] < 0.0f ? -values[i] : values[i];
        const std::size_t rank = (n / Of * Part + (n % Of * Part + Of - 1) / Of) - 1;
        std::nth_element(magnitudes.data(), magnitudes.data() + rank, magnitudes.data() + n);
        return {-magnitudes[rank], magnitudes[rank]};
    }
};

/// Searches the scale (both signs) and offset of least squared error, importance-weighted where column statistics are given:
/// a coarse grid of clipped ranges, then a fine one around the best.
struct mse {
    static constexpr int coarse = 40; ///< the grid steps by 1/40 of the full range, down to 7/40 of it
    static constexpr int fine = 8;    ///< and by 1/320 around the best

    template <class Quantizer>
    static constexpr group_fit fit(const Quantizer& quantizer) {
        const value_range full = quantizer.offsets ? quantizer.full_range() : quantizer.magnitude();
        group_fit best = quantizer.from_range(full);
        if (best.scale == 0.0f) return best;
        float least = quantizer.error(best);
        const auto consider = [&](const group_fit& candidate) {
            const float e = quantizer.error(candidate);
            if (e < least) {
                least = e;
                best = candidate;
                return true;
            }
            return false;
        };
        const auto clipped = [&](int numerator, int denominator) {
            return quantizer.from_range(quantizer.clip(full, static_cast<float>(numerator) / static_cast<float>(denominator)));
        };
        int at = coarse * fine;
        bool negative = false;
        for (int step = coarse; step >= 7; --step) {
            group_fit candidate = clipped(step, coarse);
            if (consider(candidate)) at = step * fine, negative = false;
            if constexpr (Quantizer::two_signed) {
                candidate.scale = -candidate.scale;
                if (consider(candidate)) at = step * fine, negative = true;
            }
        }
        const int centre = at;
        for (int step = centre - fine + 1; step < centre + fine; ++step) {
            group_fit candidate = clipped(step, coarse * fine);
            if (negative) candidate.scale = -candidate.scale;
            consider(candidate);
        }
        if constexpr (Quantizer::offsets) {
            for (int round = 0; round < 3; ++round) consider(quantizer.least_squares(best));
        }
        return best;
    }
};

} // namespace lowbit::inline v0
