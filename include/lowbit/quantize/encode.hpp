// SPDX-License-Identifier: MIT
// The encoder: from rows of float weights to a format's bytes. One algorithm, constexpr with the reference rows, fast with a level's.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/numeric/rounding.hpp>
#include <lowbit/prune/criteria.hpp>
#include <lowbit/prune/select.hpp>
#include <lowbit/quantize/decode.hpp>
#include <lowbit/quantize/reference_rows.hpp>
#include <lowbit/quantize/scale_rule.hpp>
#include <lowbit/quantize/side_input.hpp>

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

constexpr int floor_log2(float x) noexcept { return static_cast<int>(std::bit_cast<std::uint32_t>(x) >> 23 & 255) - 127; }
constexpr float exp2_int(int e) noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(e + 127) << 23); }

/// Stores a scale: the format's code of an ideal one. E8M0 rounds down, as OCP MX asks.
template <class T>
constexpr std::uint32_t encode_scale(float ideal) noexcept {
    if constexpr (std::same_as<T, e8m0>) {
        return e8m0::encode_floor(ideal);
    } else {
        return scalar_codec<T>::encode(ideal);
    }
}

/// One group of values and what a rule may ask of it.
template <any_policy P, class Rows>
class group_quantizer {
    using E = typename P::element_type;
    using offset = typename P::offset;
    using ints = integer_levels<E>;
    // over a minimum, levels count from 0 upwards
    static constexpr bool over_minimum = offset::kind == offset_kind::minimum || offset::kind == offset_kind::quantized_minimum;

    static constexpr int low = [] {
        if constexpr (ints::value && !over_minimum) return ints::low;
        return 0;
    }();
    static constexpr int high = [] {
        if constexpr (ints::value) return over_minimum ? ints::high - ints::low : ints::high;
        return 0;
    }();

public:
    static constexpr bool offsets = offset::kind != offset_kind::none;
    /// Whether a negative scale can help: the codes reach further on one side.
    static constexpr bool two_signed = !offsets && E::lowest() < 0.0f && -E::lowest() != E::max() && [] {
        if constexpr (element<typename P::scale_type>) return P::scale_type::lowest() < 0.0f;
        return true;
    }();

    constexpr group_quantizer(const Rows& rows, std::span<const float> values, std::span<const float> importance) noexcept
        : rows_(&rows), values_(values), importance_(importance) {}

    [[nodiscard]] constexpr std::span<const float> values() const noexcept { return values_; }
    [[nodiscard]] constexpr value_range magnitude() const { return absmax::range(values_, *rows_); }
    [[nodiscard]] constexpr value_range full_range() const { return minmax::range(values_, *rows_); }

    /// A part of a range: towards 0, or towards its middle where a minimum is stored.
    [[nodiscard]] constexpr value_range clip(const value_range& r, float part) const noexcept {
        if constexpr (offset::kind == offset_kind::minimum) {
            const float cut = (r.high - r.low) * (1.0f - part) * 0.5f;
            return {r.low + cut, r.high - cut};
        } else {
            return {r.low * part, r.high * part};
        }
    }

    /// The parameters whose codes just cover a range. The scale is ideal; it is rounded when stored.
    [[nodiscard]] constexpr group_fit from_range(value_range r) const noexcept {
        group_fit fit;
        if constexpr (offset::kind == offset_kind::none) {
            const float amplitude = std::max(-r.low, r.high);
            constexpr float reach = E::max() > 0.0f ? E::max() : -E::lowest();
            constexpr float unit = std::same_as<typename P::scale_type, e8m0> ? exp2_int(floor_log2(reach)) : reach;
            fit.scale = amplitude / unit;
            if constexpr (integer_element<E>) fit.zero = 0;
        } else {
            constexpr float steps = E::max() - E::lowest();
            if constexpr (offset::kind == offset_kind::minimum) {
                fit.minimum = stored_offset(r.low);
            } else {
                r.low = std::min(r.low, 0.0f); // 0 must be a code, or lie above the minimum
                r.high = std::max(r.high, 0.0f);
                if constexpr (offset::kind == offset_kind::quantized_minimum) fit.minimum = r.low;
            }
            fit.scale = static_cast<float>((static_cast<double>(r.high) - static_cast<double>(r.low)) / static_cast<double>(steps));
            if constexpr (offset::kind == offset_kind::zero_point) {
                const float scale = stored_scale(fit.scale);
                fit.zero = std::clamp((scale == 0.0f ? 0 : round_to_int(-r.low / scale)) + low, low, high);
            }
        }
        return fit;
    }

