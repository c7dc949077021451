// SPDX-License-Identifier: MIT
// Parts of every product kernel: unrolled loops, the decoder of bit planes, scales made floats. Included once in each level's
// namespace, inside its region; `Ops` is the level's vectors.

/// Calls f(0), ... f(N - 1) in line, each argument a compile-time constant.
template <unsigned... I, class F>
LOWBIT_ALWAYS_INLINE void unroll_each(std::integer_sequence<unsigned, I...>, F&& f) {
    (f(std::integral_constant<unsigned, I>{}), ...);
}
template <unsigned N, class F>
LOWBIT_ALWAYS_INLINE void unroll(F&& f) {
    unroll_each(std::make_integer_sequence<unsigned, N>{}, f);
}

/// A block of K that is multiplied at once: `count` whole records of equal length, or a part of one long group.
struct weight_block {
    const void* data = nullptr;   ///< the first group's record, or unpacked weights, or mask words
    std::size_t record_bytes = 0; ///< between the records (packed only)
    std::size_t start = 0;        ///< where in its record's K the block starts (packed only)
    std::size_t depth = 0;        ///< K of each record, or of the part; padded
    std::size_t count = 0;
    std::size_t group = 0;             ///< the first group
    bool first = false;                ///< the block has its group's first k ...
    bool last = false;                 ///< ... and its last
    bool end = false;                  ///< ... of the last group
    const std::byte* beside = nullptr; ///< what stands beside the codes of the first group, from its scales on ...
    std::size_t beside_stride = 0;     ///< ... between records ...
    std::size_t beside_bytes = 0;      ///< ... and between the groups of one ...
    std::size_t offset_start = 0;      ///< ... and from the scales to the offsets
    scale_kind scale = scale_kind::none;
    const std::byte* super = nullptr; ///< super-scales of the first group's run ...
    std::size_t super_stride = 0;     ///< ... between runs ...
    std::size_t run_left = 0;         ///< ... and how many groups of the first group's run are left
    bool streamed = false;   ///< scales and minimums are decoded by the tile, to registers; else to the following, before it
    float* scales = nullptr; ///< 64 a group, where there are any; so the others
    float* minimums = nullptr;
    std::int32_t* zeros = nullptr;
    const float* entries = nullptr;  ///< see packed_floats
    const std::byte* kept = nullptr; ///< the block's first kept code, of masked panels
    const std::byte* next = nullptr; ///< what is fetched while the block meets its rows, of the next block ...
    std::size_t piece = 0;           ///< ... and bytes of it for each tile, at least

    /// From what stands beside group `part` of a record to that of the next group.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t next_beside(std::size_t part, std::size_t parts) const {
        return part + 1 < parts ? beside_bytes : beside_stride - (parts - 1) * beside_bytes;
    }
};

/// Calls f(row, vector) for a tile of sums, all in line.
template <unsigned Rows, unsigned Vectors, class F>
LOWBIT_ALWAYS_INLINE void for_tile(F&& f) {
    LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) {
        LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) { f(r, v); }
    }
}

/// Vectors of 64 columns.
template <class Ops>
inline constexpr unsigned panel_vectors = panel_columns / Ops::lanes;

/// How the lines of a stream are asked for before they are read: into the first-level cache, or far, into the second.
struct fetching {
    bool far = false;
    std::size_t ahead = fetch_ahead;
    std::size_t apart = cache_line; ///< one line in so many bytes of codes; 0: none, nor of what stands beside them
};
template <class Ops, fetching How>
LOWBIT_ALWAYS_INLINE void fetch_line(const std::byte* at) {
    if constexpr (How.far) {
        Ops::prefetch(at + How.ahead);
    } else {
        Ops::prefetch_near(at + How.ahead);
    }
}

/// Fetches the lines of `Rows` rows that a tile writes at its end, each in a page of its own where Y is wide: stores leave in
/// order, so that one whose line comes from memory holds up all behind it.
template <class Ops, unsigned Rows, class T>
LOWBIT_ALWAYS_INLINE void fetch_results(const result_rows<T>& to) {
    for (unsigned r = 0; r < Rows; ++r) {
        for (std::size_t c = 0; c < panel_columns; c += cache_line / sizeof(T)) Ops::prefetch(to.from(r).data + c);
    }
}

