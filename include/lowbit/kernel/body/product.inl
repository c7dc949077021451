// SPDX-License-Identifier: MIT
// The loops that every product shares: K in blocks that stay in the first- or second-level cache, then rows, columns and groups.

/// Decodes what stands beside the codes of all groups of a block, as far as the block needs it: zero points with the first codes
/// of a group, scales and minimums with the last.
template <class Family, class Ops>
LOWBIT_ALWAYS_INLINE void expand_beside(const weight_panel& w, const weight_block& b) {
    beside_reader<Ops, Family::scale_levels> beside(b);
    const std::size_t parts = w.layout.record_groups;
    std::size_t at = 0;
    for (std::size_t i = 0; i < b.count; ++i) {
        for (std::size_t part = 0; part < parts; ++part) {
            if constexpr (Family::offset == offset_kind::zero_point)
                expand_zeros<Ops>(w, beside.at + b.offset_start, b.zeros + at);
            if (b.last) {
                if constexpr (Family::scaled)
                    expand<Ops>(w, b.scales + at, [&](auto&&... to) LOWBIT_INLINE_LAMBDA { beside.scales(w, b, to...); });
                if constexpr (Family::offset == offset_kind::minimum)
                    expand<Ops>(w, b.minimums + at, [&](auto&&... to) LOWBIT_INLINE_LAMBDA { beside.minimums(w, b, to...); });
            }
            beside.next(w, b, b.next_beside(part, parts));
            at += panel_columns;
        }
    }
}

/// What `rows` rows from row `row` on have so far, and where they leave it.
template <class Family>
struct row_span {
    std::size_t row = 0;
    std::size_t rows = 0;
    typename Family::sum* sums = nullptr; ///< so far of a group that is cut; unscaled ones are all that they have so far
    result_rows<typename Family::result> so_far, to;

