// SPDX-License-Identifier: MIT
// The float family: weights decoded to floats without their scale, activations as floats, one chain of additions an output.

/// Weights decoded to floats: 64 columns of a k, then the next k.
template <class Ops>
struct float_weights {
    template <unsigned>
    static constexpr bool streams = false;
    static constexpr unsigned unit_depth = 1;
    static constexpr unsigned parts = 1;

    const float* data;

    LOWBIT_ALWAYS_INLINE float_weights(const weight_block& b, const weight_panel&) : data(static_cast<const float*>(b.data)) {}
    LOWBIT_ALWAYS_INLINE void advance() { data += panel_columns; }
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block&) {}
    LOWBIT_ALWAYS_INLINE void prefetch() const {}
    template <unsigned, unsigned = 0>
    LOWBIT_ALWAYS_INLINE typename Ops::floats value(unsigned v) const {
        return Ops::load_floats(data + v * Ops::lanes);
    }
};

/// Packed weights as those floats.
template <class Ops, unsigned Bits, unsigned Step, decoding Code, offset_kind Offset>
struct packed_floats : packed_weights<Ops, Bits, Step, Code> {
    using base = packed_weights<Ops, Bits, Step, Code>;
    static constexpr bool has_zeros = Offset == offset_kind::zero_point;
    /// Codes of one plane are read where they lie; those of several, and steps, are put together to bytes.
    static constexpr bool in_place = base::planes == 1 && Step == 1;
    /// Codes of few bits can be looked up by the lowest bits of a lane, whatever stands above them; where it is one instruction,
    /// with a shift it is also the quickest way to a number.
    static constexpr bool has_entries = in_place && Bits <= Ops::table_bits && (Code == decoding::table || Ops::quick_table);
    /// So many codes of a byte stand in those bits, each with a table, and need one shift between them.
    static constexpr unsigned tables = has_entries ? Ops::table_bits / Bits : 1;
    static constexpr unsigned entry_count = tables << Ops::table_bits;
    static constexpr decoding_cost cost{base::planes, Bits == 8, Code == decoding::table, true,
                                        Code == decoding::table && !has_entries};
    template <unsigned>
    static constexpr bool streams = true; ///< a float tile has the registers
    const float* entries;
    const std::int32_t* zeros;
    typename Ops::ints offset;

    LOWBIT_ALWAYS_INLINE packed_floats(const weight_block& b, const weight_panel& w)
        : base(b, w), entries(b.entries), zeros(b.zeros), offset(Ops::splat(w.offset)) {}
    LOWBIT_ALWAYS_INLINE void next_part() {
        if constexpr (has_zeros) zeros += panel_columns;
    }
    template <fetching How = fetching{}>
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) {
        base::template next_record<How>(b);
        next_part();
    }
    /// The values of all patterns of those lowest bits, for each of their codes.
    static LOWBIT_ALWAYS_INLINE void fill(float* entries, const weight_panel& w) {
        for (unsigned i = 0; i < entry_count; ++i) {
            const unsigned code = (i >> ((i >> Ops::table_bits) * Bits)) % (1u << Bits);
            if constexpr (Code == decoding::table) {
                entries[i] = static_cast<const float*>(w.table)[code];
            } else {
                entries[i] = static_cast<float>(static_cast<std::int32_t>(code) - (has_zeros ? 0 : w.offset));
            }
        }
    }

    /// The value of code K of the unit, which meets so many rows at once. More than one have no registers for what codes share.
    template <unsigned K, unsigned Rows = 0>
    LOWBIT_ALWAYS_INLINE typename Ops::floats value(unsigned v) const {
        constexpr unsigned width = in_place ? Bits : 8;
        constexpr unsigned at = K % 4 * 8 + (in_place ? K / 4 % (8 / width) * width : 0);
        typename Ops::ints lanes;
        if constexpr (in_place) {
            lanes = Ops::load(this->unit + (K / 4 / (8 / width) * panel_columns + v * Ops::lanes) * 4);
        } else {
            lanes = this->template codes<K / 4>(v);
        }
        if constexpr (has_entries) {
            constexpr unsigned which = Rows == 1 ? K / 4 % tables : 0;
            const typename Ops::floats entry =
                Ops::lookup_floats(entries + (which << Ops::table_bits), Ops::template move_bits<at - which * Bits, 0>(lanes));
            return Code == decoding::table ? entry : less_zero(entry, v);
        } else if constexpr (Code == decoding::table) {
            return Ops::gather_floats(static_cast<const float*>(this->table),
                                      Ops::bit_and(Ops::template move_bits<at, 0>(lanes), Ops::splat((1 << width) - 1)));
        } else if constexpr (at + width <= mantissa_bits) {
            return number<at, width>(lanes, v);
        } else {
            return number<at - 16, width>(Ops::template move_bits<16, 0>(lanes), v);
        }
    }