/// Weights as panel_layout stores them, unit after unit.
template <class Ops, unsigned Bits, unsigned Step, decoding Code>
struct packed_weights {
    static constexpr unsigned planes = std::popcount(Bits);
    static constexpr unsigned unit_depth = kernel::unit_depth(Bits);
    static constexpr unsigned parts = 1;
    static constexpr bool decoded = true;
    static constexpr unsigned max_code = Code == decoding::table ? 255 : ((1u << Bits) - 1) * Step;

    static constexpr decoding_cost cost{planes, Bits == 8, Code == decoding::table};

    /// Whether a tile of so many rows decodes the scales of a group from where they lie, so that a panel is read as one stream,
    /// and not all scales of a block before it. For a full tile of whole bytes compilers run out of registers.
    template <unsigned Rows>
    static constexpr bool streams = Rows != Ops::tile_rows || Bits < 8 || Code == decoding::table;

    /// Places in a byte where codes may stay, the second `Bits` higher, for sums that are kept apart: half the shifts, or none.
    static constexpr unsigned places = planes == 1 && Bits < 8 && Code == decoding::integer ? 2 : 1;
    static constexpr unsigned place_bits = Bits;

    static constexpr std::size_t k_bytes = panel_columns * Bits / 8; // of one k

    const std::byte* unit;
    const void* table; ///< for decoding::table

    LOWBIT_ALWAYS_INLINE packed_weights(const weight_block& b, const weight_panel& w)
        : unit(static_cast<const std::byte*>(b.data) + b.start * k_bytes), table(w.table) {}
    LOWBIT_ALWAYS_INLINE void advance() { unit += unit_depth * k_bytes; }
    /// To the next group of a record.
    LOWBIT_ALWAYS_INLINE void next_part() {}
    /// From behind the last unit of a record to the next one.
    template <fetching How = fetching{}>
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) {
        if constexpr (How.apart > 0) {
            for (std::size_t at = 0; at < b.beside_bytes; at += cache_line) fetch_line<Ops, How>(unit + at);
        }
        unit += b.record_bytes - b.depth * k_bytes;
    }
    /// Fetches what lies a few units ahead.
    template <fetching How = fetching{}>
    LOWBIT_ALWAYS_INLINE void prefetch() const {
        if constexpr (How.apart > 0) {
            unroll<ceil_div(unit_depth * k_bytes, How.apart)>(
                [&](auto i) LOWBIT_INLINE_LAMBDA { fetch_line<Ops, How>(unit + i * How.apart); });
        }
    }

    /// Codes (stepped) of quad J of the unit, 4 bytes a column, for column vector v; at place J % Places. They meet that many
    /// rows at once, 0: any number.
    template <unsigned J, unsigned Places = 1, unsigned Rows = 0>
    LOWBIT_ALWAYS_INLINE typename Ops::ints codes(unsigned v) const {
        typename Ops::ints sum = field<0, J, J % Places * place_bits, Rows>(v);
        if constexpr (planes > 1) sum = Ops::bit_or(sum, field<1, J, 0, Rows>(v));
        if constexpr (planes > 2) sum = Ops::bit_or(sum, field<2, J, 0, Rows>(v));
        return sum;
    }

private:
    template <unsigned P, unsigned J, unsigned Place, unsigned Rows>
    LOWBIT_ALWAYS_INLINE typename Ops::ints field(unsigned v) const {
        constexpr unsigned width = plane_of(Bits, P).width;
        constexpr unsigned run_quads = 8 / width;
        constexpr std::size_t start = run_start(Bits, P, J / run_quads, panel_columns);
        const typename Ops::ints raw = Ops::load(unit + start + v * Ops::lanes * 4);
        constexpr unsigned from = J % run_quads * width;
        constexpr unsigned to = plane_of(Bits, P).shift + (Step - 1) + Place;
        constexpr bool at_once = from != to && requires { requires Ops::template moves_fields<Bits, Rows>; };
        if constexpr (width == 8) {
            return raw;
        } else if constexpr (from + width == 8 && to == 0 && requires { Ops::template high_bits<width>(raw); }) {
            return Ops::template high_bits<width>(raw); // where bytes can be shifted, these need no mask
        } else if constexpr (at_once) {
            return Ops::template move_field<from, width, to>(raw);
        } else {
            constexpr unsigned mask = 0x01010101u * (((1u << width) - 1) << to);
            return Ops::bit_and(Ops::template move_bits<from, to>(raw), Ops::splat(static_cast<std::int32_t>(mask)));
        }
    }
};

