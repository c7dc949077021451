// SPDX-License-Identifier: MIT
// stream: the product for small batches. Weights stream from memory through registers into mma.sync; X waits in shared memory.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/cuda/decode.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/cuda/weights.hpp>

namespace lowbit::inline v0::cuda {

/// What a product reads and writes, in device memory.
template <class Out, class Epilogue>
struct product {
    weights w;
    const std::uint16_t* x; ///< m rows of w.k numbers, `x_stride` apart
    std::size_t x_stride;
    bool whole_lines; ///< rows of x begin at multiples of 16 bytes
    std::size_t m;
    Out* y; ///< m rows of w.n numbers, `y_stride` apart
    std::size_t y_stride;
    Epilogue epilogue;               ///< float(float, row of Y, column of Y)
    std::size_t units;               ///< of 128 columns, in a slice of K
    float* sums;                     ///< of each slice, [slices][m][w.n]; null where there is one slice
    const float* x_scales = nullptr; ///< one for each row of X, or none
};

/// y at (row, column) from the sum of its products.
template <class Kind, class Out, class Epilogue>
LOWBIT_DEVICE float finished(const product<Out, Epilogue>& p, float sum, std::size_t row, std::size_t column) {
    float y = sum;
    if constexpr (Kind::group == 0) y *= scale_of<Kind>(p.w, column, 0);
    if (p.x_scales != nullptr) y *= p.x_scales[row];
    return p.epilogue(y, row, column);
}
/// y as it is stored.
template <class Out, half_number T>
LOWBIT_DEVICE Out stored(float y) noexcept {
    if constexpr (std::same_as<Out, float>) {
        return y;
    } else {
        return ptx::from_float<T>(y);
    }
}
/// Stores y at (row, column) from the sum of its products.
template <class Kind, half_number T, class Out, class Epilogue>
LOWBIT_DEVICE void finish(const product<Out, Epilogue>& p, float sum, std::size_t row, std::size_t column) {
    p.y[row * p.y_stride + column] = stored<Out, T>(finished<Kind>(p, sum, row, column));
}

/// The product of weights of a kind with at most 8 * Blocks rows of X in numbers T.
///
/// A block of Warps warps takes bands of 16 rows of W in turn. Its warps take units of 128 columns in turn, `depth` units ahead
/// in registers, and their sums meet in shared memory in the order of the warps. Where X does not fit into shared memory, or
/// bands are few, K is cut into slices, one for each row of the grid, whose sums finish_body adds in ascending order.
template <class Kind, half_number T, int Blocks, int Warps>
struct stream {
    using order = typename Kind::order;
    using decoder = typename Kind::template decoder<T>;
    static constexpr std::size_t group = Kind::group;
    static constexpr int threads = Warps * 32;
    static constexpr std::size_t unit_cols = 128;
    static constexpr int unit_tiles = static_cast<int>(unit_cols / order::cols);
    static constexpr int unit_steps = static_cast<int>(unit_cols / order::step_cols);
    /// Units in flight for a lane: 64 bytes of weights, or more; 16 warps then have 32 KB, what an H200 needs to hide its
    /// latency, and 8 warps take twice as many.
    static constexpr int depth = (4 / unit_tiles > 2 ? 4 / unit_tiles : 2) * (Warps == 8 ? 2 : 1);
    /// Runs of a unit that share their scale, and the k-steps of one.
    static constexpr int runs = group != 0 && group < unit_cols ? static_cast<int>(unit_cols / (group == 0 ? 1 : group)) : 1;
    static constexpr int run_steps = unit_steps / runs;
    /// Whether this kernel takes weights of these groups: a unit is whole groups or part of one, and a group is whole k-steps.
    static constexpr std::size_t shared_cols = group == 0 ? unit_cols : group;
    static constexpr bool takes_groups =
        shared_cols % unit_cols == 0 || (unit_cols % shared_cols == 0 && shared_cols % order::step_cols == 0);

