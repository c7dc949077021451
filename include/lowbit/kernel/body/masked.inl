// SPDX-License-Identifier: MIT
// Masked panels: a chunk of kept codes becomes 64 bytes, in a register that meets activations at once, or in memory, where the
// products of 8-bit codes read them.

/// The ones of a word. Not by std::popcount alone, of which objects with other flags would share one copy.
LOWBIT_ALWAYS_INLINE std::size_t ones(std::uint64_t word) {
#if defined(__GNUC__)
    return static_cast<std::size_t>(__builtin_popcountll(word));
#else
    return static_cast<std::size_t>(std::popcount(word));
#endif
}
/// What the kept codes of a chunk with this mask take.
template <unsigned KeptBits>
LOWBIT_ALWAYS_INLINE std::size_t kept_bytes(std::uint64_t mask) {
    const std::size_t count = ones(mask);
    return KeptBits == 8 ? count : (count + 1) / 2;
}
LOWBIT_ALWAYS_INLINE std::uint64_t load_mask(const std::byte* from) {
    std::uint64_t mask;
    std::memcpy(&mask, from, sizeof mask);
    return mask;
}

/// The code of 0 in every byte.
template <class Ops>
LOWBIT_ALWAYS_INLINE typename Ops::ints splat_fill(const weight_panel& w) {
    return Ops::splat(static_cast<std::int32_t>(w.fill * 0x01010101u));
}

/// How far ahead masks and kept codes are fetched, as two streams. Nearly all loads of kept codes are of two lines.
inline constexpr std::size_t kept_ahead = 4096, masks_ahead = 2048;
/// Where vectors are split, lines asked for in the first level get in the way of those that are read from it.
template <bool Split>
inline constexpr fetching kept_fetching{.far = Split, .ahead = Split ? 2 * kept_ahead : kept_ahead};

/// Fetches where the streams of the next panel start: nothing else would before they are read.
template <class Ops>
LOWBIT_ALWAYS_INLINE void fetch_next_panel(const weight_panel& w) {
    const std::byte* const next = w.data + w.layout.panel_bytes(w.columns);
    const auto fetch = [](const std::byte* from, std::size_t bytes) LOWBIT_INLINE_LAMBDA {
        for (std::size_t at = 0; at < bytes; at += 64) Ops::prefetch(from + at);
    };
    fetch(next + w.layout.mask_start(0, w.columns), masks_ahead);
    fetch(next + w.layout.beside_start(0, w.columns),
          std::min<std::size_t>(1024, w.layout.records() * w.layout.beside_bytes(w.columns)));
    fetch(next + w.layout.kept_start(w.columns), kept_ahead);
}

/// Weights that are expanded in registers, where they are all read in order: a vector is a chunk.
template <class Ops, unsigned KeptBits>
struct masked_bytes {
    template <unsigned Rows>
    static constexpr bool streams = Rows != Ops::tile_rows;
    static constexpr unsigned unit_depth = 4;
    static constexpr unsigned max_code = 255;
    static constexpr unsigned places = 1, place_bits = 8;
    static constexpr unsigned parts = 1;

    const std::byte* masks;
    const std::byte* kept;
    typename Ops::ints fill;

    LOWBIT_ALWAYS_INLINE masked_bytes(const weight_block& b, const weight_panel& w)
        : masks(static_cast<const std::byte*>(b.data)), kept(b.kept), fill(splat_fill<Ops>(w)) {}
    LOWBIT_ALWAYS_INLINE void advance() {}
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block&) {}
    LOWBIT_ALWAYS_INLINE void prefetch() const {
        Ops::prefetch_near(kept + kept_ahead);
        Ops::prefetch_near(kept + kept_ahead + 64);
        Ops::prefetch_near(masks + masks_ahead);
    }
    template <unsigned, unsigned = 1, unsigned = 0>
    LOWBIT_ALWAYS_INLINE typename Ops::ints bytes(unsigned) {
        const std::uint64_t mask = load_mask(masks);
        const typename Ops::ints codes = Ops::template expand<KeptBits>(mask, kept, fill);
        masks += sizeof mask;
        kept += kept_bytes<KeptBits>(mask);
        return codes;
    }
};