/// Weights that lie ready in a cache for several rows, and with each unit some lines of the next block: a piece before each tile
/// would be a burst that its own loads wait for.
template <class Ops, class Weights, unsigned Lines = 1>
struct spreading : Weights {
    static constexpr unsigned lines = Lines;

    const std::byte* next;

    LOWBIT_ALWAYS_INLINE spreading(const weight_block& b, const weight_panel& w) : Weights(b, w), next(b.next) {}
    LOWBIT_ALWAYS_INLINE void prefetch() {
        Weights::prefetch();
        unroll<Lines>([&](auto i) LOWBIT_INLINE_LAMBDA { Ops::prefetch(next + i * cache_line); });
        next += Lines * cache_line;
    }
};

/// Weights of one row where vectors are split: lines asked for in the first level get in the way of those that are read from it,
/// so they come to the second, if they do. With codes of 4 bits the hardware keeps up alone. Of more bits, and of bits that meet
/// bits, one line in four, since it stops at the ends of pages; of others, which take long to decode, every one, those of several
/// planes from farther ahead.
template <class Weights>
struct fetched_far : Weights {
    static constexpr std::size_t nibbles = panel_columns / 2; // of one k
    static constexpr bool several = Weights::cost.planes > 1, wide = Weights::k_bytes >= nibbles;
    static constexpr bool alone = Weights::k_bytes == nibbles && Weights::parts == 1;
    static constexpr bool keeps_up = wide || !Weights::decoded;
    /// Not for floats, which wait for nothing, nor for fewer bits of groups that share a unit (Q3_K took half as long again).
    static constexpr bool pays = !Weights::cost.floats && (wide || Weights::parts == 1);
    static constexpr fetching how{.far = true,
                                  .ahead = several && !wide ? 2 * fetch_ahead : fetch_ahead,
                                  .apart = alone ? 0 : (keeps_up ? 4 : 1) * cache_line};

    LOWBIT_ALWAYS_INLINE fetched_far(const weight_block& b, const weight_panel& w) : Weights(b, w) {}
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) { Weights::template next_record<how>(b); }
    LOWBIT_ALWAYS_INLINE void prefetch() const { Weights::template prefetch<how>(); }
};

/// Packed weights of which `Parts` groups share a unit.
template <class Weights, unsigned Parts>
struct parted : Weights {
    static_assert(Weights::unit_depth % (4 * Parts) == 0);
    static constexpr unsigned parts = Parts;
    LOWBIT_ALWAYS_INLINE parted(const weight_block& b, const weight_panel& w) : Weights(b, w) {}
};
template <class Weights, unsigned Parts>
using with_parts =
    typename std::conditional_t<Parts == 1, std::type_identity<Weights>, std::type_identity<parted<Weights, Parts>>>::type;

/// One of those groups, as weights with a shorter unit.
template <class Weights, unsigned Part>
struct weights_part {
    static constexpr unsigned unit_depth = Weights::unit_depth / Weights::parts;
    static constexpr unsigned max_code = Weights::max_code;
    static constexpr unsigned places = 1, place_bits = 8;

    Weights& all;

    LOWBIT_ALWAYS_INLINE void advance() {
        if constexpr (Part + 1 < Weights::parts) {
            all.next_part();
        } else {
            all.advance();
        }
    }
    LOWBIT_ALWAYS_INLINE void prefetch() const {
        if constexpr (Part + 1 == Weights::parts) all.prefetch();
    }
    template <unsigned J, unsigned = 1, unsigned Rows = 0>
    LOWBIT_ALWAYS_INLINE auto bytes(unsigned v) const {
        return all.template bytes<Part*(unit_depth / 4) + J, 1, Rows>(v);
    }
    template <unsigned K, unsigned Rows = 0>
    LOWBIT_ALWAYS_INLINE auto value(unsigned v) const {
        return all.template value<Part * unit_depth + K, Rows>(v);
    }
};
/// Calls f with the weights of group `part` of a record. A type, which no argument of another level's finds.
template <class Weights>
struct parts_of {
    template <class F>
    static LOWBIT_ALWAYS_INLINE void one(Weights& weights, std::size_t part, F&& f) {
        if constexpr (Weights::parts == 1) {
            f(weights);
        } else {
            unroll<Weights::parts>([&](auto p) LOWBIT_INLINE_LAMBDA {
                weights_part<Weights, p> some{weights};
                if (part == p) f(some);
            });
        }
    }
};

