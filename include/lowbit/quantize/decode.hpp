// SPDX-License-Identifier: MIT
// The reference decoder: from a view's bytes to levels, scales and float values, a row at a time. Constexpr and scalar.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/policy/scale_tables.hpp>
#include <lowbit/quantize/code_table.hpp>
#include <lowbit/quantize/quantized_view.hpp>

namespace lowbit::inline v0::detail {

/// What a level stands for, see level_flip.
template <class E>
struct level_of {
    static constexpr int bias = 0;
    static constexpr std::uint8_t first = E::encode(E::lowest()); ///< the levels of the lowest and the largest value
    static constexpr std::uint8_t last = E::encode(E::max());
    static LOWBIT_ALWAYS_INLINE constexpr float decode(std::uint8_t level, int /*zero*/) noexcept { return E::decode(level); }
};
template <integer_element E>
struct level_of<E> {
    static constexpr int bias = -E::min_code; ///< level = value + bias
    static constexpr std::uint8_t first = 0;
    static constexpr std::uint8_t last = E::max_code - E::min_code;
    static LOWBIT_ALWAYS_INLINE constexpr float decode(std::uint8_t level, int zero) noexcept {
        return static_cast<float>(int{level} - zero);
    }
};

/// Reads the rows of a view.
template <any_policy P, class Here = isa::here>
class row_reader {
public:
    using format = format_of<P>;
    using element_type = typename format::element_type;
    using level = level_of<element_type>;

    /// The numbers of a row's groups, and room to decode the row in.
    struct room {
        using scalar = std::conditional_t<row_scalar<typename format::scale_type>, typename format::scale_type, std::uint8_t>;
        using offset = std::conditional_t<row_scalar<typename format::offset::type>, typename format::offset::type, std::uint8_t>;
        scratch<scalar> scalars;
        scratch<offset> offsets; ///< as scalars, only over minimums
        scratch<float> scales;
        scratch<float> minimums; ///< only over minimums
        scratch<float> supers;   ///< of two levels, with the codes under them
        scratch<std::uint8_t> subs;
        scratch<std::int32_t> zeros; ///< only with zero points
        scratch<std::uint8_t> levels;
        scratch<float> stored; ///< only with permuted columns
    };

    constexpr explicit row_reader(const quantized_view<P>& view) noexcept : view_(view), shape_(view.layout_shape()) {}

    [[nodiscard]] constexpr std::size_t groups() const noexcept { return shape_.groups(); }
    [[nodiscard]] constexpr std::size_t group_cols() const noexcept { return shape_.group_cols(); }

    /// The factor of a group's codes: scale, times super-scale, times tensor scale, each product rounded to float.
    [[nodiscard]] constexpr float scale(std::size_t row, std::size_t group) const noexcept {
        return scale(row, group, super_scale(row, group));
    }

    /// The level that stands for 0: the stored zero point, or the element's own.
    [[nodiscard]] constexpr int zero(std::size_t row, std::size_t group) const noexcept {
        if constexpr (format::offset::kind == offset_kind::zero_point) {
            return static_cast<int>(access::load_offset(view_.planes(), shape_, row, group));
        } else if constexpr (format::offset::kind != offset_kind::none) {
            return 0; // levels count upwards from the minimum
        } else if constexpr (integer_element<element_type>) {
            return level::bias;
        } else {
            return element_type::encode(0.0f);
        }
    }

    /// What is added to the scaled code.
    [[nodiscard]] constexpr float minimum(std::size_t row, std::size_t group) const noexcept {
        if constexpr (format::offset::kind == offset_kind::minimum) {
            return scalar_codec<typename format::offset::type>::decode(access::load_offset(view_.planes(), shape_, row, group));
        } else if constexpr (format::offset::kind == offset_kind::quantized_minimum) {
            return minimum(row, group, super_minimum(row, group));
        } else {
            return 0.0f;
        }
    }

