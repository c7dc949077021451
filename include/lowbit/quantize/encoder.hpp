// SPDX-License-Identifier: MIT
// encoder: from rows of float weights to a format's bytes. One algorithm, constexpr with the reference rows, fast with a level's.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/numeric/rounding.hpp>
#include <lowbit/prune/criteria.hpp>
#include <lowbit/prune/select.hpp>
#include <lowbit/quantize/decode.hpp>
#include <lowbit/quantize/group_quantizer.hpp>
#include <lowbit/quantize/side_input.hpp>
#include <lowbit/quantize/two_level.hpp>

namespace lowbit::inline v0::detail {

/// Encodes the rows of one row of scale blocks after another. `Source` gives row i as cols() floats: `source.row(i, scratch)`.
template <any_policy P, class Source, class Rows, class Here = isa::here>
class encoder {
    using F = format_of<P>;
    using E = typename P::element_type;
    using access = layout_access<F>;
    using quantizer = group_quantizer<P, Rows>;

    static_assert(rounding_mode<typename P::rounding>,
                  "lowbit policy: rounding<R> needs R::round(float x, std::uint64_t counter) noexcept -> float");

public:
    constexpr encoder(const Source& source, const side_input& side, const Rows& rows, planes<std::byte> to, shape_of<F> shape)
        : source_(&source), side_(&side), rows_(&rows), to_(to), shape_(shape) {}

    /// Rows that must be encoded together: they share scales, mask bits or bytes.
    [[nodiscard]] static constexpr std::size_t unit_rows(const shape_of<F>& s) noexcept {
        std::size_t unit = s.group_rows();
        if constexpr (F::mask::present) {
            using mask = typename F::mask::mask;
            if constexpr (mask::rows == 0 || mask_grid<mask>::down) return std::max<std::size_t>(1, s.rows);
            if constexpr (F::granularity::rows != 0 && mask::rows != 0) unit = std::lcm(F::granularity::rows, mask::rows);
        }
        return std::lcm(unit, access::rows_per_byte);
    }

    /// Encodes rows [first, last), whole units. An error carries the index row * cols + column of the weight at fault.
    constexpr expected<bool> operator()(std::size_t first, std::size_t last) {
        const std::size_t unit = unit_rows(shape_);
        const std::size_t most = std::min(unit, last - first);
        row_scratch_.resize(shape_.cols);
        levels_.resize(shape_.cols);
        starts_.resize(most * (shape_.groups() + 1));
        fits_.resize(shape_.groups());
        reaches_.resize(shape_.groups());
        if constexpr (quantizer::extremes == group_extremes::range) highs_.resize(shape_.groups());
        if (unit > 1 || !direct) {
            values_.resize(most * shape_.cols);
            if (!side_->statistics.empty()) importance_.resize(most * shape_.cols);
            if (thinned()) dropped_.resize(most * shape_.cols);
        }
        for (std::size_t row = first; row < last; row += unit) {
            if (auto ok = encode_unit(row, std::min(unit, last - row)); !ok) return ok;
        }
        return true;
    }

private:
    static constexpr bool over_minimum = quantizer::over_minimum;
    static constexpr bool has_zeros = F::offset::kind == offset_kind::zero_point;
    static constexpr bool direct = !F::mask::present && !F::column_order::permuted && !P::non_finite::zeroed;

    /// Whether some stored weights may have no part in their group's scale.
    constexpr bool thinned() const { return F::mask::present && side_->mask.data() != nullptr; }

    constexpr std::size_t start(std::size_t r, std::size_t group) const { return starts_[r * (shape_.groups() + 1) + group]; }

    /// A row of finite numbers, in logical column order, and the extremes of its groups; valid until the next.
    constexpr expected<const float*> finite_row(std::size_t row) {
        const float* x = source_->row(row, row_scratch_.data());
        const float reach = find_extremes(x);
        if (reach - reach == 0.0f) return x;
        std::size_t k = 0;
        if constexpr (P::non_finite::zeroed) {
            for (; k < shape_.cols; ++k) row_scratch_[k] = x[k] - x[k] == 0.0f ? x[k] : 0.0f;
            return row_scratch_.data();
        } else {
            while (x[k] - x[k] == 0.0f) ++k;
            return fail(errc::non_finite, "a weight is NaN or infinite", row * shape_.cols + k);
        }
    }

