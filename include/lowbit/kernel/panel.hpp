// SPDX-License-Identifier: MIT
// panel_layout: where the bytes of packed weights lie, one layout for every level; binary activations have bits of their own.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/kernel/blocks/block_layout.hpp>

// Members of data types are forced inline: see isa/here.hpp for the reason.
namespace lowbit::inline v0::kernel {

/// Output columns (rows of W) of a panel: 4 vectors of 512 bits, 16 of 128.
inline constexpr std::size_t panel_columns = 64;

/// Codes of a masked panel that share a word of mask bits.
inline constexpr std::size_t chunk_codes = 64;

/// The K whose pairs stand together, see panel_layout; what the patterns of 64 columns take there, and patterns and codes.
inline constexpr std::size_t pair_unit = 32;
inline constexpr std::size_t pattern_bytes = panel_columns * 3;
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t pair_unit_bytes(unsigned kept_bits) noexcept {
    return pattern_bytes + panel_columns * pair_unit / 2 * kept_bits / 8;
}

/// The longest run of K that is one group of a layout: any sum of its codes times activations fits in 32 bits, also that of 8-bit
/// codes with zero points (255 * 128 * 65536 < 2^31).
inline constexpr std::size_t longest_group = 65536;
/// The largest of the equal parts of a group that are no longer: 1 of a prime one.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t equal_part(std::size_t group) noexcept {
    std::size_t parts = std::max<std::size_t>(1, (group + longest_group - 1) / longest_group);
    while (group % parts != 0) ++parts;
    return group / parts;
}

/// The K that a step of lists reaches, how many codes of a column it has, and its bytes.
inline constexpr std::size_t list_window = 256;
inline constexpr std::size_t list_codes = 4;
inline constexpr std::size_t list_step_bytes = 2 * list_codes * panel_columns;

/// How the offset of a code is stored; the value of a code is
///   constant:   scale * (code - offset), one compile-time or run-time number for the whole matrix (2^(bits-1), 1, 0);
///   zero_point: scale * (code - zero), one byte a column and group;
///   minimum:    scale * (code - offset) + minimum, one number of the scale's type a column and group.
enum class offset_kind : std::uint8_t { constant, zero_point, minimum };

/// How a scale (and a minimum) is stored. `table8` covers every type of 8 bits or less through a table of 256 floats. Of two
/// levels are `byte`, an integer, and `nibble`, an integer of 4 bits whose byte holds that of the minimum in its high half.
enum class scale_kind : std::uint8_t { none, table8, float16, bfloat16, float32, byte, nibble };

[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t size_of(scale_kind s) noexcept {
    constexpr std::size_t bytes[] = {0, 1, 2, 2, 4, 1, 1};
    return bytes[static_cast<std::size_t>(s)];
}

/// Codes of 1 to 8 bits are stored as bit planes, one for each binary digit of the number of bits: 7 = 4 + 2 + 1, 8 = 8. A plane
/// of width w holds bits [s, s + w) of the codes, s being the widths of the wider planes: the widest has the lowest bits.
struct bit_plane {
    unsigned width;
    unsigned shift;
};

/// Plane `index` of codes of that many bits, widest first; there are std::popcount(bits).
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bit_plane plane_of(unsigned bits, unsigned index) noexcept {
    unsigned shift = 0;
    for (; index > 0; --index) shift += std::bit_floor(bits - shift);
    return {std::bit_floor(bits - shift), shift};
}

/// The K of a unit, the shortest piece that is whole runs of each plane: a group is padded with zeros to a multiple of it.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t unit_depth(unsigned bits) noexcept { return 32 / (bits & (~bits + 1)); }

/// Where run `run` of plane `index` stands in a unit, see panel_layout.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t run_start(unsigned bits, unsigned index, std::size_t run,
                                                                   std::size_t columns) noexcept {
    const std::size_t quad = run * (8 / plane_of(bits, index).width); // its first
    std::size_t before = 0;
    for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(bits)); ++p) {
        const std::size_t run_quads = 8 / plane_of(bits, p).width;
        before += (quad + (p < index ? run_quads : run_quads - 1)) / run_quads;
    }
    return before * 4 * columns;
}

