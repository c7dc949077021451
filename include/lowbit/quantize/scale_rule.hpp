// SPDX-License-Identifier: MIT
// Scale rules: from the values of a group to the range that its codes shall cover, or straight to its scale and offset.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>

#include <lowbit/core/config.hpp>
#include <lowbit/core/scratch.hpp>

namespace lowbit::inline v0 {

/// The real values that the codes of a group shall reach. Symmetric formats take the larger magnitude.
struct value_range {
    float low;
    float high;

    /// What of it lies within `reach` of 0. Its magnitude is `reach`, if it went as far.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr value_range within(float reach) const noexcept {
        return {std::clamp(low, -reach, reach), std::clamp(high, -reach, reach)};
    }
};

/// The parameters of a group: value = scale * (level - zero) + minimum. `zero` is used by integer elements, `minimum` by formats
/// that store one.
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
        return minmax::range(values, rows).within(rows.sum_abs(values.data(), values.size()) / static_cast<float>(values.size()));
    }
};

/// Clips: the magnitude that `Part` / `Of` of the values do not exceed maps to the largest code.
template <std::size_t Part, std::size_t Of = 100>
    requires(Part > 0 && Part <= Of)
struct percentile {
    template <class Rows>
    static constexpr value_range range(std::span<const float> values, const Rows& rows) {
        if (values.empty()) return {0.0f, 0.0f};
        const std::size_t n = values.size();
        detail::scratch<float> magnitudes(n);
        for (std::size_t i = 0; i < n; ++i) magnitudes[i] = values[i] < 0.0f ? -values[i] : values[i];
        const std::size_t rank = (n / Of * Part + (n % Of * Part + Of - 1) / Of) - 1;
        // this function is named after Rows, and with it what is instantiated for the lambda: see isa/here.hpp
        std::nth_element(magnitudes.data(), magnitudes.data() + rank, magnitudes.data() + n,
                         [](float a, float b) { return a < b; });
        return minmax::range(values, rows).within(magnitudes[rank]);
    }
};

/// Searches the scale (both signs) and offset of least squared error, importance-weighted where column statistics are given.
/// Without an offset it starts from the best of some lines of least squares, else from a grid of clipped ranges; then each end
/// moves on its own in ever smaller steps; then, over a float minimum, least squares on the codes reached. Two levels of integer
/// scales have a search of their own, quantize/two_level.hpp.
struct mse {
    static constexpr int coarse = 40;   ///< the grid steps by 1/40 of the full range,
    static constexpr int narrowest = 7; ///< down to 7/40 of it,
    static constexpr int fine = 16;     ///< the ends by down to 1/640
    static constexpr int refinements = 8;
    static constexpr std::size_t longest = 4096; ///< values of a group that is not gridded first, but by least squares: these add
                                                 ///< one value after another

    template <class Quantizer>
    static constexpr group_fit fit(const Quantizer& quantizer) {
        const value_range full = quantizer.offsets ? quantizer.full_range() : quantizer.magnitude();
        group_fit best = quantizer.from_range(full);
        if (best.scale == 0.0f) return best;
        float least = quantizer.error(best);

        parts at{coarse * fine, coarse * fine, false}; // the best candidate's
        // Takes the best of some candidates, the first of equals; with `first` the first that is better than the best so far.
        const auto consider = [&]<std::size_t Count>(const std::array<parts, Count>& tries, bool first = false) {
            constexpr float unit = 1.0f / (coarse * fine);
            std::array<group_fit, Count> fits;
            std::array<float, Count> errors;
            for (std::size_t i = 0; i < Count; ++i) {
                fits[i] = quantizer.from_range(
                    quantizer.clip(full, static_cast<float>(tries[i].below) * unit, static_cast<float>(tries[i].above) * unit));
                if (tries[i].turned) fits[i].scale = -fits[i].scale;
            }
            quantizer.errors(fits, errors.data());
            for (std::size_t i = 0; i < Count; ++i) {
                if (!(errors[i] < least)) continue;
                least = errors[i];
                best = fits[i];
                at = tries[i];
                if (first) return;
            }
        };
        const auto take = [&](const group_fit& fit) {
            const float error = quantizer.error(fit);
            if (!(error < least)) return;
            least = error;
            best = fit;
            const float part = quantizer.part(full, fit);
            at.below = at.above = static_cast<int>(std::max(part, -part) * (coarse * fine) + 0.5f);
            at.turned = part < 0.0f;
        };
        bool started = false;
        if constexpr (Quantizer::lines && !Quantizer::offsets) {
            started = quantizer.values().size() <= longest;
            if (started) take(quantizer.line());
        }
        if (!started) consider(grid<Quantizer::two_signed>);
        for (int step = 4 * fine; step > 0; step /= 2) { // beyond the full range too, where scales are few, as E8M0
            if constexpr (Quantizer::offsets) {
                for (const int by : {-step, step}) {
                    consider(std::array{parts{at.below + by, at.above, false}});
                    consider(std::array{parts{at.below, at.above + by, false}});
                }
            } else { // a step back from a narrower one would be where it came from
                consider(std::array{parts{at.below - step, at.above - step, at.turned},
                                    parts{at.below + step, at.above + step, at.turned}},
                         true);
            }
        }
        if constexpr (Quantizer::lines && Quantizer::offsets) take(quantizer.line());
        for (int left = refinements; left > 0; --left) {
            const group_fit candidate = quantizer.least_squares(best);
            const float error = quantizer.error(candidate);
            if (!(error < least)) break;
            least = error;
            best = candidate;
        }
        return best;
    }

private:
    /// A candidate: the parts of the range that it covers on either side, in 1/640, and whether its scale is negative.
    struct parts {
        int below;
        int above;
        bool turned;
    };
    template <bool TwoSigned>
    static constexpr auto grid = [] {
        std::array<parts, std::size_t{(TwoSigned ? 2 : 1) * (coarse - narrowest + 1)}> all{};
        std::size_t i = 0;
        for (int part = coarse; part >= narrowest; --part) {
            all[i++] = {part * fine, part * fine, false};
            if (TwoSigned) all[i++] = {part * fine, part * fine, true};
        }
        return all;
    }();
};

/// The value of the largest magnitude maps to the code farthest from 0, with a negative scale if their signs differ: the step is
/// 1/8 rather than 1/7 of it in 4 bits, and the other side may lack one (ggml's rule). With an offset, or where codes or scales
/// have no such side, the same as absmax. Where column statistics are given, mse.
struct signed_absmax {
    template <class Quantizer>
    static constexpr group_fit fit(const Quantizer& quantizer) {
        if (!quantizer.importance().empty()) return mse::fit(quantizer);
        if constexpr (Quantizer::two_signed) {
            const value_range full = quantizer.full_range();
            return quantizer.from_farthest(-full.low >= full.high ? full.low : full.high);
        } else {
            return quantizer.from_range(Quantizer::offsets ? quantizer.full_range() : quantizer.magnitude());
        }
    }
};

} // namespace lowbit::inline v0
