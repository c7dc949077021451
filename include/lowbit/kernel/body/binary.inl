// SPDX-License-Identifier: MIT
// The binary family: weights and activations of -1 and +1 as single bits, products by exclusive or and counting of ones.

/// The carries of full adders that add a, b and c bit by bit, from a, a ^ b and a ^ b ^ c. A level may have any function of three
/// bits, Ops::logic, or a selection of two, Ops::bit_select.
template <class Ops>
LOWBIT_ALWAYS_INLINE typename Ops::ints carries(typename Ops::ints a, typename Ops::ints both, typename Ops::ints all) {
    if constexpr (requires { Ops::template logic<0x74>(a, both, all); }) {
        return Ops::template logic<0x74>(a, both, all);
    } else {
        const typename Ops::ints c = Ops::bit_xor(both, all);
        if constexpr (requires { Ops::bit_select(both, c, a); }) {
            return Ops::bit_select(both, c, a);
        } else {
            return Ops::bit_xor(a, Ops::bit_and(both, Ops::bit_xor(a, c)));
        }
    }
}

/// Counts ones byte by byte, and adds the bytes of a lane up before they can overflow. A level may know better how many ones the
/// bytes of a vector have, Ops::count_bytes; the default adds neighbours of 1, 2 and 4 bits.
template <class Ops>
struct bit_count {
    using ints = typename Ops::ints;
    static constexpr std::size_t words = 255 / 8; ///< so many vectors can be counted before `end`

    static LOWBIT_ALWAYS_INLINE ints add(ints part, ints bits) { return Ops::add(part, bytes(bits)); }
    static LOWBIT_ALWAYS_INLINE ints add_twice(ints part, ints bits) {
        const ints ones = bytes(bits);
        return Ops::add(part, Ops::add(ones, ones));
    }
    static LOWBIT_ALWAYS_INLINE ints begin(ints) { return Ops::splat(0); }
    /// acc and what was counted in each lane: to the level's dot product the bytes are weights.
    static LOWBIT_ALWAYS_INLINE ints end(ints acc, ints part) {
        using dot = typename Ops::template dot<255>;
        constexpr std::int8_t ones[4] = {1, 1, 1, 1};
        acc = Ops::add(acc, Ops::splat(4 * dot::bias));
        return dot::end(acc, dot::add(dot::begin(acc), dot::prepare(part), dot::broadcast(ones)));
    }

private:
    static LOWBIT_ALWAYS_INLINE ints bytes(ints bits) { // of which none carries
        if constexpr (requires { Ops::count_bytes(bits); }) {
            return Ops::count_bytes(bits);
        } else {
            const auto fields = [](ints a, std::int32_t mask) LOWBIT_INLINE_LAMBDA { return Ops::bit_and(a, Ops::splat(mask)); };
            const ints pairs = Ops::subtract(bits, fields(Ops::template move_bits<1, 0>(bits), 0x55555555));
            const ints nibbles = Ops::add(fields(pairs, 0x33333333), fields(Ops::template move_bits<2, 0>(pairs), 0x33333333));
            return fields(Ops::add(nibbles, Ops::template move_bits<4, 0>(nibbles)), 0x0f0f0f0f);
        }
    }
};
/// Counts ones lane by lane, where one instruction, Ops::count_lanes, does it.
template <class Ops>
    requires requires(typename Ops::ints bits) { Ops::count_lanes(bits); }
struct bit_count<Ops> {
    using ints = typename Ops::ints;
    static constexpr std::size_t words = longest_group;

    static LOWBIT_ALWAYS_INLINE ints add(ints part, ints bits) { return Ops::add(part, Ops::count_lanes(bits)); }
    static LOWBIT_ALWAYS_INLINE ints add_twice(ints part, ints bits) {
        return Ops::add_pairs(part, Ops::count_lanes(bits), Ops::splat(2));
    }
    static LOWBIT_ALWAYS_INLINE ints begin(ints acc) { return acc; }
    static LOWBIT_ALWAYS_INLINE ints end(ints, ints part) { return part; }
};

/// Packed weights as words of 32 k a column, which is how they lie.
template <class Ops, unsigned Bits, unsigned Step, decoding Code>
struct packed_words : packed_weights<Ops, Bits, Step, Code> {
    static_assert(Bits == 1 && Step == 2 && Code == decoding::integer);
    static constexpr bool decoded = false; ///< they meet activations as they lie

    LOWBIT_ALWAYS_INLINE packed_words(const weight_block& b, const weight_panel& w)
        : packed_weights<Ops, Bits, Step, Code>(b, w) {}

    /// Word i from here on of column vector v.
    LOWBIT_ALWAYS_INLINE typename Ops::ints word(unsigned v, unsigned i) const {
        return Ops::load(this->unit + (i * panel_columns + v * Ops::lanes) * 4);
    }
};
/// The same for rows after the first, which find them in the cache.
template <class Ops>
struct cached_words : packed_words<Ops, 1, 2, decoding::integer> {
    using base = packed_words<Ops, 1, 2, decoding::integer>;
    template <unsigned>
    static constexpr bool streams = false;

