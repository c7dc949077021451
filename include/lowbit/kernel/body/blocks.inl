// SPDX-License-Identifier: MIT
// Block-sparse products. Few rows of X are read as they are, a row of W after the other; many lie side by side in vectors, and
// weights are broadcast. `Ops` is the level's vectors with what its products of atoms need.

/// A panel of block-sparse weights, and what its results become.
template <class Ops, bool Floats>
struct block_panel {
    const block_layout& layout;
    const std::byte* data;
    std::size_t columns;
    std::size_t segment;
    alignas(64) float scales[panel_columns]{};
    alignas(64) std::int32_t offsets[panel_columns]{}; ///< of the group at hand

    LOWBIT_ALWAYS_INLINE explicit block_panel(const weight_panel& w)
        : layout(w.layout.blocks), data(w.data), columns(w.columns), segment(w.layout.segment()) {
        std::memcpy(scales, data, columns * sizeof(float));
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const std::byte* row(std::size_t b) const {
        return data + layout.blocks_start(columns) + b * layout.row_bytes();
    }
    LOWBIT_ALWAYS_INLINE void start_group(std::size_t g) {
        if constexpr (!Floats && Ops::code_bias != 0)
            std::memcpy(offsets, data + layout.sums_start(columns) + g * columns * sizeof(std::int32_t),
                        columns * sizeof(std::int32_t));
    }
    /// How many atoms of a row of blocks end the spans up to s.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t end(const std::byte* row, std::size_t s) const {
        if (layout.spans() == 1) return layout.atoms;
        std::uint32_t ends;
        std::memcpy(&ends, row + s * sizeof ends, sizeof ends);
        return ends;
    }

    /// Adds the sums of a group, of `Ops::lanes` columns from column c on, to the results of a row; with the last comes the scale
    /// of the row.
    LOWBIT_ALWAYS_INLINE void finish(typename Ops::ints sums, std::size_t c, bool first, const float* row_scale,
                                     float* tile) const {
        typename Ops::floats s;
        if constexpr (Floats) {
            s = Ops::as_floats(sums);
        } else {
            s = Ops::to_floats(Ops::subtract(sums, Ops::load(offsets + c)));
        }
        s = Ops::fma(s, Ops::load_floats(scales + c), first ? Ops::splat_float(0.0f) : Ops::load_floats(tile + c));
        if (row_scale != nullptr) s = Ops::multiply_floats(s, Ops::splat_float(*row_scale));
        Ops::store_floats(tile + c, s);
    }
};

/// Rows of X as they are, one at a time: a row of W after the other, 16 k at once.
template <class Ops, unsigned Unit>
LOWBIT_NOINLINE void multiply_plain(const weight_panel& w, const activation_rows<std::int8_t>& x, std::size_t row0,
                                    std::size_t rows, float* tile) {
    constexpr std::size_t atom = 16;
    constexpr unsigned chains = Ops::template strip_chains<Unit>;
    constexpr prefetch_plan fetch = prefetch_of(8);
    constexpr std::size_t fetched = fetch.step / (Unit * atom);
    using strip = typename Ops::template strip<Unit>;
    block_panel<Ops, false> panel(w);
    const block_layout& layout = panel.layout;
    const std::size_t units = layout.rows / Unit;
    const std::size_t spans = layout.spans(), group_spans = panel.segment / layout.span_depth();
    alignas(64) std::int32_t sums[panel_columns]{};
    for (std::size_t r = row0; r < row0 + rows; ++r, tile += panel_columns) {
        for (std::size_t g = 0; g < layout.groups; ++g) {
            panel.start_group(g);
            const bool last = g + 1 == layout.groups;
            const std::size_t first_span = g * group_spans, last_span = last ? spans : first_span + group_spans;
            for (std::size_t b = 0; b < layout.block_rows(panel.columns); ++b) {
                const std::byte* const row = panel.row(b);
                const auto* index = reinterpret_cast<const std::uint8_t*>(row + layout.indices_start());
                for (std::size_t u = 0; u < units; ++u) {
                    const auto* codes =
                        reinterpret_cast<const std::int8_t*>(row + layout.codes_start()) + u * layout.atoms * Unit * atom;
                    strip sum[chains];
                    std::size_t i = first_span == 0 ? 0 : panel.end(row, first_span - 1);
                    for (std::size_t s = first_span; s < last_span; ++s) {
                        const std::int8_t* const from = x.data + r * x.stride + s * layout.span_depth();
                        const std::size_t end = panel.end(row, s);
                        for (; i + chains <= end; i += chains) {
                            LOWBIT_UNROLL for (unsigned a = 0; a < chains; ++a) sum[a].add(from + index[i + a] * atom,
                                                                                           codes + (i + a) * Unit * atom);
                            if (fetched <= chains || i % fetched < chains)
                                Ops::prefetch(codes + i * Unit * atom + fetch.distance);
                        }
                        for (; i < end; ++i) sum[0].add(from + index[i] * atom, codes + i * Unit * atom);
                    }
                    LOWBIT_UNROLL for (unsigned a = 1; a < chains; ++a) sum[0].add(sum[a]);
                    sum[0].totals(sums + b * layout.rows + u * Unit);
                }
            }
            for (std::size_t c = 0; c < panel_columns; c += Ops::lanes)
                panel.finish(Ops::load(sums + c), c, g == 0, last ? x.scales + r : nullptr, tile);
        }
    }
}

