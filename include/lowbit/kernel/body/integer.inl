// SPDX-License-Identifier: MIT
// The int8 family: weights as unsigned bytes, activations as int8, sums exact in int32.

/// Weights decoded to bytes: 4 consecutive k of a column, 64 columns, then the next 4. Also what 8-bit codes look like packed.
template <class Ops, unsigned MaxCode>
struct byte_weights {
    template <unsigned>
    static constexpr bool streams = false;
    static constexpr unsigned unit_depth = 4;
    static constexpr unsigned max_code = MaxCode;
    static constexpr unsigned places = 1, place_bits = 8;
    static constexpr unsigned parts = 1;

    const std::byte* data;

    LOWBIT_ALWAYS_INLINE byte_weights(const weight_block& b, const weight_panel&)
        : data(static_cast<const std::byte*>(b.data) + b.start * panel_columns) {}
    LOWBIT_ALWAYS_INLINE void advance() { data += 4 * panel_columns; }
    LOWBIT_ALWAYS_INLINE void next_record(const weight_block& b) { data += b.record_bytes - b.depth * panel_columns; }
    LOWBIT_ALWAYS_INLINE void prefetch() const {}
    template <unsigned, unsigned = 1, unsigned = 0>
    LOWBIT_ALWAYS_INLINE typename Ops::ints bytes(unsigned v) const {
        return Ops::load(data + v * Ops::lanes * 4);
    }
};

/// Packed weights as those bytes.
template <class Ops, unsigned Bits, unsigned Step, decoding Code>
struct packed_bytes : packed_weights<Ops, Bits, Step, Code> {
    // Not an inherited constructor: that one would be compiled outside the region.
    LOWBIT_ALWAYS_INLINE packed_bytes(const weight_block& b, const weight_panel& w)
        : packed_weights<Ops, Bits, Step, Code>(b, w) {}

    template <unsigned J, unsigned Places = 1, unsigned Rows = 0>
    LOWBIT_ALWAYS_INLINE typename Ops::ints bytes(unsigned v) const {
        const typename Ops::ints codes = this->template codes<J, Places, Rows>(v);
        if constexpr (Code == decoding::table) {
            return Ops::lookup_bytes(this->table, codes);
        } else {
            return codes;
        }
    }
};

/// How weights meet activations: as the level's bytes do, or in a way of their own.
template <class Ops, class Weights>
struct dot_of {
    using type = typename Ops::template dot<Weights::max_code>;
};
template <class Ops, class Weights>
    requires requires { typename Weights::dot; }
struct dot_of<Ops, Weights> {
    using type = typename Weights::dot;
};

template <class Ops, offset_kind Offset, activation_kind Activations, unsigned ScaleLevels>
struct integer_family {
    using activation = std::int8_t;
    using element = std::uint8_t; // of unpacked weights
    using sum = std::int32_t;
    using sums = typename Ops::ints;
    using result = std::conditional_t<ScaleLevels != 0, float, std::int32_t>;
    static constexpr unsigned tile_rows = Ops::tile_rows;
    static constexpr unsigned scale_levels = ScaleLevels;
    static constexpr bool scaled = ScaleLevels != 0;
    static constexpr offset_kind offset = Offset;
    static constexpr bool scaled_groups = scaled && Activations == activation_kind::int8_per_group;
    static constexpr bool scaled_rows = scaled && Activations == activation_kind::int8_per_row;
    static constexpr std::size_t block_depth = block_bytes / panel_columns;
    /// Codes of 8 bits are bytes already.
    template <unsigned Bits, decoding Code>
    static constexpr bool multiplies_packed = Bits == 8 && Code == decoding::integer;

    template <unsigned Bits, unsigned Step, decoding Code>
    using packed = packed_bytes<Ops, Bits, Step, Code>;
    template <unsigned MaxCode>
    using unpacked = byte_weights<Ops, Ops::template dot_class<MaxCode>>;

