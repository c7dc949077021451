// SPDX-License-Identifier: MIT
// pack_blocks: from rows of levels to a panel of block-sparse weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <lowbit/kernel/blocks/block_layout.hpp>

namespace lowbit::inline v0::detail {

/// Writes the sums and the atoms of a panel, all but its scales. `levels` holds `columns` rows, `stride` apart; `segment` is the
/// K of a group. No row of blocks has more atoms that are not all zero than the layout says.
template <class Here>
void pack_blocks(const kernel::block_layout& layout, std::size_t segment, std::size_t columns, const std::uint8_t* levels,
                 std::size_t stride, std::byte* panel) {
    const std::size_t depth = layout.depth, atom = layout.atom;
    const auto value = [&](std::size_t column, std::size_t k) {
        return column < columns && k < depth ? levels[column * stride + k] - layout.zero : 0;
    };
    std::byte* sums = panel + layout.sums_start(columns);
    for (std::size_t g = 0; g < layout.groups; ++g) {
        for (std::size_t c = 0; c < columns; ++c, sums += sizeof(std::int32_t)) {
            std::int32_t sum = 0;
            for (std::size_t k = g * segment; k < std::min(depth, (g + 1) * segment); ++k) sum += value(c, k);
            sum *= 128;
            std::memcpy(sums, &sum, sizeof sum);
        }
    }
    for (std::size_t b = 0; b < layout.block_rows(columns); ++b) {
        std::byte* const row = panel + layout.blocks_start(columns) + b * layout.row_bytes();
        std::byte* const index = row + layout.indices_start();
        std::byte* const codes = row + layout.codes_start();
        const std::size_t last = std::min(columns, (b + 1) * layout.rows);
        std::memset(index, 0, layout.atoms + layout.atoms * atom * layout.rows);
        std::uint32_t used = 0;
        for (std::size_t s = 0; s < layout.spans(); ++s) {
            const std::size_t end = std::min(depth, (s + 1) * layout.span_depth());
            std::byte reached{}; // the last index of the span
            for (std::size_t k = s * layout.span_depth(); k < end; k += atom) {
                bool any = false;
                for (std::size_t c = b * layout.rows; c < last; ++c) {
                    for (std::size_t i = k; i < std::min(k + atom, depth); ++i) any = any || value(c, i) != 0;
                }
                if (!any || used == layout.atoms) continue;
                index[used] = reached = static_cast<std::byte>(k / atom % kernel::block_layout::span_atoms);
                for (std::size_t r = 0; r < layout.rows; ++r) {
                    std::byte* to =
                        codes + ((r / layout.unit() * layout.atoms + used) * layout.unit() + r % layout.unit()) * atom;
                    for (std::size_t i = 0; i < atom; ++i) to[i] = static_cast<std::byte>(value(b * layout.rows + r, k + i));
                }
                ++used;
            }
            if (s + 1 == layout.spans()) { // those of zeros stand here
                std::fill(index + used, index + layout.atoms, reached);
                used = static_cast<std::uint32_t>(layout.atoms);
            }
            if (layout.spans() > 1) std::memcpy(row + s * sizeof used, &used, sizeof used);
        }
    }
}

} // namespace lowbit::inline v0::detail