/// Codes and activations of many rows side by side: integers ...
template <class Ops, bool Floats>
struct block_lanes {
    using element = std::int8_t;
    static constexpr unsigned step = Ops::lane_step; ///< k of an element of a lane
    template <unsigned Count>
    using codes = typename Ops::template lane_codes<Count>;
    static LOWBIT_ALWAYS_INLINE typename Ops::ints dot(typename Ops::ints sum, typename Ops::ints x, typename Ops::ints w) {
        return Ops::lane_dot(sum, x, w);
    }
    static LOWBIT_ALWAYS_INLINE typename Ops::ints piece(const std::int8_t* x) { return Ops::lane_piece(x); }
    static LOWBIT_ALWAYS_INLINE typename Ops::ints finished(typename Ops::ints sum) { return sum; }
};
/// ... and floats, whose products are summed in ascending order of k.
template <class Ops>
struct block_lanes<Ops, true> {
    using element = float;
    static constexpr unsigned step = 1;
    template <unsigned Count>
    struct codes {
        alignas(64) float values[Count];
        LOWBIT_ALWAYS_INLINE explicit codes(const std::int8_t* from) {
            for (unsigned i = 0; i < Count; ++i) values[i] = static_cast<float>(from[i]);
        }
        [[nodiscard]] LOWBIT_ALWAYS_INLINE typename Ops::ints at(unsigned i) const {
            std::int32_t bits;
            std::memcpy(&bits, values + i, sizeof bits);
            return Ops::splat(bits);
        }
    };
    static LOWBIT_ALWAYS_INLINE typename Ops::ints dot(typename Ops::ints sum, typename Ops::ints x, typename Ops::ints w) {
        return Ops::as_ints(Ops::fma(Ops::as_floats(x), Ops::as_floats(w), Ops::as_floats(sum)));
    }
    static LOWBIT_ALWAYS_INLINE typename Ops::ints piece(const float* x) { return Ops::load(x); }
};

/// The K that many rows meet before the next rows of W do, so that their activations stay in the first-level cache; units of
/// four rows load them so seldom that the second-level cache will do. Fewer vectors leave room for more K.
template <unsigned Unit, bool Floats, unsigned Vectors>
inline constexpr std::size_t lane_slice = (Floats ? 128u : 512u) * (Unit == 4 ? 8u : Unit) * (4u / Vectors);

