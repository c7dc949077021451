// SPDX-License-Identifier: MIT
// group_quantizer: the values that share a scale - what a scale rule may ask of them, and their codes under the scale that it
// chose.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/scratch.hpp>
#include <lowbit/numeric/rounding.hpp>
#include <lowbit/quantize/code_table.hpp>
#include <lowbit/quantize/reference_rows.hpp>
#include <lowbit/quantize/scale_rule.hpp>
#include <lowbit/quantize/storage.hpp>

namespace lowbit::inline v0::detail {

/// An element whose levels are consecutive integers, which the row operations encode.
template <class E>
struct integer_levels {
    static constexpr bool value = false;
};
template <integer_element E>
struct integer_levels<E> {
    static constexpr bool value = true;
    static constexpr int low = E::min_code;
    static constexpr int high = E::max_code;
};
template <>
struct integer_levels<ternary> {
    static constexpr bool value = true;
    static constexpr int low = -1;
    static constexpr int high = 1;
};

/// The levels of an element as trial_grids has them. With `from_zero` integers count upwards from 0.
template <class E>
class level_table {
    static constexpr std::size_t most = integer_levels<E>::value ? 2 : std::size_t{1} << E::bits; // of integers only the ends
    std::array<float, most> levels_{};
    std::array<float, most> begins_{};
    std::size_t size_ = 0;

public:
    constexpr explicit level_table(bool from_zero) {
        if constexpr (integer_levels<E>::value) {
            const int low = from_zero ? integer_levels<E>::low : 0;
            levels_ = {static_cast<float>(integer_levels<E>::low - low), static_cast<float>(integer_levels<E>::high - low)};
            size_ = 2;
        } else {
            std::array<float, most> all{};
            std::size_t n = 0;
            for (std::size_t code = 0; code < most; ++code) {
                const float level = E::decode(static_cast<typename E::code_type>(code));
                if (level - level == 0.0f) all[n++] = level;
            }
            std::sort(all.data(), all.data() + n);
            for (std::size_t i = 0; i < n; ++i) {
                if (size_ != 0 && all[i] == levels_[size_ - 1]) continue; // both zeros
                begins_[size_] = size_ == 0 ? all[i] : all[i] * 0.5f + levels_[size_ - 1] * 0.5f;
                levels_[size_++] = all[i];
            }
        }
    }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float low() const noexcept { return levels_[0]; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float high() const noexcept { return levels_[size_ - 1]; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr kernel::trial_grids grids() const noexcept {
        kernel::trial_grids g;
        g.lo = low();
        g.hi = high();
        if constexpr (!integer_levels<E>::value) {
            g.levels = levels_.data();
            g.begins = begins_.data();
            g.size = size_;
        }
        return g;
    }
};

/// The power of two at or below x >= 0.
LOWBIT_HOST_DEVICE constexpr float floor_power(float x) noexcept {
    const auto value = __builtin_bit_cast(std::uint32_t, x);
    const std::uint32_t subnormal = value == 0 ? 0 : 0x8000'0000u >> __builtin_clz(value);
    return __builtin_bit_cast(float, value < 0x0080'0000u ? subnormal : value & f32_infinity);
}

/// The same, if its inverse is a float too: what lies around x, divided by it, has squares that floats hold.
LOWBIT_ALWAYS_INLINE constexpr float unit_of(float x) noexcept { return std::clamp(floor_power(x), 0x1p-126f, 0x1p126f); }

/// The code of a scale whose codes just cover a range: powers of two round up, since a smaller one would cut it.
template <class T>
LOWBIT_HOST_DEVICE constexpr std::uint32_t encode_cover(float ideal) noexcept {
    if constexpr (is_e8m0<T>) {
        return T::encode_ceil(ideal);
    } else {
        return scalar_codec<T>::encode(ideal);
    }
}

/// Stores a scale: the format's code of an ideal one. Without an offset codes reach beyond the range, and powers of two round
/// down, as OCP MX asks.
template <any_policy F>
LOWBIT_HOST_DEVICE constexpr std::uint32_t encode_scale(float ideal) noexcept {
    using T = typename F::scale_type;
    if constexpr (is_e8m0<T> && F::offset::kind == offset_kind::none) {
        return T::encode_floor(ideal);
    } else {
        return encode_cover<T>(ideal);
    }
}

/// a * b, which no compiler fuses with a sum.
template <class T>
LOWBIT_ALWAYS_INLINE constexpr T product(T a, T b) noexcept {
    T result = a * b;
    LOWBIT_NO_CONTRACT(result);
    return result;
}

/// What a rule asks for: the largest magnitude, the value that has it, the smallest and the largest value, or more than that.
enum class group_extremes { reach, farthest, range, other };

/// One group of values and what a rule may ask of it.
template <any_policy P, class Rows>
class group_quantizer {
    using E = typename P::element_type;
    using offset = typename P::offset;
    using ints = integer_levels<E>;

public:
    static constexpr bool offsets = offset::kind != offset_kind::none;
    static constexpr bool over_minimum = offset::kind == offset_kind::minimum || offset::kind == offset_kind::quantized_minimum;

private:
    static constexpr float unknown = -1.0f;
    static constexpr float covered = E::max() > 0.0f ? E::max() : -E::lowest();         ///< by codes on both sides of 0
    static constexpr float farthest = -E::lowest() > E::max() ? E::lowest() : E::max(); ///< from 0 of all values of codes
    static constexpr double steps = double{E::max()} - double{E::lowest()};             ///< from end to end
    static constexpr bool counts_up = over_minimum && integer_element<E>; ///< from 0, which stands for the minimum itself
    static constexpr int low = [] {
        if constexpr (ints::value && !counts_up) return ints::low;
        return 0;
    }();
    static constexpr int high = [] {
        if constexpr (ints::value) return counts_up ? ints::high - ints::low : ints::high;
        return 0;
    }();

public:
    /// Whether a negative scale can help: the codes reach further on one side.
    static constexpr bool two_signed = !offsets && E::lowest() < 0.0f && -E::lowest() != E::max() && [] {
        if constexpr (element<typename P::scale_type>) return P::scale_type::lowest() < 0.0f;
        return true;
    }();
    /// What alone the rule asks for, without column statistics; of all groups of a row at once it is found fast.
    static constexpr group_extremes extremes = [] {
        using rule = typename P::rule;
        constexpr bool is_absmax = std::same_as<rule, absmax>;
        constexpr bool is_signed = std::same_as<rule, signed_absmax>;
        using of = group_extremes;
        if (offsets) return is_absmax || is_signed || std::same_as<rule, minmax> ? of::range : of::other;
        return is_signed && two_signed ? of::farthest : is_absmax || is_signed ? of::reach : of::other;
    }();

    /// `reach`: the largest magnitude, where it is known.
    constexpr group_quantizer(const Rows& rows, std::span<const float> values, std::span<const float> importance,
                              float reach = unknown) noexcept
        : rows_(&rows), values_(values), importance_(importance), reach_(reach) {}

    [[nodiscard]] constexpr std::span<const float> values() const noexcept { return values_; }
    [[nodiscard]] constexpr std::span<const float> importance() const noexcept { return importance_; }
    [[nodiscard]] constexpr float reach() const {
        return reach_ == unknown ? rows_->absmax(values_.data(), values_.size()) : reach_;
    }
    [[nodiscard]] constexpr value_range magnitude() const { return {-reach(), reach()}; }
    [[nodiscard]] constexpr value_range full_range() const { return minmax::range(values_, *rows_); }

    /// A part of each side of a range: of what lies below and above 0, or its middle where a minimum is stored.
    [[nodiscard]] constexpr value_range clip(const value_range& r, float below, float above) const noexcept {
        float middle = 0.0f;
        if constexpr (offset::kind == offset_kind::minimum) middle = product(r.low, 0.5f) + product(r.high, 0.5f);
        return {middle + product(r.low - middle, below), middle + product(r.high - middle, above)};
    }

    /// The parameters whose codes just cover a range. The scale is ideal; it is rounded when stored.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr group_fit from_range(value_range r) noexcept {
        group_fit fit;
        if constexpr (offset::kind == offset_kind::none) {
            const float amplitude = -r.low < r.high ? r.high : -r.low;
            if constexpr (is_e8m0<typename P::scale_type>) {
                fit.scale =
                    floor_power(amplitude) / floor_power(covered); // exact, where a quotient below the normal floats is not
            } else {
                fit.scale = amplitude / covered;
            }
            if constexpr (integer_element<E>) fit.zero = 0;
        } else {
            if constexpr (offset::kind != offset_kind::minimum) { // 0 must be a code, or lie above the minimum
                r.low = 0.0f < r.low ? 0.0f : r.low;
                r.high = r.high < 0.0f ? 0.0f : r.high;
            }
            const double scale = (double{r.high} - double{r.low}) / steps;
            fit.scale = static_cast<float>(scale);
            if constexpr (offset::kind == offset_kind::minimum) {
                fit.minimum = static_cast<float>(double{r.low} - product(scale, double{counts_up ? 0.0f : E::lowest()}));
            } else if constexpr (offset::kind == offset_kind::quantized_minimum) {
                fit.minimum = r.low;
            }
            if constexpr (offset::kind == offset_kind::zero_point) {
                const float stored = stored_scale(fit.scale);
                const int zero = (stored == 0.0f ? 0 : round_to_int(-r.low / stored)) + low;
                fit.zero = zero < low ? low : high < zero ? high : zero;
            }
        }
        return fit;
    }

    /// The scale under which a value is the code farthest from 0. Without an offset.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr group_fit from_farthest(float value) noexcept {
        return {value / farthest, 0, 0.0f};
    }

    /// Readies `error` for magnitudes whose squares a float does not hold, or hardly: it then measures in units of a power of two
    /// near the largest, which changes no digit.
    constexpr void choose_unit() noexcept {
        constexpr float far = 0x1p32f;
        reach_ = reach();
        if (reach_ > 0.0f && !(reach_ > 1.0f / far && reach_ < far)) per_unit_ = 1.0f / unit_of(reach_);
    }

    /// The (weighted) squared error of parameters as they would be stored, in a unit of the group's own.
    [[nodiscard]] constexpr float error(const group_fit& fit) const {
        const float scale = stored_scale(fit.scale);
        const float minimum = stored_minimum(fit.minimum);
        if (per_unit_ == 1.0f) return squares(fit, scale, minimum);
        scratch<float> values(values_.size());
        for (std::size_t i = 0; i < values_.size(); ++i) values[i] = product(values_[i], per_unit_);
        return group_quantizer{*rows_, values.span(), importance_}.squares(fit, product(scale, per_unit_),
                                                                           product(minimum, per_unit_));
    }

    /// The errors of several parameters at once, which is faster.
    constexpr void errors(std::span<const group_fit> fits, float* to) const {
        using T = typename P::scale_type;
        constexpr std::size_t most = 128;
        if constexpr (ints::value && on_grids && !over_minimum && row_scalar<T> &&
                      std::is_void_v<typename P::super_scale::type> && !P::tensor_scale::present) {
            if (importance_.empty() && per_unit_ == 1.0f && fits.size() <= most) {
                float scales[most];
                T stored[most];
                std::int32_t zeros[most];
                bool representable = true;
                for (std::size_t i = 0; i < fits.size(); ++i) {
                    scales[i] = fits[i].scale;
                    zeros[i] = fits[i].zero;
                    representable = representable && std::max(scales[i], -scales[i]) <= scalar_codec<T>::max();
                }
                if (representable) { // where encode saturates, from_float does not
                    rows_->from_float(scales, fits.size(), stored);
                    rows_->to_float(stored, fits.size(), scales);
                    return rows_->squared_errors(values_.data(), values_.size(),
                                                 grids(values_.size(), scales, offsets ? zeros : nullptr), fits.size(), to);
                }
            }
        }
        for (std::size_t i = 0; i < fits.size(); ++i) to[i] = error(fits[i]);
    }

    /// Given the codes that `fit` leads to, the scale and minimum of least squared error; for formats with a float minimum.
    [[nodiscard]] constexpr group_fit least_squares(const group_fit& fit) const {
        if constexpr (offset::kind != offset_kind::minimum) {
            return fit;
        } else {
            scratch<std::uint8_t> levels(values_.size());
            encode(fit, stored_scale(fit.scale), stored_minimum(fit.minimum), 0, levels.span());
            double w = 0, q = 0, qq = 0, x = 0, qx = 0;
            for (std::size_t i = 0; i < values_.size(); ++i) {
                const double weight = importance_.empty() ? 1.0 : double{importance_[i]};
                const double code = double{decoded(levels[i], 0)};
                const double value = double{values_[i]};
                w += weight;
                q += product(weight, code);
                qq += product(weight * code, code);
                x += product(weight, value);
                qx += product(weight * code, value);
            }
            const double determinant = product(w, qq) - product(q, q);
            if (!(determinant > 0)) return fit;
            const double scale = (product(w, qx) - product(q, x)) / determinant;
            const double minimum = (product(qq, x) - product(q, qx)) / determinant;
            return {static_cast<float>(scale), 0, static_cast<float>(minimum)};
        }
    }

    /// The part of a range that a scale covers, 0 to 2, and below 0 where it is negative.
    [[nodiscard]] static constexpr float part(const value_range& full, const group_fit& fit) noexcept {
        return std::clamp(fit.scale / from_range(full).scale, -2.0f, 2.0f);
    }
    /// Whether `line` finds something.
    static constexpr bool lines = (offset::kind == offset_kind::none && !is_e8m0<typename P::scale_type>) ||
                                  (offset::kind == offset_kind::minimum && counts_up);
    /// The best of the lines of least squares through the levels that parts of the full range lead to, on whose error the stored
    /// scale has no say; over a minimum the parts begin at the lowest value.
    [[nodiscard]] constexpr group_fit line() const
        requires lines
    {
        const value_range full = offsets ? full_range() : magnitude();
        const float span = product(full.high, 0.5f) - product(full.low, 0.5f);
        if (!(span > 0.0f)) return {};
        const float middle = product(full.high, 0.5f) + product(full.low, 0.5f);
        const float unit = unit_of(span);
        const float per_unit = 1.0f / unit;
        scratch<float> values(values_.size());
        kernel::trial_grids grids = table.grids();
        for (std::size_t i = 0; i < values_.size(); ++i) {
            values[i] = product(values_[i] - middle, per_unit);
            const float weight = importance_.empty() ? 1.0f : importance_[i];
            grids.weight += weight;
            grids.sum += product(weight, values[i]);
        }
        grids.count = parts.size();
        grids.scale_steps = parts.data();
        grids.minimum_steps = from_lowest.data();
        const auto best = [&](float scale) {
            grids.scale_unit = scale;
            return rows_->try_grids(values.data(), importance_.empty() ? nullptr : importance_.data(), values.size(), grids);
        };
        const float reach = product(span, per_unit);
        kernel::trial_result found;
        if constexpr (offsets) {
            grids.minimum_first = 1.0f;
            grids.minimum_unit = -reach;
            grids.judge = kernel::trial_grids::by::line;
            found = best(2.0f * reach / table.high());
        } else {
            grids.judge = kernel::trial_grids::by::scale;
            found = best(from_range({-reach, reach}).scale);
            if constexpr (two_signed) {
                if (const auto turned = best(-grids.scale_unit); turned.error < found.error) found = turned;
            }
        }
        group_fit fit;
        fit.scale = product(found.scale, unit);
        if constexpr (offsets) fit.minimum = product(found.minimum, unit) + middle;
        return fit;
    }

    /// Levels of the group for an effective scale and minimum. `first` counts elements, for stochastic rounding.
    constexpr void encode(const group_fit& fit, float scale, float minimum, std::uint64_t first,
                          std::span<std::uint8_t> levels) const {
        if constexpr (on_grids) {
            rows_->encode(values_.data(), values_.size(), grid(fit, scale, minimum), levels.data());
        } else {
            for (std::size_t i = 0; i < values_.size(); ++i) {
                const float ratio = scale == 0.0f ? 0.0f : (over_minimum ? values_[i] - minimum : values_[i]) / scale;
                if constexpr (ints::value) {
                    const float rounded = std::clamp(P::rounding::round(ratio, first + i), -16777216.0f, 16777216.0f);
                    levels[i] = static_cast<std::uint8_t>(std::clamp(static_cast<int>(rounded) + fit.zero, low, high) - low);
                } else if constexpr (std::same_as<typename P::rounding, nearest_even>) {
                    levels[i] = E::encode(ratio);
                } else {
                    levels[i] = encode_as<E, typename P::rounding>(ratio, first + i);
                }
            }
        }
    }

    /// Whether `encode` is rows.encode on these grids: they are those of a row's groups.
    static constexpr bool on_grids = (ints::value || found_by_table<E>) && std::same_as<typename P::rounding, nearest_even>;
    static constexpr kernel::code_grids grids(std::size_t length, const float* scales, const std::int32_t* zeros) noexcept {
        kernel::code_grids all{length, scales, zeros, low, high, -low};
        if constexpr (!ints::value && on_grids) all.table = &code_table_of<E>;
        return all;
    }

    /// What remains of a scale after it is stored, with one level of scales; otherwise the scale.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr float stored_scale(float ideal) noexcept {
        using T = typename P::scale_type;
        if constexpr (std::is_void_v<typename P::super_scale::type> && !P::tensor_scale::present) {
            return scalar_codec<T>::decode(encode_scale<P>(ideal));
        } else {
            return ideal;
        }
    }
    /// What remains of a minimum after it is stored, with one level of minimums; otherwise the minimum.
    [[nodiscard]] static constexpr float stored_minimum(float ideal) noexcept {
        if constexpr (offset::kind == offset_kind::minimum) {
            using T = typename offset::type;
            return scalar_codec<T>::decode(scalar_codec<T>::encode(ideal));
        } else {
            return ideal;
        }
    }

private:
    constexpr float squares(const group_fit& fit, float scale, float minimum) const {
        if constexpr (ints::value) {
            if (importance_.empty()) {
                float sum = 0.0f;
                rows_->squared_errors(values_.data(), values_.size(), grid(fit, scale, minimum), 1, &sum);
                return sum;
            }
        }
        scratch<std::uint8_t> levels(values_.size());
        encode(fit, scale, minimum, 0, levels.span());
        float sum = 0.0f;
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const float off = values_[i] - (product(decoded(levels[i], fit.zero), scale) + minimum);
            sum += product(off * off, importance_.empty() ? 1.0f : importance_[i]);
        }
        return sum;
    }

