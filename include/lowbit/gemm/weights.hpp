// SPDX-License-Identifier: MIT
// What a format is to the kernels: how its codes decode, which scales and offsets travel with them, which kernel key follows.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/binary.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/quantize/decode.hpp>

namespace lowbit::inline v0 {

/// What the activations of a product are once they meet the weights.
using compute = kernel::activation_kind;

namespace detail {

/// How the levels of an element become numbers inside a kernel: value = step * level - offset, or an entry of a table.
template <class E>
struct element_kernel {
    static constexpr kernel::decoding code = kernel::decoding::table;
    static constexpr unsigned step = 1;
    static constexpr std::int32_t offset = 0;
};
template <integer_element E>
struct element_kernel<E> {
    static constexpr kernel::decoding code = kernel::decoding::integer;
    static constexpr unsigned step = 1;
    static constexpr std::int32_t offset = level_of<E>::bias;
};
template <>
struct element_kernel<ternary> {
    static constexpr kernel::decoding code = kernel::decoding::integer;
    static constexpr unsigned step = 1;
    static constexpr std::int32_t offset = 1;
};
template <>
struct element_kernel<binary> {
    static constexpr kernel::decoding code = kernel::decoding::integer;
    static constexpr unsigned step = 2;
    static constexpr std::int32_t offset = 1;
};

template <class E>
inline constexpr bool takes_int8 = element_kernel<E>::code == kernel::decoding::integer || E::bits <= 4;

/// The values of every code, for float activations.
template <class E>
inline constexpr auto float_table = [] {
    std::array<float, std::size_t{1} << E::bits> values{};
    for (std::size_t c = 0; c < values.size(); ++c) values[c] = E::decode(static_cast<typename E::code_type>(c));
    return values;
}();

/// The factor that makes the largest entry of a table 127, or 1, 1/2, 1/4 ... where the entries are whole multiples of it.
template <class E>
inline constexpr float int8_table_step = [] {
    float largest = 0.0f;
    for (const float v : float_table<E>) largest = std::max({largest, v, -v});
    for (float step = 1.0f; largest <= 127.0f * step; step *= 0.5f) {
        bool whole = true;
        for (const float v : float_table<E>) whole = whole && round_half_even(v / step) * step == v;
        if (whole) return step;
    }
    return largest / 127.0f;
}();

/// The values of a code of at most 4 bits, for int8 activations: 16 bytes of round(value / step) + 128.
template <class E>
inline constexpr auto int8_table = [] {
    std::array<std::uint8_t, 16> values{};
    for (std::size_t c = 0; c < float_table<E>.size() && c < 16; ++c) {
        values[c] = static_cast<std::uint8_t>(round_to_int(float_table<E>[c] / int8_table_step<E>) + 128);
    }
    return values;
}();

template <class T>
inline constexpr auto kernel_scale = kernel::scale_kind::table8;
template <>
inline constexpr auto kernel_scale<float> = kernel::scale_kind::float32;
template <>
inline constexpr auto kernel_scale<float16> = kernel::scale_kind::float16;
template <>
inline constexpr auto kernel_scale<bfloat16> = kernel::scale_kind::bfloat16;

template <class Mask>
inline constexpr bool is_block_sparse = false;
template <std::size_t Rows, std::size_t Cols, std::size_t Percent>
inline constexpr bool is_block_sparse<block_sparse<Rows, Cols, Percent>> = true;

/// The kernel's view of format F.
template <any_policy F>
struct weights_of {
    using element_type = typename F::element_type;
    using codes = element_kernel<element_type>;
    static constexpr auto offset = F::offset::kind == offset_kind::none         ? kernel::offset_kind::constant
                                   : F::offset::kind == offset_kind::zero_point ? kernel::offset_kind::zero_point
                                                                                : kernel::offset_kind::minimum;
    static constexpr bool minimums = offset == kernel::offset_kind::minimum;
    /// Two levels that kernels multiply: integers under one float of at least 16 bits, minimums alike and in the same runs.
    static constexpr bool two_levels = [] {
        using scale_type = typename F::scale_type;
        using super = typename F::super_scale;
        if constexpr (std::is_void_v<typename super::type> || F::tensor_scale::present || F::granularity::rows != 1) {
            return false;
        } else if constexpr (!integer_element<scale_type> || kernel_scale<typename super::type> == kernel::scale_kind::table8) {
            return false;
        } else if constexpr (!minimums) {
            return true;
        } else if constexpr (F::offset::kind == offset_kind::quantized_minimum) {
            using minimum = typename F::offset::type;
            return integer_element<minimum> && minimum::min_code == 0 &&
                   std::same_as<typename F::super_minimum::type, typename super::type> &&
                   F::super_minimum::groups == super::groups;
        } else {
            return false;
        }
    }();
    /// Scales travel as they are stored. Other two levels, and minimums of another type than the scale, are multiplied out to
    /// float; so are scales under a tensor scale, unless they are narrow, take it into their table, and no minimums share that.
    static constexpr bool multiplied_out =
        !two_levels &&
        (!std::is_void_v<typename F::super_scale::type> ||
         (minimums && !std::same_as<typename F::offset::type, typename F::scale_type>) ||
         (F::tensor_scale::present && (minimums || kernel_scale<typename F::scale_type> != kernel::scale_kind::table8)));
    static constexpr auto scale = [] {
        if constexpr (two_levels) {
            if constexpr (minimums) {
                if (F::scale_type::bits <= 4 && F::offset::type::bits <= 4) return kernel::scale_kind::nibble;
            }
            return kernel::scale_kind::byte;
        } else {
            return multiplied_out ? kernel::scale_kind::float32 : kernel_scale<typename F::scale_type>;
        }
    }();
    /// Levels count from the element's own zero; those of integers over a minimum count upwards from it.
    static constexpr std::int32_t constant = minimums && integer_element<element_type> ? 0 : codes::offset;
    /// Bits of a kept code in masked panels; 0 where a bit a weight for the mask would not save memory, and for masks of blocks.
    static constexpr unsigned kept_bits = [] {
        if constexpr (F::mask::present) {
            using mask = typename F::mask::mask;
            constexpr std::size_t some = 9600; // whole groups of every n_of_m<N, M> but the odd ones
            constexpr unsigned each = element_type::bits <= 4 ? 4 : 8;
            constexpr bool single = !is_block_sparse<mask> && mask::rows == 1 && mask::cols == 1;
            if (single && some + each * mask::kept(some) < some * element_type::bits) return each;
        }
        return 0u;
    }();
    /// Whether kept codes may be stored as pairs.
    static constexpr bool pairs = [] {
        if constexpr (requires { F::mask::mask::m; } && integer_element<element_type>) {
            using mask = typename F::mask::mask;
            return kept_bits != 0 && offset == kernel::offset_kind::constant && element_type::is_signed &&
                   2 * mask::n == mask::m && 4 % mask::m == 0;
        }
        return false;
    }();
    /// Whether so few codes are kept that they may be stored as lists, two bytes each and some that fill up.
    static constexpr bool lists = [] {
        if constexpr (kept_bits == 8 && integer_element<element_type>) {
            constexpr std::size_t some = 9600;
            return 26 * F::mask::mask::kept(some) < 3 * some && offset == kernel::offset_kind::constant &&
                   element_type::is_signed && !two_levels;
        }
        return false;
    }();
    /// Bits of a code to the kernels: masked panels become bytes.
    static constexpr unsigned bits = kept_bits != 0 ? 8 : static_cast<unsigned>(element_type::bits);
    /// The level of 0, where there are no zero points.
    static constexpr std::uint8_t fill = [] {
        if constexpr (codes::code == kernel::decoding::table && has_zero<element_type>) {
            return static_cast<std::uint8_t>(element_type::encode(0.0f));
        } else {
            return static_cast<std::uint8_t>(constant);
        }
    }();

