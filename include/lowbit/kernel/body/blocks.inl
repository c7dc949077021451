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
    LOWBIT_ALWAYS_INLINE void finish(typename Ops::ints sums, std::size_t c, bool first, const float* row_scale, float* y) const {
        typename Ops::floats s;
        if constexpr (Floats) {
            s = Ops::as_floats(sums);
        } else {
            s = Ops::to_floats(Ops::subtract(sums, Ops::load(offsets + c)));
        }
        s = Ops::fma(s, Ops::load_floats(scales + c), first ? Ops::splat_float(0.0f) : Ops::load_floats(y + c));
        if (row_scale != nullptr) s = Ops::multiply_floats(s, Ops::splat_float(*row_scale));
        Ops::store_floats(y + c, s);
    }
    /// The same for `rows` rows, of whose sums a column has `width` side by side.
    LOWBIT_ALWAYS_INLINE void finish_rows(const std::int32_t* sums, std::size_t width, std::size_t rows, bool first,
                                          const float* row_scales, result_rows<float> y) const {
        for (std::size_t c = 0; c < panel_columns; c += Ops::lanes) {
            for (std::size_t r0 = 0; r0 < rows; r0 += Ops::lanes) {
                typename Ops::ints some[Ops::lanes];
                LOWBIT_UNROLL for (unsigned i = 0; i < Ops::lanes; ++i) some[i] = Ops::load(sums + (c + i) * width + r0);
                Ops::transpose(some);
                for (std::size_t r = r0; r < std::min<std::size_t>(rows, r0 + Ops::lanes); ++r)
                    finish(some[r - r0], c, first, row_scales == nullptr ? nullptr : row_scales + r, y.from(r).data);
            }
        }
    }
};

/// Rows of X as they are, one at a time: a row of W after the other, 16 k at once.
template <class Ops, unsigned Unit>
LOWBIT_NOINLINE void multiply_plain(const weight_panel& w, const activation_rows<std::int8_t>& x, std::size_t row0,
                                    std::size_t rows, result_rows<float> y) {
    constexpr std::size_t atom = 16;
    constexpr unsigned chains = Ops::template strip_chains<Unit>;
    constexpr std::size_t fetched = 64 / (Unit * atom);
    using strip = typename Ops::template strip<Unit>;
    block_panel<Ops, false> panel(w);
    const block_layout& layout = panel.layout;
    const std::size_t units = layout.rows / Unit;
    const std::size_t spans = layout.spans(), group_spans = panel.segment / layout.span_depth();
    alignas(64) std::int32_t sums[panel_columns]{};
    for (std::size_t r = row0; r < row0 + rows; ++r, y = y.from(1)) {
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
                                Ops::prefetch_near(codes + i * Unit * atom + fetch_ahead);
                        }
                        for (; i < end; ++i) sum[0].add(from + index[i] * atom, codes + i * Unit * atom);
                    }
                    LOWBIT_UNROLL for (unsigned a = 1; a < chains; ++a) sum[0].add(sum[a]);
                    sum[0].totals(sums + b * layout.rows + u * Unit);
                }
            }
            for (std::size_t c = 0; c < panel_columns; c += Ops::lanes)
                panel.finish(Ops::load(sums + c), c, g == 0, last ? x.scales + r : nullptr, y.data);
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
                                    const float* row_scales, result_rows<float> y) {
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
    const std::size_t piece = round_up(layout.row_bytes() * slice / layout.depth, 64);
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
        panel.finish_rows(sums, width, rows, group == 0, last ? row_scales : nullptr, y);
        ++group;
    }
}

