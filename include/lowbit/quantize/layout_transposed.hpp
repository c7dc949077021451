// SPDX-License-Identifier: MIT
// The transposed layout: 32-bit words of consecutive k, a word row for all n; scales and zero points group by row (GPTQ).
#pragma once

#include <lowbit/quantize/storage.hpp>

namespace lowbit::inline v0::detail {

template <class F>
struct layout_access<F, planar_transposed> : layout_base<F> {
    using base = layout_base<F>;
    using shape = shape_of<F>;
    using typename base::offset;

    static_assert(F::granularity::rows == 1, "lowbit policy: planar_transposed stores per_channel or per_group scales");
    static_assert(32 % F::bits == 0 && std::same_as<typename F::code_order, sequential>,
                  "lowbit policy: planar_transposed packs 1, 2, 4 or 8 bits into words, in sequential order");
    static_assert(std::is_void_v<typename F::super_scale::type> && F::offset::kind != offset_kind::quantized_minimum,
                  "lowbit policy: planar_transposed has one level of scales; leave super_scale and quantized_minimum out");
    static_assert(offset::bits == 0 || 32 % offset::bits == 0,
                  "lowbit policy: planar_transposed packs zero points of 1, 2, 4 or 8 bits into words");

    static constexpr std::size_t per_word = 32 / F::bits;
    static constexpr std::size_t rows_per_byte = offset::bits % 8 != 0 ? 8 / offset::bits : 1; ///< of zero points

    static LOWBIT_ALWAYS_INLINE constexpr std::size_t codes_bytes(const shape& s) noexcept {
        return ceil_div(s.cols, per_word) * s.rows * 4;
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t scales_bytes(const shape& s) noexcept {
        return s.groups() * s.rows * base::scale::bytes;
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t offset_row_bytes(const shape& s) noexcept {
        return ceil_div(s.rows * offset::bits, 32) * 4;
    }
    static LOWBIT_ALWAYS_INLINE constexpr std::size_t offsets_bytes(const shape& s) noexcept {
        return s.groups() * offset_row_bytes(s);
    }

    // A word is little-endian, so its bytes hold consecutive k: code k of column n lies in byte k % per_word * bits / 8 of word
    // (k / per_word, n).
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void load_levels(const Rows&, const planes<const std::byte>& p, const shape& s,
                                                           std::size_t row, std::span<std::uint8_t> levels) noexcept {
        for (std::size_t k = 0; k < levels.size(); k += per_word) {
            unpack_codes(p.codes + (k / per_word * s.rows + row) * 4, 0, levels.subspan(k, std::min(per_word, levels.size() - k)),
                         F::bits, level_flip<F>);
        }
    }
    template <class Rows>
    static LOWBIT_ALWAYS_INLINE constexpr void store_levels(const Rows&, const planes<std::byte>& p, const shape& s,
                                                            std::size_t row, std::span<const std::uint8_t> levels) noexcept {
        for (std::size_t k = 0; k < levels.size(); k += per_word) {
            pack_codes(levels.subspan(k, std::min(per_word, levels.size() - k)), F::bits,
                       p.codes + (k / per_word * s.rows + row) * 4, level_flip<F>);
        }
    }

    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* scale_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                         std::size_t group) noexcept {
        return p.scales + (group * s.rows + row) * base::scale::bytes;
    }
    template <class Byte>
    static LOWBIT_ALWAYS_INLINE constexpr Byte* offset_at(const planes<Byte>& p, const shape& s, std::size_t row,
                                                          std::size_t group) noexcept {
        return p.offsets + group * offset_row_bytes(s) + row * offset::bits / 8;
    }

    // Offsets of less than a byte share one.
    static LOWBIT_ALWAYS_INLINE constexpr std::uint32_t load_offset(const planes<const std::byte>& p, const shape& s,
                                                                    std::size_t row, std::size_t group) noexcept {
        if constexpr (offset::bits % 8 != 0) {
            return unpack_code(p.offsets + group * offset_row_bytes(s), row, offset::bits);
        } else {
            return base::load_offset(p, s, row, group);
        }
    }
    static LOWBIT_ALWAYS_INLINE constexpr void store_offset(const planes<std::byte>& p, const shape& s, std::size_t row,
                                                            std::size_t group, std::uint32_t code) noexcept {
        if constexpr (offset::bits % 8 != 0) {
            std::byte& at = *offset_at(p, s, row, group);
            const auto shift = static_cast<int>(row * offset::bits % 8);
            at = (at & ~(static_cast<std::byte>((1u << offset::bits) - 1) << shift)) | static_cast<std::byte>(code) << shift;
        } else {
            base::store_offset(p, s, row, group, code);
        }
    }
};

} // namespace lowbit::inline v0::detail