/// One row of x times `Panels` whole panels of bytes side by side.
template <class Family, class Ops, unsigned Panels, fetching How>
LOWBIT_NOINLINE void multiply_abreast(const weight_panel& w, const activation_rows<std::int8_t>& x, std::size_t row, float* y) {
    using weights = masked_bytes<Ops, 8>;
    using dot = typename Ops::template dot<weights::max_code>;
    constexpr unsigned vectors = panel_vectors<Ops>;
    const panel_layout& layout = w.layout;
    const std::size_t panel_bytes = layout.panel_bytes(panel_columns), groups = layout.groups();
    const std::byte* masks[Panels];
    const std::byte* kept[Panels];
    LOWBIT_UNROLL for (unsigned p = 0; p < Panels; ++p) {
        masks[p] = w.data + p * panel_bytes + layout.mask_start(0, panel_columns);
        kept[p] = w.data + p * panel_bytes + layout.kept_start(panel_columns);
    }
    const typename Ops::ints fill = splat_fill<Ops>(w);
    const std::int8_t* from = x.data + row * x.stride;
    std::fill_n(y, Panels * panel_columns, 0.0f);
    for (std::size_t g = 0; g < groups; ++g) {
        typename Ops::ints sums[Panels][vectors];
        for_tile<Panels, vectors>([&](unsigned p, unsigned v) LOWBIT_INLINE_LAMBDA {
            sums[p][v] = Family::template start<weights>(w.offset, x.sums, row * groups + g, nullptr, 0);
        });
        const std::size_t depth = layout.record_depth(g);
        for (std::size_t k = 0; k < depth; k += 4, from += 4) {
            const typename dot::quad quad = dot::broadcast(from);
            LOWBIT_UNROLL for (unsigned p = 0; p < Panels; ++p) {
                LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                    const std::uint64_t mask = load_mask(masks[p] + v * sizeof mask);
                    sums[p][v] = dot::add(sums[p][v], Ops::template expand<8>(mask, kept[p], fill), quad);
                    kept[p] += ones(mask);
                }
                masks[p] += vectors * sizeof(std::uint64_t);
                fetch_line<Ops, How>(kept[p]);
                fetch_line<Ops, How>(kept[p] + cache_line);
            }
        }
        LOWBIT_UNROLL for (unsigned p = 0; p < Panels; ++p) {
            typename Ops::floats scales[vectors];
            const std::byte* const beside = w.data + p * panel_bytes + layout.beside_start(g, panel_columns);
            decode_numbers<Ops>(layout.scale, beside, 0, scales);
            LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                float* const to = y + p * panel_columns + v * Ops::lanes;
                typename Ops::floats sum = Ops::load_floats(to);
                Family::add_scaled(sum, sums[p][v], scales[v], x.scales, x.sums, row * groups + g);
                if (Family::scaled_rows && g + 1 == groups) sum = Ops::multiply_floats(sum, Ops::splat_float(x.scales[row]));
                Ops::store_floats(to, sum);
            }
        }
    }
}

/// Pairs of signed codes, and where in their quad they stand, meet the activations that stand there: of each quad of those a
/// table has the pairs that patterns may name, and a permutation picks one for each column.
template <class Ops>
struct pair_of_quad_dot {
    using ints = typename Ops::ints;
    struct weights {
        ints codes, pattern;
    };
    using partial = ints;
    using quad = ints;
    static constexpr unsigned quads = 1u << 30;
    static constexpr std::int32_t bias = 0;

    static LOWBIT_ALWAYS_INLINE partial begin(ints acc) { return acc; }
    static LOWBIT_ALWAYS_INLINE ints end(ints, partial p) { return p; }
    static LOWBIT_ALWAYS_INLINE weights prepare(weights w) { return w; }
    static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) { return Ops::pairs_of_quad(x); }
    static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) {
        return Ops::add_pairs(p, w.codes, Ops::pick_pairs(x, w.pattern));
    }
};