    LOWBIT_ALWAYS_INLINE void skip(std::size_t some) {
        row += some;
        rows -= some;
        sums += some * panel_columns;
        so_far = so_far.from(some);
        to = to.from(some);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE row_span part(std::size_t first, std::size_t end) const {
        row_span some = *this;
        some.skip(first);
        some.rows = end - first;
        return some;
    }
};

/// The first `Rows` of some rows, whose activations are `from` and whose first sum and scale of the block's groups are number
/// `first_sum` of x's, times a block of weights: to = so_far + products of the groups that end in the block.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_ALWAYS_INLINE void
multiply_tile(const weight_panel& w, const weight_block& b, const activation_rows<typename Family::activation>& rows,
              const typename Family::activation* from, std::size_t first_sum, std::size_t groups, const row_span<Family>& some) {
    constexpr unsigned vectors = Ops::template tile_vectors<Rows>;
    constexpr unsigned lanes = Ops::lanes;
    static_assert(panel_vectors<Ops> % vectors == 0);
    if constexpr (Rows == 1 && Family::scale_levels == 1 && Weights::parts == 1 && Weights::template streams<1>) {
        if (b.streamed && b.first && b.last) {
            return multiply_row<Family, Ops, Weights>(w, b, from, rows, some.row, first_sum, some.so_far.data, some.to.data);
        }
    }
    for (unsigned first = 0; first < panel_vectors<Ops>; first += vectors) {
        typename Family::sums acc[Rows][vectors];
        typename Ops::floats y[Rows][vectors]; // results, which meet their groups' last sums only
        constexpr bool in_registers = Rows <= Family::tile_rows;
        const auto load = [&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
            if constexpr (Family::scaled) y[r][v] = Ops::load_floats(some.so_far.from(r).data + (first + v) * lanes);
        };
        const auto store = [&](unsigned r, unsigned v, const auto& where) LOWBIT_INLINE_LAMBDA {
            if constexpr (Family::scaled) Ops::store_floats(where.from(r).data + (first + v) * lanes, y[r][v]);
        };
        const auto change = [&](auto&& f) LOWBIT_INLINE_LAMBDA {
            for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                if constexpr (!in_registers) load(r, v);
                f(r, v);
                if constexpr (!in_registers) store(r, v, some.so_far);
            });
        };
        if constexpr (Family::scaled) {
            const bool resumed = b.last && b.group > 0;
            for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                y[r][v] = Ops::splat_float(0.0f);
                if (in_registers && resumed) load(r, v);
                if (!in_registers && b.last && !resumed) store(r, v, some.so_far);
            });
        }
        Weights weights(b, w);
        const typename Family::activation* x = from;
        typename Family::sum* const sums = some.sums + first * lanes;
        const std::size_t stride = rows.stride;
        const typename Family::sum* xsums = rows.sums;
        const float* xscales = rows.scales;
        const std::int32_t offset = w.offset;
        std::size_t at = first_sum;         // in xsums and xscales
        std::size_t column = first * lanes; // in scales, minimums and zeros
        beside_reader<Ops, Family::scale_levels> beside(b);
        constexpr std::size_t parts = Weights::parts;
        for (std::size_t i = 0; i < b.count * parts; ++i) {
            const bool streamed = Weights::template streams<Rows> && b.streamed;
            if constexpr (Family::offset == offset_kind::zero_point) {
                if (streamed && first == 0) decode_zeros<Ops>(beside.at + b.offset_start, b.zeros + i * panel_columns);
            }
            for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                acc[r][v] = b.first ? Family::template start<Weights>(offset, xsums, at + r * groups, b.zeros, column + v * lanes)
                                    : Family::load(sums + r * panel_columns + v * lanes);
            });
            if constexpr (!Family::scaled) {
                if (b.first && b.group > 0) { // a later part of a K so long that it was cut
                    for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                        acc[r][v] = Ops::add(acc[r][v], Family::load(sums + r * panel_columns + v * lanes));
                    });
                }
            }
            if constexpr (parts == 1) { // not through a lambda, for which compilers find fewer registers
                Family::accumulate(acc, weights, b.depth, x, stride, first);
                weights.next_record(b);
            } else {
                parts_of<Weights>::one(weights, i % parts, [&](auto& part) LOWBIT_INLINE_LAMBDA {
                    Family::accumulate(acc, part, b.depth / parts, x, stride, first);
                });
                if (i % parts == parts - 1) weights.next_record(b);
            }
            if constexpr (Family::scaled) {
                if (b.last) {
                    typename Ops::floats part[vectors]; // of what stands beside: scales, then minimums
                    const auto load_part = [&](const float* expanded) LOWBIT_INLINE_LAMBDA {
                        LOWBIT_UNROLL for (unsigned v = 0; v < vectors; ++v) part[v] = Ops::load_floats(expanded + v * lanes);
                    };
                    if (streamed) {
                        beside.scales(w, b, first, part);
                    } else {
                        load_part(b.scales + column);
                    }
                    change([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                        Family::add_scaled(y[r][v], acc[r][v], part[v], xscales, xsums, at + r * groups);
                    });
                    if constexpr (Family::offset == offset_kind::minimum) {
                        if (streamed) {
                            beside.minimums(w, b, first, part);
                        } else {
                            load_part(b.minimums + column);
                        }
                        change([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                            Family::add_minimum(y[r][v], part[v], xscales, xsums, at + r * groups);
                        });
                    }
                    beside.next(w, b, b.next_beside(i % parts, parts));
                    column += panel_columns;
                    ++at;
                    continue;
                }
            }
            for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                if constexpr (Family::scaled) {
                    Family::store(sums + r * panel_columns + v * lanes, acc[r][v]);
                } else {
                    Family::store(some.to.from(r).data + (first + v) * lanes, acc[r][v]);
                }
            });
        }
        if constexpr (Family::scaled) {
            if (!b.last) continue;
            if constexpr (Family::scaled_rows) {
                if (b.end) {
                    change([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                        y[r][v] = Ops::multiply_floats(y[r][v], Ops::splat_float(rows.scales[some.row + r]));
                    });
                }
            }
            for_tile<Rows, vectors>([&](unsigned r, unsigned v) LOWBIT_INLINE_LAMBDA {
                if constexpr (!in_registers) load(r, v);
                store(r, v, some.to);
            });
        }
    }
}

