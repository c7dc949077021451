// SPDX-License-Identifier: MIT
// pack_panels: from the rows of any format to panels in the order of the kernels; compiled once for all formats.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <span>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/core/bits.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/gemm/pack_blocks.hpp>
#include <lowbit/kernel/pack_lists.hpp>
#include <lowbit/kernel/pack_masked.hpp>
#include <lowbit/kernel/pack_pairs.hpp>
#include <lowbit/kernel/pack_planes.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/record_source.hpp>

namespace lowbit::inline v0::detail {

/// A scale and an offset as bit patterns of the types that the layout names.
struct scale_pair {
    std::uint32_t scale;
    std::uint32_t offset;
};

/// The weights of some format, read through functions.
struct weight_rows {
    const void* format;
    /// The levels of a whole row.
    void (*levels)(const void* format, std::size_t row, std::span<std::uint8_t> levels);
    /// The scales and offsets at column k of as many rows as there are pairs: `first`, first + step, ...
    void (*scales)(const void* format, std::size_t first, std::size_t step, std::size_t k, std::span<scale_pair> pairs);
    /// The super-scales and super-minimums at column k of consecutive rows from `first` on.
    void (*super_scales)(const void* format, std::size_t first, std::size_t k, std::span<scale_pair> pairs);
    /// The mask bits of a row, of masked panels only.
    const std::byte* (*mask)(const void* format, std::size_t row) = nullptr;
    std::uint8_t fill = 0; ///< the level of 0
};

/// Writes bit pattern `bits` in the machine's own order.
LOWBIT_ALWAYS_INLINE void store_bits(std::byte* to, std::uint32_t bits, std::size_t size) noexcept {
    const auto half = static_cast<std::uint16_t>(bits);
    const auto byte = static_cast<std::uint8_t>(bits);
    if (size == 4) std::memcpy(to, &bits, 4);
    if (size == 2) std::memcpy(to, &half, 2);
    if (size == 1) std::memcpy(to, &byte, 1);
}

/// Scales and offsets as arrays of numbers of so many bytes.
LOWBIT_ALWAYS_INLINE void store_pairs(std::span<const scale_pair> pairs, std::byte* scales, std::size_t scale_size,
                                      std::byte* offsets, std::size_t offset_size) noexcept {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        store_bits(scales + i * scale_size, pairs[i].scale, scale_size);
        store_bits(offsets + i * offset_size, pairs[i].offset, offset_size);
    }
}

/// From a row of levels to the next: not the same cache set for every row where K is a power of two.
LOWBIT_ALWAYS_INLINE std::size_t level_stride(const kernel::panel_layout& layout) noexcept { return layout.depth + 64; }

/// Packs rows [first, first + columns) of the weights as one panel. `levels` holds columns rows of level_stride.
template <class Here>
void pack_panel(const weight_rows& rows, const kernel::panel_layout& layout, std::size_t first, std::size_t columns,
                std::span<std::uint8_t> levels, std::byte* panel) {
    const std::size_t depth = layout.depth;
    const std::size_t stride = level_stride(layout);
    for (std::size_t c = 0; c < columns; ++c) rows.levels(rows.format, first + c, levels.subspan(c * stride, depth));
    std::array<scale_pair, kernel::panel_columns> pairs;
    const std::size_t segment = layout.segment();
    if (layout.blocks.present()) {
        const std::span<scale_pair> numbers(pairs.data(), columns);
        rows.scales(rows.format, first, 1, 0, numbers);
        store_pairs(numbers, panel, kernel::size_of(layout.scale), panel, 0);
        return pack_blocks<Here>(layout.blocks, segment, columns, levels.data(), stride, panel);
    }
    const std::size_t super_size = kernel::size_of(layout.super);
    for (std::size_t r = 0; r < layout.runs(); ++r) {
        const std::span<scale_pair> numbers(pairs.data(), columns);
        if (r * layout.run * segment < depth) {
            rows.super_scales(rows.format, first, r * layout.run * segment, numbers);
        } else { // a run of groups that only fill the last record
            std::fill(numbers.begin(), numbers.end(), scale_pair{});
        }
        std::byte* const scales = panel + r * layout.super_bytes(columns);
        const bool minimums = layout.offset == kernel::offset_kind::minimum;
        store_pairs(numbers, scales, super_size, scales + columns * super_size, minimums ? super_size : 0);
    }
    const bool pruned = layout.kept_bits != 0, masked = layout.masked(columns);
    std::array<const std::byte*, kernel::panel_columns> masks{};
    std::array<std::size_t, kernel::panel_columns> left{};
    left.fill(layout.kept);
    for (std::size_t c = 0; pruned && c < columns; ++c) masks[c] = rows.mask(rows.format, first + c);
    std::byte* kept = masked ? panel + layout.kept_start(columns) : nullptr;
    for (std::size_t r = 0; r < layout.records(); ++r) {
        std::byte* const record = panel + (masked ? layout.mask_start(r, columns) : layout.record_start(r, columns));
        std::byte* beside = masked ? panel + layout.beside_start(r, columns) : record + layout.scale_start(r, columns);
        const std::size_t start = r * layout.record_groups * segment;
        const kernel::record_source codes{levels.data() + start, stride, std::min(layout.record_groups * segment, depth - start)};
        if (pruned) {
            const kernel::masked_source from{codes, masks.data(), start};
            if (masked) {
                kept = kernel::pack_masked<Here>(layout, r, columns, from, left.data(), record, kept);
            } else if (layout.listed(columns)) {
                kernel::pack_lists<Here>(layout, from, rows.fill, panel);
            } else {
                kernel::pack_pairs<Here>(layout, r, from, rows.fill, record);
            }
        } else {
            kernel::pack_planes<Here>(layout, r, columns, codes, record);
        }
        for (std::size_t k = start; k < start + layout.record_groups * segment;
             k += segment, beside += layout.beside_bytes(columns)) {
            const std::span<scale_pair> numbers(pairs.data(), layout.scales(columns));
            if (k < depth) {
                rows.scales(rows.format, first, layout.columns_per_scale(), k, numbers);
            } else {
                std::fill(numbers.begin(), numbers.end(), scale_pair{});
            }
            store_pairs(numbers, beside, kernel::size_of(layout.scale), beside + layout.scale_bytes(columns),
                        layout.offset_size());
        }
    }
}