/// The same with two quads at a time, as bytes. Activations plus 128 are the unsigned operand, and sums come with 128 times those
/// of codes; `weights` takes that off.
template <class Ops>
struct pair_of_octet_dot : pair_of_quad_dot<Ops> {
    using typename pair_of_quad_dot<Ops>::ints;
    using typename pair_of_quad_dot<Ops>::weights;
    static constexpr unsigned step_quads = 2;

    static LOWBIT_ALWAYS_INLINE ints broadcast(const std::int8_t* x) { return Ops::pairs_of_octet(x); }
    static LOWBIT_ALWAYS_INLINE ints add(ints p, weights w, ints x) {
        return Ops::dot_bytes(p, Ops::pick_shorts(x, w.pattern), w.codes);
    }
};

/// Weights stored as pairs, a quad at a time.
template <class Ops, unsigned KeptBits>
struct paired_quads {
    template <unsigned>
    static constexpr bool streams = true;
    static constexpr unsigned unit_depth = pair_unit;
    static constexpr unsigned max_code = 255;
    static constexpr unsigned places = 1, place_bits = 8;
    static constexpr unsigned parts = 1;
    static constexpr bool is_signed = true; ///< codes are values: no offset
    using dot = pair_of_quad_dot<Ops>;
    using ints = typename Ops::ints;

    const std::byte* unit;

    LOWBIT_ALWAYS_INLINE paired_quads(const weight_block& b, const weight_panel&)
        : unit(static_cast<const std::byte*>(b.data) + b.start / unit_depth * pair_unit_bytes(KeptBits)) {}
    LOWBIT_ALWAYS_INLINE void advance() { unit += pair_unit_bytes(KeptBits); }
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) {
        unit += b.record_bytes - b.depth / unit_depth * pair_unit_bytes(KeptBits);
    }
    LOWBIT_ALWAYS_INLINE void prefetch() const {
        for (std::size_t at = 0; at < pair_unit_bytes(KeptBits); at += 64) Ops::prefetch_near(unit + fetch_ahead + at);
    }
    template <unsigned J, unsigned = 1, unsigned = 0>
    LOWBIT_ALWAYS_INLINE typename dot::weights bytes(unsigned v) const {
        constexpr unsigned run = 32 / KeptBits; // quads that share words of codes
        return {Ops::template signed_pair<J % 2, KeptBits*(J / 2 % (8 / KeptBits)), KeptBits>(words(J / (run / 2), v)),
                Ops::template move_bits<3 * J, 0>(patterns(v))};
    }

protected:
    LOWBIT_ALWAYS_INLINE ints patterns(unsigned v) const { return Ops::patterns(unit + v * Ops::lanes * 3); }
    LOWBIT_ALWAYS_INLINE ints words(unsigned run, unsigned v) const {
        return Ops::load(unit + pattern_bytes + (run * panel_columns + v * Ops::lanes) * 4);
    }
};

/// And two quads at a time.
template <class Ops, unsigned KeptBits>
struct paired_octets : paired_quads<Ops, KeptBits> {
    using dot = pair_of_octet_dot<Ops>;
    using typename paired_quads<Ops, KeptBits>::ints;

    ints excess[panel_vectors<Ops>]; ///< 128 times the sums of codes
    ints run[panel_vectors<Ops>];    ///< the words that the next codes are in

