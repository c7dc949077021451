// SPDX-License-Identifier: MIT
// The interleaved layout: a row of blocks, each holding the listed fields of its groups (ggml's formats).
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <lowbit/kernel/product.hpp>
#include <lowbit/policy/scale_tables.hpp>
#include <lowbit/quantize/storage.hpp>

namespace lowbit::inline v0::detail {

/// The first of the listed fields that is a table of scales, or of offsets; void where none is.
template <bool Offsets, class... Fields>
struct table_of {
    using type = void;
};
template <bool Offsets, class Field, class... Rest>
struct table_of<Offsets, Field, Rest...> {
    static constexpr bool found = Offsets ? offset_table<Field> : scale_table<Field>;
    using type = typename std::conditional_t<found, std::type_identity<Field>, table_of<Offsets, Rest...>>::type;
};

/// Whether a table, if it is one, suits a block: Groups groups, scales and offsets of that many bits.
template <class Field>
constexpr bool counts_groups(std::size_t groups) {
    if constexpr (scale_table<Field> || offset_table<Field>) return Field::groups == groups;
    return true;
}
template <class Field>
constexpr bool holds_bits(int scale_bits, int offset_bits) {
    bool fits = true;
    if constexpr (scale_table<Field>) fits = Field::scale_bits == scale_bits;
    if constexpr (offset_table<Field>) fits = fits && Field::offset_bits == offset_bits;
    return fits;
}

template <class F, std::size_t Groups, class... Fields>
struct layout_access<F, interleaved<Groups, Fields...>> : layout_base<F> {
    using base = layout_base<F>;
    using shape = shape_of<F>;
    using order = code_order<typename F::code_order>;
    using offset_field =
        std::conditional_t<F::offset::kind == offset_kind::none, void,
                           std::conditional_t<F::offset::kind == offset_kind::zero_point, field::zero_points, field::minimums>>;

    static_assert(F::granularity::rows == 1 && F::granularity::cols != 0,
                  "lowbit policy: interleaved blocks need per_group<N>; leave interleaved out or name the group");
    static_assert((std::same_as<Fields, field::codes> || ...),
                  "lowbit policy: an interleaved block without codes; list field::codes");

    template <class Field>
    static constexpr std::size_t listed = (std::size_t{std::same_as<Fields, Field>} + ... + 0);
    template <class Field>
    static constexpr bool has = listed<Field> != 0;

    static constexpr std::size_t scale_places = (std::size_t{std::same_as<Fields, field::scales> || scale_table<Fields>} + ...);
    static constexpr std::size_t offset_places =
        (std::size_t{std::same_as<Fields, field::zero_points> || std::same_as<Fields, field::minimums> || offset_table<Fields>} +
         ...);
    static_assert(scale_places != 0, "lowbit policy: an interleaved block without scales; list field::scales or a table of them");
    static_assert(scale_places < 2, "lowbit policy: an interleaved block has two places for its scales; keep one");
    static_assert(
        has<offset_field> || (offset_table<Fields> || ...) || std::is_void_v<offset_field>,
        "lowbit policy: an interleaved block lacks its offsets; list field::zero_points or field::minimums, or a table of them");
    static_assert(offset_places == (std::is_void_v<offset_field> ? 0 : 1),
                  "lowbit policy: an interleaved block has a place for offsets that its policy lacks, or two; keep one, and name "
                  "an offset: asymmetric, minimum_as<T> or quantized_minimum<T>");
    static_assert(
        has<field::super_scale> == !std::is_void_v<typename F::super_scale::type> &&
            has<field::super_minimum> == !std::is_void_v<typename F::super_minimum::type>,
        "lowbit policy: an interleaved block lists field::super_scale and field::super_minimum exactly if the policy has them");
    static_assert((std::is_void_v<typename F::super_scale::type> || F::super_scale::groups == Groups) &&
                      (std::is_void_v<typename F::super_minimum::type> || F::super_minimum::groups == Groups),
                  "lowbit policy: a super-scale spans the groups of one interleaved block; give super_scale<T, Groups> as many");
    static_assert((counts_groups<Fields>(Groups) && ...),
                  "lowbit policy: a table of scales is made for another number of groups; interleaved<Groups, ...> takes its "
                  "`groups`");
    static_assert(
        (holds_bits<Fields>(base::scale::bits, base::offset::bits) && ...),
        "lowbit policy: a table packs scales or offsets of another width than the policy's; match its `scale_bits` with "
        "scale_as<T>, its `offset_bits` with the offset's T");
    static_assert(!has<field::high_codes> || order_needs<typename F::code_order>::planes,
                  "lowbit policy: field::high_codes holds the high plane of a code order of two; name "
                  "bit_planes<LowBits, LowOrder, HighOrder>, or leave field::high_codes out");
    static_assert(((listed<Fields> == 1) && ...), "lowbit policy: an interleaved block lists a field twice; keep one");