    static constexpr std::size_t table_bytes = [] {
        if constexpr (decoder::looks_up) return std::size_t{4} * decoder::entries * decoder::copies;
        return std::size_t{0};
    }();
    static constexpr std::size_t sum_bytes = std::size_t{2} * Warps * Blocks * 128 * 4; // twice: one is read, one is written
    /// Rows of X stand four banks apart, so that ldmatrix meets each bank once.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t x_stride(std::size_t units) noexcept {
        return units * unit_cols + 8;
    }
    [[nodiscard]] static constexpr std::size_t shared_bytes(std::size_t m, std::size_t units) noexcept {
        return table_bytes + sum_bytes + m * x_stride(units) * 2;
    }

    /// What a lane holds of a unit.
    struct stage {
        words4 words[std::size_t{unit_tiles}];
        scale_pair<typename Kind::scale_type> scales[std::size_t{runs}];
        std::uint16_t zeros[std::size_t{runs}]; ///< two zero points
    };

    template <class Lane>
    static LOWBIT_DEVICE void load(Lane lane, const weights& w, std::size_t band, std::size_t unit, stage& to) {
        const int l = lane.thread() % 32;
        const std::size_t col_tiles = order::col_tiles(w.k);
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < unit_tiles; ++i) {
            const std::size_t tile = unit * unit_tiles + static_cast<std::size_t>(i);
            to.words[i] = tile < col_tiles ? lane.load_once(w.codes + order::lane_word(band, tile, col_tiles, l) / 4) : words4{};
        }
        const std::size_t groups = Kind::groups(w.k);
        LOWBIT_DEVICE_UNROLL
        for (int r = 0; r < runs; ++r) {
            std::size_t g = 0;
            if constexpr (group != 0) g = (unit * unit_cols) / group + static_cast<std::size_t>(r);
            g = g < groups ? g : groups - 1; // columns that only fill the last unit
            const std::size_t at = scale_slot(band * 16 + static_cast<std::size_t>(l / 4), g, groups);
            if constexpr (group != 0) to.scales[r].load(w.scales, at);
            if constexpr (Kind::zeros) to.zeros[r] = reinterpret_cast<const std::uint16_t*>(w.zeros)[at / 2];
        }
    }

    /// Adds a unit's products to `sums`. `x`: where this lane's row of X for ldmatrix begins, its columns those of the unit.
    template <class Lane>
    static LOWBIT_DEVICE void multiply(Lane lane, const stage& from, const std::uint16_t* const (&x)[std::size_t{Blocks}],
                                       std::size_t col, const std::uint32_t* table, float (&sums)[std::size_t{Blocks}][4]) {
        float run_sums[std::size_t{Blocks}][4];
        std::uint32_t b[std::size_t{Blocks}][4];
        typename decoder::side sides[2];
        LOWBIT_DEVICE_UNROLL
        for (int step = 0; step < unit_steps; ++step) {
            const int run = step / run_steps;
            if (step % run_steps == 0) {
                LOWBIT_DEVICE_UNROLL
                for (int half = 0; half < 2; ++half)
                    sides[half] = side_of<Kind, T>(Kind::zeros ? from.zeros[run] >> (8 * half) & 0xff : 0, table);
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 4; ++i) run_sums[block][i] = group == 0 ? sums[block][i] : 0.0f;
            }
            if (step % 2 == 0) {
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block)
                    lane.load_matrices(b[block], x[block] + col + static_cast<std::size_t>(step) * order::step_cols);
            }
            std::uint32_t a[4];
            decode_step<decoder>(from.words[step / order::steps], step % order::steps, sides, a);
            LOWBIT_DEVICE_UNROLL
            for (int block = 0; block < Blocks; ++block)
                lane.template multiply<T>(run_sums[block], a, b[block][step % 2 * 2], b[block][step % 2 * 2 + 1]);
            if (step % run_steps == run_steps - 1) {
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) {
                    LOWBIT_DEVICE_UNROLL
                    for (int i = 0; i < 4; ++i) {
                        if constexpr (group == 0) {
                            sums[block][i] = run_sums[block][i];
                        } else {
                            const float step_sum = from.scales[run].row(i / 2) * run_sums[block][i];
                            sums[block][i] += step_sum;
                        }
                    }
                }
            }
        }
    }

    /// X of this slice into shared memory, zeros behind its last column.
    template <class Lane, class Product>
    static LOWBIT_DEVICE void load_x(Lane lane, const Product& p, std::size_t first_col, std::uint16_t* to) {
        const std::size_t chunks = x_stride(p.units) / 8;
        for (std::size_t i = static_cast<std::size_t>(lane.thread()); i < p.m * chunks; i += threads) {
            const std::size_t row = i / chunks;
            const std::size_t col = first_col + i % chunks * 8;
            words4 eight{};
            if (p.whole_lines && col + 8 <= p.w.k) {
                eight = *reinterpret_cast<const words4*>(p.x + row * p.x_stride + col);
            } else {
                LOWBIT_DEVICE_UNROLL
                for (std::size_t j = 0; j < 8; ++j)
                    if (col + j < p.w.k) eight.at[j / 2] |= std::uint32_t{p.x[row * p.x_stride + col + j]} << (j % 2 * 16);
            }
            *reinterpret_cast<words4*>(to + row * x_stride(p.units) + i % chunks * 8) = eight;
        }
    }

    /// One thread's part. `shared` has shared_bytes(p.m, p.units), 16-byte aligned.
    template <class Lane, class Out, class Epilogue>
    static LOWBIT_DEVICE void body(Lane lane, const product<Out, Epilogue>& p, std::byte* shared) {
        static_assert(takes_groups,
                      "lowbit: this kernel takes groups of 16, 32, 64 or 128 columns, of multiples of 128, or rows");
        const int warp = lane.thread() / 32;
        const int l = lane.thread() % 32;
        auto* const table = reinterpret_cast<std::uint32_t*>(shared);
        auto* const warp_sums = reinterpret_cast<float*>(shared + table_bytes);
        auto* const x = reinterpret_cast<std::uint16_t*>(shared + table_bytes + sum_bytes);
        const std::size_t all_units = (p.w.k + unit_cols - 1) / unit_cols;
        const std::size_t first_unit = static_cast<std::size_t>(lane.slice()) * p.units;
        const std::size_t slice_units = all_units - first_unit < p.units ? all_units - first_unit : p.units;
        const std::size_t bands = (p.w.n + 15) / 16;
        const auto blocks = static_cast<std::size_t>(lane.blocks());
        const std::size_t rounds = slice_units == 0 ? 1 : (slice_units + Warps - 1) / Warps; // K may be 0

        // Which unit of which band a warp takes next; `unit` counts in the slice and may lie behind its end: nothing to do then.
        struct place {
            std::size_t band, round, unit;
        };
        const auto advance = [&](place& at) {
            at.unit += Warps;
            if (++at.round == rounds) at = {at.band + blocks, 0, static_cast<std::size_t>(warp)};
        };
        place ahead{static_cast<std::size_t>(lane.block()), 0, static_cast<std::size_t>(warp)};
        place now = ahead;
        stage stages[std::size_t{depth}];
        const auto fetch = [&](stage& to) {
            if (ahead.band < bands && ahead.unit < slice_units) load(lane, p.w, ahead.band, first_unit + ahead.unit, to);
            advance(ahead);
        };
        LOWBIT_DEVICE_UNROLL
        for (int d = 0; d < depth; ++d) fetch(stages[d]);

        if constexpr (decoder::looks_up) fill_table<Kind, T>(p.w, table, lane.thread(), threads);
        load_x(lane, p, first_unit * unit_cols, x);
        lane.sync();

        const std::uint16_t*
            x_rows[std::size_t{Blocks}]; // the row that this lane names to ldmatrix; behind the last one again the last
        LOWBIT_DEVICE_UNROLL
        for (int block = 0; block < Blocks; ++block) {
            const auto row = static_cast<std::size_t>(block * 8 + l % 8);
            x_rows[block] = x + (row < p.m ? row : p.m - 1) * x_stride(p.units) + l / 8 * 8;
        }
        float sums[std::size_t{Blocks}][4]{};
        int parity = 0;
        while (now.band < bands) {
            LOWBIT_DEVICE_UNROLL
            for (int d = 0; d < depth; ++d) {
                if (now.band >= bands) break;
                if (now.unit < slice_units) multiply(lane, stages[d], x_rows, now.unit * unit_cols, table + l, sums);
                fetch(stages[d]);
                const place was = now;
                advance(now);
                if (now.band == was.band) continue;
                float* const meet = warp_sums + parity * (Warps * Blocks * 128);
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) {
                    LOWBIT_DEVICE_UNROLL
                    for (int i = 0; i < 4; ++i) {
                        meet[(warp * Blocks + block) * 128 + i * 32 + l] = sums[block][i];
                        sums[block][i] = 0.0f;
                    }
                }
                lane.sync();
                for (int i = lane.thread(); i < 128 * Blocks; i += threads) {
                    const int in_band = i % 16, in_x = i / 16; // neighbours write neighbours of a row of Y
                    const int from = in_x / 8 * 128 + (in_band / 8 * 2 + in_x % 2) * 32 + in_band % 8 * 4 + in_x % 8 / 2;
                    float sum = 0.0f;
                    LOWBIT_DEVICE_UNROLL
                    for (int from_warp = 0; from_warp < Warps; ++from_warp) sum += meet[from_warp * Blocks * 128 + from];
                    const std::size_t column = was.band * 16 + static_cast<std::size_t>(in_band);
                    const auto row = static_cast<std::size_t>(in_x);
                    if (row >= p.m || column >= p.w.n) continue;
                    if (p.sums != nullptr) {
                        p.sums[(static_cast<std::size_t>(lane.slice()) * p.m + row) * p.w.n + column] = sum;
                    } else {
                        finish<Kind, T>(p, sum, row, column);
                    }
                }
                lane.sync_warp(); // whole warps again, for the next products
                parity ^= 1;
            }
        }
    }
};