    /// Decodes one group, or the part of one in a block, to `to`.
    template <class Weights>
    static LOWBIT_ALWAYS_INLINE void unpack(Weights& w, std::size_t depth, element* to) {
        for (; depth > 0; depth -= Weights::unit_depth) {
            unroll<Weights::unit_depth / 4>([&](auto j) LOWBIT_INLINE_LAMBDA {
                for (unsigned v = 0; v < panel_vectors<Ops>; ++v) {
                    Ops::store(to + (j * panel_vectors<Ops> + v) * Ops::lanes * 4, w.template bytes<j>(v));
                }
            });
            w.prefetch();
            w.advance();
            to += Weights::unit_depth * panel_columns;
        }
    }

    static LOWBIT_ALWAYS_INLINE sums zero() { return Ops::splat(0); }
    static LOWBIT_ALWAYS_INLINE sums load(const sum* p) { return Ops::load(p); }
    static LOWBIT_ALWAYS_INLINE void store(sum* p, sums v) { Ops::store(p, v); }

    /// What the offset, and the bias that a dot product takes off every code, contribute to the sum of a group, whose activations
    /// add up to xsums[at].
    template <class Weights>
    static LOWBIT_ALWAYS_INLINE sums start(std::int32_t constant, const std::int32_t* xsums, std::size_t at,
                                           const std::int32_t* zeros, std::size_t column) {
        if constexpr (requires { Weights::is_signed; }) return zero();
        constexpr std::int32_t bias = Ops::template dot<Weights::max_code>::bias;
        if constexpr (Offset == offset_kind::zero_point) {
            return Ops::multiply(Ops::subtract(Ops::load(zeros + column), Ops::splat(bias)), Ops::splat(-xsums[at]));
        } else {
            constant -= bias;
            if (constant == 0) return zero();
            // Unsigned, since the product may wrap around on the way to a sum that fits.
            return Ops::splat(
                static_cast<std::int32_t>(static_cast<std::uint32_t>(constant) * (0u - static_cast<std::uint32_t>(xsums[at]))));
        }
    }