    /// scale, zero and minimum of all groups of a row.
    template <class Rows>
    constexpr void numbers(const Rows& rows, std::size_t row, room& to) const {
        using T = typename format::scale_type;
        const std::size_t n = groups();
        const planes<const std::byte> from = view_.planes(); // copies, which no store can change
        const shape_of<format> shape = shape_;
        to.scales.resize(n);
        float* scales = to.scales.data();
        if constexpr (row_scalar<T> && std::is_void_v<typename format::super_scale::type> && !format::tensor_scale::present) {
            to.scalars.resize(n);
            T* codes = to.scalars.data();
            access::each_scale(from, shape, row, [=](std::size_t g, std::uint32_t code) LOWBIT_INLINE_LAMBDA {
                codes[g] = std::bit_cast<T>(static_cast<typename T::code_type>(code));
            });
            rows.to_float(codes, n, scales);
        } else {
            using super = typename format::super_scale;
            const auto each = [&](auto&& take) LOWBIT_INLINE_LAMBDA { access::each_scale(from, shape, row, take); };
            if constexpr (std::is_void_v<typename super::type>) {
                each([=](std::size_t g, std::uint32_t code) LOWBIT_INLINE_LAMBDA { scales[g] = scalar_codec<T>::decode(code); });
            } else {
                products<T>(
                    rows, each, super::groups, [&](std::size_t g) LOWBIT_INLINE_LAMBDA { return super_scale(row, g); }, to,
                    scales);
            }
            const float tensor = view_.tensor_scale();
            for (std::size_t g = 0; format::tensor_scale::present && g < n; ++g)
                scales[g] = under_tensor_scale<format>(scales[g], tensor);
        }
        if constexpr (has_minimums) {
            using offset = typename format::offset::type;
            to.minimums.resize(n);
            float* minimums = to.minimums.data();
            const auto each = [&](auto&& take) LOWBIT_INLINE_LAMBDA { access::each_offset(from, shape, row, take); };
            if constexpr (format::offset::kind == offset_kind::quantized_minimum) {
                products<offset>(
                    rows, each, format::super_minimum::groups,
                    [&](std::size_t g) LOWBIT_INLINE_LAMBDA { return -super_minimum(row, g); }, to, minimums);
            } else if constexpr (row_scalar<offset>) {
                to.offsets.resize(n);
                offset* codes = to.offsets.data();
                each([=](std::size_t g, std::uint32_t code) LOWBIT_INLINE_LAMBDA {
                    codes[g] = std::bit_cast<offset>(static_cast<typename offset::code_type>(code));
                });
                rows.to_float(codes, n, minimums);
            } else {
                each([=](std::size_t g, std::uint32_t code)
                         LOWBIT_INLINE_LAMBDA { minimums[g] = scalar_codec<offset>::decode(code); });
            }
        }
        if constexpr (has_zeros) {
            to.zeros.resize(n);
            for (std::size_t g = 0; g < n; ++g) to.zeros[g] = zero(row, g);
        }
    }

    /// Whether no scale can make a code infinite.
    static constexpr bool always_finite =
        format::offset::kind == offset_kind::none && row_scalar<typename format::scale_type> &&
        std::is_void_v<typename format::super_scale::type> && !format::tensor_scale::present &&
        scalar_codec<typename format::scale_type>::max() <= std::numeric_limits<float>::max() / 256.0f &&
        element_type::bits <= 8 && integer_element<element_type>;
    /// A bound on the magnitude of a group's values: what the code farthest from 0 decodes to.
    [[nodiscard]] constexpr float reach(std::size_t group, const room& numbers) const noexcept {
        float product = numbers.scales[group];
        if constexpr (has_zeros) {
            product *= farthest(numbers.zeros[group]);
        } else {
            constexpr float same = farthest(has_minimums ? 0 : level::bias);
            product *= same;
        }
        LOWBIT_NO_CONTRACT(product);
        const float base = has_minimums ? numbers.minimums[group] : 0.0f;
        return (product < 0.0f ? -product : product) + (base < 0.0f ? -base : base);
    }

    /// The levels of a whole row in stored column order; a pruned weight is the level of 0. `levels` holds cols() of them.
    template <class Rows>
    constexpr void levels(const Rows& rows, std::size_t row, std::span<std::uint8_t> levels) const noexcept {
        if constexpr (format::mask::present) {
            // the kept levels are read into the end of the row and spread from the front: a level never moves up
            const auto blocks = shape_.mask_blocks();
            const std::byte* bits = view_.planes().mask + blocks.line(row) * shape_.mask_row_bytes();
            std::size_t kept = 0;
            for (std::size_t k = 0; k < shape_.cols; ++k) kept += std::size_t{mask_bit(bits, blocks.bit(row, k))};
            const std::size_t stored = shape_.stored_row(bits, row);
            if (stored == shape_.stored_rows()) kept = 0;
            std::size_t next = shape_.cols - std::min(kept, shape_.stored_cols()); // foreign bits may claim more than is stored
            if (kept != 0) access::load_levels(rows, view_.planes(), shape_, stored, levels.subspan(next));
            for (std::size_t k = 0; k < shape_.cols; ++k) {
                levels[k] = mask_bit(bits, blocks.bit(row, k)) && next < shape_.cols
                                ? levels[next++]
                                : static_cast<std::uint8_t>(zero(row, k / group_cols()));
            }
        } else {
            access::load_levels(rows, view_.planes(), shape_, row, levels);
        }
    }

    /// The logical column of a stored one; the last, where foreign bytes name one that is not there.
    [[nodiscard]] constexpr std::size_t column(std::size_t stored) const noexcept {
        if constexpr (format::column_order::permuted) {
            return std::min(static_cast<std::size_t>(load_le<4>(view_.planes().order + 4 * stored)), shape_.cols - 1);
        } else {
            return stored;
        }
    }