/// How many groups a unit holds that are whole quads and a part of it, else 1: then each group is padded.
[[nodiscard]] constexpr std::size_t groups_of_unit(unsigned bits, std::size_t group) noexcept {
    const std::size_t unit = unit_depth(bits);
    return group > 0 && group % 4 == 0 && unit % group == 0 ? unit / group : 1;
}

/// Packed weights, layout "k4_n64": columns are cut into panels of 64, K into groups; a group of a panel is one record, and the
/// records of a panel follow each other as one stream, behind its super-scales, if it has them:
///
///   panel  = for each run of groups: super-scales | super-minimums, negated || records
///   record = units | scales | zero points (u8) or minimums (the scale's type)
///   unit   = runs of all planes of unit_depth(bits) k, that with an earlier k first, then that of the wider plane
///
/// Groups that are a part of a unit share records of one unit, in which each has its scales and offsets, one group after the
/// other. A scale of two levels is (byte - scale_zero) * super-scale, its minimum byte * super-minimum, each product rounded to
/// float.
///
/// A plane of width w is a sequence of runs of 8/w quads, a quad being 4 consecutive k of each column: byte 4 * column + b of a
/// run holds, in bits [w*j, w*j + w), the plane's bits of k = 4 * (8/w * run + j) + b. So 32 bits of a column meet 4 activations
/// in one dot-product instruction, and each shift of a vector is another quad. Bits that meet binary activations are stored as
/// parities, see to_parities. Columns of the last panel are not padded; kernels widen them. Everything is in the machine's own
/// byte order, and no file format.
///
/// Masked panels hold the same records, of 8-bit codes, without those that are pruned. The codes of a record are cut into chunks
/// of 64, 4 k of 16 columns, with a word of mask bits each, lowest first; its kept codes stand for themselves, as bytes, or as
/// nibbles, two a byte, of which each chunk starts a new byte:
///
///   panel = super-scales || mask words of all records | what stands beside all records | kept codes of all chunks
///
/// Where every quad keeps two at most (2 of 4), a whole panel stores them as *pairs*, less the code of 0, in two's complement.
/// Its records are those of a dense panel, with units of 32 k in the place of planes, of which groups are padded to whole ones:
///
///   unit = for each column 3 bits for each of 8 quads, lowest first, the lower three of its mask | 16 kept codes of each column
///
/// where kept codes are laid out as a plane of 8 or 4 bits of so many k.
///
/// Where few codes of 8 bits are kept, of one group, and it is about as short, a whole panel stores *lists*: the kept codes of a
/// column one after the other, less the code of 0, each with its place in a window of 256 k. A step has four of each column,
/// those that its window holds; zeros fill it up. Windows start at multiples of 4, and end with the packed K at the latest:
///
///   panel = scales | sums of codes, times -128 (int32) | starts of windows, in quads (u16) || steps, each
///           places of 4 codes of every column | those codes
///
/// A panel has room for as many kept codes as its columns may have, whichever they are, so all panels are equally long.
struct panel_layout {
    static constexpr std::string_view tag = "k4_n64/8";

    std::size_t depth = 0; ///< K
    std::size_t group = 0; ///< K in a group, of several an equal_part(); depth, or more, for one group: see `segment`
    unsigned bits = 0;
    scale_kind scale = scale_kind::none;
    offset_kind offset = offset_kind::constant;
    std::size_t scale_rows = 1;    ///< rows of W that share a scale (and zero point, and minimum): R of per_block<R, C>
    std::size_t record_groups = 1; ///< groups of a record; more than 1 only of groups_of_unit(bits, group)
    // Of scales of two levels:
    std::size_t run = 0;                 ///< groups that share a super-scale; 0 where there is one level
    scale_kind super = scale_kind::none; ///< how super-scales and super-minimums are stored
    std::uint8_t scale_zero = 0;         ///< the byte of a scale of 0
    bool parities = false;               ///< of planes of 1 bit
    /// Where present, panels are laid out as it says, and the rest says what activations look like.
    block_layout blocks{};
    // Of masked panels, whose `bits` are 8:
    unsigned kept_bits = 0;     ///< bits of a kept code, 4 or 8; 0 where nothing is pruned
    std::size_t kept = 0;       ///< most codes that a column keeps
    bool pairs = false;         ///< two of 4 k that follow a multiple of 4, and those as pairs; see paired()
    std::size_t list_steps = 0; ///< of a panel; 0 where there are no lists; see listed()