    LOWBIT_ALWAYS_INLINE paired_octets(const weight_block& b, const weight_panel& w) : paired_quads<Ops, KeptBits>(b, w) {
        reset();
    }
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) {
        paired_quads<Ops, KeptBits>::next_record(b);
        reset();
    }
    template <unsigned J, unsigned = 1, unsigned = 0>
    LOWBIT_ALWAYS_INLINE typename dot::weights bytes(unsigned v) {
        constexpr unsigned steps = 8 / KeptBits; // that share words
        if constexpr (J % steps == 0) run[v] = Ops::in_order(this->words(J / steps, v));
        const ints codes = Ops::template high_fields<KeptBits*(J % steps), KeptBits>(run[v]);
        excess[v] = Ops::dot_bytes(excess[v], Ops::splat(static_cast<std::int32_t>(0x80808080)), codes);
        return {codes, Ops::template octet_patterns<J>(this->patterns(v))};
    }
    /// What products of vector v add up to, of codes that stand in the high bits of their bytes.
    LOWBIT_ALWAYS_INLINE ints settled(ints sum, unsigned v) const {
        return Ops::template lower<8 - KeptBits>(Ops::subtract(sum, excess[v]));
    }

private:
    LOWBIT_ALWAYS_INLINE void reset() {
        LOWBIT_UNROLL for (unsigned v = 0; v < panel_vectors<Ops>; ++v) excess[v] = Ops::splat(0);
    }
};

/// Weights stored as pairs, as the level multiplies them.
template <class Ops, unsigned KeptBits>
struct paired_of {
    using type = paired_quads<Ops, KeptBits>;
};
template <class Ops, unsigned KeptBits>
    requires requires { Ops::pairs_of_octet(nullptr); }
struct paired_of<Ops, KeptBits> {
    using type = paired_octets<Ops, KeptBits>;
};

/// Expands the pairs of block b to `to`.
template <class Ops, unsigned KeptBits>
void expand_pairs(const weight_panel& w, const weight_block& b, std::byte* to) {
    if constexpr (requires { Ops::patterns(to); }) {
        const typename Ops::ints fill = splat_fill<Ops>(w);
        paired_quads<Ops, KeptBits> from(b, w);
        for (std::size_t i = 0; i < b.count; ++i, from.next_record(b)) {
            for (std::size_t k = 0; k < b.depth; k += pair_unit, from.advance()) {
                from.prefetch();
                unroll<pair_unit / 4>([&](auto j) LOWBIT_INLINE_LAMBDA {
                    for (unsigned v = 0; v < panel_vectors<Ops>; ++v, to += Ops::lanes * 4) {
                        const auto pair = from.template bytes<j>(v);
                        Ops::store(to, Ops::quads_of_pairs(pair.codes, pair.pattern, fill));
                    }
                });
            }
        }
    } else {
        for (std::size_t i = 0; i < b.count; ++i) {
            const std::byte* unit =
                static_cast<const std::byte*>(b.data) + i * b.record_bytes + b.start / pair_unit * pair_unit_bytes(KeptBits);
            for (std::size_t k = 0; k < b.depth; k += pair_unit, unit += pair_unit_bytes(KeptBits)) {
                for (std::size_t q = 0; q < pair_unit / 4; ++q) {
                    for (std::size_t c = 0; c < panel_columns; ++c, to += 4) {
                        std::uint32_t patterns = 0;
                        std::memcpy(&patterns, unit + c * 3, 3);
                        std::memset(to, w.fill, 4);
                        for (std::size_t j = 0; j < 2; ++j) {
                            const std::size_t at = q * 2 + j; // among the kept codes of a column
                            constexpr std::size_t run = 32 / KeptBits;
                            const auto byte =
                                static_cast<std::int8_t>(unit[pattern_bytes + (at / run * panel_columns + c) * 4 + at % 4]);
                            const int code = byte << (at % run / 4 * KeptBits == 0 ? 8 - KeptBits : 0);
                            to[pair_places[patterns >> 3 * q & 7][j]] =
                                static_cast<std::byte>(w.fill + (static_cast<std::int8_t>(code) >> (8 - KeptBits)));
                        }
                    }
                }
            }
        }
    }
}