    static constexpr std::size_t group = F::granularity::cols;
    static constexpr std::size_t block_cols = Groups * group;

    template <class Field>
    static constexpr std::size_t field_bytes = [] {
        if constexpr (std::same_as<Field, field::scales>) {
            return Groups * scalar_codec<typename F::scale_type>::bytes;
        } else if constexpr (std::same_as<Field, field::zero_points> || std::same_as<Field, field::minimums>) {
            return Groups * scalar_codec<typename F::offset::type>::bytes;
        } else if constexpr (std::same_as<Field, field::super_scale>) {
            return scalar_codec<typename F::super_scale::type>::bytes;
        } else if constexpr (std::same_as<Field, field::super_minimum>) {
            return scalar_codec<typename F::super_minimum::type>::bytes;
        } else if constexpr (scale_table<Field> || offset_table<Field>) {
            return Field::bytes;
        } else if constexpr (std::same_as<Field, field::high_codes>) {
            return order::bytes(block_cols, F::bits) - low_code_bytes<F>(block_cols);
        } else {
            static_assert(std::same_as<Field, field::codes>,
                          "lowbit policy: interleaved lists something that is no field; see field and the concept scale_table");
            return has<field::high_codes> ? low_code_bytes<F>(block_cols) : order::bytes(block_cols, F::bits);
        }
    }();

    template <class Field>
    static constexpr std::size_t start = [] {
        std::size_t at = 0;
        bool found = false;
        ((found = found || std::same_as<Fields, Field>, at += found ? 0 : field_bytes<Fields>), ...);
        return at;
    }();

    static constexpr std::size_t block_bytes = (field_bytes<Fields> + ...);

    static LOWBIT_ALWAYS_INLINE constexpr std::size_t blocks(const shape& s) noexcept { return ceil_div(s.cols, block_cols); }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t codes_bytes(const shape& s) noexcept {
        return s.rows * blocks(s) * block_bytes;
    }
    // all numbers of a group stand among the codes
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t scales_bytes(const shape&) noexcept { return 0; }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t offsets_bytes(const shape&) noexcept { return 0; }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t super_scales_bytes(const shape&) noexcept { return 0; }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t super_minimums_bytes(const shape&) noexcept { return 0; }

    template <class Field, class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                   std::size_t block) noexcept {
        return at_block(p, s, row, block) + start<Field>;
    }

