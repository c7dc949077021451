// SPDX-License-Identifier: MIT
// block_layout: where the bytes of block-sparse weights lie, packed as rows of blocks that all keep equally many.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0::kernel {

/// Codes that one index speaks for in a row: a block is cut into atoms of 16 k, or of 8 or 4 where its width is no multiple.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t block_atom(std::size_t block_cols) noexcept {
    const std::size_t power = block_cols & (~block_cols + 1);
    return std::min<std::size_t>(power, 16);
}
/// Rows of W whose codes lie side by side and meet the same activations: blocks of more rows are cut into such units.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t block_unit(std::size_t block_rows) noexcept {
    return std::min<std::size_t>(block_rows, 4);
}
/// Whether kernels read blocks of that shape: they tile panels, and quads of k tile them.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool packs_blocks(std::size_t block_rows, std::size_t block_cols) noexcept {
    return block_cols > 0 && block_cols % 4 == 0 && block_rows > 0 && block_rows <= 64 && (block_rows & (block_rows - 1)) == 0;
}

/// Block-sparse weights, layout "blocks_n64": columns (rows of W) are cut into panels of 64, as dense ones are:
///
///   panel        = scales (float, one a column) || for each group 128 times the sums of its codes (int32, one a column)
///                  || row of blocks, as many as cover the columns
///   row of blocks = ends || indices || for each unit of its rows: atoms
///   atom          = for each row of the unit: its codes (int8)
///
/// A row of blocks holds the atoms that are not all zero, in ascending order, and behind them atoms of zeros up to a number that
/// is the same for all, in the last span at the index of the last one there, or 0. An index is one byte, counted in atoms from
/// the start of the span of 256 atoms in which it lies; where there are several spans, `ends` (uint32) says how many atoms end
/// each.
struct block_layout {
    static constexpr std::string_view tag = "blocks_n64/2";
    static constexpr std::size_t span_atoms = 256;

    std::size_t depth = 0;  ///< K
    std::size_t groups = 0; ///< sums of a column: one for each run of K that is summed at once
    std::size_t rows = 0;   ///< of a block; 0 where weights are dense
    std::size_t atom = 0;   ///< block_atom of its columns
    std::size_t atoms = 0;  ///< of a row of blocks
    std::uint8_t zero = 0;  ///< the level that stands for 0

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool present() const noexcept { return rows != 0; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t unit() const noexcept { return block_unit(rows); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t span_depth() const noexcept { return span_atoms * atom; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t spans() const noexcept {
        return (depth + span_depth() - 1) / span_depth();
    }

    /// Bytes of the parts of a panel and of a row of blocks, from its start.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t sums_start(std::size_t columns) const noexcept {
        return columns * sizeof(float);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t blocks_start(std::size_t columns) const noexcept {
        return sums_start(columns) + groups * columns * sizeof(std::int32_t);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t indices_start() const noexcept {
        return spans() > 1 ? spans() * sizeof(std::uint32_t) : 0;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t codes_start() const noexcept { return indices_start() + atoms; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t row_bytes() const noexcept {
        return codes_start() + atoms * atom * rows;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t block_rows(std::size_t columns) const noexcept {
        return (columns + rows - 1) / rows;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t panel_bytes(std::size_t columns) const noexcept {
        return depth == 0 ? 0 : blocks_start(columns) + block_rows(columns) * row_bytes();
    }

    friend constexpr bool operator==(const block_layout&, const block_layout&) noexcept = default;
};

/// Activations with their rows side by side, for kernels that hold many rows in a vector: groups of lane_rows rows; in a group
/// of r rows, these padded to whole vectors, an element of each row, 32 bits, then the next of each. An element is a float, or
/// as many consecutive codes as the level's product takes.
inline constexpr std::size_t lane_rows = 64;

/// The K of a row there, and bytes for rows of which a k takes at most so many.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t lane_depth(std::size_t depth) noexcept { return (depth + 15) / 16 * 16; }
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t lane_bytes(std::size_t depth, std::size_t rows,
                                                                    std::size_t bytes_of_k) noexcept {
    return (rows + 15) / 16 * 16 * lane_depth(depth) * bytes_of_k;
}

} // namespace lowbit::inline v0::kernel