    /// The kernel for activations of kind c and so many groups a record.
    static constexpr kernel::product_key key(compute c, std::size_t record_groups) noexcept {
        return {.bits = bits,
                .code = codes::code,
                .offset = offset,
                .activations = c,
                .step = codes::step,
                .scale_levels = two_levels ? 2u : 1u,
                .record_groups = record_groups,
                .kept_bits = kept_bits,
                .pairs = pairs,
                .lists = lists};
    }
};

/// Whether weights of policy P are packed as kernel::block_layout says: blocks of a shape that its kernels read, of integers with
/// one scale a row, for activations of one scale a row; where that is fewer bytes than dense codes are.
template <any_policy P>
inline constexpr bool packed_as_blocks = [] {
    using mask = typename P::mask::mask;
    using asked = typename P::activations;
    using weights = weights_of<format_of<P>>;
    if constexpr (!is_block_sparse<mask>) {
        return false;
    } else {
        constexpr std::size_t atom = kernel::block_atom(mask::cols), bits = P::bits;
        constexpr std::int32_t highest = (std::int32_t{1} << bits) - 1 - weights::constant;
        return kernel::packs_blocks(mask::rows, mask::cols) && (100 - mask::percent) * (atom + 1) * 8 < 100 * atom * bits &&
               weights::codes::code == kernel::decoding::integer && weights::codes::step == 1 && highest < 128 &&
               weights::offset == kernel::offset_kind::constant && !weights::two_levels && P::granularity::cols == 0 &&
               asked::granularity::cols == 0 &&
               (std::is_void_v<typename asked::type> || std::same_as<typename asked::type, int8>);
    }
}();

/// What the activations of policy P become when X is made of T: the compute axis, or its default.
template <any_policy P, class T>
inline constexpr compute compute_of = [] {
    using asked = typename P::activations;
    if constexpr (std::is_void_v<typename asked::type>) {
        return std::same_as<T, float> && element_kernel<typename P::element_type>::code == kernel::decoding::integer
                   ? compute::int8_per_row
                   : compute::float32;
    } else if constexpr (std::same_as<typename asked::type, float>) {
        return compute::float32;
    } else if constexpr (std::same_as<typename asked::type, binary>) {
        return asked::granularity::cols == 0 ? compute::binary_per_row : compute::binary_per_group;
    } else {
        static_assert(
            takes_int8<typename P::element_type>,
            "lowbit: activations<int8> need integer weights or a codebook of at most 16 entries; use activations<float>");
        return asked::granularity::cols == 0 ? compute::int8_per_row : compute::int8_per_group;
    }
}();

} // namespace detail

} // namespace lowbit::inline v0