    constexpr float find_extremes(const float* x) {
        const std::size_t cols = shape_.cols;
        const std::size_t length = shape_.group_cols();
        if constexpr (quantizer::extremes == group_extremes::range) {
            return rows_->minmax_groups(x, cols, length, reaches_.data(), highs_.data());
        } else if constexpr (quantizer::extremes == group_extremes::farthest) {
            return rows_->farthest_groups(x, cols, length, reaches_.data());
        } else {
            return rows_->absmax_groups(x, cols, length, reaches_.data());
        }
    }
    /// The largest magnitude of a group of the last row.
    constexpr float reach(std::size_t g) const {
        const auto magnitude = [](float x) { return kernel::float_of(kernel::bits_of(x) & 0x7fff'ffff); }; // of 0 it is +0
        if constexpr (quantizer::extremes == group_extremes::range) return std::max(magnitude(reaches_[g]), magnitude(highs_[g]));
        return magnitude(reaches_[g]);
    }
    /// What its rule makes of the extremes of a group.
    constexpr group_fit fit_extremes(std::size_t g) const {
        if constexpr (quantizer::extremes == group_extremes::range) {
            return quantizer::from_range({reaches_[g], highs_[g]});
        } else if constexpr (quantizer::extremes == group_extremes::farthest) {
            return quantizer::from_farthest(reaches_[g]);
        } else {
            return quantizer::from_range({-reaches_[g], reaches_[g]});
        }
    }

    /// Reads a row: in stored column order, pruned, and cut into groups.
    constexpr expected<bool> prepare(std::size_t row, std::size_t r, bool copy) {
        const auto finite = finite_row(row);
        if (!finite) return unexpected<error>(finite.error());
        const float* x = *finite;
        const std::size_t cols = shape_.cols;
        const std::size_t groups = shape_.groups();
        std::size_t* starts = starts_.data() + r * (groups + 1);
        if (!copy) {
            row_values_ = x;
            const std::size_t length = shape_.group_cols();
            for (std::size_t g = 0; g < groups; ++g) starts[g] = g * length;
            starts[groups] = cols;
            return true;
        }
        float* values = values_.data() + r * cols;
        float* importance = importance_.empty() ? nullptr : importance_.data() + r * cols;
        std::size_t n = 0;
        for (std::size_t k = 0; k < cols; ++k) {
            if (k % shape_.group_cols() == 0) starts[k / shape_.group_cols()] = n;
            if constexpr (F::mask::present) {
                const auto blocks = shape_.mask_blocks();
                if (!mask_bit(to_.mask + blocks.line(row) * shape_.mask_row_bytes(), blocks.bit(row, k))) continue;
            }
            const std::size_t column = stored_to_logical(k);
            // what a given mask drops is stored as 0, where the policy stores more than the mask keeps
            const bool dropped = thinned() && side_->mask(row, column) == 0;
            if (thinned()) dropped_[r * cols + n] = dropped;
            values[n] = dropped ? 0.0f : x[column];
            if (importance != nullptr) importance[n] = importance_of<typename P::mask::criterion>(side_->statistics[column]);
            ++n;
        }
        starts[groups] = n;
        if (cols == 0) starts[0] = 0;
        return true;
    }

    /// Where the counters of a random rounding begin.
    constexpr std::uint64_t first_counter() const {
        if constexpr (seeded_rounding<typename P::rounding>) {
            return P::rounding::stream(side_->rounding_seed.value_or(seed{}).value);
        }
        return 0;
    }

    constexpr std::size_t stored_to_logical(std::size_t k) const {
        if constexpr (F::column_order::permuted) {
            if (!side_->order.empty()) return side_->order[k];
        }
        return k;
    }

    /// The index of a weight, by its place in a stored row.
    constexpr std::size_t weight_at(std::size_t row, std::size_t k) const { return row * shape_.cols + stored_to_logical(k); }

    constexpr expected<bool> encode_unit(std::size_t row, std::size_t count) {
        if constexpr (F::mask::present) {
            const std::size_t height = mask_grid<typename F::mask::mask>::down ? count : shape_.mask_blocks().block_rows();
            for (std::size_t r = 0; r < count; r += height) {
                if (auto ok = choose(row + r, std::min(height, count - r)); !ok) return ok;
            }
        }
        const std::size_t block = shape_.group_rows();
        for (std::size_t r = 0; r < count; r += block) {
            if (auto ok = encode_block(row + r, std::min(block, count - r)); !ok) return ok;
        }
        return true;
    }

    /// Chooses one line of mask bits.
    constexpr expected<bool> choose(std::size_t row, std::size_t count) {
        using mask = typename F::mask::mask;
        using criterion = typename P::mask::criterion;
        static_assert(pruning_criterion<criterion>,
                      "lowbit policy: prune<Mask, Criterion> needs Criterion::score(float weight, float statistic) -> float");
        const auto blocks = shape_.mask_blocks();
        const std::size_t bits = blocks.bits();
        scores_.assign(bits, 0.0f);
        order_.resize(bits);
        for (std::size_t r = row; r < row + count; ++r) {
            const auto x = finite_row(r);
            if (!x) return unexpected<error>(x.error());
            for (std::size_t k = 0; k < shape_.cols; ++k) {
                const std::size_t column = stored_to_logical(k);
                float& sum = scores_[blocks.bit(r, k)];
                if (side_->mask.data() != nullptr) {
                    sum += side_->mask(r, column) != 0 ? 1.0f : 0.0f;
                } else if (side_->scores.data() != nullptr) {
                    sum += side_->scores(r, column);
                } else {
                    sum += criterion::score((*x)[column], side_->statistics.empty() ? 1.0f : side_->statistics[column]);
                }
                if (sum != sum)
                    return fail(errc::non_finite, "a pruning score is NaN", r * shape_.cols + column); // or infinities cancel
            }
        }
        std::byte* to = to_.mask + blocks.line(row) * shape_.mask_row_bytes();
        for (std::size_t i = 0; i < shape_.mask_row_bytes(); ++i) to[i] = std::byte{0};
        select(mask{}, scores_.span(), order_.span(), to);
        if (side_->mask.data() != nullptr) {
            for (std::size_t i = 0; i < bits; ++i) {
                if (scores_[i] > 0.0f && !mask_bit(to, i)) {
                    return fail(errc::invalid_argument, "the given mask keeps more weights than the policy stores",
                                blocks.down ? i * blocks.block_rows() * shape_.cols : weight_at(row, i * blocks.block_cols()));
                }
            }
        }
        return true;
    }

    constexpr expected<bool> encode_block(std::size_t row, std::size_t count) {
        const std::size_t groups = shape_.groups();
        const bool copy = !direct || count > 1;
        for (std::size_t r = 0; r < count; ++r) {
            if (auto ok = prepare(row + r, r, copy); !ok) return ok;
        }
        if constexpr (has_zeros) zeros_.resize(groups);
        if constexpr (searches_two_levels<P>) {
            if (auto ok = search_scales(row, count, copy); !ok) return ok;
        } else if (quantizer::extremes != group_extremes::other && direct && count == 1 &&
                   (side_->statistics.empty() || !fit_rule<typename P::rule, quantizer>)) {
            for (std::size_t g = 0; g < groups; ++g) fits_[g] = fit_extremes(g);
        } else {
            for (std::size_t g = 0; g < groups; ++g) fits_[g] = fit_group<typename P::rule>(group(g, count, copy), *rows_);
        }
        if constexpr (!searches_two_levels<P>) {
            if (auto ok = store_scales(row); !ok) return ok;
        }

        const row_reader<F, Here> reader{quantized_view_of(to_)};
        reader.numbers(*rows_, row, numbers_);
        for (std::size_t g = 0; !reader.always_finite && g < groups; ++g) {
            if (!(reader.reach(g, numbers_) <= std::numeric_limits<float>::max())) {
                return fail(errc::scale_range, "the largest code of a group would decode to infinity",
                            weight_at(row, g * shape_.group_cols()));
            }
        }
        for (std::size_t r = 0; r < count; ++r) {
            if constexpr (quantizer::on_grids && !F::mask::present) {
                for (std::size_t g = 0; has_zeros && g < groups; ++g) zeros_[g] = fits_[g].zero;
                auto grids = quantizer::grids(shape_.group_cols(), numbers_.scales.data(), has_zeros ? zeros_.data() : nullptr);
                if constexpr (over_minimum) grids.minimums = numbers_.minimums.data();
                if (direct && !copy) {
                    constexpr bool apart = over_minimum || quantizer::extremes == group_extremes::range;
                    for (std::size_t g = 0; apart && g < groups; ++g) // bounds on what lies above the minimums
                        reaches_[g] = reach(g) + (over_minimum ? std::max(numbers_.minimums[g], -numbers_.minimums[g]) : 0.0f);
                    grids.reaches = reaches_.data();
                }
                rows_->encode(row_values(r, copy), shape_.cols, grids, levels_.data());
            } else {
                for (std::size_t g = 0; g < groups; ++g) {
                    const auto values = group_values(r, g, copy);
                    const quantizer q{*rows_, values, std::span<const float>{}};
                    q.encode(fits_[g], numbers_.scales[g], over_minimum ? numbers_.minimums[g] : 0.0f,
                             first_counter() + (row + r) * shape_.cols + g * shape_.group_cols(),
                             levels_.span().subspan(start(r, g), values.size()));
                }
            }
            const auto levels = levels_.span().first(shape_.stored_cols());
            for (std::size_t k = start(r, groups); k < levels.size(); ++k) levels[k] = level_flip<F>; // a kept block may be short
            const std::size_t stored = shape_.stored_row(to_.mask, row + r);
            if (stored != shape_.stored_rows()) access::store_levels(*rows_, to_, shape_, stored, levels);
        }
        return true;
    }

    constexpr const float* row_values(std::size_t r, bool copy) const {
        return copy ? values_.data() + r * shape_.cols : row_values_;
    }
    constexpr std::span<const float> group_values(std::size_t r, std::size_t g, bool copy) const {
        return {row_values(r, copy) + start(r, g), start(r, g + 1) - start(r, g)};
    }

    /// The values of a scale block that its scale is made for, over all its rows.
    constexpr quantizer group(std::size_t g, std::size_t count, bool copy) {
        if (count == 1 && !thinned()) {
            const auto values = group_values(0, g, copy);
            std::span<const float> importance;
            if (!side_->statistics.empty()) {
                importance = copy ? std::span<const float>{importance_.data() + start(0, g), values.size()}
                                  : side_->statistics.subspan(start(0, g), values.size());
            }
            // what a mask or an order has moved has another reach
            if constexpr (direct) return {*rows_, values, importance, reach(g)};
            return {*rows_, values, importance};
        }
        if constexpr (!F::mask::present) {
            if (shape_.groups() == 1) {
                const std::size_t size = count * shape_.cols;
                return {*rows_, values_.span().first(size), importance_.span().first(importance_.empty() ? 0 : size)};
            }
        }
        std::size_t size = 0;
        for (std::size_t r = 0; r < count; ++r) size += group_values(r, g, copy).size();
        gathered_.resize(size);
        gathered_importance_.resize(importance_.empty() ? 0 : size);
        size = 0;
        for (std::size_t r = 0; r < count; ++r) {
            const auto values = group_values(r, g, copy);
            const std::size_t first = r * shape_.cols + start(r, g);
            for (std::size_t i = 0; i < values.size(); ++i) {
                if (thinned() && dropped_[first + i]) continue;
                gathered_[size] = values[i];
                if (!importance_.empty()) gathered_importance_[size] = importance_[first + i];
                ++size;
            }
        }
        return {*rows_, gathered_.span().first(size), gathered_importance_.span().first(importance_.empty() ? 0 : size)};
    }

    /// Searches and stores the scales of two levels of one row of blocks.
    constexpr expected<bool> search_scales(std::size_t row, std::size_t count, bool copy) {
        using search_type = two_level<P, Rows>;
        const std::size_t groups = shape_.groups();
        const std::size_t run = search_type::run_groups;
        search_type search{*rows_, tensor_scale(), count * std::min(shape_.cols, std::min(run, groups) * shape_.group_cols())};
        for (std::size_t first = 0; first < groups; first += run) {
            const std::size_t end = std::min(groups, first + run);
            search.start();
            for (std::size_t g = first; g < end; ++g) search.add(group(g, count, copy));
            if (!search.solve()) {
                return fail(errc::scale_range, "a super-scale does not fit its stored type",
                            weight_at(row, first * shape_.group_cols()));
            }
            access::store_super_scale(to_, shape_, row, first, search.super_scale_code());
            if constexpr (over_minimum) access::store_super_minimum(to_, shape_, row, first, search.super_minimum_code());
            for (std::size_t g = first; g < end; ++g) {
                access::store_scale(to_, shape_, row, g, search.scale_code(g - first));
                if constexpr (over_minimum) access::store_offset(to_, shape_, row, g, search.minimum_code(g - first));
            }
        }
        return true;
    }

    /// Stores the scales and offsets of one row of blocks, second level first.
    constexpr expected<bool> store_scales(std::size_t row) {
        using scale_type = typename F::scale_type;
        const std::size_t groups = shape_.groups();
        const float tensor = tensor_scale();
        const auto at = [&](std::size_t g) { return weight_at(row, g * shape_.group_cols()); };
        if constexpr (!std::is_void_v<typename F::super_scale::type>) {
            if (!store_supers<typename F::super_scale, scale_type>(
                    row, [tensor](const group_fit& f) { return without_tensor_scale<F>(f.scale, tensor); },
                    &access::store_super_scale, &access::store_scale)) {
                return fail(errc::scale_range, "a super-scale does not fit its stored type", at(0));
            }
        } else {
            const group_fit* fits = fits_.data(); // copies, which no store can change
            const planes<std::byte> to = to_;
            const shape_of<F> shape = shape_;
            numbers_.scales.resize(groups);
            float* ideals = numbers_.scales.data();
            for (std::size_t g = 0; g < groups; ++g) {
                constexpr float most = scalar_codec<scale_type>::max();
                float ideal = without_tensor_scale<F>(fits[g].scale, tensor);
                if constexpr (F::tensor_scale::present) { // made so that whole ranges fit: what a search asks for beyond
                                                          // saturates
                    ideal = std::clamp(ideal, -most, most);
                } else if (!(std::max(ideal, -ideal) <= most)) {
                    return fail(errc::scale_range, "a scale does not fit its stored type", at(g));
                }
                if constexpr (row_scalar<scale_type>) {
                    ideals[g] = ideal;
                } else {
                    access::store_scale(to, shape, row, g, encode_scale<F>(ideal));
                }
            }
            if constexpr (row_scalar<scale_type>) { // none is large enough to saturate where these become infinite
                numbers_.scalars.resize(groups);
                scale_type* codes = numbers_.scalars.data();
                rows_->from_float(ideals, groups, codes);
                for (std::size_t g = 0; g < groups; ++g)
                    access::store_scale(to, shape, row, g, std::bit_cast<typename scale_type::code_type>(codes[g]));
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
            if (!store_supers<typename F::super_minimum, T>(
                    row, [](const group_fit& f) { return -f.minimum; }, &access::store_super_minimum, &access::store_offset)) {
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
            const std::uint32_t code = encode_cover<typename Super::type>(ideal);
            const float super = scalar_codec<typename Super::type>::decode(code);
            store_super(to_, shape_, row, first, code);
            for (std::size_t g = first; g < end; ++g)
                store_sub(to_, shape_, row, g, scalar_codec<Sub>::encode(super == 0.0f ? 0.0f : get(fits_[g]) / super));
        }
        return true;
    }

    constexpr float tensor_scale() const {
        if constexpr (F::tensor_scale::present) return scalar_codec<float>::decode(load_scalar<float>(to_.tensor_scale));
        return 1.0f;
    }

    constexpr quantized_view<F> quantized_view_of(const planes<std::byte>& p) const {
        return quantized_view<F>::over(p, shape_, tensor_scale());
    }

    const Source* source_;
    const side_input* side_;
    const Rows* rows_;
    planes<std::byte> to_;
    shape_of<F> shape_;

    const float* row_values_ = nullptr;
    scratch<float> row_scratch_;
    scratch<float> values_;
    scratch<float> importance_;
    scratch<bool> dropped_;
    scratch<float> gathered_;
    scratch<float> gathered_importance_;
    scratch<float> scores_;
    scratch<std::uint32_t> order_;
    scratch<std::size_t> starts_;
    scratch<group_fit> fits_;
    scratch<float> reaches_; ///< of groups: the largest magnitude, the value that has it, or the smallest value
    scratch<float> highs_;
    scratch<std::int32_t> zeros_;
    typename row_reader<F, Here>::room numbers_;
    scratch<std::uint8_t> levels_;
};

} // namespace lowbit::inline v0::detail