/// Fetches `depth` k of `Rows` rows from x on: a tile takes longer than they take to come from the second-level cache, and is too
/// long for the processor to look beyond.
template <class Ops, unsigned Rows, class T>
LOWBIT_ALWAYS_INLINE void fetch_rows(const T* x, std::size_t stride, std::size_t depth) {
    const std::size_t bytes = depth / k_of<T> * sizeof(T);
    for (unsigned r = 0; r < Rows; ++r) {
        const auto* const row = reinterpret_cast<const std::byte*>(x + r * stride);
        for (std::size_t at = 0; at < bytes; at += cache_line) Ops::prefetch_near(row + at);
    }
}

/// Multiplies a block by rows, `Rows` at a time until fewer are left, and fetches pieces of the next one, from b.next on, which
/// it moves. One function for all tiles: a call for each, with what it saved and computed before its first product, took 2 to 5 %
/// of many rows. And a function of its own, so that formats which decode to the same weights share it, and with few enough live
/// pointers that no register of the tile is spilled.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_NOINLINE void multiply_tiles(const weight_panel& w, weight_block& b, std::size_t x_start,
                                    const activation_rows<typename Family::activation>& x, std::size_t groups,
                                    row_span<Family>& all) {
    std::size_t spread = 0; // of a piece, over the units of a tile
    if constexpr (requires { Weights::next; }) spread = b.count * b.depth / Weights::unit_depth * Weights::lines * cache_line;
    row_span<Family> left = all;
    const typename Family::activation* from = x.data + left.row * x.stride + x_start;
    std::size_t at = left.row * groups + b.group;                 // in sums and scales of x
    while (left.rows >= Rows && !(Rows == 3 && left.rows == 4)) { // 4 rows are better 2 and 2 than 3 and 1
        for (std::size_t byte = spread; byte < b.piece; byte += cache_line) Ops::prefetch(b.next + byte);
        if constexpr (!Weights::template streams<Rows>) { // which would fetch between its own lines
            if (left.rows > Rows) fetch_rows<Ops, Rows>(from + Rows * x.stride, x.stride, b.count * b.depth);
        }
        if (b.end) fetch_results<Ops, Rows>(left.to);
        multiply_tile<Family, Ops, Weights, Rows>(w, b, x, from, at, groups, left);
        b.next += std::max(spread, b.piece);
        from += Rows * x.stride;
        at += Rows * groups;
        left.skip(Rows);
    }
    all = left;
}

/// Multiplies a block by rows, `Rows` at a time, what is left four, three (where they stream), two and one at a time.
template <class Family, class Ops, class Weights, unsigned Rows>
LOWBIT_ALWAYS_INLINE void multiply_block(const weight_panel& w, weight_block& b, std::size_t x_start,
                                         const activation_rows<typename Family::activation>& x, std::size_t groups,
                                         row_span<Family> all) {
    const auto multiply = [&]<unsigned Count>() {
        if (all.rows >= Count) multiply_tiles<Family, Ops, Weights, Count>(w, b, x_start, x, groups, all);
    };
    multiply.template operator()<Rows>();
    if constexpr (Rows > 4) multiply.template operator()<4>();
    if constexpr (Rows > 3 && requires { requires Weights::template streams<3>; }) multiply.template operator()<3>();
    if constexpr (Rows > 2) multiply.template operator()<2>();
    if constexpr (Rows > 1) multiply.template operator()<1>();
}