    /// Whether panels may be pairs: no quad is cut by the end of a group.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool takes_pairs() const noexcept { return groups() == 1 || segment() % 4 == 0; }
    /// Whether panels may be lists, of signed codes.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool takes_lists() const noexcept {
        return kept_bits == 8 && groups() == 1 && packed_depth() >= list_window && run == 0 && !pairs;
    }

    /// The K of a group as kernels see it: `group`, of which a longer one of the format's is several with the same scales, and
    /// equal, since groups follow each other. Of a single one the last part may be short.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t segment() const noexcept {
        return record_groups > 1 || group < depth ? group : std::max<std::size_t>(1, std::min(depth, longest_group));
    }
    /// Groups of a column, those included that only fill the last record.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t groups() const noexcept {
        if (segment() >= depth) return depth == 0 ? 0 : record_groups;
        const std::size_t count = (depth + segment() - 1) / segment();
        return record_groups == 1 ? count : (count + record_groups - 1) / record_groups * record_groups;
    }
    /// The K of group g; the last ones may be short.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t length(std::size_t g) const noexcept {
        return std::min(segment(), depth - std::min(depth, g * segment()));
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t padded(std::size_t k) const noexcept {
        const std::size_t unit = packed_unit(); // a power of two: a division costs a few percent of a small product
        return (k + unit - 1) & ~(unit - 1);
    }
    /// What groups are padded to a multiple of.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t packed_unit() const noexcept {
        if (pairs) return pair_unit;
        return record_groups == 1 ? unit_depth(bits) : group;
    }
    /// Where group g starts in a row of packed activations; packed_start(groups()) elements make a row, zeros between groups.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t packed_start(std::size_t g) const noexcept {
        return g < groups() ? g * padded(segment()) : packed_depth();
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t packed_depth() const noexcept {
        return depth == 0 ? 0 : (records() - 1) * record_depth(0) + record_depth(records() - 1);
    }

    /// Records of a panel.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t records() const noexcept {
        return record_groups == 1 ? groups() : groups() / record_groups;
    }
    /// The K that the planes of record r hold; less in the last one where it is one short group.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t record_depth(std::size_t r) const noexcept {
        return record_groups == 1 ? padded(length(r)) : record_groups * group;
    }

    /// Distinct scales of a group of a panel that has so many columns.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t scales(std::size_t columns) const noexcept {
        if (scale_rows == 1) return columns; // without divisions, which take a few percent of a small product
        return (columns + columns_per_scale() - 1) / columns_per_scale();
    }
    /// Columns of a panel that share a scale. Blocks of rows that cut through panels have their scales written out per column.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t columns_per_scale() const noexcept {
        if (scale_rows == 1) return 1;
        if (scale_rows % panel_columns == 0) return panel_columns;
        return panel_columns % scale_rows == 0 ? scale_rows : 1;
    }

    /// Bytes of a unit.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t unit_bytes(std::size_t columns) const noexcept {
        return unit_depth(bits) * columns * bits / 8;
    }
    /// From the start of record r to the scales of its first group.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t scale_start(std::size_t r, std::size_t columns) const noexcept {
        if (listed(columns)) return 0;
        if (paired(columns)) return record_depth(r) / pair_unit * pair_unit_bytes(kept_bits);
        return record_depth(r) * columns * bits / 8;
    }
    /// Bytes of an offset. Minimums that share a byte with their scale have none.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t offset_size() const noexcept {
        if (offset == offset_kind::minimum) return scale == scale_kind::nibble ? 0 : size_of(scale);
        return offset == offset_kind::zero_point ? 1 : 0;
    }
    /// From the scales of a group to its offsets, and to the scales of the next group in the record.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t scale_bytes(std::size_t columns) const noexcept {
        return scale == scale_kind::nibble ? 0 : scales(columns) * size_of(scale);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t beside_bytes(std::size_t columns) const noexcept {
        return scales(columns) * (size_of(scale) + offset_size());
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t record_bytes(std::size_t r, std::size_t columns) const noexcept {
        return scale_start(r, columns) + record_groups * beside_bytes(columns);
    }
    /// Runs of groups that share super-scales.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t runs() const noexcept {
        return run == 0 ? 0 : (groups() + run - 1) / run;
    }
    /// Bytes of a run's super-scales and super-minimums; they start a panel.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t super_bytes(std::size_t columns) const noexcept {
        return columns * size_of(super) * (offset == offset_kind::minimum ? 2 : 1);
    }
    /// Whether a panel stores its kept codes as pairs: a narrow one does not.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool paired(std::size_t columns) const noexcept {
        return pairs && columns == panel_columns;
    }
    /// Whether a panel is lists: a narrow one is not.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool listed(std::size_t columns) const noexcept {
        return list_steps != 0 && columns == panel_columns;
    }
    /// Whether a panel has mask words.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool masked(std::size_t columns) const noexcept {
        return kept_bits != 0 && !paired(columns) && !listed(columns);
    }
    /// Where the parts of a panel of lists are: sums, starts of windows, steps.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t list_sums() const noexcept { return beside_bytes(panel_columns); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t list_starts() const noexcept {
        return list_sums() + panel_columns * sizeof(std::int32_t);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t list_start() const noexcept {
        return (list_starts() + list_steps * sizeof(std::uint16_t) + 63) / 64 * 64;
    }
    /// Chunks of record r of a masked panel, and of all records before it.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t chunks(std::size_t r, std::size_t columns) const noexcept {
        return (record_depth(r) * columns + chunk_codes - 1) / chunk_codes;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t first_chunk(std::size_t r, std::size_t columns) const noexcept {
        return r == 0 ? 0 : r * chunks(0, columns);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t all_chunks(std::size_t columns) const noexcept {
        return first_chunk(records() - 1, columns) + chunks(records() - 1, columns);
    }
    /// Where in a masked panel the mask words of record r are, what stands beside it, and the kept codes of all.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t mask_start(std::size_t r, std::size_t columns) const noexcept {
        return runs() * super_bytes(columns) + first_chunk(r, columns) * sizeof(std::uint64_t);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t beside_start(std::size_t r, std::size_t columns) const noexcept {
        return runs() * super_bytes(columns) + all_chunks(columns) * sizeof(std::uint64_t) + r * beside_bytes(columns);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t kept_start(std::size_t columns) const noexcept {
        return beside_start(records(), columns);
    }
    /// Bytes of all kept codes. Nibbles of a chunk may leave half a byte.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t kept_bytes(std::size_t columns) const noexcept {
        const std::size_t codes = columns * kept;
        return kept_bits == 8 ? codes : (codes + std::min(all_chunks(columns), codes) + 1) / 2;
    }

    /// Where record r starts in its panel.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t record_start(std::size_t r, std::size_t columns) const noexcept {
        return runs() * super_bytes(columns) + (r == 0 ? 0 : r * record_bytes(0, columns));
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t panel_bytes(std::size_t columns) const noexcept {
        if (blocks.present()) return blocks.panel_bytes(columns);
        if (depth == 0) return 0;
        if (listed(columns)) return list_start() + list_steps * list_step_bytes;
        if (masked(columns)) return kept_start(columns) + kept_bytes(columns);
        return record_start(records() - 1, columns) + record_bytes(records() - 1, columns);
    }
    /// Where panel p starts.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t panel_start(std::size_t p) const noexcept {
        return p * panel_bytes(panel_columns);
    }
    /// All panels of so many columns. Kernels load a whole chunk of kept codes, however few they are: behind the last ones there
    /// is as much.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t total_bytes(std::size_t columns) const noexcept {
        const std::size_t rest = columns % panel_columns;
        const std::size_t behind = kept_bits != 0 && depth != 0 && columns != 0 ? chunk_codes : 0;
        return panel_start(columns / panel_columns) + (rest == 0 ? 0 : panel_bytes(rest)) + behind;
    }

    friend constexpr bool operator==(const panel_layout&, const panel_layout&) noexcept = default;
};

} // namespace lowbit::inline v0::kernel