    /// The values of a whole row, in logical column order; cols() of them. `past_caches`: nobody reads them soon.
    template <class Rows>
    constexpr void values(const Rows& rows, std::size_t row, room& in, std::span<float> values, bool past_caches = false) const {
        const std::size_t cols = shape_.cols;
        in.levels.resize(cols);
        levels(rows, row, in.levels.span());
        numbers(rows, row, in);
        float* to = values.data();
        if constexpr (format::column_order::permuted) {
            in.stored.resize(cols);
            to = in.stored.data();
        }
        constexpr bool ternaries = std::same_as<element_type, ternary>;
        if constexpr (integer_element<element_type> || ternaries || tabled<element_type>) {
            constexpr int bias = ternaries ? 1 : has_minimums || has_zeros ? 0 : level::bias;
            kernel::code_grids grids{group_cols(), in.scales.data(), in.zeros.data(), 0, 255, bias};
            if constexpr (has_minimums) grids.minimums = in.minimums.data();
            if constexpr (!integer_element<element_type> && !ternaries) grids.table = &code_table_of<element_type>;
            if (past_caches && !format::column_order::permuted) {
                grids.past_caches = true;
                if (row + 1 < shape_.rows) grids.next = row_codes(row + 1);
            }
            rows.decode(in.levels.data(), cols, grids, to);
        } else {
            for (std::size_t k = 0; k < cols; ++k) {
                const std::size_t g = k / group_cols();
                to[k] = level::decode(in.levels[k], 0) * in.scales[g];
                LOWBIT_NO_CONTRACT(to[k]);
                if constexpr (has_minimums) to[k] += in.minimums[g];
            }
        }
        if constexpr (format::column_order::permuted) {
            for (std::size_t k = 0; k < cols; ++k) values[column(k)] = to[k];
        }
    }

private:
    using access = layout_access<format>;

    /// Where the codes of a row stand, if they stand together.
    [[nodiscard]] constexpr std::span<const std::byte> row_codes(std::size_t row) const noexcept {
        if constexpr (!format::mask::present && requires { access::row_codes(view_.planes(), shape_, row); })
            return access::row_codes(view_.planes(), shape_, row);
        return {};
    }

    /// The numbers of all groups under their supers, each the product of both: of integers by the row.
    template <class Sub, class Rows, class Each, class SuperOf>
    constexpr void products(const Rows& rows, Each&& each, std::size_t run, SuperOf&& super_of, room& to, float* out) const {
        const std::size_t n = groups();
        to.supers.resize(ceil_div(n, run));
        for (std::size_t g = 0; g < n; g += run) to.supers[g / run] = super_of(g);
        if constexpr (integer_element<Sub>) {
            constexpr int bias = -Sub::min_code;
            constexpr std::uint32_t mask = (1u << Sub::bits) - 1;
            to.subs.resize(n);
            std::uint8_t* codes = to.subs.data();
            each([=]<class Code>(std::size_t g, Code code) LOWBIT_INLINE_LAMBDA { // the bias is 0, or the highest bit
                if constexpr (std::same_as<Code, eight_codes>) {
                    store_le<8>(codes + g, low_bits(code.bytes, Sub::bits) ^ eight_times(static_cast<std::uint8_t>(bias)));
                } else {
                    codes[g] = static_cast<std::uint8_t>((code & mask) ^ static_cast<std::uint32_t>(bias));
                }
            });
            rows.decode(codes, n, {run, to.supers.data(), nullptr, 0, 255, bias}, out);
        } else {
            const float* supers = to.supers.data();
            each([=](std::size_t g, std::uint32_t code)
                     LOWBIT_INLINE_LAMBDA { out[g] = scalar_codec<Sub>::decode(code) * supers[g / run]; });
        }
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float super_scale(std::size_t row, std::size_t group) const noexcept {
        using T = typename format::super_scale::type;
        if constexpr (std::is_void_v<T>)
            return 1.0f;
        else
            return scalar_codec<T>::decode(access::load_super_scale(view_.planes(), shape_, row, group));
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float super_minimum(std::size_t row, std::size_t group) const noexcept {
        return scalar_codec<typename format::super_minimum::type>::decode(
            access::load_super_minimum(view_.planes(), shape_, row, group));
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float scale(std::size_t row, std::size_t group, float super) const noexcept {
        float value = scalar_codec<typename format::scale_type>::decode(access::load_scale(view_.planes(), shape_, row, group));
        if constexpr (!std::is_void_v<typename format::super_scale::type>) value *= super;
        return under_tensor_scale<format>(value, view_.tensor_scale());
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float minimum(std::size_t row, std::size_t group, float super) const noexcept {
        using T = typename format::offset::type;
        return -(scalar_codec<T>::decode(access::load_offset(view_.planes(), shape_, row, group)) * super);
    }
    /// The largest magnitude of a code, before scaling.
    static LOWBIT_ALWAYS_INLINE constexpr float farthest(int zero) noexcept {
        const float last = level::decode(level::last, zero);
        const float first = level::decode(level::first, zero);
        return std::max(std::max(first, last), -std::min(first, last));
    }
    static constexpr bool has_zeros = format::offset::kind == offset_kind::zero_point;
    static constexpr bool has_minimums = format::offset::kind != offset_kind::none && !has_zeros;

    quantized_view<P> view_;
    shape_of<format> shape_;
};

} // namespace lowbit::inline v0::detail