template <class Ops, product_key Key>
using family_of =
    std::conditional_t<Key.activations == activation_kind::float32, float_family<Ops, Key.offset, Key.scale_levels>,
                       std::conditional_t<is_binary(Key.activations), binary_family<Ops, Key.activations, Key.scale_levels>,
                                          integer_family<Ops, Key.offset, Key.activations, Key.scale_levels>>>;

/// Whether masked weights can be expanded in registers.
template <class Ops, product_key Key, class Family = family_of<Ops, Key>>
inline constexpr bool expands_masks =
    Key.kept_bits != 0 && Family::template multiplies_packed<Key.bits, Key.code> && Family::offset == offset_kind::constant &&
    std::is_same_v<typename Family::element, std::uint8_t> &&
    requires(typename Ops::ints fill) { Ops::template expand<8>(std::uint64_t{}, nullptr, fill); };

/// As kernel::product_fn, of one panel.
template <class Ops, product_key Key>
LOWBIT_NOINLINE void multiply_one_panel(const weight_panel& w, const activation_rows<activation_t<Key>>& x, std::size_t row0,
                                        std::size_t rows, result_rows<result_t<Key>> y) {
    using family = family_of<Ops, Key>;
    constexpr unsigned parts = Key.record_groups;
    using packed = with_parts<typename family::template packed<Key.bits, Key.step, Key.code>, parts>;
    // Nibbles in bytes stay small where no zero point fills up.
    constexpr bool small = Key.kept_bits == 4 && Key.code == decoding::integer && Key.offset == offset_kind::constant;
    using unpacked = typename family::template unpacked<small ? 15 : packed::max_code>;
    using element = typename family::element;
    constexpr std::size_t block_depth = family::block_depth;
    constexpr bool plain = family::template multiplies_packed<Key.bits, Key.code>;
    constexpr bool masked = Key.kept_bits != 0;
    constexpr std::size_t units = block_bytes * 8 / panel_columns / Key.bits / packed::unit_depth;
    constexpr std::size_t packed_depth = plain ? block_depth : units * packed::unit_depth;
    // Rows that weights decoded in registers meet at once. Fewer where the tile decodes scales, too, and has no registers for it.
    constexpr unsigned tile_rows = family::tile_rows;
    constexpr unsigned fused_rows = Ops::fused ? tile_rows : 0;
    constexpr unsigned streaming_rows = packed::template streams<fused_rows> ? fused_rows : fused_rows - 1;
    constexpr bool of_bytes = std::is_same_v<element, std::uint8_t>;
    // Sums of a group of so many rows stay in registers, over deep blocks that come from the second-level cache.
    constexpr unsigned deep_rows = [] {
        constexpr bool some =
            of_bytes && packed::planes == 1 && !is_binary(Key.activations) && family::scaled && !masked && parts == 1;
        if constexpr (requires { Ops::deep_rows; } && some) return Ops::deep_rows;
        return 0u;
    }();
    // So many rows read their weights once rather than twice, for results that wait in memory. Where products of bytes take sums
    // of their own, only whole bytes leave registers for it.
    constexpr unsigned once_rows = [] {
        constexpr bool some = of_bytes && (plain || requires { requires Ops::template dot<packed::max_code>::any_code; });
        if constexpr (requires { Ops::once_rows; } && some) return Ops::once_rows;
        return fused_rows;
    }();
    const std::size_t groups = w.layout.groups();
    // Decoding in registers runs beside the products, in units that those leave idle (on Zen 4 all of it: 12 rows gain up to 40
    // %, 512 a fiftieth), while writing a block and reading it again does not; but it is done for each tile. Whole bytes gain by
    // their scales.
    std::size_t most_fused = once_rows;
    if constexpr (fused_rows > 1) {
        if (!plain || groups > 1) most_fused = std::max<std::size_t>(once_rows, streaming_rows * Ops::fused_tiles(packed::cost));
    }
    bool deep = false;
    if constexpr (deep_rows != 0) {
        if (groups > 1) {
            deep = rows < 4 * deep_rows && (plain || w.layout.segment() >= 128) && Key.scale_levels < 2;
        } else { // 9 and 11 rows of whole bytes would be three tiles
            deep = plain ? rows != 9 && rows != 11 : rows <= deep_rows * Ops::fused_tiles(packed::cost);
        }
        deep = deep && rows >= deep_rows && has_plain_scales(w);
    }

    // Rows that expand masked weights in registers, and that multiply pairs as they are.
    constexpr bool expands = expands_masks<Ops, Key>;
    constexpr unsigned expanding_rows = expands ? streaming_rows : 0;
    constexpr bool pairs = masked && Key.pairs && plain && requires(const std::byte* from) { Ops::patterns(from); };
    const bool has_pairs = Key.pairs && w.layout.paired(w.columns), has_lists = Key.lists && w.layout.listed(w.columns);
    const bool has_masks = masked && !has_pairs && !has_lists;
    const bool paired = pairs && has_pairs && rows <= Ops::tile_rows;

    constexpr std::size_t wide_bytes = block_depth * panel_columns * Key.bits / 8 + (masked ? chunk_codes : 0);
    alignas(64) std::byte wide[wide_bytes]; // a block of a narrow or masked panel's codes
    alignas(64) element unpacked_block[plain ? 1 : block_depth * panel_columns];
    alignas(64) std::byte scratch[most_rows * panel_columns * sizeof(typename family::sum)];
    alignas(64) float scales[most_groups * panel_columns];
    alignas(64) float minimums[family::offset == offset_kind::minimum ? most_groups * panel_columns : 1];
    alignas(64) std::int32_t zeros[family::offset == offset_kind::zero_point ? most_groups * panel_columns : 1];
    constexpr unsigned entry_count = [] {
        if constexpr (requires { packed::entry_count; }) return packed::entry_count;
        return 1u;
    }();
    alignas(64) float entries[entry_count];

    const panel_layout& layout = w.layout;
    const std::size_t records = layout.records();
    const std::size_t segment = layout.padded(layout.segment()) * parts; // K of a record
    const std::size_t record_bytes = layout.record_bytes(0, w.columns);
    const std::size_t first_record = layout.record_start(0, w.columns);
    const bool narrow = w.columns < panel_columns;
    const bool widened = narrow || (masked && !paired && (rows > expanding_rows || !has_masks));
    const std::byte* kept = has_masks ? w.data + layout.kept_start(w.columns) : nullptr;
    const bool unpacks = !plain && !deep && rows > most_fused;
    // Scales of two levels take too many instructions for more than two tiles to decode them.
    const bool again = groups > 1 && (Key.scale_levels < 2 || rows <= 2 * streaming_rows);
    constexpr bool fills_zeros = masked && family::offset == offset_kind::zero_point; // which are needed before the tile
    const bool streamed =
        deep || (!fills_zeros && rows <= most_fused && (rows <= streaming_rows || again) && has_plain_scales(w));
    // Of dense weights that are read as they are, the next block comes with the units of so many rows, one line with each.
    constexpr bool may_spread = plain && !masked && requires { Ops::least_spreading; };
    constexpr std::size_t spreading_rows = tile_rows * (packed::unit_depth * packed::k_bytes / cache_line);
    bool spreads = false;
    if constexpr (may_spread) {
        static_assert(Ops::template tile_vectors<tile_rows> == panel_vectors<Ops>); // each unit is met once
        constexpr std::size_t least = is_binary(Key.activations) ? spreading_rows : Ops::least_spreading;
        spreads = !deep && !narrow && rows > most_fused && rows >= least;
    }
    const unsigned reading = once_rows > fused_rows && rows == once_rows ? once_rows
                             : streamed                                  ? streaming_rows
                                                                         : fused_rows; // rows of its tile
    // What one tile reads, once and in registers, needs no room in a buffer or a cache: a panel is one block.
    const std::size_t deep_blocks = ceil_div(layout.packed_depth(), deep_block_depth); // of like length
    const std::size_t deepest = deep                 ? round_up(ceil_div(layout.packed_depth(), deep_blocks), packed::unit_depth)
                                : unpacks || widened ? block_depth
                                : rows <= reading    ? longest_group
                                                     : packed_depth;
    const std::size_t most = streamed && !widened && family::offset != offset_kind::zero_point ? records : most_groups / parts;
    const std::size_t full = parts > 1 || layout.length(groups - 1) == layout.segment() ? records : records - 1;
    if constexpr (requires { requires packed::has_entries; }) packed::fill(entries, w);
    if (narrow) std::memset(wide, 0, sizeof wide);
    if constexpr (masked) {
        if (has_masks && !widened) fetch_next_panel<Ops>(w);
    }

    if constexpr (masked && Key.lists && plain && multiplies_lists<Ops>) {
        if (has_lists) {
            weight_block b;
            b.count = 1;
            b.last = true;
            b.beside = w.data;
            b.scale = layout.scale;
            b.scales = scales;
            expand_beside<family, Ops>(w, b);
            const auto multiply = [&](auto count) {
                if (Ops::splits_vectors()) {
                    multiply_lists<family, unfetched<Ops>, count>(w, scales, x, row0, y);
                } else {
                    multiply_lists<family, Ops, count>(w, scales, x, row0, y);
                }
                row0 += count;
                rows -= count;
                y = y.from(count);
            };
            while (rows >= Ops::tile_rows) multiply(std::integral_constant<unsigned, Ops::tile_rows>{});
            while (rows > 0) multiply(std::integral_constant<unsigned, 1>{});
            return;
        }
    }

    // Here stand the sums so far of groups that are cut, and their results in y; or else the results so far, unless they lie as
    // close in y: rows of Y that are a power of two apart would share few sets of the caches. Unscaled sums are the results so
    // far.
    auto* const sums = reinterpret_cast<typename family::sum*>(scratch);
    result_rows<result_t<Key>> so_far{reinterpret_cast<result_t<Key>*>(scratch)};
    if (family::scaled && (segment > deepest || y.stride == panel_columns)) so_far = y;
    std::size_t record = 0, start = 0; // where the next block starts
    while (record < records) {
        const std::size_t record_depth = record + 1 < records ? segment : layout.record_depth(record);
        weight_block b;
        b.record_bytes = record_bytes;
        b.start = start;
        b.depth = std::min(record_depth - start, deepest);
        b.count = 1;
        b.group = record * parts;
        b.first = start == 0;
        b.last = start + b.depth == record_depth;
        b.scales = scales;
        b.entries = entries;
        b.minimums = minimums;
        b.zeros = zeros;
        // Records of full length together; a last one that is shorter, alone.
        if (b.first && b.last && record < full)
            b.count = std::min({full - record, std::max<std::size_t>(1, deepest / segment), most});
        const std::size_t next_record = record + b.count, next_start = start + b.depth;
        b.end = b.last && next_record == records;
        const result_rows<result_t<Key>> after = b.end ? y : so_far; // the block
        const std::byte* data = w.data + first_record + record * record_bytes;
        b.data = data;
        b.beside = data + layout.scale_start(record, w.columns);
        b.beside_stride = record_bytes;
        b.beside_bytes = layout.beside_bytes(w.columns);
        if (has_masks) {
            b.data = w.data + layout.mask_start(record, w.columns) + start * w.columns / chunk_codes * sizeof(std::uint64_t);
            b.kept = kept;
            b.beside = w.data + layout.beside_start(record, w.columns);
            b.beside_stride = b.beside_bytes;
        }
        b.offset_start = layout.scale_bytes(w.columns);
        b.scale = layout.scale;
        b.streamed = streamed;
        if constexpr (Key.scale_levels == 2) {
            b.super = w.data + b.group / layout.run * layout.super_bytes(w.columns);
            b.super_stride = layout.super_bytes(w.columns);
            b.run_left = layout.run - b.group % layout.run;
        }
        if (!streamed) expand_beside<family, Ops>(w, b);

        [[maybe_unused]] const std::byte* const first_kept = kept;
        if constexpr (masked) {
            if (has_pairs) {
                if (widened) expand_pairs<Ops, Key.kept_bits>(w, b, wide);
            } else if (has_lists) {
                expand_lists<Ops>(w, b, wide);
            } else if (widened) {
                expand_block<Ops, Key.kept_bits, family::offset>(w, b, wide);
                kept = b.kept;
            } else if (next_record < records || start + b.depth < record_depth) {
                const std::size_t chunks = b.count * b.depth * panel_columns / chunk_codes;
                skip_chunks<Ops, Key.kept_bits>(static_cast<const std::byte*>(b.data), chunks, kept);
            }
        } else if (narrow) {
            std::byte* to = wide;
            for (std::size_t i = 0; i < b.count; ++i) {
                const std::size_t before = i * record_bytes + start * w.columns * Key.bits / 8;
                widen_runs<Ops>(data + before, w.columns, b.depth * Key.bits / 32, to);
                to += b.depth * panel_columns * Key.bits / 8;
            }
        }
        if (widened) {
            b.data = wide;
            b.record_bytes = b.depth * 8 * Key.bits;
            b.start = 0;
        }

        const std::size_t x_start = (record * segment + start) / k_of<typename family::activation>;
        const std::size_t codes =
            has_pairs ? pair_unit_bytes(Key.kept_bits) / pair_unit : w.columns * Key.bits / 8; // bytes of a k
        const std::size_t bytes = b.first && b.last ? b.count * record_bytes : b.depth * codes;
        // Few tiles would have to fetch in bursts, and do better without; sooner where they read one dense stream and decode it.
        constexpr std::size_t bursts = plain || packed::planes > 1 ? 12 : 24;
        b.next = has_masks ? kept : data + start * codes + bytes;
        const std::size_t fetched = has_masks ? static_cast<std::size_t>(kept - first_kept) : bytes;
        if (!deep && (spreads || rows >= bursts))
            b.piece = fetched * tile_rows / (spreads ? std::min(rows, spreading_rows) : rows);
        const auto multiply = [&]<class Weights, unsigned Rows>(std::size_t from, std::size_t end) {
            const row_span<family> all{row0, rows, sums, so_far, after};
            multiply_block<family, Ops, Weights, Rows>(w, b, x_start, x, groups, all.part(from, end));
        };
        // Few rows read what is packed, fetching ahead. Of many all read what is unpacked; bytes lie ready for those after the
        // first.
        std::size_t done = 0;
        if constexpr (pairs) {
            if constexpr (requires { Ops::splits_vectors(); }) {
                if (paired && rows == 1 && Ops::splits_vectors()) {
                    multiply.template operator()<typename paired_of<unfetched<Ops>, Key.kept_bits>::type, 1>(0, 1);
                    done = 1;
                }
            }
            if (paired && done < rows) {
                multiply.template operator()<typename paired_of<Ops, Key.kept_bits>::type, streaming_rows>(0, rows);
                done = rows;
            }
        }
        if constexpr (expands) {
            if (!widened && done < rows) {
                multiply.template operator()<masked_bytes<Ops, Key.kept_bits>, expanding_rows>(0, rows);
                done = rows;
            }
        }
        if constexpr (deep_rows != 0) {
            const auto multiply_deep = [&]<unsigned Lines>() { // the next block comes with the first rows
                constexpr std::size_t lines = packed::unit_depth * packed::k_bytes / cache_line;
                row_span<family> all{row0, rows, sums, so_far, after}, some = all.part(0, deep_rows * lines / Lines);
                multiply_tiles<family, Ops, spreading<Ops, packed, Lines>, deep_rows>(w, b, x_start, x, groups, some);
                multiply.template operator()<packed, deep_rows>(some.row - row0, rows);
                done = rows;
            };
            if constexpr (plain) { // others lose 1 % by lines that come all at once, and compile sooner
                if (deep && rows >= 4 * deep_rows) {
                    multiply_deep.template operator()<1>();
                } else if (deep && rows >= 2 * deep_rows) {
                    multiply_deep.template operator()<2>();
                }
            }
            if (deep && done == 0) multiply_deep.template operator()<4>();
        }
        if constexpr (fetched_far<packed>::pays && requires { Ops::splits_vectors(); }) {
            if (rows == 1 && !unpacks && done < rows && Ops::splits_vectors()) {
                multiply.template operator()<fetched_far<packed>, 1>(0, 1);
                done = rows;
            }
        }
        if constexpr (fused_rows > 0) {
            if (!unpacks && done < rows) {
                done = rows <= most_fused ? rows : b.piece > 0 ? 0 : fused_rows;
                if (reading == once_rows) {
                    multiply.template operator()<packed, once_rows>(0, done);
                } else if (reading == streaming_rows) {
                    multiply.template operator()<packed, streaming_rows>(0, done);
                } else {
                    multiply.template operator()<packed, fused_rows>(0, done);
                }
            }
        }
        if constexpr (!plain) {
            if (unpacks) {
                packed from(b, w);
                for (std::size_t i = 0; i < b.count; ++i) {
                    for (std::size_t part = 0; part < parts; ++part) {
                        element* const to = unpacked_block + (i * b.depth + part * (b.depth / parts)) * panel_columns;
                        parts_of<packed>::one(from, part,
                                              [&](auto& one) LOWBIT_INLINE_LAMBDA { family::unpack(one, b.depth / parts, to); });
                    }
                    from.next_record(b);
                }
                b.depth /= parts; // each group is a record now
                b.count *= parts;
                b.data = unpacked_block;
                b.record_bytes = b.depth * panel_columns * sizeof(element);
                b.start = 0;
            }
        }
        if constexpr (may_spread) {
            if (spreads) {
                const std::size_t some = std::min(rows, done + spreading_rows);
                multiply.template operator()<spreading<Ops, unpacked>, tile_rows>(done, some);
                done = some;
                b.piece = 0;
            }
        }
        if (done < rows) multiply.template operator()<unpacked, tile_rows>(done, rows);

        record = b.last ? next_record : record;
        start = b.last ? 0 : next_start;
    }
}