/// Whether every column of a panel has a scale of its own, and one that needs no table: vectors decode those.
[[nodiscard]] LOWBIT_ALWAYS_INLINE bool has_plain_scales(const weight_panel& w) {
    return w.columns == panel_columns && w.layout.columns_per_scale() == 1 && w.layout.scale != scale_kind::table8;
}
/// Decodes plain scales, or other numbers of that kind, of `Vectors` column vectors from vector `first` on.
template <class Ops, unsigned Vectors>
LOWBIT_ALWAYS_INLINE void decode_numbers(scale_kind kind, const std::byte* from, unsigned first,
                                         typename Ops::floats (&to)[Vectors]) {
    const auto as = [&]<scale_kind Kind>() LOWBIT_INLINE_LAMBDA {
        LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
            to[v] = Ops::template load_scales<Kind>(from + (first + v) * Ops::lanes * size_of(Kind));
        }
    };
    if (kind == scale_kind::float16) {
        as.template operator()<scale_kind::float16>();
    } else if (kind == scale_kind::bfloat16) {
        as.template operator()<scale_kind::bfloat16>();
    } else {
        as.template operator()<scale_kind::float32>();
    }
}
/// Zero points of 64 columns as int32.
template <class Ops>
LOWBIT_ALWAYS_INLINE void decode_zeros(const std::byte* from, std::int32_t* to) {
    for (unsigned v = 0; v < panel_vectors<Ops>; ++v) Ops::store(to + v * Ops::lanes, Ops::load_bytes(from + v * Ops::lanes));
}

/// Calls f(column, value) for the scales, or such numbers, of the columns that there are.
template <class F>
void for_numbers(const weight_panel& w, scale_kind kind, const std::byte* from, F&& f) {
    const std::size_t shared = w.layout.columns_per_scale();
    const auto as = [&]<scale_kind Kind>() {
        for (std::size_t c = 0; c < w.columns; ++c) f(c, scale_value<Kind>(from, c / shared, w.scale_table));
    };
    switch (kind) {
    case scale_kind::float32: return as.template operator()<scale_kind::float32>();
    case scale_kind::float16: return as.template operator()<scale_kind::float16>();
    case scale_kind::bfloat16: return as.template operator()<scale_kind::bfloat16>();
    case scale_kind::table8: return as.template operator()<scale_kind::table8>();
    case scale_kind::byte:
    case scale_kind::nibble:
    case scale_kind::none: return;
    }
}

/// Reads scales and minimums that stand beside the codes of one group after another: of one level, they are numbers.
template <class Ops, unsigned ScaleLevels>
struct beside_reader {
    using floats = typename Ops::floats;

    const std::byte* at;

    LOWBIT_ALWAYS_INLINE explicit beside_reader(const weight_block& b) : at(b.beside) {}
    /// To the group `bytes` farther.
    LOWBIT_ALWAYS_INLINE void next(const weight_panel&, const weight_block&, std::size_t bytes) { at += bytes; }

    /// Plain ones of `Vectors` column vectors from vector `first` on.
    template <unsigned Vectors>
    LOWBIT_ALWAYS_INLINE void scales(const weight_panel&, const weight_block& b, unsigned first, floats (&to)[Vectors]) const {
        decode_numbers<Ops>(b.scale, at, first, to);
    }
    template <unsigned Vectors>
    LOWBIT_ALWAYS_INLINE void minimums(const weight_panel&, const weight_block& b, unsigned first, floats (&to)[Vectors]) const {
        decode_numbers<Ops>(b.scale, at + b.offset_start, first, to);
    }
    /// All that are not plain.
    void scales(const weight_panel& w, const weight_block& b, float* to) const {
        for_numbers(w, b.scale, at, [=](std::size_t c, float value) { to[c] = value; });
    }
    void minimums(const weight_panel& w, const weight_block& b, float* to) const {
        for_numbers(w, b.scale, at + b.offset_start, [=](std::size_t c, float value) { to[c] = value; });
    }
};

/// Of two levels, they are integers, which multiply numbers that a run of groups shares.
template <class Ops>
struct beside_reader<Ops, 2> {
    using floats = typename Ops::floats;
    using ints = typename Ops::ints;