/// `Vectors` vectors of rows side by side, the first at `lanes`, an element of each row `pitch` bytes after the one before.
template <class Ops, unsigned Unit, unsigned Atom, bool Floats, unsigned Vectors>
LOWBIT_NOINLINE void multiply_lanes(const weight_panel& w, const std::byte* lanes, std::size_t pitch, std::size_t rows,
                                    const float* row_scales, float* tile) {
    using family = block_lanes<Ops, Floats>;
    using ints = typename Ops::ints;
    constexpr std::size_t width = Vectors * Ops::lanes;
    // Few sums are split, so that products do not wait for each other; those of floats have an order.
    constexpr unsigned chains = Floats ? 1 : std::min(Atom / family::step, (4 + Unit * Vectors - 1) / (Unit * Vectors));
    block_panel<Ops, Floats> panel(w);
    const block_layout& layout = panel.layout;
    const std::size_t span_depth = layout.span_depth(), blocks = layout.block_rows(panel.columns), units = layout.rows / Unit;
    const std::size_t slice = std::min(lane_slice<Unit, Floats, Vectors>, span_depth);
    // The next panel is fetched meanwhile: what the rows of blocks of this one have at the same place.
    const std::size_t panel_bytes = layout.panel_bytes(panel_columns);
    const std::size_t piece = (layout.row_bytes() * slice / layout.depth + 63) / 64 * 64;
    std::uint32_t next[panel_columns]{}; // the first atom of a row of blocks that is left
    alignas(64) std::int32_t sums[panel_columns * width]{};
    std::size_t group = 0;
    for (std::size_t k = 0; k < layout.depth; k += slice) {
        const std::size_t span = k / span_depth;
        const std::size_t behind = (k % span_depth + slice) / Atom;
        const std::byte* const from = lanes + span * span_depth / family::step * pitch;
        const bool fresh = k % panel.segment == 0;
        for (std::size_t b = 0; b < blocks; ++b) {
            const std::byte* const row = panel.row(b);
            const auto* index = reinterpret_cast<const std::uint8_t*>(row + layout.indices_start());
            const auto* codes = reinterpret_cast<const std::int8_t*>(row + layout.codes_start());
            const std::size_t end = panel.end(row, span);
            if constexpr (Unit == 1) { // these and the activations do not fit together into the first-level cache
                const std::size_t then = b + 1 < blocks ? b + 1 : 0;
                const std::byte* const other = panel.row(then);
                Ops::prefetch_near(other + layout.indices_start() + next[then]);
                LOWBIT_UNROLL for (unsigned at = 0; at < 2; ++at)
                    Ops::prefetch_near(other + layout.codes_start() + next[then] * Atom + at * 64);
                LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) Ops::prefetch_near(sums + then * width + v * Ops::lanes);
            }
            const std::byte* const ahead = row + panel_bytes + k / slice * piece;
            for (std::size_t at = 0; at < piece; at += 64) Ops::prefetch(ahead + at);
            std::size_t i = next[b];
            for (std::size_t u = 0; u < units; ++u, codes += layout.atoms * Unit * Atom) {
                std::int32_t* const to = sums + (b * layout.rows + u * Unit) * width;
                ints acc[chains][Unit][Vectors];
                for_tile<Unit, Vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                    acc[0][r][v] = fresh ? Ops::splat(0) : Ops::load(to + r * width + v * Ops::lanes);
                    LOWBIT_UNROLL for (unsigned c = 1; c < chains; ++c) acc[c][r][v] = Ops::splat(0);
                });
                for (i = next[b]; i < end && index[i] < behind; ++i) {
                    const std::byte* x = from + index[i] * (Atom / family::step) * pitch;
                    const typename family::template codes<Unit * Atom> some(codes + i * Unit * Atom);
                    unroll<Atom / family::step>([&](auto j) LOWBIT_INLINE_LAMBDA {
                        ints a[Vectors];
                        LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) a[v] = Ops::load(x + v * Ops::lanes * 4);
                        LOWBIT_UNROLL for (unsigned r = 0; r < Unit; ++r) {
                            const ints c = some.at(r * Atom + j * family::step);
                            LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
                                auto& sum = acc[j % chains][r][v];
                                sum = family::dot(sum, a[v], c);
                            }
                        }
                        x += pitch;
                    });
                }
                for_tile<Unit, Vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                    LOWBIT_UNROLL for (unsigned c = 1; c < chains; ++c) acc[0][r][v] = Ops::add(acc[0][r][v], acc[c][r][v]);
                    Ops::store(to + r * width + v * Ops::lanes, acc[0][r][v]);
                });
            }
            next[b] = static_cast<std::uint32_t>(i);
        }
        const bool last = k + slice >= layout.depth;
        if (!last && (k + slice) % panel.segment != 0) continue;
        panel.start_group(group);
        for (std::size_t c = 0; c < panel_columns; c += Ops::lanes) {
            for (std::size_t v = 0; v * Ops::lanes < rows; ++v) {
                ints some[Ops::lanes];
                LOWBIT_UNROLL for (unsigned i = 0; i < Ops::lanes; ++i) {
                    some[i] = Ops::load(sums + (c + i) * width + v * Ops::lanes);
                }
                Ops::transpose(some);
                for (std::size_t r = v * Ops::lanes; r < std::min(rows, (v + 1) * Ops::lanes); ++r)
                    panel.finish(some[r % Ops::lanes], c, group == 0, last && !Floats ? row_scales + r : nullptr,
                                 tile + r * panel_columns);
            }
        }
        ++group;
    }
}

