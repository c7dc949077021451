// SPDX-License-Identifier: MIT
// The reference decoder: from a view's bytes to levels, scales and float values, a row at a time. Constexpr and scalar.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/quantized_view.hpp>

namespace lowbit::inline v0::detail {

/// A *level* is a code as kernels want it, unsigned: an integer element minus its lowest code, any other element's raw code.
template <class E>
struct level_of {
    static constexpr int bias = 0;
    static constexpr std::uint8_t sign = 0;
    static constexpr std::uint8_t first = E::encode(E::lowest()); ///< the levels of the lowest and the largest value
    static constexpr std::uint8_t last = E::encode(E::max());
    static LOWBIT_ALWAYS_INLINE constexpr float decode(std::uint8_t level, int /*zero*/) noexcept { return E::decode(level); }
};
template <integer_element E>
struct level_of<E> {
    static constexpr int bias = -E::min_code;                                    ///< level = value + bias
    static constexpr std::uint8_t sign = E::is_signed ? 1u << (E::bits - 1) : 0; ///< level = two's complement code ^ sign
    static constexpr std::uint8_t first = 0;
    static constexpr std::uint8_t last = E::max_code - E::min_code;
    static LOWBIT_ALWAYS_INLINE constexpr float decode(std::uint8_t level, int zero) noexcept {
        return static_cast<float>(int{level} - zero);
    }
};

/// Flips between the codes that a format stores and levels; its own inverse.
template <class F, class Here = isa::here>
constexpr void flip_levels(std::span<std::uint8_t> codes) noexcept {
    constexpr std::uint8_t sign = F::code_form::excess ? 0 : level_of<typename F::element_type>::sign;
    if constexpr (sign != 0) {
        for (std::uint8_t& code : codes) code ^= sign;
    }
}

/// Reads the rows of a view.
template <any_policy P, class Here = isa::here>
class row_reader {
public:
    using format = format_of<P>;
    using element_type = typename format::element_type;
    using level = level_of<element_type>;

    constexpr explicit row_reader(const quantized_view<P>& view) noexcept : view_(view), shape_(view.layout_shape()) {}

    [[nodiscard]] constexpr std::size_t groups() const noexcept { return shape_.groups(); }
    [[nodiscard]] constexpr std::size_t group_cols() const noexcept { return shape_.group_cols(); }

    /// The factor of a group's codes: scale, times super-scale, times tensor scale, each product rounded to float.
    [[nodiscard]] constexpr float scale(std::size_t row, std::size_t group) const noexcept {
        float value = scalar_codec<typename format::scale_type>::decode(access::load_scale(view_.planes(), shape_, row, group));
        if constexpr (!std::is_void_v<typename format::super_scale::type>) {
            value *= scalar_codec<typename format::super_scale::type>::decode(
                access::load_super_scale(view_.planes(), shape_, row, group));
        }
        if constexpr (format::tensor_scale::present) value *= view_.tensor_scale();
        return value;
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
            float value =
                scalar_codec<typename format::offset::type>::decode(access::load_offset(view_.planes(), shape_, row, group));
            value *= scalar_codec<typename format::super_minimum::type>::decode(
                access::load_super_minimum(view_.planes(), shape_, row, group));
            return -value;
        } else {
            return 0.0f;
        }
    }

    /// A bound on the magnitude of a group's values: what the code farthest from 0 decodes to.
    [[nodiscard]] constexpr float reach(std::size_t row, std::size_t group) const noexcept {
        const int z = zero(row, group);
        const float last = level::decode(level::last, z);
        const float first = level::decode(level::first, z);
        float product = std::max({first, last, -first, -last}) * scale(row, group);
        LOWBIT_NO_CONTRACT(product);
        const float base = minimum(row, group);
        return (product < 0.0f ? -product : product) + (base < 0.0f ? -base : base);
    }

    /// The levels of a whole row in stored column order; a pruned weight is the level of 0. `levels` holds cols() of them.
    constexpr void levels(std::size_t row, std::span<std::uint8_t> levels) const noexcept {
        if constexpr (format::mask::present) {
            // the kept levels are read into the end of the row and spread from the front: a level never moves up
            using mask = typename format::mask::mask;
            const std::byte* bits = view_.planes().mask + row / mask::rows * shape_.mask_row_bytes();
            std::size_t kept = 0;
            for (std::size_t k = 0; k < shape_.cols; ++k) kept += std::size_t{mask_bit(bits, k / mask::cols)};
            std::size_t next = shape_.cols - std::min(kept, shape_.stored_cols()); // foreign bits may claim more than is stored
            access::load_codes(view_.planes(), shape_, row, 0, levels.subspan(next));
            flip_levels<format>(levels.subspan(next));
            for (std::size_t k = 0; k < shape_.cols; ++k) {
                levels[k] = mask_bit(bits, k / mask::cols) && next < shape_.cols
                                ? levels[next++]
                                : static_cast<std::uint8_t>(zero(row, k / group_cols()));
            }
        } else {
            access::load_codes(view_.planes(), shape_, row, 0, levels);
            flip_levels<format>(levels);
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

    /// The values of a whole row, in logical column order. `levels` is scratch; both hold cols().
    constexpr void values(std::size_t row, std::span<std::uint8_t> scratch, std::span<float> values) const noexcept {
        levels(row, scratch);
        for (std::size_t g = 0; g < groups(); ++g) {
            const float factor = scale(row, g);
            const int z = zero(row, g);
            const float base = minimum(row, g);
            const std::size_t end = std::min(shape_.cols, (g + 1) * group_cols());
            for (std::size_t k = g * group_cols(); k < end; ++k) {
                float value = level::decode(scratch[k], z) * factor;
                if constexpr (format::offset::kind == offset_kind::minimum ||
                              format::offset::kind == offset_kind::quantized_minimum) {
                    LOWBIT_NO_CONTRACT(value);
                    value += base;
                }
                values[column(k)] = value;
            }
        }
    }

private:
    using access = layout_access<format>;

    quantized_view<P> view_;
    shape_of<format> shape_;
};

} // namespace lowbit::inline v0::detail