private:
    static constexpr unsigned mantissa_bits = 23;

    /// The field of `Width` bits from bit `At` on, less its offset: beside the exponent of 2^(23 - At) the field counts ones, so
    /// that subtracting that power, and exactly, is all the conversion there is.
    template <unsigned At, unsigned Width>
    LOWBIT_ALWAYS_INLINE typename Ops::floats number(typename Ops::ints lanes, unsigned v) const {
        constexpr std::int32_t power = static_cast<std::int32_t>((127 + mantissa_bits - At) << mantissa_bits);
        constexpr std::int32_t mask = ((1 << Width) - 1) << At;
        const typename Ops::floats raised = Ops::as_floats(Ops::masked_or(lanes, Ops::splat(mask), Ops::splat(power)));
        if constexpr (has_zeros) {
            return less_zero(Ops::subtract_floats(raised, Ops::as_floats(Ops::splat(power))), v);
        } else {
            return Ops::subtract_floats(raised,
                                        Ops::as_floats(Ops::add(Ops::splat(power), Ops::template move_bits<0, At>(offset))));
        }
    }
    LOWBIT_ALWAYS_INLINE typename Ops::floats less_zero(typename Ops::floats code, unsigned v) const {
        if constexpr (!has_zeros) return code;
        return Ops::subtract_floats(code, Ops::to_floats(Ops::load(zeros + v * Ops::lanes)));
    }
};

template <class Ops, offset_kind Offset, unsigned ScaleLevels>
struct float_family {
    using activation = float;
    using element = float;
    using sum = float;
    using sums = typename Ops::floats;
    using result = float;
    static constexpr unsigned tile_rows = Ops::float_tile_rows;
    static constexpr unsigned scale_levels = ScaleLevels;
    static constexpr bool scaled = true;
    static constexpr offset_kind offset = Offset;
    static constexpr bool scaled_groups = false, scaled_rows = false; // activations have no scale
    static constexpr std::size_t block_depth = block_bytes / panel_columns / sizeof(element);
    template <unsigned, decoding>
    static constexpr bool multiplies_packed = false;

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

    template <class>
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
                    const typename Ops::floats b = w.template value<k, Rows>(first + v);
                    LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) acc[r][v] = Ops::fma(a[r], b, acc[r][v]);
                }
            });
            w.prefetch();
            w.advance();
            x += Weights::unit_depth;
        }
    }

    static LOWBIT_ALWAYS_INLINE void add_scaled(typename Ops::floats& y, sums acc, typename Ops::floats scale, const float*,
                                                const float*, std::size_t) {
        y = Ops::fma(acc, scale, y);
    }
    static LOWBIT_ALWAYS_INLINE void add_minimum(typename Ops::floats& y, typename Ops::floats minimum, const float*,
                                                 const float* xsums, std::size_t at) {
        y = Ops::fma(minimum, Ops::splat_float(xsums[at]), y);
    }
};