/// See kernel::product_fn.
template <class Ops, product_key Key>
void multiply_panel(const weight_panel& w, const activation_rows<activation_t<Key>>& x, std::size_t row0, std::size_t rows,
                    result_rows<result_t<Key>> y) {
    using family = family_of<Ops, Key>;
    if constexpr (requires { typename Ops::split; } && Key.bits == 2 && Key.activations != activation_kind::float32) {
        if (Ops::splits_vectors()) return multiply_one_panel<typename Ops::split, Key>(w, x, row0, rows, y);
    }
    if constexpr (abreast(Key) > 1) {
        if (w.columns > panel_columns) { // panels that follow each other
            weight_panel one = w;
            one.columns = panel_columns;
            if constexpr (expands_masks<Ops, Key> && family::scale_levels == 1) {
                if (w.columns == abreast(Key) * panel_columns && has_plain_scales(one)) {
                    if (Ops::splits_vectors())
                        return multiply_abreast<family, Ops, abreast(Key), kept_fetching<true>>(w, x, row0, y.data);
                    return multiply_abreast<family, Ops, abreast(Key), kept_fetching<false>>(w, x, row0, y.data);
                }
            }
            for (std::size_t left = w.columns; left > 0; left -= one.columns, y.data += panel_columns) {
                one.columns = std::min(left, panel_columns);
                multiply_one_panel<Ops, Key>(one, x, row0, rows, y);
                one.data += w.layout.panel_bytes(panel_columns);
            }
            return;
        }
    }
    multiply_one_panel<Ops, Key>(w, x, row0, rows, y);
}