    /// The grid of these alone, which must outlive it.
    static constexpr kernel::code_grids grid(const group_fit& fit, const float& scale, const float& minimum) noexcept {
        kernel::code_grids one = grids(~std::size_t{0}, &scale, &fit.zero);
        if constexpr (over_minimum) one.minimums = &minimum;
        return one;
    }

    static constexpr float decoded(std::uint8_t level, int zero) noexcept {
        if constexpr (ints::value) {
            return static_cast<float>(int{level} + low - zero);
        } else {
            return E::decode(level);
        }
    }

    static constexpr level_table<E> table{counts_up};
    static constexpr auto parts = [] { // half more than the range, and less and less of it
        std::array<float, 32> all{};
        float part = 1.5f;
        for (float& p : all) {
            p = part;
            part *= 0.945f;
        }
        return all;
    }();
    static constexpr std::array<float, parts.size()> from_lowest{};

    const Rows* rows_;
    std::span<const float> values_;
    std::span<const float> importance_;
    float reach_;
    float per_unit_ = 1.0f;
};

/// A rule of the searching kind: asks the quantizer for errors.
template <class R, class Quantizer>
concept fit_rule = requires(const Quantizer& quantizer) { R::fit(quantizer); };

/// Applies a rule of either kind to a group.
template <class Rule, class Quantizer, class Rows>
constexpr group_fit fit_group(Quantizer quantizer, const Rows& rows) {
    if constexpr (fit_rule<Rule, Quantizer>) {
        quantizer.choose_unit();
        return Rule::fit(quantizer);
    } else if constexpr (requires { Rule::range(quantizer.values(), rows); }) {
        // an offset is made for the whole range, whichever rule bounds it
        if constexpr (std::same_as<Rule, absmax>)
            return quantizer.from_range(Quantizer::offsets ? quantizer.full_range() : quantizer.magnitude());
        return quantizer.from_range(Rule::range(quantizer.values(), rows));
    } else {
        static_assert(range_rule<Rule>, "lowbit policy: scale_rule<R> needs R::range(std::span<const float>) -> value_range, or "
                                        "R::fit(quantizer) -> group_fit");
        return quantizer.from_range(Rule::range(quantizer.values()));
    }
}

} // namespace lowbit::inline v0::detail
