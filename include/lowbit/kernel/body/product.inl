// SPDX-License-Identifier: MIT
// The loops that every product shares: K in blocks that stay in the first-level cache, then rows, columns and groups.

/// `Rows` rows of x times a block of weights: tile += products of the groups that end in the block; a long group's sums so far
/// are kept in `sums`. A function of its own, so that formats which decode to the same weights share it, and with few enough
/// live pointers that no register of the tile is spilled.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_NOINLINE void multiply_tile(const weight_panel& w, const weight_block& b, const typename Family::activation* x_rows,
                                   std::size_t stride, std::size_t groups, const typename Family::sum* xsum_rows,
                                   const float* xscale_rows, typename Family::sum* sums, typename Family::result* tile) {
    constexpr unsigned vectors = Ops::template tile_vectors<Rows>;
    constexpr unsigned lanes = Ops::lanes;
    static_assert(panel_vectors<Ops> % vectors == 0);
    for (unsigned first = 0; first < panel_vectors<Ops>; first += vectors) {
        typename Family::sums acc[Rows][vectors];
        typename Ops::floats y[Rows][vectors];
        if constexpr (Family::scaled) {
            LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r)
                LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v)
                    y[r][v] = Ops::load_floats(tile + r * panel_columns + (first + v) * lanes);
        }
        Weights weights(b, w);
        const typename Family::activation* x = x_rows;
        const typename Family::sum* xsum = xsum_rows;
        const float* xscale = xscale_rows;
        const std::int32_t offset = w.offset;
        std::size_t column = first * lanes; // of this group's scales
        for (std::size_t i = b.count; i > 0; --i) {
            LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r)
                LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v)
                    acc[r][v] = b.first ? Family::start(offset, xsum + r * groups, b.zeros + column + v * lanes)
                                        : Family::load(sums + r * panel_columns + (first + v) * lanes);
            if constexpr (!Family::scaled) {
                if (b.first && b.group > 0) { // a later part of a K so long that it was cut
                    LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r)
                        LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v)
                            acc[r][v] = Ops::add(acc[r][v], Family::load(sums + r * panel_columns + (first + v) * lanes));
                }
            }
            Family::accumulate(acc, weights, b.depth, x, stride, first);
            weights.next_group(b);
            if constexpr (Family::scaled) {
                if (b.last) {
                    LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r)
                        LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v)
                            Family::finish(y[r][v], acc[r][v], b.scales + column + v * lanes, b.minimums + column + v * lanes,
                                           xscale + r * groups, xsum + r * groups);
                    column += panel_columns;
                    ++xsum;
                    ++xscale;
                    continue;
                }
            }
            LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r)
                LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v)
                    Family::store(sums + r * panel_columns + (first + v) * lanes, acc[r][v]);
        }
        if constexpr (Family::scaled) {
            LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r)
                LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v)
                    Ops::store_floats(tile + r * panel_columns + (first + v) * lanes, y[r][v]);
        }
    }
}

/// Multiplies a block by all rows, `Rows` at a time, what is left one at a time.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_ALWAYS_INLINE void multiply_block(const weight_panel& w, const weight_block& b, std::size_t x_start,
                                         const activation_rows<typename Family::activation>& x, std::size_t groups, std::size_t row0,
                                         std::size_t rows, typename Family::sum* sums, typename Family::result* tile) {
    const auto at = [&](auto* p, std::size_t r, std::size_t step) { return p == nullptr ? p : p + (row0 + r) * step; };
    std::size_t r = 0;
    const auto multiply = [&](auto count) {
        multiply_tile<Family, Ops, Weights, count>(w, b, x.data + (row0 + r) * x.stride + x_start, x.stride, groups,
                                                   at(x.sums + b.group, r, groups), at(x.scales + b.group, r, groups),
                                                   sums + r * panel_columns, tile + r * panel_columns);
        r += count;
    };
    while (rows - r >= Rows) multiply(std::integral_constant<unsigned, Rows>{});
    while (r < rows) multiply(std::integral_constant<unsigned, 1>{});
}

template <class Ops, product_key Key>
using family_of = std::conditional_t<Key.activations == activation_kind::float32, float_family<Ops, Key.offset>,
                                     integer_family<Ops, Key.offset, Key.activations, Key.scaled>>;