    /// The (weighted) squared error of parameters as they would be stored.
    [[nodiscard]] constexpr float error(const group_fit& fit) const {
        const float scale = stored_scale(fit.scale);
        if constexpr (ints::value && !over_minimum) {
            if (importance_.empty()) return rows_->squared_error(values_.data(), values_.size(), grid(fit, scale));
        }
        scratch<std::uint8_t> levels(values_.size());
        encode(fit, scale, fit.minimum, 0, levels.span());
        float sum = 0.0f;
        for (std::size_t i = 0; i < values_.size(); ++i) {
            float value = decoded(levels[i], fit.zero) * scale;
            LOWBIT_NO_CONTRACT(value);
            const float off = values_[i] - (value + fit.minimum);
            float square = off * off;
            if (!importance_.empty()) square *= importance_[i];
            LOWBIT_NO_CONTRACT(square);
            sum += square;
        }
        return sum;
    }

    /// Given the codes that `fit` leads to, the scale and minimum of least squared error; for formats with a float minimum.
    [[nodiscard]] constexpr group_fit least_squares(const group_fit& fit) const {
        if constexpr (offset::kind != offset_kind::minimum) {
            return fit;
        } else {
            scratch<std::uint8_t> levels(values_.size());
            encode(fit, stored_scale(fit.scale), fit.minimum, 0, levels.span());
            double w = 0, q = 0, qq = 0, x = 0, qx = 0;
            for (std::size_t i = 0; i < values_.size(); ++i) {
                const double weight = importance_.empty() ? 1.0 : static_cast<double>(importance_[i]);
                const double code = static_cast<double>(decoded(levels[i], 0));
                const double value = static_cast<double>(values_[i]);
                w += weight;
                q += weight * code;
                qq += weight * code * code;
                x += weight * value;
                qx += weight * code * value;
            }
            const double determinant = w * qq - q * q;
            if (!(determinant > 0)) return fit;
            return {static_cast<float>((w * qx - q * x) / determinant), 0, stored_offset(static_cast<float>((qq * x - q * qx) / determinant))};
        }
    }