/// `Rows` rows of x times a panel of lists: each step picks four activations for each column from the window that it names.
template <class Family, class Ops, unsigned Rows>
LOWBIT_NOINLINE void multiply_lists(const weight_panel& w, const float* scales, const activation_rows<std::int8_t>& x,
                                    std::size_t row, result_rows<float> to) {
    using ints = typename Ops::ints;
    constexpr unsigned vectors = panel_vectors<Ops>;
    const std::byte* step = w.data + w.layout.list_start();
    const std::byte* starts = w.data + w.layout.list_starts();
    ints sums[Rows][vectors];
    for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
        sums[r][v] = Ops::load(w.data + w.layout.list_sums() + v * sizeof(ints));
    });
    fetch_results<Ops, Rows>(to);
    const std::int8_t* const from = x.data + row * x.stride;
    for (std::size_t left = w.layout.list_steps; left > 0; --left, step += list_step_bytes, starts += 2) {
        std::uint16_t quads;
        std::memcpy(&quads, starts, sizeof quads);
        for (std::size_t at = 0; at < list_step_bytes; at += 64) Ops::prefetch_near(step + fetch_ahead + at);
        typename Ops::window windows[Rows];
        LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) windows[r] =
            Ops::load_window(from + r * x.stride + quads * std::size_t{4});
        LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
            const auto places = Ops::window_places(step + v * sizeof(ints));
            const ints codes = Ops::load(step + list_step_bytes / 2 + v * sizeof(ints));
            LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) {
                sums[r][v] = Ops::dot_bytes(sums[r][v], Ops::pick(windows[r], places), codes);
            }
        }
    }
    for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
        typename Ops::floats y = Ops::splat_float(0.0f);
        Family::add_scaled(y, sums[r][v], Ops::load_floats(scales + v * Ops::lanes), x.scales, x.sums, row + r);
        if constexpr (Family::scaled_rows) y = Ops::multiply_floats(y, Ops::splat_float(x.scales[row + r]));
        Ops::store_floats(to.from(r).data + v * Ops::lanes, y);
    });
}

/// Expands the lists of block b to `to`.
template <class Ops>
void expand_lists(const weight_panel& w, const weight_block& b, std::byte* to) {
    std::memset(to, w.fill, b.depth * panel_columns);
    const std::byte* step = w.data + w.layout.list_start();
    const std::byte* starts = w.data + w.layout.list_starts();
    for (std::size_t i = 0; i < w.layout.list_steps; ++i, step += list_step_bytes, starts += 2) {
        std::uint16_t quads;
        std::memcpy(&quads, starts, sizeof quads);
        const std::size_t start = quads * std::size_t{4};
        if (start + list_window <= b.start) continue;
        if (start >= b.start + b.depth) break;
        for (std::size_t slot = 0; slot < list_step_bytes / 2; ++slot) {
            const std::byte code = step[list_step_bytes / 2 + slot];
            const std::size_t k =
                start + std::to_integer<std::size_t>(step[slot]) - b.start; // large where it is before the block
            if (code == std::byte{} || k >= b.depth) continue;
            to[(k / 4 * panel_columns + slot / list_codes) * 4 + k % 4] =
                static_cast<std::byte>(w.fill + std::to_integer<unsigned>(code));
        }
    }
}

/// Expands one chunk with `fill` where nothing is kept. Reads at most 64 bytes of kept codes.
template <class Ops, unsigned KeptBits>
LOWBIT_ALWAYS_INLINE void expand_chunk(const std::byte* word, const std::byte* kept, const std::byte* fill, std::byte* to) {
    const std::uint64_t mask = load_mask(word);
    if constexpr (requires { Ops::template expand<KeptBits>(mask, kept, Ops::load(fill)); }) {
        Ops::store(to, Ops::template expand<KeptBits>(mask, kept, Ops::load(fill)));
    } else if constexpr (KeptBits == 8 && requires { Ops::expand_to(word, kept, fill, to); }) {
        Ops::expand_to(word, kept, fill, to);
    } else {
        std::size_t next = 0;
        for (std::size_t i = 0; i < chunk_codes; ++i) {
            std::byte code = kept[KeptBits == 8 ? next : next / 2];
            if (KeptBits == 4) code = code >> static_cast<int>(next % 2 * 4) & std::byte{15};
            const bool keeps = (mask >> i & 1) != 0;
            to[i] = keeps ? code : fill[i];
            next += std::size_t{keeps};
        }
    }
}