/// See kernel::product_fn.
template <class Ops, product_key Key>
void multiply_panel(const weight_panel& w, const activation_rows<activation_t<Key>>& x, std::size_t row0, std::size_t rows,
                    result_t<Key>* tile) {
    using family = family_of<Ops, Key>;
    using packed = typename family::template packed<Key.bits, Key.step, Key.code>;
    using unpacked = typename family::template unpacked<packed::max_code>;
    using element = typename family::element;
    constexpr std::size_t block_depth = block_bytes / panel_columns / sizeof(element);
    // Codes of 8 bits are bytes already.
    constexpr bool plain = std::is_same_v<element, std::uint8_t> && Key.bits == 8 && Key.code == decoding::integer;
    // Up to so many rows weights are decoded in registers, for each row tile anew; above, once into the block for all rows.
    // Codes of several planes and floats take too many instructions, and too long to compile, to do it for more than one row.
    constexpr unsigned fused_rows = !Ops::fused ? 0 : packed::planes == 1 && !std::is_same_v<element, float> ? Ops::tile_rows : 1;

    alignas(64) std::byte wide[block_depth * panel_columns]; // a block of a narrow panel's codes
    alignas(64) element unpacked_block[plain ? 1 : block_depth * panel_columns];
    alignas(64) typename family::sum sums[family::scaled ? most_rows * panel_columns : 1]; // of a group that spans blocks
    alignas(64) float scales[most_groups * panel_columns];
    alignas(64) float minimums[family::offset == offset_kind::minimum ? most_groups * panel_columns : 1];
    alignas(64) std::int32_t zeros[family::offset == offset_kind::zero_point ? most_groups * panel_columns : 1];

    const panel_layout& layout = w.layout;
    const std::size_t groups = layout.groups();
    const std::size_t segment = layout.padded(layout.segment());
    const std::size_t record_bytes = layout.record_bytes(0, w.columns);
    const bool narrow = w.columns < panel_columns;
    const bool unpacks = !plain && rows > fused_rows;
    std::memset(tile, 0, rows * panel_columns * sizeof(*tile));
    if (narrow) std::memset(wide, 0, sizeof wide);

    std::size_t group = 0, start = 0; // where the next block starts
    while (group < groups) {
        const std::size_t group_depth = group + 1 < groups ? segment : layout.padded(layout.length(group));
        weight_block b;
        b.record_bytes = record_bytes;
        b.planes_depth = group_depth;
        b.start = start;
        b.depth = std::min(group_depth - start, block_depth);
        b.count = 1;
        b.group = group;
        b.first = start == 0;
        b.last = start + b.depth == group_depth;
        b.scales = scales;
        b.minimums = minimums;
        b.zeros = zeros;
        // Groups of full length together; the last one, which may be shorter, alone.
        if (b.first && b.last && group + 1 < groups) b.count = std::min({groups - 1 - group, block_depth / segment, most_groups});
        const std::byte* records = w.data + group * record_bytes;
        b.data = records;

        if (b.last) {
            for (std::size_t i = 0; i < b.count; ++i) {
                const std::byte* record = records + i * record_bytes;
                const std::byte* offsets = record + layout.offset_start(group, w.columns);
                if constexpr (family::scaled) expand_scales<Ops>(w, record + layout.scale_start(group, w.columns), scales + i * panel_columns);
                if constexpr (family::offset == offset_kind::minimum) expand_scales<Ops>(w, offsets, minimums + i * panel_columns);
                if constexpr (family::offset == offset_kind::zero_point) expand_zeros<Ops>(w, offsets, zeros + i * panel_columns);
            }
        } else if constexpr (family::offset == offset_kind::zero_point) {
            expand_zeros<Ops>(w, records + layout.offset_start(group, w.columns), zeros);
        }
        if (narrow) {
            std::byte* to = wide;
            for (std::size_t i = 0; i < b.count; ++i) {
                for (unsigned p = 0; p < packed::planes; ++p) {
                    const bit_plane plane = plane_of(Key.bits, p);
                    const std::size_t before = group_depth * plane.shift / 8 + start * plane.width / 8;
                    widen_runs<Ops>(records + i * record_bytes + before * w.columns, w.columns, b.depth * plane.width / 32, to);
                    to += b.depth * 8 * plane.width;
                }
            }
            b.data = wide;
            b.record_bytes = b.depth * 8 * Key.bits;
            b.planes_depth = b.depth;
            b.start = 0;
        }

        const std::size_t x_start = group * segment + start;
        typename family::sum* carried;
        if constexpr (family::scaled) {
            carried = sums;
        } else {
            carried = tile;
        }
        if constexpr (!plain) {
            if (unpacks) {
                packed from(b, w);
                for (std::size_t i = 0; i < b.count; ++i) {
                    family::unpack(from, b.depth, unpacked_block + i * b.depth * panel_columns);
                    from.next_group(b);
                }
                b.data = unpacked_block;
                b.record_bytes = b.depth * panel_columns * sizeof(element);
                b.start = 0;
            }
        }
        if constexpr (fused_rows > 0 && !plain) {
            if (!unpacks) multiply_block<family, Ops, packed, fused_rows>(w, b, x_start, x, groups, row0, rows, carried, tile);
        }
        if (plain || unpacks) multiply_block<family, Ops, unpacked, Ops::tile_rows>(w, b, x_start, x, groups, row0, rows, carried, tile);

        group += b.last ? b.count : 0;
        start = b.last ? 0 : start + b.depth;
    }

    if constexpr (family::scaled_rows) {
        for (std::size_t r = 0; r < rows; ++r) {
            const typename Ops::floats scale = Ops::splat_float(x.scales[row0 + r]);
            for (unsigned v = 0; v < panel_vectors<Ops>; ++v) {
                float* y = tile + r * panel_columns + v * Ops::lanes;
                Ops::store_floats(y, Ops::multiply_floats(Ops::load_floats(y), scale));
            }
        }
    }
}