    /// Levels of the group for an effective scale and minimum. `first` counts elements, for stochastic rounding.
    constexpr void encode(const group_fit& fit, float scale, float minimum, std::uint64_t first, std::span<std::uint8_t> levels) const {
        if constexpr (ints::value && !over_minimum && std::same_as<typename P::rounding, nearest_even>) {
            rows_->encode(values_.data(), values_.size(), grid(fit, scale), levels.data());
        } else {
            for (std::size_t i = 0; i < values_.size(); ++i) {
                const float value = over_minimum ? values_[i] - minimum : values_[i];
                const float ratio = scale == 0.0f ? 0.0f : value / scale;
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

    /// What remains of a scale after it is stored, with one level of scales; otherwise the scale.
    [[nodiscard]] static constexpr float stored_scale(float ideal) noexcept {
        using T = typename P::scale_type;
        if constexpr (std::is_void_v<typename P::super_scale::type> && !P::tensor_scale::present) {
            return scalar_codec<T>::decode(encode_scale<T>(ideal));
        } else {
            return ideal;
        }
    }
    [[nodiscard]] static constexpr float stored_offset(float ideal) noexcept {
        using T = typename offset::type;
        return scalar_codec<T>::decode(scalar_codec<T>::encode(ideal));
    }

private:
    static constexpr kernel::code_grid grid(const group_fit& fit, float scale) noexcept { return {scale, fit.zero, low, high, -low}; }

    static constexpr float decoded(std::uint8_t level, int zero) noexcept {
        if constexpr (ints::value) {
            return static_cast<float>(int{level} + low - zero);
        } else {
            return E::decode(level);
        }
    }

    const Rows* rows_;
    std::span<const float> values_;
    std::span<const float> importance_;
};

/// Applies a rule of either kind to a group.
template <class Rule, class Quantizer, class Rows>
constexpr group_fit fit_group(const Quantizer& quantizer, const Rows& rows) {
    if constexpr (requires { Rule::fit(quantizer); }) {
        return Rule::fit(quantizer);
    } else if constexpr (requires { Rule::range(quantizer.values(), rows); }) {
        // an offset is made for the whole range, whichever rule bounds it
        if constexpr (Quantizer::offsets && std::same_as<Rule, absmax>) return quantizer.from_range(quantizer.full_range());
        return quantizer.from_range(Rule::range(quantizer.values(), rows));
    } else {
        static_assert(range_rule<Rule>, "lowbit policy: scale_rule<R> needs R::range(std::span<const float>) or R::fit(quantizer)");
        return quantizer.from_range(Rule::range(quantizer.values()));
    }
}

/// Encodes the rows of one row of scale blocks after another. `Source` gives row i as cols() floats: `source.row(i, scratch)`.
template <any_policy P, class Source, class Rows>
class encoder {
    using F = format_of<P>;
    using E = typename P::element_type;
    using access = layout_access<F>;
    using quantizer = group_quantizer<P, Rows>;

public:
    constexpr encoder(const Source& source, const side_input& side, const Rows& rows, planes<std::byte> to, shape_of<F> shape)
        : source_(&source), side_(&side), rows_(&rows), to_(to), shape_(shape) {}

    /// Rows that must be encoded together: they share scales or mask bits.
    [[nodiscard]] static constexpr std::size_t unit_rows(const shape_of<F>& s) noexcept {
        if constexpr (F::mask::present) return std::max(s.group_rows(), F::mask::mask::rows);
        return s.group_rows();
    }

    /// Encodes rows [first, last), whole units. An error carries the index row * cols + column of the weight at fault.
    constexpr expected<bool> operator()(std::size_t first, std::size_t last) {
        const std::size_t unit = unit_rows(shape_);
        const std::size_t most = std::min(unit, last - first);
        row_scratch_.resize(shape_.cols);
        levels_.resize(shape_.cols);
        starts_.resize(most * (shape_.groups() + 1));
        fits_.resize(shape_.groups());
        if (unit > 1 || !direct) {
            values_.resize(most * shape_.cols);
            if (!side_->statistics.empty()) importance_.resize(most * shape_.cols);
        }
        for (std::size_t row = first; row < last; row += unit) {
            if (auto ok = encode_unit(row, std::min(unit, last - row)); !ok) return ok;
        }
        return true;
    }

private:
    static constexpr bool direct = !F::mask::present && !F::column_order::permuted && !P::non_finite::zeroed;

    constexpr std::size_t start(std::size_t r, std::size_t group) const { return starts_[r * (shape_.groups() + 1) + group]; }

    /// Reads a row: finite, in stored column order, pruned, and cut into groups.
    constexpr expected<bool> prepare(std::size_t row, std::size_t r, bool copy) {
        const float* x = source_->row(row, row_scratch_.data());
        const std::size_t cols = shape_.cols;
        if (const float reach = rows_->absmax(x, cols); reach - reach != 0.0f) {
            if constexpr (P::non_finite::zeroed) {
                for (std::size_t k = 0; k < cols; ++k) row_scratch_[k] = x[k] - x[k] == 0.0f ? x[k] : 0.0f;
                x = row_scratch_.data();
            } else {
                std::size_t k = 0;
                while (x[k] - x[k] == 0.0f) ++k;
                return fail(errc::non_finite, "a weight is NaN or infinite", row * cols + k);
            }
        }
        const std::size_t groups = shape_.groups();
        std::size_t* starts = starts_.data() + r * (groups + 1);
        if (!copy) {
            row_values_ = x;
            for (std::size_t g = 0; g <= groups; ++g) starts[g] = std::min(cols, g * shape_.group_cols());
            return true;
        }
        float* values = values_.data() + r * cols;
        float* importance = importance_.empty() ? nullptr : importance_.data() + r * cols;
        std::size_t n = 0;
        for (std::size_t k = 0; k < cols; ++k) {
            if (k % shape_.group_cols() == 0) starts[k / shape_.group_cols()] = n;
            if constexpr (F::mask::present) {
                using mask = typename F::mask::mask;
                if (!mask_bit(to_.mask + row / mask::rows * shape_.mask_row_bytes(), k / mask::cols)) continue;
            }
            const std::size_t column = stored_to_logical(k);
            // a weight that a given mask drops stays 0, where the policy stores more than the mask keeps
            const bool dropped = side_->mask.data() != nullptr && side_->mask(row, column) == 0;
            values[n] = dropped ? 0.0f : x[column];
            if (importance != nullptr) importance[n] = side_->statistics[column];
            ++n;
        }
        starts[groups] = n;
        if (cols == 0) starts[0] = 0;
        return true;
    }

    constexpr std::size_t stored_to_logical(std::size_t k) const {
        if constexpr (F::column_order::permuted) {
            if (!side_->order.empty()) return side_->order[k];
        }
        return k;
    }

    constexpr expected<bool> encode_unit(std::size_t row, std::size_t count) {
        if constexpr (F::mask::present) {
            using mask = typename F::mask::mask;
            for (std::size_t r = 0; r < count; r += mask::rows) {
                if (auto ok = choose(row + r, std::min(mask::rows, count - r)); !ok) return ok;
            }
        }
        const std::size_t block = shape_.group_rows();
        for (std::size_t r = 0; r < count; r += block) {
            if (auto ok = encode_block(row + r, std::min(block, count - r)); !ok) return ok;
        }
        return true;
    }

    /// Chooses the mask bits of one row of mask blocks.
    constexpr expected<bool> choose(std::size_t row, std::size_t count) {
        using mask = typename F::mask::mask;
        using criterion = typename P::mask::criterion;
        static_assert(pruning_criterion<criterion>,
                      "lowbit policy: prune<Mask, Criterion> needs Criterion::score(float weight, float statistic) -> float");
        const std::size_t bits = shape_.mask_cols();
        scores_.assign(bits, 0.0f);
        order_.resize(bits);
        for (std::size_t r = row; r < row + count; ++r) {
            const float* x = source_->row(r, row_scratch_.data());
            for (std::size_t k = 0; k < shape_.cols; ++k) {
                float s = 0.0f;
                if (side_->mask.data() != nullptr) {
                    s = side_->mask(r, k) != 0 ? 1.0f : 0.0f;
                } else if (side_->scores.data() != nullptr) {
                    s = side_->scores(r, k);
                } else {
                    s = criterion::score(x[k], side_->statistics.empty() ? 1.0f : side_->statistics[k]);
                }
                if (s != s) return fail(errc::non_finite, "a pruning score is NaN", r * shape_.cols + k);
                scores_[k / mask::cols] += s;
            }
        }
        std::byte* to = to_.mask + row / mask::rows * shape_.mask_row_bytes();
        for (std::size_t i = 0; i < shape_.mask_row_bytes(); ++i) to[i] = std::byte{0};
        select(mask{}, scores_.span(), order_.span(), to);
        if (side_->mask.data() != nullptr) {
            for (std::size_t i = 0; i < bits; ++i) {
                if (scores_[i] > 0.0f && !mask_bit(to, i)) return fail(errc::invalid_argument, "the given mask keeps more weights than the policy stores", row * shape_.cols + i * mask::cols);
            }
        }
        return true;
    }

    constexpr expected<bool> encode_block(std::size_t row, std::size_t count) {
        const std::size_t groups = shape_.groups();
        const bool copy = !direct || count > 1;
        if (copy && values_.size() < count * shape_.cols) {
            values_.resize(count * shape_.cols);
            if (!side_->statistics.empty()) importance_.resize(count * shape_.cols);
        }
        for (std::size_t r = 0; r < count; ++r) {
            if (auto ok = prepare(row + r, r, copy); !ok) return ok;
        }
        for (std::size_t g = 0; g < groups; ++g) fits_[g] = fit_group<typename P::rule>(group(g, count, copy), *rows_);
        if (auto ok = store_scales(row); !ok) return ok;

        const row_reader<F> reader{quantized_view_of(to_)};
        for (std::size_t r = 0; r < count; ++r) {
            for (std::size_t g = 0; g < groups; ++g) {
                const auto values = group_values(r, g, copy);
                const quantizer q{*rows_, values, std::span<const float>{}};
                q.encode(fits_[g], reader.scale(row, g), reader.minimum(row, g), (row + r) * shape_.cols + g * shape_.group_cols(),
                         levels_.span().subspan(start(r, g), values.size()));
            }
            const auto levels = levels_.span().first(start(r, groups));
            flip_levels<F>(levels);
            access::store_codes(to_, shape_, row + r, levels);
        }
        return true;
    }

    constexpr std::span<const float> group_values(std::size_t r, std::size_t g, bool copy) const {
        const float* values = copy ? values_.data() + r * shape_.cols : row_values_;
        return {values + start(r, g), start(r, g + 1) - start(r, g)};
    }

    /// The values of a scale block, over all its rows.
    constexpr quantizer group(std::size_t g, std::size_t count, bool copy) {
        if (count == 1) {
            const auto values = group_values(0, g, copy);
            std::span<const float> importance;
            if (!side_->statistics.empty()) {
                importance = copy ? std::span<const float>{importance_.data() + start(0, g), values.size()} : side_->statistics.subspan(start(0, g), values.size());
            }
            return {*rows_, values, importance};
        }
        if constexpr (!F::mask::present) {
            if (shape_.groups() == 1) return {*rows_, values_.span().first(count * shape_.cols), importance_.span()};
        }
        std::size_t size = 0;
        for (std::size_t r = 0; r < count; ++r) size += group_values(r, g, copy).size();
        gathered_.resize(size);
        gathered_importance_.resize(importance_.empty() ? 0 : size);
        size = 0;
        for (std::size_t r = 0; r < count; ++r) {
            const auto values = group_values(r, g, copy);
            for (std::size_t i = 0; i < values.size(); ++i) {
                gathered_[size + i] = values[i];
                if (!importance_.empty()) gathered_importance_[size + i] = importance_[r * shape_.cols + start(r, g) + i];
            }
            size += values.size();
        }
        return {*rows_, gathered_.span(), gathered_importance_.span()};
    }

    /// Stores the scales and offsets of one row of blocks, second level first.
    constexpr expected<bool> store_scales(std::size_t row) {
        using scale_type = typename F::scale_type;
        const std::size_t groups = shape_.groups();
        const float tensor = tensor_scale();
        const auto at = [&](std::size_t g) { return row * shape_.cols + g * shape_.group_cols(); };
        if constexpr (!std::is_void_v<typename F::super_scale::type>) {
            if (!store_supers<typename F::super_scale, scale_type>(row, [](const group_fit& f) { return f.scale; }, &access::store_super_scale, &access::store_scale)) {
                return fail(errc::scale_range, "a super-scale does not fit its stored type", at(0));
            }
        } else {
            for (std::size_t g = 0; g < groups; ++g) {
                const float ideal = fits_[g].scale / tensor;
                // a few ulps above the largest come from dividing by the tensor scale, and saturate
                if (!(std::max(ideal, -ideal) * (1.0f - 0x1p-20f) <= scalar_codec<scale_type>::max())) {
                    return fail(errc::scale_range, "a scale does not fit its stored type", at(g));
                }
                access::store_scale(to_, shape_, row, g, encode_scale<scale_type>(ideal));
            }
        }
        if constexpr (F::offset::kind == offset_kind::zero_point) {
            for (std::size_t g = 0; g < groups; ++g) {
                access::store_offset(to_, shape_, row, g, static_cast<std::uint32_t>(fits_[g].zero - integer_levels<E>::low));
            }
        } else if constexpr (F::offset::kind == offset_kind::minimum) {
            using T = typename F::offset::type;
            for (std::size_t g = 0; g < groups; ++g) {
                if (!(std::max(fits_[g].minimum, -fits_[g].minimum) <= scalar_codec<T>::max())) {
                    return fail(errc::scale_range, "a minimum does not fit its stored type", at(g));
                }
                access::store_offset(to_, shape_, row, g, scalar_codec<T>::encode(fits_[g].minimum));
            }
        } else if constexpr (F::offset::kind == offset_kind::quantized_minimum) {
            using T = typename F::offset::type;
            if (!store_supers<typename F::super_minimum, T>(row, [](const group_fit& f) { return -f.minimum; }, &access::store_super_minimum, &access::store_offset)) {
                return fail(errc::scale_range, "a super-minimum does not fit its stored type", at(0));
            }
        }
        return true;
    }

    /// Second level: the largest value of each run of groups maps to the largest sub-code.
    template <class Super, class Sub, class Get, class StoreSuper, class StoreSub>
    constexpr bool store_supers(std::size_t row, Get get, StoreSuper store_super, StoreSub store_sub) {
        const std::size_t groups = shape_.groups();
        for (std::size_t first = 0; first < groups; first += Super::groups) {
            const std::size_t end = std::min(groups, first + Super::groups);
            float largest = 0.0f;
            for (std::size_t g = first; g < end; ++g) largest = std::max({largest, get(fits_[g]), -get(fits_[g])});
            const float ideal = largest / scalar_codec<Sub>::max();
            if (!(ideal <= scalar_codec<typename Super::type>::max())) return false;
            const std::uint32_t code = scalar_codec<typename Super::type>::encode(ideal);
            const float super = scalar_codec<typename Super::type>::decode(code);
            store_super(to_, shape_, row, first, code);
            for (std::size_t g = first; g < end; ++g) store_sub(to_, shape_, row, g, scalar_codec<Sub>::encode(super == 0.0f ? 0.0f : get(fits_[g]) / super));
        }
        return true;
    }

    constexpr float tensor_scale() const {
        if constexpr (F::tensor_scale::present) return scalar_codec<float>::decode(load_scalar<float>(to_.tensor_scale));
        return 1.0f;
    }

    constexpr quantized_view<F> quantized_view_of(const planes<std::byte>& p) const { return quantized_view<F>::over(p, shape_, tensor_scale()); }

    const Source* source_;
    const side_input* side_;
    const Rows* rows_;
    planes<std::byte> to_;
    shape_of<F> shape_;

    const float* row_values_ = nullptr;
    scratch<float> row_scratch_;
    scratch<float> values_;
    scratch<float> importance_;
    scratch<float> gathered_;
    scratch<float> gathered_importance_;
    scratch<float> scores_;
    scratch<std::uint32_t> order_;
    scratch<std::size_t> starts_;
    scratch<group_fit> fits_;
    scratch<std::uint8_t> levels_;
};

} // namespace lowbit::inline v0::detail