    LOWBIT_ALWAYS_INLINE cached_words(const weight_block& b, const weight_panel& w) : base(b, w) {}

    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) { this->unit += b.record_bytes - b.depth * 8; }
    LOWBIT_ALWAYS_INLINE void prefetch() const {}
};

/// Sums count the products that are -1, those whose bits differ: the K products of a group add up to K less twice their number,
/// which is scaled as in the integer family. Bits that pad a group are 0 on both sides, and so alike
/// in every parity.
template <class Ops, activation_kind Activations, unsigned ScaleLevels>
struct binary_family : integer_family<Ops, offset_kind::constant,
                                      Activations == activation_kind::binary_per_group ? activation_kind::int8_per_group
                                                                                       : activation_kind::int8_per_row,
                                      ScaleLevels> {
    using activation = std::uint32_t;
    using base = typename binary_family::integer_family;
    using sums = typename Ops::ints;
    /// 32 KiB of weights, read from the second-level cache, of which a tile of 3 x 64 needs 14 bytes a cycle on Zen 4.
    static constexpr std::size_t block_depth = 2 * block_bytes * 8 / panel_columns;
    template <unsigned, decoding>
    static constexpr bool multiplies_packed = true;

    template <unsigned Bits, unsigned Step, decoding Code>
    using packed = packed_words<Ops, Bits, Step, Code>;
    template <unsigned>
    using unpacked = cached_words<Ops>;

    template <class>
    static LOWBIT_ALWAYS_INLINE sums start(std::int32_t, const std::int32_t*, std::size_t, const std::int32_t*, std::size_t) {
        return base::zero();
    }
    static LOWBIT_ALWAYS_INLINE void add_scaled(typename Ops::floats& y, sums acc, typename Ops::floats scale,
                                                const float* xscales, const std::int32_t* depths, std::size_t at) {
        base::add_scaled(y, Ops::subtract(Ops::splat(depths[at]), Ops::add(acc, acc)), scale, xscales, depths, at);
    }

    template <class Weights, unsigned Rows, unsigned Vectors>
    static LOWBIT_ALWAYS_INLINE void accumulate(sums (&acc)[Rows][Vectors], Weights& w, std::size_t depth, const activation*& x,
                                                std::size_t stride, unsigned first) {
        static_assert(block_depth % (span_words * 32) == 0); // no triple is cut
        std::size_t words = depth / Weights::unit_depth;
        while (words > 0) {
            const std::size_t span = std::min(words, span_words), triples = span / triple_words;
            count<triple_words>(acc, w, triples, x, stride, first);
            count<1>(acc, w, span - triples * triple_words, x, stride, first);
            words -= span;
        }
    }

private:
    using counter = bit_count<Ops>;

    /// Adds the ones by which `units` times `Words` words differ.
    template <std::size_t Words, class Weights, unsigned Rows, unsigned Vectors>
    static LOWBIT_ALWAYS_INLINE void count(sums (&acc)[Rows][Vectors], Weights& w, std::size_t units, const activation*& x,
                                           std::size_t stride, unsigned first) {
        while (units > 0) {
            std::size_t now = std::min(units, counter::words / Words);
            units -= now;
            sums part[Rows][Vectors];
            for_tile<Rows, Vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA { part[r][v] = counter::begin(acc[r][v]); });
            for (; now > 0; --now) {
                sums a[Rows][Words];
                for_tile<Rows, Words>([&](unsigned r, unsigned i) LOWBIT_INLINE_LAMBDA {
                    a[r][i] = Ops::splat(static_cast<std::int32_t>(x[r * stride + i]));
                });
                if constexpr (Rows == 1 && requires { Ops::in_order(part[0][0]); }) { // a stream, read line after line
                    sums b[Vectors][Words];
                    for_tile<Words, Vectors>([&](unsigned i, unsigned v)
                                                 LOWBIT_INLINE_LAMBDA { b[v][i] = Ops::in_order(w.word(first + v, i)); });
                    LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) part[0][v] = add(part[0][v], a[0], b[v]);
                } else {
                    LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
                        sums b[Words];
                        LOWBIT_UNROLL for (unsigned i = 0; i < Words; ++i) b[i] = w.word(first + v, i);
                        LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) part[r][v] = add(part[r][v], a[r], b);
                    }
                }
                LOWBIT_UNROLL for (unsigned i = 0; i < Words; ++i) {
                    w.prefetch();
                    w.advance();
                }
                x += Words;
            }
            for_tile<Rows, Vectors>([&](unsigned r, unsigned v)
                                        LOWBIT_INLINE_LAMBDA { acc[r][v] = counter::end(acc[r][v], part[r][v]); });
        }
    }
    static LOWBIT_ALWAYS_INLINE sums add(sums part, const sums (&a)[1], const sums (&b)[1]) {
        return counter::add(part, Ops::bit_xor(a[0], b[0]));
    }
    static LOWBIT_ALWAYS_INLINE sums add(sums part, const sums (&a)[triple_words], const sums (&b)[triple_words]) {
        const sums all = Ops::bit_xor(a[2], b[2]);
        part = counter::add_twice(part, carries<Ops>(Ops::bit_xor(a[0], b[0]), Ops::bit_xor(a[1], b[1]), all));
        return counter::add(part, all);
    }
};