template <class Ops, block_key Key>
struct block_body {
    using element = block_activation_t<Key>;
    using family = block_lanes<Ops, Key.floats>;
    static constexpr unsigned vectors = Ops::template lane_vectors<Key.unit>;
    static constexpr bool reads_plain = !Key.floats && Key.atom == 16;
    static constexpr std::size_t most_plain = !reads_plain ? 0 : Key.unit == 1 ? 4 : 6;

    static void arrange(const activation_rows<element>& x, std::size_t depth, std::size_t row0, std::size_t rows,
                        std::byte* lanes) {
        using ints = typename Ops::ints;
        constexpr std::size_t piece = Ops::lanes * family::step;
        const std::size_t columns = (rows + Ops::lanes - 1) / Ops::lanes;
        lanes += start(depth, row0);
        for (std::size_t v = 0; v < columns; ++v) {
            const element* const from = x.data + (row0 + v * Ops::lanes) * x.stride;
            const std::size_t here = std::min<std::size_t>(Ops::lanes, rows - v * Ops::lanes);
            for (std::size_t k = 0; k < lane_depth(depth); k += piece) {
                ints some[Ops::lanes];
                LOWBIT_UNROLL for (std::size_t r = 0; r < Ops::lanes; ++r) {
                    element rest[piece]{};
                    const element* at = rest;
                    if (r < here && k + piece <= depth) {
                        at = from + r * x.stride + k;
                    } else if (r < here && k < depth) {
                        std::memcpy(rest, from + r * x.stride + k, (depth - k) * sizeof(element));
                    }
                    some[r] = family::piece(at);
                }
                Ops::transpose(some);
                const std::size_t end = std::min<std::size_t>(Ops::lanes, (lane_depth(depth) - k) / family::step);
                for (std::size_t i = 0; i < end; ++i)
                    Ops::store(lanes + ((k / family::step + i) * columns + v) * Ops::lanes * 4, some[i]);
            }
        }
    }

    static void run(const weight_panel& w, const activation_rows<element>& x, std::size_t row0, std::size_t rows, float* tile) {
        if constexpr (reads_plain) {
            if (x.lanes == nullptr) return multiply_plain<Ops, Key.unit>(w, x, row0, rows, tile);
        }
        const std::size_t pitch = (rows + Ops::lanes - 1) / Ops::lanes * Ops::lanes * 4;
        const std::byte* lanes = x.lanes + start(w.layout.depth, row0);
        const float* scales = Key.floats ? nullptr : x.scales + row0;
        std::size_t left = rows;
        const auto multiply = [&](auto count) {
            constexpr std::size_t most = count * Ops::lanes;
            const std::size_t some = std::min(left, most);
            multiply_lanes<Ops, Key.unit, Key.atom, Key.floats, count>(w, lanes, pitch, some, scales, tile);
            lanes += most * 4;
            if constexpr (!Key.floats) scales += some;
            tile += some * panel_columns;
            left -= some;
        };
        while (left > (vectors - 1) * Ops::lanes) multiply(std::integral_constant<unsigned, vectors>{});
        if constexpr (vectors > 2) {
            while (left > Ops::lanes) multiply(std::integral_constant<unsigned, 2>{});
        }
        if constexpr (vectors > 1) {
            while (left > 0) multiply(std::integral_constant<unsigned, 1>{});
        }
    }

    /// Where the group of rows that starts with row0 lies among all.
    static LOWBIT_ALWAYS_INLINE std::size_t start(std::size_t depth, std::size_t row0) {
        return row0 * (lane_depth(depth) / family::step * 4);
    }

    static constexpr block_product<element> of(isa::level level) { return {level, most_plain, &arrange, &run}; }
};