/// Moves `kept` behind the codes of chunks.
template <class Ops, unsigned KeptBits>
void skip_chunks(const std::byte* masks, std::size_t chunks, const std::byte*& kept) {
    for (std::size_t i = 0; i < chunks; ++i) kept += kept_bytes<KeptBits>(load_mask(masks + i * sizeof(std::uint64_t)));
}

/// Expands `chunks` chunks to `to`, and moves `kept` behind their codes. What is pruned becomes `fill`, which repeats after
/// `period` bytes and is 64 longer.
template <class Ops, unsigned KeptBits>
void expand_chunks(const std::byte* masks, std::size_t chunks, const std::byte*& kept, const std::byte* fill, std::size_t period,
                   std::byte* to) {
    const auto next = [period](std::size_t at) LOWBIT_INLINE_LAMBDA {
        for (at += chunk_codes; at >= period;) at -= period;
        return at;
    };
    std::size_t at = 0;
    if constexpr (KeptBits == 4 && requires { Ops::spread_nibbles(kept, chunks, to); }) {
        // Nibbles become bytes for so many chunks at once that no load waits for the store before it.
        constexpr std::size_t batch = 16;
        alignas(64) std::byte codes[(batch + 1) * chunk_codes];
        for (std::size_t i = 0; i < chunks; i += batch) {
            const std::size_t some = std::min(batch, chunks - i);
            const std::byte* const first = kept;
            skip_chunks<Ops, KeptBits>(masks + i * sizeof(std::uint64_t), some, kept);
            Ops::prefetch(kept + 2048);
            Ops::spread_nibbles(first, static_cast<std::size_t>(kept - first), codes);
            const std::byte* from = codes;
            for (std::size_t j = i; j < i + some; ++j) {
                const std::byte* const word = masks + j * sizeof(std::uint64_t);
                expand_chunk<Ops, 8>(word, from, fill + at, to + j * chunk_codes);
                from += 2 * kept_bytes<KeptBits>(load_mask(word));
                at = next(at);
            }
        }
    } else {
        const std::byte* from = kept;
        for (std::size_t i = 0; i < chunks; ++i) {
            Ops::prefetch(from + 2048);
            const std::byte* const word = masks + i * sizeof(std::uint64_t);
            expand_chunk<Ops, KeptBits>(word, from, fill + at, to + i * chunk_codes);
            from += kept_bytes<KeptBits>(load_mask(word));
            at = next(at);
        }
        kept = from;
    }
}

/// Expands the block `b` of a masked panel, whose mask words start at b.data, to `wide`; moves b.kept to the next block.
template <class Ops, unsigned KeptBits, offset_kind Offset>
void expand_block(const weight_panel& w, weight_block& b, std::byte* wide) {
    const std::size_t line = 4 * w.columns; // codes of a quad
    const std::size_t quads = b.depth / 4;
    const std::size_t chunks = (quads * line + chunk_codes - 1) / chunk_codes;
    alignas(64) std::byte fill[4 * panel_columns + chunk_codes];
    if constexpr (Offset != offset_kind::zero_point) std::memset(fill, w.fill, sizeof fill);
    const std::byte* masks = static_cast<const std::byte*>(b.data);
    for (std::size_t i = 0; i < b.count; ++i) {
        if constexpr (Offset == offset_kind::zero_point) {
            for (std::size_t at = 0; at < line + chunk_codes; ++at)
                fill[at] = static_cast<std::byte>(b.zeros[i * panel_columns + at % line / 4]);
        }
        std::byte* const to = wide + i * b.depth * panel_columns;
        expand_chunks<Ops, KeptBits>(masks, chunks, b.kept, fill, line, to);
        masks += chunks * sizeof(std::uint64_t);
        if (w.columns < panel_columns) { // from the last, since they move up
            for (std::size_t q = quads; q-- > 1;) std::memmove(to + q * 4 * panel_columns, to + q * line, line);
        }
    }
}