/// Adds the sums of `slices` slices in ascending order, and finishes y. Any number of threads.
template <class Kind, half_number T, class Lane, class Out, class Epilogue>
LOWBIT_DEVICE void finish_body(Lane lane, const product<Out, Epilogue>& p, int slices, int threads) {
    const std::size_t all = p.m * p.w.n;
    for (std::size_t i = static_cast<std::size_t>(lane.block() * threads + lane.thread()); i < all;
         i += static_cast<std::size_t>(lane.blocks() * threads)) {
        float sum = 0.0f;
        for (int s = 0; s < slices; ++s) sum += p.sums[static_cast<std::size_t>(s) * all + i];
        finish<Kind, T>(p, sum, i / p.w.n, i % p.w.n);
    }
}

/// How a stream product is cut for a device of `multiprocessors` with `most_shared` bytes for a block.
struct stream_plan {
    int blocks;
    int slices;
    std::size_t units; ///< of a slice
    std::size_t shared_bytes;
    [[nodiscard]] constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n) const noexcept {
        return slices == 1 ? 0 : static_cast<std::size_t>(slices) * m * n * 4;
    }
};
template <class Stream>
[[nodiscard]] constexpr stream_plan plan_stream(std::size_t n, std::size_t k, std::size_t m, int multiprocessors,
                                                std::size_t most_shared) noexcept {
    const auto units = std::max<std::size_t>((k + Stream::unit_cols - 1) / Stream::unit_cols, 1);
    const auto bands = (n + 15) / 16;
    const auto processors = static_cast<std::size_t>(multiprocessors);
    // As many slices as leave no multiprocessor idle, but no more than leave each warp a unit; then what X needs.
    std::size_t slices = std::max<std::size_t>(1, std::min(processors / bands, units * 32 / Stream::threads));
    while (slices < units && Stream::shared_bytes(m, (units + slices - 1) / slices) > most_shared) ++slices;
    const std::size_t of_slice = (units + slices - 1) / slices;
    slices = (units + of_slice - 1) / of_slice; // none empty
    const std::size_t blocks = std::min(bands, std::max<std::size_t>(1, processors / slices));
    return {static_cast<int>(blocks), static_cast<int>(slices), of_slice, Stream::shared_bytes(m, of_slice)};
}

} // namespace lowbit::inline v0::cuda