    const std::byte* at;
    const std::byte* super;
    std::size_t left; ///< of the run

    LOWBIT_ALWAYS_INLINE explicit beside_reader(const weight_block& b) : at(b.beside), super(b.super), left(b.run_left) {}
    LOWBIT_ALWAYS_INLINE void next(const weight_panel& w, const weight_block& b, std::size_t bytes) {
        at += bytes;
        if (--left > 0) return;
        super += b.super_stride;
        left = w.layout.run;
    }

    template <unsigned Vectors>
    LOWBIT_ALWAYS_INLINE void scales(const weight_panel& w, const weight_block& b, unsigned first, floats (&to)[Vectors]) const {
        decode_numbers<Ops>(w.layout.super, super, first, to);
        const ints zero = Ops::splat(w.layout.scale_zero);
        const ints mask = Ops::splat(b.scale == scale_kind::nibble ? 15 : 255);
        LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
            const ints codes = Ops::load_bytes(at + (first + v) * Ops::lanes);
            to[v] = Ops::multiply_floats(to[v], Ops::to_floats(Ops::subtract(Ops::bit_and(codes, mask), zero)));
        }
    }
    template <unsigned Vectors>
    LOWBIT_ALWAYS_INLINE void minimums(const weight_panel& w, const weight_block& b, unsigned first,
                                       floats (&to)[Vectors]) const {
        decode_numbers<Ops>(w.layout.super, super + b.super_stride / 2, first, to);
        const auto times = [&](auto&& codes) LOWBIT_INLINE_LAMBDA {
            LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
                to[v] = Ops::multiply_floats(to[v], Ops::to_floats(codes((first + v) * Ops::lanes)));
            }
        };
        if (b.scale == scale_kind::nibble) {
            times([&](unsigned c) LOWBIT_INLINE_LAMBDA { return Ops::template move_bits<4, 0>(Ops::load_bytes(at + c)); });
        } else {
            times([&](unsigned c) LOWBIT_INLINE_LAMBDA { return Ops::load_bytes(at + b.offset_start + c); });
        }
    }
    void scales(const weight_panel& w, const weight_block& b, float* to) const {
        const unsigned mask = b.scale == scale_kind::nibble ? 15 : 255;
        for_numbers(w, w.layout.super, super, [&](std::size_t c, float value) {
            const unsigned code = std::to_integer<unsigned>(at[c]) & mask;
            to[c] = value * static_cast<float>(static_cast<int>(code) - w.layout.scale_zero);
        });
    }
    void minimums(const weight_panel& w, const weight_block& b, float* to) const {
        for_numbers(w, w.layout.super, super + b.super_stride / 2, [&](std::size_t c, float value) {
            const unsigned code = std::to_integer<unsigned>(at[b.offset_start + c]);
            to[c] = value * static_cast<float>(b.scale == scale_kind::nibble ? code >> 4 : code);
        });
    }
};

/// Decodes what `read` reads of 64 columns, plain or not; those that a narrow panel lacks get 0.
template <class Ops, class Read>
LOWBIT_ALWAYS_INLINE void expand(const weight_panel& w, float* to, Read&& read) {
    if (has_plain_scales(w)) {
        for (unsigned v = 0; v < panel_vectors<Ops>; ++v) {
            typename Ops::floats some[1];
            read(v, some);
            Ops::store_floats(to + v * Ops::lanes, some[0]);
        }
    } else {
        std::fill(to + w.columns, to + panel_columns, 0.0f);
        read(to);
    }
}
template <class Ops>
void expand_zeros(const weight_panel& w, const std::byte* from, std::int32_t* to) {
    if (has_plain_scales(w)) return decode_zeros<Ops>(from, to);
    const std::size_t shared = w.layout.columns_per_scale();
    for (std::size_t c = 0; c < w.columns; ++c) to[c] = std::to_integer<std::int32_t>(from[c / shared]);
    for (std::size_t c = w.columns; c < panel_columns; ++c) to[c] = 0;
}

/// Copies `runs` runs of a narrow panel to runs of full width.
template <class Ops>
void widen_runs(const std::byte* from, std::size_t columns, std::size_t runs, std::byte* to) {
    for (std::size_t i = 0; i < runs; ++i) std::memcpy(to + i * 4 * panel_columns, from + i * 4 * columns, 4 * columns);
}