/// The same for blocks of one row of 16 k: too few products to load activations for. So K is walked once. Those of an atom stay
/// in registers while all rows of W that have it pass, and the sums wait in the first-level cache.
template <class Ops, bool Floats, unsigned Vectors>
LOWBIT_NOINLINE void multiply_atoms(const weight_panel& w, const std::byte* lanes, std::size_t pitch, std::size_t rows,
                                    const float* row_scales, result_rows<float> y) {
    using family = block_lanes<Ops, Floats>;
    using ints = typename Ops::ints;
    constexpr std::size_t atom = 16, width = Vectors * Ops::lanes;
    constexpr unsigned steps = atom / family::step;
    constexpr bool held = steps * Vectors <= Ops::held_lanes;
    block_panel<Ops, Floats> panel(w);
    const block_layout& layout = panel.layout;
    const std::byte* index[panel_columns]; // of the first atom of a row that is left, and its codes
    const std::int8_t* codes[panel_columns];
    for (std::size_t c = 0; c < panel.columns; ++c) {
        index[c] = panel.row(c) + layout.indices_start();
        codes[c] = reinterpret_cast<const std::int8_t*>(panel.row(c) + layout.codes_start());
    }
    // The next panel is fetched meanwhile.
    const std::size_t panel_bytes = layout.panel_bytes(panel_columns);
    const std::size_t piece = round_up(panel_bytes * atom / layout.depth, 64);
    const std::byte* ahead = w.data + panel_bytes;
    alignas(64) std::int32_t sums[panel_columns * width];
    std::size_t group = 0;
    for (std::size_t k = 0; k < layout.depth;) {
        if (k % panel.segment == 0) std::memset(sums, 0, sizeof sums);
        std::uint64_t having[block_layout::span_atoms]{}; // the rows that have an atom
        for (std::size_t c = 0; c < panel.columns; ++c) {
            const std::byte* const row = panel.row(c);
            const std::byte* const end = row + layout.indices_start() + panel.end(row, k / layout.span_depth());
            for (const std::byte* i = index[c]; i < end; ++i) having[std::to_integer<std::size_t>(*i)] |= std::uint64_t{1} << c;
            index[c] = end;
        }
        const std::size_t span_end = std::min(layout.depth, k + layout.span_depth());
        for (const std::uint64_t* a = having; k < span_end; ++a, k += atom, lanes += steps * pitch, ahead += piece) {
            for (std::size_t at = 0; at < piece; at += 64) Ops::prefetch(ahead + at);
            for (unsigned j = 0; j < steps; ++j) { // the next atom's activations
                for (std::size_t at = 0; at < width * 4; at += 64) Ops::prefetch_near(lanes + (steps + j) * pitch + at);
            }
            const auto load = [&](unsigned j, unsigned v)
                                  LOWBIT_INLINE_LAMBDA { return Ops::load(lanes + j * pitch + v * Ops::lanes * 4); };
            ints x[held ? steps : 1][Vectors];
            if constexpr (held)
                for_tile<steps, Vectors>([&](unsigned j, unsigned v) LOWBIT_INLINE_LAMBDA { x[j][v] = load(j, v); });
            for (std::uint64_t left = *a; left != 0; left &= left - 1) {
                const auto c = static_cast<std::size_t>(std::countr_zero(left));
                const typename family::template codes<atom> some(codes[c]);
                Ops::prefetch_near(codes[c] + 64);
                codes[c] += atom;
                std::int32_t* const to = sums + c * width;
                ints acc[Vectors];
                LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) acc[v] = Ops::load(to + v * Ops::lanes);
                unroll<steps>([&](auto j) LOWBIT_INLINE_LAMBDA {
                    const ints quad = some.at(j * family::step);
                    LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
                        if constexpr (held) {
                            acc[v] = family::dot(acc[v], x[j][v], quad);
                        } else {
                            acc[v] = family::dot(acc[v], load(j, v), quad);
                        }
                    }
                });
                LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) Ops::store(to + v * Ops::lanes, acc[v]);
            }
        }
        const bool last = k >= layout.depth;
        if (!last && k % panel.segment != 0) continue;
        panel.start_group(group);
        panel.finish_rows(sums, width, rows, group == 0, last ? row_scales : nullptr, y);
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

    static void run(const weight_panel& w, const activation_rows<element>& x, std::size_t row0, std::size_t rows,
                    result_rows<float> y) {
        if constexpr (reads_plain) {
            if constexpr (requires { Ops::splits_vectors(); }) {
                if (x.lanes == nullptr && Ops::splits_vectors())
                    return multiply_plain<unfetched<Ops>, Key.unit>(w, x, row0, rows, y);
            }
            if (x.lanes == nullptr) return multiply_plain<Ops, Key.unit>(w, x, row0, rows, y);
        }
        const std::size_t pitch = (rows + Ops::lanes - 1) / Ops::lanes * Ops::lanes * 4;
        const std::byte* lanes = x.lanes + start(w.layout.depth, row0);
        const float* scales = Key.floats ? nullptr : x.scales + row0;
        std::size_t left = rows;
        const auto multiply = [&](auto count) {
            constexpr std::size_t most = count * Ops::lanes;
            const std::size_t some = std::min(left, most);
            if constexpr (Key.unit == 1 && Key.atom == 16) {
                multiply_atoms<Ops, Key.floats, count>(w, lanes, pitch, some, scales, y);
            } else {
                multiply_lanes<Ops, Key.unit, Key.atom, Key.floats, count>(w, lanes, pitch, some, scales, y);
            }
            lanes += most * 4;
            if constexpr (!Key.floats) scales += some;
            y = y.from(some);
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
