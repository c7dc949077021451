// SPDX-License-Identifier: MIT
// One row: the time is that of its weights, so a panel is read as one stream, and nothing is decided between two groups.

/// One row of x times a block of whole groups, of which it decodes the scales where they lie. `so_far` has the results of the
/// groups before, `to` gets them with these.
template <class Family, class Ops, class Weights>
LOWBIT_NOINLINE void multiply_row(const weight_panel& w, const weight_block& b, const typename Family::activation* x,
                                  const activation_rows<typename Family::activation>& rows, std::size_t row,
                                  std::size_t first_sum, const float* so_far, float* to) {
    constexpr unsigned vectors = Ops::template tile_vectors<1>;
    constexpr unsigned lanes = Ops::lanes;
    for (unsigned first = 0; first < panel_vectors<Ops>; first += vectors) {
        typename Ops::floats y[vectors];
        LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
            y[v] = b.group == 0 ? Ops::splat_float(0.0f) : Ops::load_floats(so_far + (first + v) * lanes);
        }
        Weights weights(b, w);
        beside_reader<Ops, 1> beside(b);
        const typename Family::activation* at_x = x;
        std::size_t at = first_sum;
        for (std::size_t i = 0; i < b.count; ++i, ++at) {
            const std::size_t column = i * panel_columns + first * lanes; // in zeros
            if constexpr (Family::offset == offset_kind::zero_point) {
                if (first == 0) decode_zeros<Ops>(beside.at + b.offset_start, b.zeros + column);
            }
            typename Family::sums acc[1][vectors];
            LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                acc[0][v] = Family::template start<Weights>(w.offset, rows.sums, at, b.zeros, column + v * lanes);
            }
            Family::accumulate(acc, weights, b.depth, at_x, 0, first);
            weights.next_record(b);
            typename Ops::floats part[vectors];
            beside.scales(w, b, first, part);
            LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                Family::add_scaled(y[v], acc[0][v], part[v], rows.scales, rows.sums, at);
            }
            if constexpr (Family::offset == offset_kind::minimum) {
                beside.minimums(w, b, first, part);
                LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
                    Family::add_minimum(y[v], part[v], rows.scales, rows.sums, at);
                }
            }
            beside.next(w, b, b.beside_stride);
        }
        LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) {
            if (Family::scaled_rows && b.end) y[v] = Ops::multiply_floats(y[v], Ops::splat_float(rows.scales[row]));
            Ops::store_floats(to + (first + v) * lanes, y[v]);
        }
    }
}
