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

/// How far ahead masks and kept codes are fetched, as two streams.
inline constexpr std::size_t kept_ahead = 4096, masks_ahead = 2048;

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
        Ops::prefetch(kept + kept_ahead);
        Ops::prefetch(masks + masks_ahead);
        Ops::prefetch_near(kept + 512); // since nearly all loads are of two lines, and find the second in the first-level cache
        Ops::prefetch_near(kept + 576);
    }
    template <unsigned, unsigned = 1>
    LOWBIT_ALWAYS_INLINE typename Ops::ints bytes(unsigned) {
        const std::uint64_t mask = load_mask(masks);
        const typename Ops::ints codes = Ops::template expand<KeptBits>(mask, kept, fill);
        masks += sizeof mask;
        kept += kept_bytes<KeptBits>(mask);
        return codes;
    }
};

/// Pairs of signed codes, and where in their quad they stand, meet the activations that stand there: of each quad of those a
/// table has the pairs that places may name, and a permutation picks one for each column.
template <class Ops>
struct pair_places_dot {
    using ints = typename Ops::ints;
    struct weights {
        ints codes, places;
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
        return Ops::add_pairs(p, w.codes, Ops::pick_pairs(x, w.places));
    }
};

/// Weights stored as pairs.
template <class Ops, unsigned KeptBits>
struct paired_codes {
    template <unsigned>
    static constexpr bool streams = true;
    static constexpr unsigned unit_depth = 4;
    static constexpr unsigned max_code = 255;
    static constexpr unsigned places = 1, place_bits = 8;
    static constexpr unsigned parts = 1;
    static constexpr bool is_signed = true;            ///< codes are values: no offset
    static constexpr unsigned columns = 16 / KeptBits; ///< vectors of 16 columns that share words
    using dot = pair_places_dot<Ops>;

    const std::byte* masks;
    const std::byte* kept;

    LOWBIT_ALWAYS_INLINE paired_codes(const weight_block& b, const weight_panel&)
        : masks(static_cast<const std::byte*>(b.data)), kept(b.kept) {}
    LOWBIT_ALWAYS_INLINE void advance() {
        masks += 4 * sizeof(std::uint64_t);
        kept += 16 * KeptBits;
    }
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block&) {}
    LOWBIT_ALWAYS_INLINE void prefetch() const {
        Ops::prefetch(kept + kept_ahead);
        Ops::prefetch(masks + masks_ahead);
    }
    template <unsigned, unsigned = 1>
    LOWBIT_ALWAYS_INLINE typename dot::weights bytes(unsigned v) const {
        const unsigned sixteen = v * Ops::lanes / 16;
        const typename Ops::ints words = Ops::load(kept + sixteen / columns * 64 + v * Ops::lanes % 16 * 4);
        typename Ops::ints codes = words;
        unroll<columns>([&](auto i) LOWBIT_INLINE_LAMBDA {
            if (sixteen % columns == i) codes = Ops::template signed_fields<KeptBits * i, KeptBits>(words);
        });
        return {codes, Ops::places(masks + v * Ops::lanes / 2)};
    }
};

/// Expands `quads` quads of the pairs of block b to `to`.
template <class Ops, unsigned KeptBits>
void expand_pairs(const weight_panel& w, const weight_block& b, std::size_t quads, std::byte* to) {
    if constexpr (requires { Ops::places(to); }) {
        const typename Ops::ints fill = splat_fill<Ops>(w);
        paired_codes<Ops, KeptBits> from(b, w);
        for (std::size_t q = 0; q < quads; ++q, from.advance()) {
            from.prefetch();
            unroll<panel_vectors<Ops>>([&](auto v) LOWBIT_INLINE_LAMBDA {
                const auto pair = from.template bytes<0>(v);
                Ops::store(to, Ops::quads_of_pairs(pair.codes, pair.places, fill));
                to += Ops::lanes * 4;
            });
        }
    } else {
        constexpr unsigned in_word = 16 / KeptBits, shift = 32 - KeptBits;
        const std::byte* masks = static_cast<const std::byte*>(b.data);
        const std::byte* kept = b.kept;
        for (std::size_t q = 0; q < quads; ++q, kept += 16 * KeptBits, masks += 4 * sizeof(std::uint64_t)) {
            for (std::size_t c = 0; c < panel_columns; ++c) {
                std::uint32_t word;
                std::memcpy(&word, kept + (c / 16 / in_word * 16 + c % 16) * 4, sizeof word);
                word >>= c / 16 % in_word * KeptBits;
                unsigned places = std::to_integer<unsigned>(masks[c / 2]) >> c % 2 * 4;
                for (unsigned i = 0; i < 4; ++i, places >>= 1) {
                    const std::int32_t code = static_cast<std::int32_t>(word << shift) >> shift;
                    *to++ = static_cast<std::byte>(w.fill + ((places & 1) != 0 ? code : 0));
                    if ((places & 1) != 0) word >>= 16;
                }
            }
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
