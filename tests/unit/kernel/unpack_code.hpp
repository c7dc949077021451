// SPDX-License-Identifier: MIT
// unpack_code: reads packed panels back, the inverse of pack_record.
#pragma once

#include <lowbit/kernel/panel.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lowbit_test {

/// The code of (column, k) in a record of so many k.
inline std::uint8_t unpack_code(const lowbit::kernel::panel_layout& layout, std::size_t columns, const std::byte* record,
                                std::size_t depth, std::size_t column, std::size_t k) {
    unsigned code = 0;
    for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(layout.bits)); ++p) {
        const lowbit::kernel::bit_plane plane = lowbit::kernel::plane_of(layout.bits, p);
        const std::size_t run_quads = 8 / plane.width;
        const std::size_t unit = k / lowbit::kernel::unit_depth(layout.bits),
                          quad = k % lowbit::kernel::unit_depth(layout.bits) / 4;
        const std::size_t word = quad / run_quads * columns + column;
        const std::size_t j = quad % run_quads;
        const std::byte byte = record[unit * layout.unit_bytes(columns) + layout.plane_start(plane, columns) + 4 * word + k % 4];
        code |= (std::to_integer<unsigned>(byte) >> (plane.width * j) & ((1u << plane.width) - 1)) << plane.shift;
    }
    if (layout.parities) { // of the words of a triple up to this one
        const std::size_t word = k / 32, first = word / 128 * 128, in_triple = (word - first) % 3;
        const std::size_t end = std::min(first + 128, depth / 32);
        lowbit::kernel::panel_layout plain = layout;
        plain.parities = false;
        if (in_triple > 0 && word - in_triple + 3 <= end) code ^= unpack_code(plain, columns, record, depth, column, k - 32);
    }
    return static_cast<std::uint8_t>(code);
}

} // namespace lowbit_test
