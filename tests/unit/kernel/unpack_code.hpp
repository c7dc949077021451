// SPDX-License-Identifier: MIT
// unpack_code: reads packed panels back, the inverse of pack_record.
#pragma once

#include <lowbit/kernel/panel.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lowbit_test {

/// The bits that stand in a record for (column, k).
inline std::uint8_t stored_code(const lowbit::kernel::panel_layout& layout, std::size_t columns, const std::byte* record,
                                std::size_t column, std::size_t k) {
    unsigned code = 0;
    for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(layout.bits)); ++p) {
        const lowbit::kernel::bit_plane plane = lowbit::kernel::plane_of(layout.bits, p);
        const std::size_t run_quads = 8 / plane.width;
        const std::size_t unit = k / lowbit::kernel::unit_depth(layout.bits),
                          quad = k % lowbit::kernel::unit_depth(layout.bits) / 4;
        const std::size_t run = lowbit::kernel::run_start(layout.bits, p, quad / run_quads, columns);
        const std::size_t j = quad % run_quads;
        const std::byte byte = record[unit * layout.unit_bytes(columns) + run + 4 * column + k % 4];
        code |= (std::to_integer<unsigned>(byte) >> (plane.width * j) & ((1u << plane.width) - 1)) << plane.shift;
    }
    return static_cast<std::uint8_t>(code);
}

/// The code of (column, k) in a record of so many k.
inline std::uint8_t unpack_code(const lowbit::kernel::panel_layout& layout, std::size_t columns, const std::byte* record,
                                std::size_t depth, std::size_t column, std::size_t k) {
    const std::uint8_t code = stored_code(layout, columns, record, column, k);
    const std::size_t word = k / 32, span = word / 128 * 128, in_triple = (word - span) % 3;
    const bool whole = word - in_triple + 3 <= std::min(span + 128, depth / 32);
    if (!layout.parities || !whole || in_triple == 0) return code;
    return code ^ stored_code(layout, columns, record, column, k - 32); // a parity, of one word more than this
}

} // namespace lowbit_test
