// SPDX-License-Identifier: MIT
// pack_planes: records of dense panels.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/parities.hpp>
#include <lowbit/kernel/record_source.hpp>

namespace lowbit::inline v0::kernel {

/// Writes plane `index` of codes of `bits` bits, so many k: for every run of 8 / Width quads a word of each column.
template <class Here>
struct plane_packer {
    template <int Width>
    static void run(unsigned bits, unsigned index, std::size_t depth, std::size_t columns, const record_source& from,
                    std::byte* record) {
        constexpr std::size_t run_codes = 4 * (8 / Width);
        const unsigned shift = plane_of(bits, index).shift;
        const std::size_t unit = unit_depth(bits), unit_bytes = unit * columns * bits / 8;
        for (std::size_t first = 0; first < depth; first += run_codes) {
            std::byte* out = record + first / unit * unit_bytes + run_start(bits, index, first % unit / run_codes, columns);
            for (std::size_t column = 0; column < columns; ++column, out += 4) {
                const std::uint8_t* const codes = from.codes + column * from.stride;
                std::uint8_t some[run_codes]{};
                const std::uint8_t* source = some;
                if (first + run_codes <= from.depth) {
                    source = codes + first;
                } else if (first < from.depth) {
                    std::memcpy(some, codes + first, from.depth - first);
                }
                const std::uint32_t word = word_of<Width>(source, shift, std::make_index_sequence<run_codes / 4>{});
                std::memcpy(out, &word, 4);
            }
        }
    }

private:
    /// Four bytes at once: no field leaves its own.
    template <int Width, std::size_t... J>
    static LOWBIT_ALWAYS_INLINE std::uint32_t word_of(const std::uint8_t* codes, unsigned shift, std::index_sequence<J...>) {
        constexpr std::uint32_t mask = 0x0101'0101u * ((1u << Width) - 1);
        return (((quad_at(codes + 4 * J) >> shift & mask) << (static_cast<std::size_t>(Width) * J)) | ...);
    }
    static LOWBIT_ALWAYS_INLINE std::uint32_t quad_at(const std::uint8_t* codes) {
        std::uint32_t quad;
        std::memcpy(&quad, codes, 4);
        return quad;
    }
};

/// The same for a plane of any width, a power of two.
template <class Here>
void pack_plane(unsigned bits, unsigned index, std::size_t depth, std::size_t columns, const record_source& from,
                std::byte* record) {
    using packer = plane_packer<Here>;
    switch (plane_of(bits, index).width) {
    case 1: return packer::template run<1>(bits, index, depth, columns, from, record);
    case 2: return packer::template run<2>(bits, index, depth, columns, from, record);
    case 4: return packer::template run<4>(bits, index, depth, columns, from, record);
    default: return packer::template run<8>(bits, index, depth, columns, from, record);
    }
}

/// Writes the units of record r of a panel to `record`, scale_start(r, columns) bytes.
template <class Here = isa::here>
void pack_planes(const panel_layout& layout, std::size_t r, std::size_t columns, const record_source& from, std::byte* record) {
    for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(layout.bits)); ++p)
        pack_plane<Here>(layout.bits, p, layout.record_depth(r), columns, from, record);
    if (layout.parities) to_parities(record, layout.record_depth(r) / unit_depth(1), layout.unit_bytes(columns));
}

} // namespace lowbit::inline v0::kernel