/// Whether panels become what multiplies faster than masks: unless they are more than a twenty-fourth longer.
[[nodiscard]] LOWBIT_ALWAYS_INLINE bool pays(const kernel::panel_layout& layout, const kernel::panel_layout& masks) noexcept {
    const std::size_t bytes = masks.panel_bytes(kernel::panel_columns);
    return layout.panel_bytes(kernel::panel_columns) <= bytes + bytes / 24;
}

/// Makes panels of `count` rows pairs where it pays.
LOWBIT_ALWAYS_INLINE void choose_pairs(std::size_t count, kernel::panel_layout& layout) noexcept {
    kernel::panel_layout pairs = layout;
    pairs.pairs = count >= kernel::panel_columns && layout.takes_pairs();
    if (pays(pairs, layout)) layout = pairs;
}

/// Makes panels lists where it pays. All are as long as the longest.
template <class Here, class Pool>
void choose_lists(on_t<Pool> where, const weight_rows& rows, std::size_t count, kernel::panel_layout& layout) {
    if (!layout.takes_lists()) return;
    scratch<std::size_t> steps(count / kernel::panel_columns);
    for_ranges(where, steps.size(), 1, [&](std::size_t first, std::size_t last) {
        std::array<const std::byte*, kernel::panel_columns> masks;
        for (std::size_t p = first; p < last; ++p) {
            for (std::size_t c = 0; c < kernel::panel_columns; ++c)
                masks[c] = rows.mask(rows.format, p * kernel::panel_columns + c);
            steps[p] = kernel::count_list_steps<Here>(layout, masks.data());
        }
    });
    kernel::panel_layout lists = layout;
    for (const std::size_t some : steps.span()) lists.list_steps = std::max(lists.list_steps, some);
    if (pays(lists, layout)) layout = lists;
}

/// `count` rows of weights as panels, in new memory; `where` runs panels side by side. Raises errc::invalid_argument where size_t
/// is too small for them.
template <class Here, class Pool>
aligned_buffer<std::byte> pack_panels(on_t<Pool> where, const weight_rows& rows, const kernel::panel_layout& layout,
                                      std::size_t count, std::pmr::memory_resource* memory) {
    const std::size_t whole = count / kernel::panel_columns;
    const std::size_t rest = count % kernel::panel_columns;
    std::size_t bytes = 0, level_bytes = 0;
    if (mul_overflow(whole + (rest != 0), layout.panel_bytes(kernel::panel_columns), bytes) ||
        mul_overflow(level_stride(layout), std::min(count, kernel::panel_columns), level_bytes)) {
        raise<Here>(errc::invalid_argument, "pack: no memory holds panels of ", count, " x ", layout.depth, " weights");
    }
    aligned_buffer<std::byte> panels(layout.total_bytes(count), memory);
    if (layout.depth == 0) return panels; // a file may claim any number of rows of nothing
    for_ranges(where, whole + (rest != 0), 1, [&](std::size_t first, std::size_t last) {
        scratch<std::uint8_t> levels(level_bytes);
        for (std::size_t p = first; p < last; ++p) {
            pack_panel<Here>(rows, layout, p * kernel::panel_columns, p < whole ? kernel::panel_columns : rest, levels.span(),
                             panels.data() + layout.panel_start(p));
        }
    });
    return panels;
}

} // namespace lowbit::inline v0::detail