    /// Adds the products of a group, `Rows` rows of x by `Vectors` column vectors from `first` on; leaves w and x behind it.
    template <class Weights, unsigned Rows, unsigned Vectors>
    static LOWBIT_ALWAYS_INLINE void accumulate(sums (&acc)[Rows][Vectors], Weights& w, std::size_t depth, const activation*& x,
                                                std::size_t stride, unsigned first) {
        using dot = typename dot_of<Ops, Weights>::type;
        constexpr unsigned step_quads = [] { // of a product
            if constexpr (requires { dot::step_quads; }) return dot::step_quads;
            return 1u;
        }();
        constexpr unsigned unit_quads = Weights::unit_depth / 4 / step_quads;
        // Sums that come with an excess start and end apart from those so far.
        constexpr bool settles = requires { w.settled(acc[0][0], first); };
        // One row does not repay a shift for each quad; more rows have no registers for more sums, nor has one where it is
        // crowded.
        constexpr bool crowded = Rows == 1 && requires { requires Ops::row_is_crowded; };
        constexpr unsigned places = Rows == 1 && !crowded && requires { requires dot::any_code; } ? Weights::places : 1;
        // Partial sums (of 16 bits, where the level has no dot product) must be widened before they can overflow.
        constexpr std::size_t units_per_partial = dot::quads < unit_quads ? 1 : dot::quads / unit_quads;
        constexpr unsigned quads_per_partial = dot::quads < unit_quads ? std::bit_floor(dot::quads) : unit_quads;

        // There it takes vector by vector, so that no codes wait in registers for their next quad.
        constexpr unsigned vectors_at_once = crowded && quads_per_partial == unit_quads ? 1 : Vectors;

        // Where a turn is as short as this, g++ copies every sum twice, unless it cannot see through them.
        constexpr bool copied =
            (Rows == 1 && requires { requires dot::any_code; }) || (unit_quads == 1 && requires { &dot::first; });

        std::size_t units = depth / Weights::unit_depth;
        while (units > 0) {
            std::size_t count = units;
            if constexpr (dot::quads < longest_group / 4) count = std::min(units, units_per_partial);
            units -= count;
            typename dot::partial part[places][Rows][Vectors];
            const auto begin = [&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                part[0][r][v] = dot::begin(settles ? zero() : acc[r][v]);
                if constexpr (places > 1) part[1][r][v] = dot::begin(zero());
            };
            const auto end = [&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                if constexpr (settles) {
                    acc[r][v] = Ops::add(acc[r][v], w.settled(part[0][r][v], first + v));
                } else {
                    acc[r][v] = dot::end(acc[r][v], part[0][r][v]);
                }
                if constexpr (places > 1)
                    acc[r][v] = Ops::add(acc[r][v], Ops::template lower<Weights::place_bits>(part[1][r][v]));
            };
            for_tile<Rows, Vectors>(begin);
            const auto unit = [&](auto fresh) LOWBIT_INLINE_LAMBDA {
                LOWBIT_UNROLL for (unsigned from = 0; from < Vectors; from += vectors_at_once) {
                    unroll<unit_quads>([&](auto j) LOWBIT_INLINE_LAMBDA {
                        constexpr bool alone = fresh && j == 0;
                        typename dot::quad a[Rows];
                        LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) a[r] =
                            dot::broadcast(x + r * stride + 4 * step_quads * j);
                        LOWBIT_UNROLL for (unsigned v = from; v < from + vectors_at_once; ++v) {
                            const typename dot::weights b = dot::prepare(w.template bytes<j, places, Rows>(first + v));
                            LOWBIT_UNROLL for (unsigned r = 0; r < Rows; ++r) {
                                auto& sum = part[j % places][r][v];
                                sum = add_product<dot, alone>(sum, b, a[r]);
                            }
                        }
                        if constexpr ((j + 1) % quads_per_partial == 0 && j + 1 < unit_quads) {
                            for_tile<Rows, Vectors>(end);
                            for_tile<Rows, Vectors>(begin);
                        }
                    });
                }
                w.prefetch();
                w.advance();
                x += Weights::unit_depth;
                if constexpr (copied) {
                    LOWBIT_UNROLL for (unsigned p = 0; p < places; ++p) {
                        for_tile<Rows, Vectors>([&](unsigned r, unsigned v)
                                                    LOWBIT_INLINE_LAMBDA { LOWBIT_NO_CONTRACT(part[p][r][v]); });
                    }
                }
            };
            if constexpr (requires { &dot::first; }) { // one addition less, where they cost as much as products
                unit(std::true_type{});
                --count;
            }
            for (; count > 0; --count) unit(std::false_type{});
            for_tile<Rows, Vectors>(end);
        }
    }

    /// Adds a finished group to a result, and then its minimum.
    static LOWBIT_ALWAYS_INLINE void add_scaled(typename Ops::floats& y, sums acc, typename Ops::floats scale,
                                                const float* xscales, const std::int32_t*, std::size_t at) {
        y = Ops::fma(Ops::to_floats(acc), of_rows(scale, xscales, at), y);
    }
    static LOWBIT_ALWAYS_INLINE void add_minimum(typename Ops::floats& y, typename Ops::floats minimum, const float* xscales,
                                                 const std::int32_t* xsums, std::size_t at) {
        y = Ops::fma(of_rows(minimum, xscales, at), Ops::splat_float(static_cast<float>(xsums[at])), y);
    }

private:
    /// sum + w * x, or the product alone where the sum is fresh.
    template <class Dot, bool Fresh>
    static LOWBIT_ALWAYS_INLINE typename Dot::partial add_product(typename Dot::partial sum, typename Dot::weights w,
                                                                  typename Dot::quad x) {
        if constexpr (Fresh) {
            return Dot::first(w, x);
        } else {
            return Dot::add(sum, w, x);
        }
    }
    static LOWBIT_ALWAYS_INLINE typename Ops::floats of_rows(typename Ops::floats scale, const float* xscales, std::size_t at) {
        if constexpr (scaled_groups) scale = Ops::multiply_floats(scale, Ops::splat_float(xscales[at]));
        return scale;
    }
};
