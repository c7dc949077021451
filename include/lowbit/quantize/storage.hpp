// SPDX-License-Identifier: MIT
// Where a quantized matrix keeps its bytes: sizes, planes, and the access to codes, scales and offsets for each layout.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/prune/select.hpp>
#include <lowbit/quantize/code_order.hpp>

namespace lowbit::inline v0::detail {

/// A scale or minimum as stored: how many bytes, and from bits to float and back.
template <class T>
struct scalar_codec {
    static constexpr int bits = T::bits;
    static constexpr std::size_t bytes = (T::bits + 7) / 8;
    static LOWBIT_HOST_DEVICE constexpr float decode(std::uint32_t code) noexcept {
        return T::decode(static_cast<typename T::code_type>(code));
    }
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t encode(float x) noexcept { return T::encode(x); }
    static LOWBIT_ALWAYS_INLINE constexpr float max() noexcept { return T::max(); }
};
template <>
struct scalar_codec<float> {
    static constexpr int bits = 32;
    static constexpr std::size_t bytes = 4;
    static LOWBIT_HOST_DEVICE constexpr float decode(std::uint32_t code) noexcept { return __builtin_bit_cast(float, code); }
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t encode(float x) noexcept { return __builtin_bit_cast(std::uint32_t, x); }
    static LOWBIT_ALWAYS_INLINE constexpr float max() noexcept { return std::numeric_limits<float>::max(); }
};
template <>
struct scalar_codec<void> {
    static constexpr int bits = 0;
    static constexpr std::size_t bytes = 0;
};

/// A number type that the row operations convert by the row.
template <class T>
concept row_scalar = std::same_as<T, float16> || std::same_as<T, bfloat16>;

template <class T>
LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scalar(const std::byte* at) noexcept {
    if constexpr (scalar_codec<T>::bytes == 0) {
        return 0;
    } else {
        return static_cast<std::uint32_t>(load_le<static_cast<int>(scalar_codec<T>::bytes)>(at));
    }
}
template <class T>
LOWBIT_ALWAYS_INLINE constexpr void store_scalar(std::byte* at, std::uint32_t code) noexcept {
    if constexpr (scalar_codec<T>::bytes != 0) store_le<static_cast<int>(scalar_codec<T>::bytes)>(at, code);
}

/// What turns the codes that format F stores into levels, and back, by exclusive or. A *level* is a code as kernels want it,
/// unsigned: an integer element minus its lowest code, any other element's raw code.
template <class F>
inline constexpr std::uint8_t level_flip = [] {
    using E = typename F::element_type;
    if constexpr (integer_element<E>) return std::uint8_t{!F::code_form::excess && E::is_signed ? 1u << (E::bits - 1) : 0u};
    return std::uint8_t{0};
}();

/// The levels of format F as its code order packs them. Where that has two planes, the high one stands at `high`: behind the low
/// one, which ends `low_code_bytes` after its start, or elsewhere.
template <class F>
LOWBIT_ALWAYS_INLINE constexpr std::size_t low_code_bytes(std::size_t count) noexcept {
    using order = code_order<typename F::code_order>;
    if constexpr (order_needs<typename F::code_order>::planes) {
        return order::low_bytes(count);
    } else {
        return order::bytes(count, F::bits);
    }
}
template <class F, class Rows, std::size_t Size>
LOWBIT_ALWAYS_INLINE constexpr void unpack_levels(const Rows& rows, const std::byte* low, const std::byte* high,
                                                  std::span<std::uint8_t, Size> levels) noexcept {
    using order = code_order<typename F::code_order>;
    if constexpr (order_needs<typename F::code_order>::planes) {
        order::unpack(rows, low, high, levels, F::bits, level_flip<F>);
    } else {
        order::unpack(rows, low, levels, F::bits, level_flip<F>);
    }
}
template <class F, class Rows, std::size_t Size>
LOWBIT_ALWAYS_INLINE constexpr void pack_levels(const Rows& rows, std::span<const std::uint8_t, Size> levels, std::byte* low,
                                                std::byte* high) noexcept {
    using order = code_order<typename F::code_order>;
    if constexpr (order_needs<typename F::code_order>::planes) {
        order::pack(rows, levels, F::bits, level_flip<F>, low, high);
    } else {
        order::pack(rows, levels, F::bits, level_flip<F>, low);
    }
}

/// A scale of format F under its tensor scale; and back, the scale to store for an effective one.
template <class F>
LOWBIT_ALWAYS_INLINE constexpr float under_tensor_scale(float scale, float tensor) noexcept {
    if constexpr (!F::tensor_scale::present) return scale;
    return F::tensor_scale::divides ? scale / tensor : scale * tensor;
}
template <class F>
LOWBIT_ALWAYS_INLINE constexpr float without_tensor_scale(float scale, float tensor) noexcept {
    if constexpr (!F::tensor_scale::present) return scale;
    return F::tensor_scale::divides ? scale * tensor : scale / tensor;
}

/// The planes of a quantized matrix. Interleaved formats have `codes` alone.
template <class Byte>
struct planes {
    Byte* codes{};
    Byte* scales{};
    Byte* offsets{};
    Byte* super_scales{};
    Byte* super_minimums{};
    Byte* mask{};
    Byte* order{};
    Byte* tensor_scale{};

