// SPDX-License-Identifier: MIT
// unpack_code: reads packed panels back, the inverse of pack_record.
#pragma once

#include <lowbit/kernel/panel.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace lowbit_test {

/// The code of (column, k) in record g, k < length(g).
inline std::uint8_t unpack_code(const lowbit::kernel::panel_layout& layout, std::size_t g, std::size_t columns,
                                const std::byte* record, std::size_t column, std::size_t k) {
    unsigned code = 0;
    for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(layout.bits)); ++p) {
        const lowbit::kernel::bit_plane plane = lowbit::kernel::plane_of(layout.bits, p);
        const std::size_t run_quads = 8 / plane.width;
        const std::size_t run = k / 4 / run_quads;
        const std::size_t j = k / 4 % run_quads;
        const std::byte byte = record[layout.plane_start(plane, g, columns) + 4 * (run * columns + column) + k % 4];
        code |= (std::to_integer<unsigned>(byte) >> (plane.width * j) & ((1u << plane.width) - 1)) << plane.shift;
    }
    return static_cast<std::uint8_t>(code);
}

} // namespace lowbit_test
