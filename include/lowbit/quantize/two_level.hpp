// SPDX-License-Identifier: MIT
// two_level: the search for scales that are integers under a super-scale, and for minimums alike (ggml's K-quants and any other
// of the kind): least squares, against the super-scales as they are stored.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/core/scratch.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/quantize/group_quantizer.hpp>
#include <lowbit/quantize/scale_rule.hpp>
#include <lowbit/quantize/storage.hpp>

namespace lowbit::inline v0::detail {

/// Whether a policy asks for the search: the rule is mse, and scales, with minimums if there are any, are integers that share
/// their runs of groups.
template <any_policy P>
inline constexpr bool searches_two_levels = [] {
    using scale = typename P::scale_type;
    if constexpr (std::is_void_v<typename P::super_scale::type> || !std::same_as<typename P::rule, mse> ||
                  !integer_element<scale>) {
        return false;
    } else if constexpr (P::offset::kind == offset_kind::quantized_minimum) {
        return integer_levels<typename P::element_type>::value && integer_element<typename P::offset::type> &&
               P::super_minimum::groups == P::super_scale::groups;
    } else {
        return P::offset::kind == offset_kind::none;
    }
}();

/// What is added to the first of `Count` codes of a Sub, each `times` times, again and again; no more than there are.
template <class Sub, std::size_t Batch>
constexpr std::array<float, Batch> code_steps(std::size_t count, std::size_t times) {
    std::array<float, Batch> all{};
    for (std::size_t i = 0; i < Batch; ++i)
        all[i] = static_cast<float>(std::min(i / times % count, std::size_t{Sub::max_code - Sub::min_code}));
    return all;
}

/// Finds the numbers of one run of groups after another: of those under one super-scale.
///
/// 1. Each group alone: least squares on the codes that a batch of ranges leads to give its scale and minimum.
/// 2. The largest of them map to the largest codes, which gives the super-scales, as stored.
/// 3. Each group chooses among the pairs of codes around its scale and minimum by the error of the values that they decode to.
/// 4. Least squares over the run, on these codes, give better super-scales, for which groups choose again.
template <any_policy P, class Rows>
class two_level {
    using E = typename P::element_type;
    using scale_sub = typename P::scale_type;
    using super = scalar_codec<typename P::super_scale::type>;
    static constexpr bool minimums = P::offset::kind == offset_kind::quantized_minimum;
    using minimum_sub = std::conditional_t<minimums, typename P::offset::type, uint1>;
    using super_minimum = scalar_codec<std::conditional_t<minimums, typename P::super_minimum::type, float>>;

public:
    static constexpr std::size_t run_groups = P::super_scale::groups;

    /// `most` is how many values a run has.
    constexpr two_level(const Rows& rows, float tensor_scale, std::size_t most)
        : rows_(&rows), tensor_scale_(tensor_scale), groups_(run_groups), better_(run_groups), values_(most), weights_(most) {}

    /// A new run.
    constexpr void start() noexcept { count_ = used_ = 0; }
    /// The next group of the run: it is copied.
    template <class Quantizer>
    constexpr void add(const Quantizer& quantizer) {
        const auto values = quantizer.values();
        const auto importance = quantizer.importance();
        groups_[count_++] = {used_, values.size(), !importance.empty()};
        for (std::size_t i = 0; i < values.size(); ++i) values_[used_ + i] = values[i];
        for (std::size_t i = 0; i < importance.size(); ++i) weights_[used_ + i] = importance[i];
        used_ += values.size();
    }

    /// Finds the codes of the run. False if a super-scale does not fit its type.
    [[nodiscard]] constexpr bool solve() {
        choose_units();
        float scale = 0.0f;
        float minimum = 0.0f;
        for (std::size_t g = 0; g < count_; ++g) {
            fit(groups_[g]);
            scale = farther<scale_sub>(scale, groups_[g].scale);
            minimum = farther<minimum_sub>(minimum, -groups_[g].minimum);
        }
        if (!store(scale, minimum, scale_, minimum_)) return false;
        for (std::size_t g = 0; g < count_; ++g) settle(groups_[g], scale_, minimum_);
        refine();
        return true;
    }

    [[nodiscard]] constexpr std::uint32_t super_scale_code() const noexcept { return scale_.code; }
    [[nodiscard]] constexpr std::uint32_t super_minimum_code() const noexcept { return minimum_.code; }
    [[nodiscard]] constexpr std::uint32_t scale_code(std::size_t g) const noexcept {
        return scale_sub{static_cast<int>(groups_[g].scale_code)}.code();
    }
    [[nodiscard]] constexpr std::uint32_t minimum_code(std::size_t g) const noexcept {
        return minimum_sub{static_cast<int>(groups_[g].minimum_code)}.code();
    }

private:
    using by = kernel::trial_grids::by;
    static constexpr std::size_t batch = 16; ///< grids that are tried at once
    using numbers = std::array<float, batch>;
    static constexpr level_table<E> table{minimums};
    static constexpr std::size_t side = minimums ? 4 : batch; ///< codes that are tried of scales: 4 x 4 pairs over minimums
    static constexpr numbers scale_steps = code_steps<scale_sub, batch>(side, 1);
    static constexpr numbers minimum_steps = code_steps<minimum_sub, batch>(side, side);