    static LOWBIT_ALWAYS_INLINE constexpr std::span<const std::byte> row_codes(const planes<const std::byte>& p, const shape& s,
                                                                               std::size_t row) noexcept {
        return {at_block(p, s, row, 0), blocks(s) * block_bytes};
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void load_levels(const Rows& rows, const planes<const std::byte>& p, const shape& s,
                                                           std::size_t row, std::span<std::uint8_t> levels) noexcept {
        const std::size_t rest = levels.size() % block_cols;
        std::size_t block = 0;
        for (; block < levels.size() / block_cols; ++block)
            load_block(rows, p, s, row, block,
                       std::span<std::uint8_t, block_cols>(levels.data() + block * block_cols, block_cols));
        if (rest != 0) load_block(rows, p, s, row, block, levels.last(rest));
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void store_levels(const Rows& rows, const planes<std::byte>& p, const shape& s,
                                                            std::size_t row, std::span<const std::uint8_t> levels) noexcept {
        const std::size_t rest = levels.size() % block_cols;
        std::size_t block = 0;
        for (; block < levels.size() / block_cols; ++block) {
            store_block(rows, p, s, row, block,
                        std::span<const std::uint8_t, block_cols>(levels.data() + block * block_cols, block_cols));
        }
        for (; block < blocks(s); ++block) { // the last block of a row may be short: its rest is code 0
            std::array<std::uint8_t, block_cols> whole{};
            whole.fill(level_flip<F>);
            std::copy_n(levels.data() + levels.size() - rest, rest, whole.data());
            store_block(rows, p, s, row, block, std::span<const std::uint8_t, block_cols>(whole));
        }
    }

    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* super_scale_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                               std::size_t g) noexcept {
        return at<field::super_scale>(p, s, row, g / Groups);
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* super_minimum_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                                 std::size_t g) noexcept {
        return at<field::super_minimum>(p, s, row, g / Groups);
    }

    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_scale(const planes<const std::byte>& p, const shape& s,
                                                                   std::size_t row, std::size_t g) noexcept {
        return scale_numbers::load(at_block(p, s, row, g / Groups), g % Groups);
    }
    template <class Take>
    static LOWBIT_ALWAYS_INLINE constexpr void each_scale(const planes<const std::byte>& p, const shape& s, std::size_t row,
                                                          Take&& f) {
        each_number<scale_numbers>(at_block(p, s, row, 0), s.groups(), f);
    }
    template <class Take>
    static LOWBIT_ALWAYS_INLINE constexpr void each_offset(const planes<const std::byte>& p, const shape& s, std::size_t row,
                                                           Take&& f) {
        each_number<offset_numbers>(at_block(p, s, row, 0), s.groups(), f);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                           std::size_t g, std::uint32_t code) noexcept {
        scale_numbers::store(at_block(p, s, row, g / Groups), g % Groups, code);
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_offset(const planes<const std::byte>& p, const shape& s,
                                                                    std::size_t row, std::size_t g) noexcept {
        return offset_numbers::load(at_block(p, s, row, g / Groups), g % Groups);
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_offset(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                            std::size_t g, std::uint32_t code) noexcept {
        offset_numbers::store(at_block(p, s, row, g / Groups), g % Groups, code);
    }

private:
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* at_block(const planes<Byte>& p, const shape& s, std::size_t row,
                                                         std::size_t block) noexcept {
        return p.codes + (row * blocks(s) + block) * block_bytes;
    }
    /// The scales or the offsets of the groups in a block: in a table, or else T's in the field Plain.
    template <bool Offsets, class Plain, class T>
    struct numbers_of {
        using table = typename table_of<Offsets, Fields...>::type;
        static constexpr bool tabled = !std::is_void_v<table>;
        static constexpr std::size_t at = start<std::conditional_t<tabled, table, Plain>>;

        static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load(const std::byte* block, std::size_t g) noexcept {
            if constexpr (!tabled) {
                return load_scalar<T>(block + at + g * scalar_codec<T>::bytes);
            } else if constexpr (Offsets) {
                return table::load_offset(block + at, g);
            } else {
                return table::load_scale(block + at, g);
            }
        }
        static LOWBIT_ALWAYS_INLINE constexpr eight_codes load_eight(const std::byte* block, std::size_t first) noexcept
            requires(Offsets ? requires { table::load_offsets(block, first); } : requires { table::load_scales(block, first); })
        {
            if constexpr (Offsets) {
                return table::load_offsets(block + at, first);
            } else {
                return table::load_scales(block + at, first);
            }
        }
        static LOWBIT_ALWAYS_INLINE constexpr void store(std::byte* block, std::size_t g, std::uint32_t code) noexcept {
            if constexpr (!tabled) {
                store_scalar<T>(block + at + g * scalar_codec<T>::bytes, code);
            } else if constexpr (Offsets) {
                table::store_offset(block + at, g, code);
            } else {
                table::store_scale(block + at, g, code);
            }
        }
    };
    using scale_numbers = numbers_of<false, field::scales, typename F::scale_type>;
    using offset_numbers = numbers_of<true, offset_field, typename F::offset::type>;

    /// Of whole blocks the place in the block is a constant: tables of packed numbers have other shifts for each. Eight come at
    /// once where the table can and f takes them.
    template <class Numbers, class Take>
    static LOWBIT_ALWAYS_INLINE constexpr void each_number(const std::byte* block, std::size_t count, Take& f) {
        std::size_t g = 0;
        for (; g + Groups <= count; g += Groups, block += block_bytes) {
            if constexpr (Groups % 8 == 0 && std::invocable<Take&, std::size_t, eight_codes> &&
                          requires { Numbers::load_eight(block, g); }) {
                for (std::size_t i = 0; i < Groups; i += 8) f(g + i, Numbers::load_eight(block, i));
            } else {
                [&]<std::size_t... I>(std::index_sequence<I...>)
                    LOWBIT_INLINE_LAMBDA { (f(g + I, Numbers::load(block, I)), ...); }(std::make_index_sequence<Groups>{});
            }
        }
        for (std::size_t i = 0; g < count; ++g, ++i) f(g, Numbers::load(block, i));
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* high_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                        std::size_t block) noexcept {
        if constexpr (has<field::high_codes>) {
            return at<field::high_codes>(p, s, row, block);
        } else {
            return at<field::codes>(p, s, row, block) + low_code_bytes<F>(block_cols);
        }
    }

    // Whole blocks come as spans of a constant size.
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void load_block(const Rows& rows, const planes<const std::byte>& p, const shape& s,
                                                          std::size_t row, std::size_t block,
                                                          std::span<std::uint8_t, Size> levels) noexcept {
        unpack_levels<F>(rows, at<field::codes>(p, s, row, block), high_at(p, s, row, block), levels);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void store_block(const Rows& rows, const planes<std::byte>& p, const shape& s,
                                                           std::size_t row, std::size_t block,
                                                           std::span<const std::uint8_t, block_cols> levels) noexcept {
        pack_levels<F>(rows, levels, at<field::codes>(p, s, row, block), high_at(p, s, row, block));
    }
};

} // namespace lowbit::inline v0::detail
