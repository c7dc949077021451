// SPDX-License-Identifier: MIT
// The float family: weights decoded to floats without their scale, activations as floats, one chain of additions an output.

/// Weights decoded to floats: 64 columns of a k, then the next k.
template <class Ops>
struct float_weights {
    static constexpr bool in_records = false;
    static constexpr unsigned unit_depth = 1;

    const float* data;

    LOWBIT_ALWAYS_INLINE float_weights(const weight_block& b, const weight_panel&) : data(static_cast<const float*>(b.data)) {}
    LOWBIT_ALWAYS_INLINE void advance() { data += panel_columns; }
    LOWBIT_ALWAYS_INLINE void next_group(const weight_block&) {}
    LOWBIT_ALWAYS_INLINE void prefetch() const {}
    template <unsigned>
    LOWBIT_ALWAYS_INLINE typename Ops::floats value(unsigned v) const {
        return Ops::load_floats(data + v * Ops::lanes);
    }
};

/// Packed weights as those floats.
template <class Ops, unsigned Bits, unsigned Step, decoding Code, offset_kind Offset>
struct packed_floats : packed_weights<Ops, Bits, Step, Code> {
    using base = packed_weights<Ops, Bits, Step, Code>;
    const std::int32_t* zeros;
    typename Ops::ints offset;

    LOWBIT_ALWAYS_INLINE packed_floats(const weight_block& b, const weight_panel& w)
        : base(b, w), zeros(b.zeros), offset(Ops::splat(w.offset)) {}
    LOWBIT_ALWAYS_INLINE void next_group(const weight_block& b) {
        base::next_group(b);
        if constexpr (Offset == offset_kind::zero_point) zeros += panel_columns;
    }

    template <unsigned K>
    LOWBIT_ALWAYS_INLINE typename Ops::floats value(unsigned v) const {
        typename Ops::ints code = Ops::template move_bits<K % 4 * 8, 0>(this->template codes<K / 4>(v));
        if constexpr (K % 4 != 3) code = Ops::bit_and(code, Ops::splat(255));
        if constexpr (Code == decoding::table) {
            return Ops::template lookup_floats<Bits>(static_cast<const float*>(this->table), code);
        } else if constexpr (Offset == offset_kind::zero_point) {
            return Ops::to_floats(Ops::subtract(code, Ops::load(zeros + v * Ops::lanes)));
        } else {
            return Ops::to_floats(Ops::subtract(code, offset));
        }
    }
};

template <class Ops, offset_kind Offset>
struct float_family {
    using activation = float;
    using element = float;
    using sum = float;
    using sums = typename Ops::floats;
    using result = float;
    static constexpr unsigned tile_rows = Ops::float_tile_rows;
    static constexpr bool scaled = true;
    static constexpr offset_kind offset = Offset;
    static constexpr bool scaled_groups = false, scaled_rows = false; // activations have no scale

    template <unsigned Bits, unsigned Step, decoding Code>
    using packed = packed_floats<Ops, Bits, Step, Code, Offset>;
    template <unsigned>
    using unpacked = float_weights<Ops>;

    template <class Weights>
    static LOWBIT_ALWAYS_INLINE void unpack(Weights& w, std::size_t depth, element* to) {
        for (; depth > 0; depth -= Weights::unit_depth) {
            unroll<Weights::unit_depth>([&](auto k) LOWBIT_INLINE_LAMBDA {
                for (unsigned v = 0; v < panel_vectors<Ops>; ++v) {
                    Ops::store_floats(to + k * panel_columns + v * Ops::lanes, w.template value<k>(v));
                }
            });
            w.prefetch();
            w.advance();
            to += Weights::unit_depth * panel_columns;
        }
    }

    static LOWBIT_ALWAYS_INLINE sums zero() { return Ops::splat_float(0.0f); }
    static LOWBIT_ALWAYS_INLINE sums load(const sum* p) { return Ops::load_floats(p); }
    static LOWBIT_ALWAYS_INLINE void store(sum* p, sums v) { Ops::store_floats(p, v); }

    static LOWBIT_ALWAYS_INLINE sums start(std::int32_t, const float*, std::size_t, const std::int32_t*, std::size_t) {
        return zero();
    }

    template <class Weights, unsigned Rows, unsigned Vectors>
    static LOWBIT_ALWAYS_INLINE void accumulate(sums (&acc)[Rows][Vectors], Weights& w, std::size_t depth, const activation*& x,
                                                std::size_t stride, unsigned first) {
        for (; depth > 0; depth -= Weights::unit_depth) {
            unroll<Weights::unit_depth>([&](auto k) LOWBIT_INLINE_LAMBDA {
                typename Ops::floats a[Rows];
                LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) a[r] = Ops::splat_float(x[r * stride + k]);
                LOWBIT_UNROLL for (unsigned v = 0; v < Vectors; ++v) {
                    const typename Ops::floats b = w.template value<k>(first + v);
                    LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) acc[r][v] = Ops::fma(a[r], b, acc[r][v]);
                }
            });
            w.prefetch();
            w.advance();
            x += Weights::unit_depth;
        }
    }

    static LOWBIT_ALWAYS_INLINE void finish(typename Ops::floats& y, sums acc, const weight_block& b, std::size_t column,
                                            const float*, const float* xsums, std::size_t at) {
        y = Ops::fma(acc, Ops::load_floats(b.scales + column), y);
        if constexpr (Offset == offset_kind::minimum)
            y = Ops::fma(Ops::load_floats(b.minimums + column), Ops::splat_float(xsums[at]), y);
    }
};