    struct group {
        std::size_t first = 0;
        std::size_t size = 0;
        bool weighted = false;
        bool zero = false;   // all values are 0
        float weight = 0.0f; // sums of weight and of weight * value; only over minimums
        float sum = 0.0f;
        float scale = 0.0f; // value = scale * level + minimum
        float minimum = 0.0f;
        float scale_code = 0.0f;
        float minimum_code = 0.0f;
        kernel::trial_result found{}; // by these codes
    };
    /// A super-scale as it is stored; its value in the unit of the run.
    struct stored {
        std::uint32_t code = 0;
        float value = 0.0f;
    };

    /// Brings the run's largest magnitude to 1..2, and that of its weights, by powers of two: no square leaves the floats. Less
    /// of values so small that the smallest super-scale would be beyond 2^30 of them; codes of 0 are as good as any there.
    constexpr void choose_units() {
        float smallest = under_tensor_scale<P>(super::decode(1), tensor_scale_);
        if constexpr (minimums) smallest = std::max(smallest, super_minimum::decode(1));
        unit_ = std::max(power_of(values_), std::min(floor_power(smallest * 0x1p-30f), 0x1p126f));
        const float per_unit = 1.0f / unit_;
        for (std::size_t i = 0; i < used_; ++i) values_[i] *= per_unit;
        bool weighted = false;
        for (std::size_t g = 0; g < count_; ++g) weighted = weighted || groups_[g].weighted;
        if (!weighted) return;
        const float per_weight = 1.0f / power_of(weights_);
        for (std::size_t i = 0; i < used_; ++i) weights_[i] *= per_weight;
        for (std::size_t g = 0; g < count_; ++g) // where nothing has weight, everything has the same
            groups_[g].weighted = rows_->absmax(weights_.data() + groups_[g].first, groups_[g].size) > 0.0f;
    }
    constexpr float power_of(const scratch<float>& x) const {
        const float reach = rows_->absmax(x.data(), used_);
        return reach > 0.0f ? unit_of(reach) : 1.0f;
    }

    /// The best of a batch of grids, of which some numbers are set.
    constexpr kernel::trial_result try_grids(const group& g, kernel::trial_grids grids) const {
        grids.count = batch;
        grids.weight = g.weight;
        grids.sum = g.sum;
        return rows_->try_grids(values_.data() + g.first, g.weighted ? weights_.data() + g.first : nullptr, g.size, grids);
    }

    /// What the full range is divided by: on Gaussian, Laplace and t5 data a little more and a little less than it are worth
    /// trying.
    static constexpr numbers parts = [] {
        numbers all{};
        for (std::size_t i = 0; i < batch; ++i) all[i] = 1.0f / (0.84f + 0.02f * static_cast<float>(i));
        return all;
    }();
    static constexpr numbers zeros{};

    constexpr void fit(group& g) {
        if constexpr (minimums) sum_up(g);
        float low = 0.0f;
        float high = 0.0f;
        rows_->minmax(values_.data() + g.first, g.size, &low, &high);
        low = std::min(low, 0.0f);
        high = std::max(high, 0.0f);
        g.scale = g.minimum = 0.0f;
        g.zero = low == 0.0f && high == 0.0f;
        float least = 0.0f; // the error of a scale of 0
        kernel::trial_grids grids = table.grids();
        grids.scale_steps = parts.data();
        grids.minimum_steps = zeros.data();
        grids.minimum_first = 1.0f;
        grids.minimum_unit = minimums ? low : 0.0f;
        grids.judge = !minimums ? by::scale : minimum_sub::min_code < 0 ? by::line : by::low_line;
        const auto consider = [&](float range) {
            grids.scale_unit = range;
            const auto best = try_grids(g, grids);
            if (!(best.error < least)) return;
            least = best.error;
            g.scale = best.scale;
            g.minimum = best.minimum;
        };
        if constexpr (minimums) {
            consider((high - low) / (table.high() - table.low()));
        } else {
            const float reach = std::max(-low, high);
            consider(reach / std::max(table.high(), -table.low()));
            if constexpr (table.low() < 0.0f && table.low() != -table.high()) { // codes reach further on one side
                consider(scale_sub::min_code < 0 ? -reach / std::max(table.high(), -table.low())
                                                 : reach / std::min(table.high(), -table.low()));
            }
        }
    }
    constexpr void sum_up(group& g) const {
        const float* x = values_.data() + g.first;
        const float* weights = weights_.data() + g.first;
        if (g.weighted) {
            g.weight = total(g.size, [&](std::size_t i) { return weights[i]; });
            g.sum = total(g.size, [&](std::size_t i) { return product(weights[i], x[i]); });
        } else {
            g.weight = static_cast<float>(g.size);
            g.sum = total(g.size, [&](std::size_t i) { return x[i]; });
        }
    }
    template <class Get>
    static constexpr float total(std::size_t n, Get get) {
        float sums[4]{}; // additions wait for each other
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4)
            for (std::size_t j = 0; j < 4; ++j) sums[j] += get(i + j);
        for (; i < n; ++i) sums[0] += get(i);
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    /// The super-scale under which the number has a largest code, if that is more than what others ask for: the lowest code may
    /// reach further than the highest.
    template <class Sub>
    static constexpr float farther(float super_scale, float number) {
        constexpr float end = static_cast<float>(Sub::min_code < 0 ? Sub::min_code : Sub::max_code);
        const float own = number / end;
        return std::max(own, -own) > std::max(super_scale, -super_scale) ? own : super_scale;
    }