    LOWBIT_ALWAYS_INLINE constexpr operator planes<const Byte>() const noexcept
        requires(!std::is_const_v<Byte>)
    {
        return {codes, scales, offsets, super_scales, super_minimums, mask, order, tensor_scale};
    }
};

/// What every layout derives from a format F and a shape: groups, mask rows, and whole-matrix planes.
template <class F>
struct shape_of {
    using granularity = typename F::granularity;
    using mask = typename F::mask::mask;

    std::size_t rows = 0;
    std::size_t cols = 0;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t group_cols() const noexcept { return granularity::group_cols(cols); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t group_rows() const noexcept { return granularity::group_rows(rows); }
    /// Groups in a row, and rows of groups.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t groups() const noexcept { return ceil_div(cols, group_cols()); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t scale_rows() const noexcept { return ceil_div(rows, group_rows()); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t supers() const noexcept {
        return ceil_div(groups(), F::super_scale::groups);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t super_minimums() const noexcept {
        return ceil_div(groups(), F::super_minimum::groups);
    }

    /// The blocks of the mask; where one is present.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr mask_grid<mask> mask_blocks() const noexcept
        requires F::mask::present
    {
        return {rows, cols};
    }
    /// Mask bits in a line, lines of mask bits, how many rows store codes, and how many codes each (a pruned row stores what it
    /// keeps).
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t mask_cols() const noexcept {
        if constexpr (F::mask::present) return mask_blocks().bits();
        return 0;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t mask_rows() const noexcept {
        if constexpr (F::mask::present) return cols != 0 ? mask_blocks().lines() : 0;
        return 0;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t stored_cols() const noexcept {
        if constexpr (F::mask::present) {
            if constexpr (!mask_grid<mask>::down) {
                const std::size_t codes = mask::kept(mask_cols()) * mask::cols;
                return codes < cols ? codes : cols;
            }
        }
        return cols;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t stored_rows() const noexcept {
        if constexpr (F::mask::present) {
            if constexpr (mask_grid<mask>::down) {
                const std::size_t codes = mask::kept(mask_cols()) * mask_blocks().block_rows();
                return codes < rows ? codes : rows;
            }
        }
        return rows;
    }
    /// Where the codes of a row stand, counted in stored rows; stored_rows() if nowhere. `bits` are those of the mask.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t stored_row(const std::byte* bits, std::size_t row) const noexcept {
        if constexpr (F::mask::present) {
            if constexpr (mask_grid<mask>::down) {
                const std::size_t height = mask_blocks().block_rows();
                const std::size_t bit = row / height;
                if (!mask_bit(bits, bit)) return stored_rows();
                std::size_t before = 0;
                for (std::size_t i = 0; i < bit / 8; ++i)
                    before += static_cast<std::size_t>(std::popcount(std::to_integer<unsigned>(bits[i])));
                for (std::size_t i = bit / 8 * 8; i < bit; ++i) before += std::size_t{mask_bit(bits, i)};
                const std::size_t at = before * height + row % height;
                return at < stored_rows() ? at : stored_rows(); // foreign bits may claim more than is stored
            }
        }
        return row;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t mask_row_bytes() const noexcept { return ceil_div(mask_cols(), 8); }
};

/// The access to a format's bytes, by layout. Each says how large its planes of codes, scales and offsets are, reads and writes
/// levels by row, and knows where the numbers of a row and group lie (`scale_at`, `offset_at`, `super_scale_at`,
/// `super_minimum_at`); the rest is layout_base.
template <class F, class Layout = typename F::layout>
struct layout_access;

template <class F>
struct layout_base {
    using layout = layout_access<F>;
    using shape = shape_of<F>;
    using numbers = planes<const std::byte>;
    using scale = scalar_codec<typename F::scale_type>;
    using offset = scalar_codec<typename F::offset::type>;
    using super = scalar_codec<typename F::super_scale::type>;
    using super_min = scalar_codec<typename F::super_minimum::type>;

    static constexpr std::size_t rows_per_byte = 1; ///< where rows share bytes, how many do

    static LOWBIT_ALWAYS_INLINE constexpr std::size_t super_scales_bytes(const shape& s) noexcept {
        return s.scale_rows() * s.supers() * super::bytes;
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t super_minimums_bytes(const shape& s) noexcept {
        return s.scale_rows() * s.super_minimums() * super_min::bytes;
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t mask_bytes(const shape& s) noexcept {
        return s.mask_rows() * s.mask_row_bytes();
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t order_bytes(const shape& s) noexcept {
        return F::column_order::permuted ? s.cols * 4 : 0;
    }
    /// A matrix without weights has no tensor scale, so that a default one needs no memory.
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t tensor_bytes(const shape& s) noexcept {
        return F::tensor_scale::present && s.rows != 0 && s.cols != 0 ? 4 : 0;
    }

    static LOWBIT_ALWAYS_INLINE constexpr std::size_t bytes(const shape& s) noexcept {
        return layout::codes_bytes(s) + layout::scales_bytes(s) + layout::offsets_bytes(s) + layout::super_scales_bytes(s) +
               layout::super_minimums_bytes(s) + mask_bytes(s) + order_bytes(s) + tensor_bytes(s);
    }

    /// The planes of one buffer, in the order in which they stand in it, without padding.
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr planes<Byte> split(Byte* base, const shape& s) noexcept {
        planes<Byte> p;
        p.codes = base;
        p.scales = p.codes + layout::codes_bytes(s);
        p.offsets = p.scales + layout::scales_bytes(s);
        p.super_scales = p.offsets + layout::offsets_bytes(s);
        p.super_minimums = p.super_scales + layout::super_scales_bytes(s);
        p.mask = p.super_minimums + layout::super_minimums_bytes(s);
        p.order = p.mask + mask_bytes(s);
        p.tensor_scale = p.order + order_bytes(s);
        return p;
    }

    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scale(const numbers& p, const shape& s, std::size_t row,
                                                                   std::size_t group) noexcept {
        return load_scalar<typename F::scale_type>(layout::scale_at(p, s, row, group));
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_offset(const numbers& p, const shape& s, std::size_t row,
                                                                    std::size_t group) noexcept {
        return load_scalar<typename F::offset::type>(layout::offset_at(p, s, row, group));
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_super_scale(const numbers& p, const shape& s, std::size_t row,
                                                                         std::size_t group) noexcept {
        return load_scalar<typename F::super_scale::type>(layout::super_scale_at(p, s, row, group));
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_super_minimum(const numbers& p, const shape& s, std::size_t row,
                                                                           std::size_t group) noexcept {
        return load_scalar<typename F::super_minimum::type>(layout::super_minimum_at(p, s, row, group));
    }
    /// Calls f(group, code) for the scales of a row, and for its offsets.
    template <class Take>
    static LOWBIT_ALWAYS_INLINE constexpr void each_scale(const numbers& p, const shape& s, std::size_t row, Take&& f) {
        for (std::size_t g = 0; g < s.groups(); ++g) f(g, layout::load_scale(p, s, row, g));
    }
    template <class Take>
    static LOWBIT_ALWAYS_INLINE constexpr void each_offset(const numbers& p, const shape& s, std::size_t row, Take&& f) {
        for (std::size_t g = 0; g < s.groups(); ++g) f(g, layout::load_offset(p, s, row, g));
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                           std::size_t group, std::uint32_t code) noexcept {
        store_scalar<typename F::scale_type>(layout::scale_at(p, s, row, group), code);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_offset(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                            std::size_t group, std::uint32_t code) noexcept {
        store_scalar<typename F::offset::type>(layout::offset_at(p, s, row, group), code);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_super_scale(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                                 std::size_t group, std::uint32_t code) noexcept {
        store_scalar<typename F::super_scale::type>(layout::super_scale_at(p, s, row, group), code);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_super_minimum(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                                   std::size_t group, std::uint32_t code) noexcept {
        store_scalar<typename F::super_minimum::type>(layout::super_minimum_at(p, s, row, group), code);
    }
};

template <class F>
struct layout_access<F, planar> : layout_base<F> {
    using base = layout_base<F>;
    using shape = shape_of<F>;
    using order = code_order<typename F::code_order>;

    static LOWBIT_ALWAYS_INLINE constexpr std::size_t code_row_bytes(const shape& s) noexcept {
        return order::bytes(s.stored_cols(), F::bits);
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t codes_bytes(const shape& s) noexcept {
        return s.stored_rows() * code_row_bytes(s);
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::span<const std::byte> row_codes(const planes<const std::byte>& p, const shape& s,
                                                                               std::size_t row) noexcept {
        return {p.codes + row * code_row_bytes(s), code_row_bytes(s)};
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t scales_bytes(const shape& s) noexcept {
        return s.scale_rows() * s.groups() * base::scale::bytes;
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t offsets_bytes(const shape& s) noexcept {
        return s.scale_rows() * s.groups() * base::offset::bytes;
    }

    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void load_levels(const Rows& rows, const planes<const std::byte>& p, const shape& s,
                                                           std::size_t row, std::span<std::uint8_t> levels) noexcept {
        const std::byte* at = p.codes + row * code_row_bytes(s);
        unpack_levels<F>(rows, at, at + low_code_bytes<F>(s.stored_cols()), levels);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void store_levels(const Rows& rows, const planes<std::byte>& p, const shape& s,
                                                            std::size_t row, std::span<const std::uint8_t> levels) noexcept {
        std::byte* at = p.codes + row * code_row_bytes(s);
        pack_levels<F>(rows, levels, at, at + low_code_bytes<F>(s.stored_cols()));
    }

    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* scale_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                         std::size_t group) noexcept {
        return p.scales + (row / s.group_rows() * s.groups() + group) * base::scale::bytes;
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* offset_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                          std::size_t group) noexcept {
        return p.offsets + (row / s.group_rows() * s.groups() + group) * base::offset::bytes;
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* super_scale_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                               std::size_t group) noexcept {
        return p.super_scales + (row / s.group_rows() * s.supers() + group / F::super_scale::groups) * base::super::bytes;
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* super_minimum_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                                 std::size_t group) noexcept {
        return p.super_minimums +
               (row / s.group_rows() * s.super_minimums() + group / F::super_minimum::groups) * base::super_min::bytes;
    }
};

/// The bytes of a matrix into `bytes`; true, and `bytes` untouched, if they or the weights are more than size_t counts.
template <class F, class Here = isa::here>
constexpr bool bytes_overflow(const shape_of<F>& s, std::size_t& bytes) noexcept {
    constexpr std::size_t most_cols =
        std::numeric_limits<std::size_t>::max() / 128; // no row takes that many bytes for each weight
    std::size_t weights = 0;
    std::size_t row_by_row = 0; // what is stored once, or for several rows, counted for each
    if (s.cols > most_cols || mul_overflow(s.rows, s.cols, weights)) return true;
    if (mul_overflow(s.rows, layout_access<F>::bytes(shape_of<F>{1, s.cols}), row_by_row)) return true;
    bytes = layout_access<F>::bytes(s);
    return false;
}

} // namespace lowbit::inline v0::detail
