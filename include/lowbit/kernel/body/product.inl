// SPDX-License-Identifier: MIT
// The loops that every product shares: K in blocks that stay in the first-level cache, then rows, columns and groups.

/// Multiplies a block of weights by rows of x, `Rows` at a time, what is left one at a time.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_ALWAYS_INLINE void multiply_rows(const weight_panel& w, const activation_rows<typename Family::activation>& x,
                                        std::size_t groups, const weight_step* steps, std::size_t count, std::size_t row,
                                        std::size_t rows, typename Family::sum* sums, typename Family::result* tile) {
    constexpr unsigned vectors = Ops::template tile_vectors<Rows>;
    static_assert(panel_vectors<Ops> % vectors == 0);
    for (; rows >= Rows; rows -= Rows, row += Rows, sums += Rows * panel_columns, tile += Rows * panel_columns) {
        for (unsigned first = 0; first < panel_vectors<Ops>; first += vectors) {
            const std::size_t column = first * Ops::lanes;
            for (const weight_step* s = steps; s != steps + count; ++s) {
                typename Family::sums acc[Rows][vectors];
                LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) {
                    LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                        const std::size_t c = column + v * Ops::lanes;
                        acc[r][v] = s->first ? Family::start(w, *s, x, groups, row + r, c) : Family::load(sums + r * panel_columns + c);
                        if constexpr (!Family::scaled) {
                            if (s->first && s->group > 0) acc[r][v] = Ops::add(acc[r][v], Family::load(sums + r * panel_columns + c));
                        }
                    }
                }
                Family::accumulate(acc, Weights(*s, w), s->depth, x.data + row * x.stride + s->x_start, x.stride, first);
                if constexpr (Family::scaled) {
                    if (s->last) {
                        Family::finish(acc, *s, x, groups, row, column, tile);
                        continue;
                    }
                }
                LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) {
                    LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                        Family::store(sums + r * panel_columns + column + v * Ops::lanes, acc[r][v]);
                    }
                }
            }
        }
    }
    if constexpr (Rows > 1) {
        if (rows > 0) multiply_rows<Family, Ops, Weights, 1>(w, x, groups, steps, count, row, rows, sums, tile);
    }
}

/// A function of its own, so that formats which decode to the same weights share it.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_NOINLINE void multiply_block(const weight_panel& w, const activation_rows<typename Family::activation>& x, std::size_t groups,
                    const weight_step* steps, std::size_t count, std::size_t row, std::size_t rows, typename Family::sum* sums,
                    typename Family::result* tile) {
    multiply_rows<Family, Ops, Weights, Rows>(w, x, groups, steps, count, row, rows, sums, tile);
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

    alignas(64) std::byte wide[block_depth * panel_columns];        // a block of a narrow panel's codes
    alignas(64) element block[plain ? 1 : block_depth * panel_columns];
    alignas(64) typename family::sum sums[family::scaled ? most_rows * panel_columns : 1]; // of a group that spans blocks
    alignas(64) float scales[most_steps][panel_columns];
    alignas(64) float minimums[family::offset == offset_kind::minimum ? most_steps : 1][panel_columns];
    alignas(64) std::int32_t zeros[family::offset == offset_kind::zero_point ? most_steps : 1][panel_columns];
    weight_step steps[most_steps];

    const panel_layout& layout = w.layout;
    const std::size_t groups = layout.groups();
    const std::size_t segment = layout.padded(layout.segment());
    const std::size_t record_bytes = layout.record_bytes(0, w.columns);
    const bool narrow = w.columns < panel_columns;
    const bool unpacks = !plain && rows > fused_rows;
    std::memset(tile, 0, rows * panel_columns * sizeof(*tile));
    if (narrow) std::memset(wide, 0, sizeof wide);

    std::size_t group = 0, start = 0; // of the next step
    while (group < groups) {
        std::size_t count = 0;
        std::size_t filled = 0; // K in this block
        do {
            const std::size_t depth = group + 1 < groups ? segment : layout.padded(layout.length(group));
            const std::byte* record = w.data + group * record_bytes;
            weight_step& s = steps[count];
            s = {record, depth, start, std::min(depth - start, block_depth), group * segment + start, group, start == 0, false, scales[count], nullptr, nullptr};
            s.last = start + s.depth == depth;
            if (narrow) {
                std::byte* to = wide + filled * panel_columns * Key.bits / 8;
                for (unsigned p = 0; p < packed::planes; ++p) {
                    const bit_plane plane = plane_of(Key.bits, p);
                    const std::size_t runs = s.depth * plane.width / 32;
                    const std::size_t before = depth * plane.shift / 32 + start * plane.width / 32;
                    widen_runs<Ops>(record + before * 4 * w.columns, w.columns, runs, to + s.depth * 8 * plane.shift);
                }
                s.data = to;
                s.planes_depth = s.depth;
                s.planes_start = 0;
            }
            if constexpr (family::scaled) {
                if (s.last) expand_scales<Ops>(w, record + layout.scale_start(group, w.columns), scales[count]);
            }
            if constexpr (family::offset == offset_kind::minimum) {
                if (s.last) expand_scales<Ops>(w, record + layout.offset_start(group, w.columns), minimums[count]);
                s.minimums = minimums[count];
            }
            if constexpr (family::offset == offset_kind::zero_point) {
                expand_zeros<Ops>(w, record + layout.offset_start(group, w.columns), zeros[count]);
                s.zeros = zeros[count];
            }
            if constexpr (!plain) {
                if (unpacks) {
                    element* to = block + filled * panel_columns;
                    family::unpack(packed(s, w), s.depth, to);
                    s.data = to;
                    s.planes_start = 0;
                }
            }
            filled += s.depth;
            start += s.depth;
            ++count;
            if (s.last) {
                ++group;
                start = 0;
            }
        } while (start == 0 && group < groups && count < most_steps && filled + segment <= block_depth);

        typename family::sum* carried;
        if constexpr (family::scaled) {
            carried = sums;
        } else {
            carried = tile;
        }
        if constexpr (plain) {
            multiply_block<family, Ops, unpacked, Ops::tile_rows>(w, x, groups, steps, count, row0, rows, carried, tile);
        } else {
            if (unpacks) multiply_block<family, Ops, unpacked, Ops::tile_rows>(w, x, groups, steps, count, row0, rows, carried, tile);
            if constexpr (fused_rows > 0) {
                if (!unpacks) multiply_block<family, Ops, packed, fused_rows>(w, x, groups, steps, count, row0, rows, carried, tile);
            }
        }
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