    /// Stores super-scales in their types. False if one does not fit.
    constexpr bool store(float scale, float minimum, stored& scale_to, stored& minimum_to) const {
        if (!encode<super>(without_tensor_scale<P>(scale * unit_, tensor_scale_), scale_to.code)) return false;
        scale_to.value = under_tensor_scale<P>(super::decode(scale_to.code), tensor_scale_) / unit_;
        if constexpr (minimums) {
            if (!encode<super_minimum>(minimum * unit_, minimum_to.code)) return false;
            minimum_to.value = super_minimum::decode(minimum_to.code) / unit_;
        }
        return true;
    }
    template <class Codec>
    static constexpr bool encode(float number, std::uint32_t& code) {
        if (!(std::max(number, -number) <= Codec::max())) return false;
        code = Codec::encode(number);
        if (number != 0.0f && Codec::decode(code) == 0.0f) { // some code may do under the smallest super-scale
            const float smallest = Codec::decode(1);
            code = Codec::encode(number < 0.0f ? -smallest : smallest);
        }
        return true;
    }

    /// The best codes of a group under super-scales, of those around its scale and minimum.
    constexpr void settle(group& g, const stored& scale, const stored& minimum) const {
        if (g.zero) return; // codes 0, where others might do but for the last bits
        kernel::trial_grids grids = table.grids();
        grids.scale_steps = scale_steps.data();
        grids.scale_first = lowest<scale_sub>(g.scale, scale.value, side);
        grids.scale_unit = scale.value;
        grids.minimum_steps = minimum_steps.data();
        if constexpr (minimums) grids.minimum_first = lowest<minimum_sub>(-g.minimum, minimum.value, side);
        grids.minimum_unit = -minimum.value;
        g.found = try_grids(g, grids);
        g.scale_code = grids.scale_first + scale_steps[g.found.index];
        g.minimum_code = grids.minimum_first + minimum_steps[g.found.index];
        g.scale = g.found.scale;
        g.minimum = g.found.minimum;
    }
    /// The first of `count` codes around a number.
    template <class Sub>
    static constexpr float lowest(float number, float super_scale, std::size_t count) {
        if (super_scale == 0.0f) return 0.0f;
        constexpr float least = static_cast<float>(Sub::min_code);
        constexpr float most = static_cast<float>(Sub::max_code);
        const float below = static_cast<float>(count / 2 - 1);
        const float at = std::clamp(number / super_scale, least, most) - least;
        return std::clamp(static_cast<float>(static_cast<int>(at)) - below, 0.0f,
                          std::max(0.0f, most - least - static_cast<float>(count - 1))) +
               least;
    }

    /// Super-scales of least squares for the codes found, and codes for them, if they are better.
    constexpr void refine() {
        double ss = 0, sx = 0, mm = 0, mx = 0, sm = 0;
        double error = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            const group& g = groups_[i];
            const double s = double{g.scale_code};
            const double m = double{g.minimum_code};
            ss += product(s * s, double{g.found.squares});
            sx += product(s, double{g.found.products});
            mm += product(m * m, double{g.weight});
            mx += product(m, double{g.sum});
            sm += product(s * m, double{g.found.levels});
            error += double{g.found.error};
        }
        double scale = ss > 0 ? sx / ss : 0.0;
        double minimum = 0;
        if (const double determinant = product(ss, mm) - product(sm, sm); minimums && determinant > 0) {
            scale = (product(sx, mm) - product(sm, mx)) / determinant;
            minimum = (product(sm, sx) - product(ss, mx)) / determinant;
        }
        stored better_scale;
        stored better_minimum;
        if (!store(static_cast<float>(scale), static_cast<float>(minimum), better_scale, better_minimum)) return;
        double better_error = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            better_[i] = groups_[i];
            settle(better_[i], better_scale, better_minimum);
            better_error += double{better_[i].found.error};
        }
        if (!(better_error < error)) return;
        for (std::size_t i = 0; i < count_; ++i) groups_[i] = better_[i];
        scale_ = better_scale;
        minimum_ = better_minimum;
    }

    const Rows* rows_;
    float tensor_scale_;
    float unit_ = 1.0f;
    stored scale_;
    stored minimum_;
    std::size_t count_ = 0;
    std::size_t used_ = 0;
    scratch<group> groups_;
    scratch<group> better_; ///< maybe
    scratch<float> values_;
    scratch<float> weights_;
};

} // namespace lowbit::inline v0::detail
