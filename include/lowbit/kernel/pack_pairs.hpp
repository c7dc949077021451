// SPDX-License-Identifier: MIT
// pack_pairs: records of pairs, of which every quad keeps two codes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/pack_planes.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/record_source.hpp>

namespace lowbit::inline v0::kernel {

/// Writes the units of a record of pairs. A quad that keeps fewer than two gets codes of 0, `fill`; one that keeps more, in
/// foreign masks, the first two.
template <class Here = isa::here>
void pack_pairs(const panel_layout& layout, std::size_t r, const masked_source& from, std::uint8_t fill, std::byte* record) {
    constexpr std::size_t most = pair_unit / 2;
    std::uint8_t kept[panel_columns * most];
    for (std::size_t k = 0; k < layout.record_depth(r); k += pair_unit) {
        for (std::size_t c = 0; c < panel_columns; ++c) {
            std::uint8_t* to = kept + c * most;
            std::uint32_t patterns = 0;
            for (std::size_t q = 0; q < pair_unit; q += 4) {
                unsigned places = 0;
                for (std::size_t i = 0; i < 4; ++i) {
                    const std::size_t at = k + q + i;
                    if (std::popcount(places) < 2) places |= unsigned{at < from.depth && from.keeps(c, at)} << i;
                }
                const unsigned asked = places;
                for (unsigned i = 8; std::popcount(places) < 2; i >>= 1) places |= i;
                for (std::size_t i = 0; i < 4; ++i) {
                    if ((places >> i & 1) == 0) continue;
                    const unsigned code = (asked >> i & 1) != 0 ? from.codes[c * from.stride + k + q + i] : unsigned{fill};
                    *to++ = static_cast<std::uint8_t>((code - fill) & ((1u << layout.kept_bits) - 1));
                }
                patterns |= (places & 7) << q / 4 * 3;
            }
            for (std::size_t i = 0; i < 3; ++i) record[c * 3 + i] = static_cast<std::byte>(patterns >> i * 8 & 0xff);
        }
        const record_source codes{kept, most, most};
        pack_plane<Here>(layout.kept_bits, 0, most, panel_columns, codes, record + pattern_bytes);
        record += pair_unit_bytes(layout.kept_bits);
    }
}

} // namespace lowbit::inline v0::kernel
