// SPDX-License-Identifier: MIT
// pack_lists: panels of lists, of which few codes are kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <lowbit/core/bits.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/record_source.hpp>

namespace lowbit::inline v0::kernel {

/// Calls step(i, start of its window) for each step of the lists of a panel, and code(i, slot, column, k) for each of its codes;
/// returns how many steps there are. Of foreign masks, that claim more than their policy allows, as much is kept as there is room
/// for.
template <class Step, class Code>
std::size_t for_list_steps(const panel_layout& layout, const std::byte* const* masks, Step&& step, Code&& code) {
    const std::size_t depth = layout.depth, last = layout.packed_depth() - list_window;
    std::size_t next[panel_columns], left[panel_columns]; // where a column's next code is, and how many it may still keep
    for (std::size_t& count : left) count = layout.kept;
    const auto advance = [&](std::size_t c, std::size_t k) {
        next[c] = left[c] == 0 ? depth : lowbit::detail::next_mask_bit(masks[c], k, depth);
    };
    for (std::size_t c = 0; c < panel_columns; ++c) advance(c, 0);
    for (std::size_t i = 0;; ++i) {
        const std::size_t first = *std::min_element(next, next + panel_columns);
        if (first == depth) return i;
        const std::size_t start = std::min(first / 16 * 16, last); // of 64 more steps, of 4 no fewer
        step(i, start);
        for (std::size_t c = 0; c < panel_columns; ++c) {
            for (std::size_t slot = 0; slot < list_codes && next[c] < std::min(depth, start + list_window); ++slot) {
                code(i, slot, c, next[c]);
                --left[c];
                advance(c, next[c] + 1);
            }
        }
    }
}

/// How many steps the lists of a panel take.
template <class Here = isa::here>
std::size_t count_list_steps(const panel_layout& layout, const std::byte* const* masks) {
    return for_list_steps(
        layout, masks, [](std::size_t, std::size_t) {}, [](std::size_t, std::size_t, std::size_t, std::size_t) {});
}

/// Writes the lists of a panel, all but its scales. `from` is its one record.
template <class Here = isa::here>
void pack_lists(const panel_layout& layout, const masked_source& from, std::uint8_t fill, std::byte* panel) {
    std::int32_t sums[panel_columns]{};
    std::byte* const starts = panel + layout.list_starts();
    std::byte* const steps = panel + layout.list_start();
    std::memset(starts, 0, layout.panel_bytes(panel_columns) - layout.list_starts());
    std::size_t start = 0;
    const auto write_start = [&](std::size_t i, std::size_t k) {
        const auto quads = static_cast<std::uint16_t>(k / 4);
        std::memcpy(starts + i * sizeof quads, &quads, sizeof quads);
        start = k;
    };
    std::size_t used =
        for_list_steps(layout, from.masks, write_start, [&](std::size_t i, std::size_t slot, std::size_t c, std::size_t k) {
            const auto value = static_cast<std::int8_t>(from.codes[c * from.stride + k] - fill);
            std::byte* const place = steps + i * list_step_bytes + c * list_codes + slot;
            place[0] = static_cast<std::byte>(k - start);
            place[list_step_bytes / 2] = static_cast<std::byte>(value);
            sums[c] -= 128 * value;
        });
    for (; used < layout.list_steps; ++used) write_start(used, start); // all zeros, but in ascending order
    std::memcpy(panel + layout.list_sums(), sums, sizeof sums);
}

} // namespace lowbit::inline v0::kernel
