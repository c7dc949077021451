// SPDX-License-Identifier: MIT
// The interleaved layout: a row of blocks, each holding the listed fields of its groups (ggml's formats).
#pragma once

#include <array>

#include <lowbit/quantize/storage.hpp>

namespace lowbit::inline v0::detail {

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
    static constexpr bool has = (std::same_as<Fields, Field> || ...);

    static_assert(has<field::scales> || has<field::packed_6bit>,
                  "lowbit policy: an interleaved block without scales; list field::scales");
    static_assert(has<offset_field> || std::is_void_v<offset_field> || has<field::packed_6bit>,
                  "lowbit policy: an interleaved block lacks its offsets; list field::zero_points or field::minimums");
    static_assert(
        has<field::super_scale> == !std::is_void_v<typename F::super_scale::type> &&
            has<field::super_minimum> == !std::is_void_v<typename F::super_minimum::type>,
        "lowbit policy: an interleaved block lists field::super_scale and field::super_minimum exactly if the policy has them");
    static_assert((std::is_void_v<typename F::super_scale::type> || F::super_scale::groups == Groups) &&
                      (std::is_void_v<typename F::super_minimum::type> || F::super_minimum::groups == Groups),
                  "lowbit policy: a super-scale spans the groups of one interleaved block; give super_scale<T, Groups> as many");
    static_assert(!has<field::packed_6bit> ||
                      (scalar_codec<typename F::scale_type>::bits == 6 && scalar_codec<typename F::offset::type>::bits == 6),
                  "lowbit policy: field::packed_6bit holds scale_as<uint6> and quantized_minimum<uint6>");

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
        } else if constexpr (std::same_as<Field, field::packed_6bit>) {
            static_assert(Groups == 8, "lowbit policy: field::packed_6bit holds the scales and minimums of 8 groups");
            return std::size_t{12};
        } else {
            static_assert(std::same_as<Field, field::codes>, "lowbit policy: interleaved lists something that is no field");
            return order::bytes(block_cols, F::bits);
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
        return p.codes + (row * blocks(s) + block) * block_bytes + start<Field>;
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
    static LOWBIT_ALWAYS_INLINE constexpr Byte* scale_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                         std::size_t g) noexcept {
        return at<field::scales>(p, s, row, g / Groups) + g % Groups * base::scale::bytes;
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* offset_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                          std::size_t g) noexcept {
        return at<offset_field>(p, s, row, g / Groups) + g % Groups * base::offset::bytes;
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
        if constexpr (has<field::packed_6bit>) {
            return load_6bit(at<field::packed_6bit>(p, s, row, g / Groups), g % Groups, 0);
        } else {
            return base::load_scale(p, s, row, g);
        }
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_scale(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                           std::size_t g, std::uint32_t code) noexcept {
        if constexpr (has<field::packed_6bit>) {
            store_6bit(at<field::packed_6bit>(p, s, row, g / Groups), g % Groups, 0, code);
        } else {
            base::store_scale(p, s, row, g, code);
        }
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_offset(const planes<const std::byte>& p, const shape& s,
                                                                    std::size_t row, std::size_t g) noexcept {
        if constexpr (has<field::packed_6bit>) {
            return load_6bit(at<field::packed_6bit>(p, s, row, g / Groups), g % Groups, 4);
        } else {
            return base::load_offset(p, s, row, g);
        }
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_offset(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                            std::size_t g, std::uint32_t code) noexcept {
        if constexpr (has<field::packed_6bit>) {
            store_6bit(at<field::packed_6bit>(p, s, row, g / Groups), g % Groups, 4, code);
        } else {
            base::store_offset(p, s, row, g, code);
        }
    }

private:
    // Whole blocks come as spans of a constant size.
    template <class Rows, std::size_t Size>
    static LOWBIT_ALWAYS_INLINE constexpr void load_block(const Rows& rows, const planes<const std::byte>& p, const shape& s,
                                                          std::size_t row, std::size_t block,
                                                          std::span<std::uint8_t, Size> levels) noexcept {
        order::unpack(rows, at<field::codes>(p, s, row, block), levels, F::bits, level_flip<F>);
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void store_block(const Rows& rows, const planes<std::byte>& p, const shape& s,
                                                           std::size_t row, std::size_t block,
                                                           std::span<const std::uint8_t, block_cols> levels) noexcept {
        order::pack(rows, levels, F::bits, level_flip<F>, at<field::codes>(p, s, row, block));
    }

    // ggml's table of 8 scales and 8 minimums of 6 bits: the first four of each fill the low 6 bits of bytes 0..3 and 4..7; of
    // the last four, bytes 8..11 hold the low nibbles (scale low, minimum high) and the top two bits of bytes 0..7 the rest.
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_6bit(const std::byte* t, std::size_t j, std::size_t which) noexcept {
        const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(t[i]); };
        if (j < 4) return byte(j + which) & 63;
        return (byte(j + 4) >> which & 15) | byte(j - 4 + which) >> 6 << 4;
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_6bit(std::byte* t, std::size_t j, std::size_t which,
                                                          std::uint32_t code) noexcept {
        const auto put = [&](std::size_t i, unsigned mask, unsigned bits) {
            t[i] = static_cast<std::byte>((std::to_integer<unsigned>(t[i]) & ~mask) | bits);
        };
        if (j < 4) return put(j + which, 63, code & 63);
        put(j + 4, 15u << which, (code & 15) << which);
        put(j - 4 + which, 192, code >> 4 << 6);
    }
};

} // namespace lowbit::inline v0::detail
