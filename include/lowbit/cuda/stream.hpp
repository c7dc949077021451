// SPDX-License-Identifier: MIT
// stream: the product for small batches. Weights stream through a ring in shared memory, are decoded in registers and go to
// mma.sync; X waits in shared memory.
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
    std::size_t units;               ///< of unit_cols columns, in a slice of K
    float* sums;                     ///< of each slice, [slices][m][w.n]; null where there is one slice
    const float* x_scales = nullptr; ///< one for each row of X, or none
};

/// y at (row, column) from the sum of its products.
template <class Kind, class Out, class Epilogue>
LOWBIT_DEVICE float finished(const product<Out, Epilogue>& p, float sum, std::size_t row, std::size_t column) {
    float y = sum;
    if constexpr (Kind::group == 0 && !Kind::minimums) y *= scale_of<Kind>(p.w, column, 0);
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
/// A block of Warps warps takes bands of 16 rows of W in turn. Of a band a warp takes every Warps-th unit of columns, and the
/// sums of the warps meet in shared memory, in their order. Weights come through a ring in shared memory, each warp its own, so
/// that no warp waits for another; registers would not do, since a GPU cannot wait for the oldest of several loads into them. A
/// warp multiplies the same columns in every band, so it copies its part of X once, with the weights of its first band. Where X
/// does not fit into shared memory, or bands are few, K is cut into slices, one for each row of the grid, whose sums finish_body
/// adds in ascending order.
template <class Kind, half_number T, int Blocks, int Warps>
struct stream {
    using order = typename Kind::order;
    using decoder = typename Kind::template decoder<T>;
    using scale_type = typename Kind::scale_type;
    static constexpr int group = static_cast<int>(Kind::group);
    static constexpr int threads = Warps * 32;
    static constexpr int step_cols = static_cast<int>(order::step_cols * Kind::spread);
    /// A unit is two tiles of a band: 1024 bytes, 32 of each lane.
    static constexpr int unit_tiles = 2;
    static constexpr int unit_cols = unit_tiles * static_cast<int>(order::cols * Kind::spread);
    static constexpr int unit_steps = unit_tiles * order::steps;
    /// Units in a warp's ring, all but one on their way: 48 KB a block, or 40 KB. An H200 needs about 32 KB to hide its latency.
    static constexpr int slots = Warps == 8 ? 6 : 4;
    /// Runs of a unit that share their scale, and the k-steps of one; else units that do.
    static constexpr int runs = group != 0 && group < unit_cols ? unit_cols / (group == 0 ? 1 : group) : 1;
    static constexpr int run_steps = unit_steps / runs;
    static constexpr int group_units = std::max(group / unit_cols, 1);
    /// Whether this kernel takes weights of these groups: a unit is whole groups or part of one, and a group is whole k-steps.
    static constexpr int shared_cols = group == 0 ? unit_cols : group;
    static constexpr bool takes_groups =
        shared_cols % unit_cols == 0 || (unit_cols % shared_cols == 0 && shared_cols % step_cols == 0);
    /// Scales of rows are applied to whole sums, but not where something is added to them.
    static constexpr bool scales_last = group == 0 && !Kind::minimums;

    /// What a ring holds of a unit: the lanes' words, then the scales, zero points and minimums of 16 rows for each run, then
    /// which columns are kept.
    static constexpr int scales_at = unit_tiles * order::lanes * 16;
    static constexpr int scale_bytes = static_cast<int>(Kind::scale_bytes);
    static constexpr int zeros_at = scales_at + (scales_last ? 0 : runs * 16 * scale_bytes);
    static constexpr int minimums_at = zeros_at + (Kind::zeros ? runs * 16 : 0);
    static constexpr int kept_at = minimums_at + (Kind::minimums ? runs * 16 * scale_bytes : 0);
    static constexpr int slot_bytes = kept_at + (Kind::sparse ? order::lanes * 16 : 0);
    static_assert(!Kind::sparse || Kind::bits != 2, "lowbit: sparse weights on a GPU have 4 or 8 bits");

    static constexpr std::size_t table_bytes = [] {
        if constexpr (decoder::looks_up) return std::size_t{4} * decoder::entries * decoder::copies;
        return std::size_t{0};
    }();
    /// Sums of a warp for eight rows of X: register by register, one bank further each, so that who adds meets no bank twice.
    static constexpr int register_sums = 33;
    static constexpr int block_sums = 4 * register_sums;
    static constexpr std::size_t sum_bytes = std::size_t{Warps} * Blocks * block_sums * 4;
    static constexpr std::size_t ring_bytes = std::size_t{Warps} * slots * slot_bytes;
    /// X of a unit stands together, its rows four banks apart, so that ldmatrix meets each bank once; in bytes.
    static constexpr int x_stride = (unit_cols + 8) * 2;
    [[nodiscard]] static constexpr std::size_t shared_bytes(std::size_t m, std::size_t units) noexcept {
        return table_bytes + sum_bytes + ring_bytes + units * m * x_stride;
    }

    /// Where the weights of a band lie, from its first unit on.
    struct source {
        const words4* codes;
        const std::byte* scales;
        const std::byte* zeros;
        const std::byte* minimums;
        const words4* kept;

        source() = default;
        LOWBIT_DEVICE source(const weights& w, int band, int lane) noexcept {
            const auto at = static_cast<std::size_t>(band);
            const std::size_t number = scale_slot(at * 16, 0, Kind::groups(w.k));
            codes = w.codes + order::lane_word(at, 0, Kind::col_tiles(w.k), lane) / 4;
            scales = static_cast<const std::byte*>(w.scales) + number * Kind::scale_bytes;
            zeros = reinterpret_cast<const std::byte*>(w.zeros) + number;
            minimums = static_cast<const std::byte*>(w.minimums) + number * Kind::scale_bytes;
            kept = w.kept + metadata::slot_of(at * 16, 0, metadata::col_tiles(w.k)).word / 4 + lane;
        }
    };

    /// A unit into a slot; zeros for what only fills the last unit.
    template <class Lane>
    static LOWBIT_DEVICE void load(Lane lane, const source& from, int unit, int col_tiles, int groups,
                                   typename Lane::address slot) {
        const int l = lane.thread() % 32;
        const words4* const codes = from.codes + static_cast<std::size_t>(unit) * (unit_tiles * order::warps * order::lanes);
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < unit_tiles; ++i)
            lane.copy_once(slot + (i * order::lanes + l) * 16, codes + i * (order::warps * order::lanes),
                           i == 0 || unit * unit_tiles + i < col_tiles, true);
        const int first = group == 0 ? 0 : unit * runs / group_units;
        // sixteen bytes a lane, of which a run has `bytes` times as many
        const auto numbers = [&](int at, const std::byte* all, int bytes) {
            LOWBIT_DEVICE_UNROLL
            for (int i = l; i < runs * bytes + l; i += 32) {
                const int run = i / bytes;
                const auto number = static_cast<std::size_t>(first + run) * (scale_rows * static_cast<std::size_t>(bytes));
                lane.copy_once(slot + (at + i * 16), reinterpret_cast<const words4*>(all + number) + i % bytes,
                               runs == 1 || first + run < groups, run < runs);
            }
        };
        if constexpr (!scales_last) numbers(scales_at, from.scales, scale_bytes);
        if constexpr (Kind::zeros) numbers(zeros_at, from.zeros, 1);
        if constexpr (Kind::minimums) numbers(minimums_at, from.minimums, scale_bytes);
        if constexpr (Kind::sparse) { // of 8 bits a unit is half a tile of these
            const auto tile = static_cast<std::size_t>(unit * unit_cols / static_cast<int>(metadata::cols));
            lane.copy_once(slot + (kept_at + l * 16), from.kept + tile * (order::warps * order::lanes), true, true);
        }
    }

    /// X of a unit into shared memory, zeros behind its last column; whole runs of eight columns without waiting for them.
    template <class Lane, class Product>
    static LOWBIT_DEVICE void load_x(Lane lane, const Product& p, int unit, typename Lane::address to) {
        constexpr int chunks = unit_cols / 8;
        for (int i = lane.thread() % 32; i < static_cast<int>(p.m) * chunks; i += 32) {
            const std::uint16_t* const row = p.x + static_cast<std::size_t>(i / chunks) * p.x_stride;
            const std::size_t col = static_cast<std::size_t>(unit) * unit_cols + static_cast<std::size_t>(i % chunks) * 8;
            const typename Lane::address eight = to + (i / chunks * x_stride + i % chunks * 16);
            if (!Kind::permuted && p.whole_lines && col + 8 <= p.w.k) {
                lane.copy(eight, reinterpret_cast<const words4*>(row + col));
            } else {
                words4 words{};
                LOWBIT_DEVICE_UNROLL
                for (std::size_t j = 0; j < 8; ++j)
                    if (col + j < p.w.k)
                        words.at[j / 2] |= std::uint32_t{row[Kind::permuted ? p.w.order[col + j] : col + j]} << (j % 2 * 16);
                lane.write(eight, words);
            }
        }
    }

    /// Adds a unit's products to `sums`. `x`: the rows of X that this lane names to ldmatrix.
    template <class Lane>
    static LOWBIT_DEVICE void multiply(Lane lane, typename Lane::address slot, [[maybe_unused]] int unit,
                                       const typename Lane::address (&x)[std::size_t{Blocks}], const std::uint32_t* table,
                                       float (&sums)[std::size_t{Blocks}][4]) {
        const int l = lane.thread() % 32;
        words4 words[std::size_t{unit_tiles}];
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < unit_tiles; ++i) words[i] = lane.template read<words4>(slot + (i * order::lanes + l) * 16);
        [[maybe_unused]] words4 kept{};
        if constexpr (Kind::sparse) kept = lane.template read<words4>(slot + (kept_at + l * 16));
        float run_sums[std::size_t{Blocks}][4];
        [[maybe_unused]] float x_sums[std::size_t{Blocks}][4]; // of X over a run, for its minimum
        std::uint32_t b[std::size_t{Blocks}][4];
        typename decoder::side sides[2];
        LOWBIT_DEVICE_UNROLL
        for (int step = 0; step < unit_steps; ++step) {
            const int row = step / run_steps * 16 + l / 4 * 2; // of this lane's two, among the numbers of the runs
            if (step % run_steps == 0) {
                LOWBIT_DEVICE_UNROLL
                for (int half = 0; half < 2; ++half) {
                    int zero = 0;
                    if constexpr (Kind::zeros) zero = lane.template read<std::uint8_t>(slot + (zeros_at + row + half));
                    sides[half] = side_of<Kind, T>(zero, table);
                }
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) {
                    LOWBIT_DEVICE_UNROLL
                    for (int i = 0; i < 4; ++i) {
                        run_sums[block][i] = scales_last ? sums[block][i] : 0.0f;
                        if constexpr (Kind::minimums) x_sums[block][i] = 0.0f;
                    }
                }
            }
            if (Kind::sparse || step % 2 == 0) {
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) lane.load_matrices(b[block], x[block] + step * step_cols * 2);
            }
            std::uint32_t a[4];
            decode_step<decoder>(words[step / order::steps], step % order::steps, sides, a);
            LOWBIT_DEVICE_UNROLL
            for (int block = 0; block < Blocks; ++block) {
                if constexpr (Kind::sparse) {
                    // eight steps a tile of metadata; of 8 bits this unit may be the second half of one
                    const std::uint32_t mine = unit_steps == 8 || unit % 2 == 0 ? kept.at[step / 2] : kept.at[(step / 2 + 2) % 4];
                    lane.template multiply_sparse<T>(run_sums[block], a, b[block], mine, step % 2);
                } else {
                    lane.template multiply<T>(run_sums[block], a, b[block][step % 2 * 2], b[block][step % 2 * 2 + 1]);
                }
                if constexpr (Kind::minimums) {
                    constexpr std::uint32_t one = (std::uint32_t{T::bias} << T::mantissa_bits) * 0x1'0001u;
                    constexpr std::uint32_t ones[4] = {one, one, one, one};
                    LOWBIT_DEVICE_UNROLL
                    for (int i = Kind::sparse ? 0 : step % 2 * 2; i < (Kind::sparse ? 4 : step % 2 * 2 + 2); i += 2)
                        lane.template multiply<T>(x_sums[block], ones, b[block][i], b[block][i + 1]);
                }
            }
            if (step % run_steps != run_steps - 1) continue;
            if constexpr (scales_last) {
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 4; ++i) sums[block][i] = run_sums[block][i];
            } else {
                const auto scales = lane.template read<scale_pair<scale_type>>(slot + (scales_at + row * scale_bytes));
                LOWBIT_DEVICE_UNROLL
                for (int block = 0; block < Blocks; ++block) LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 4; ++i) sums[block][i] += scales.row(i / 2) * run_sums[block][i];
                if constexpr (Kind::minimums) {
                    const auto minimums = lane.template read<scale_pair<scale_type>>(slot + (minimums_at + row * scale_bytes));
                    LOWBIT_DEVICE_UNROLL
                    for (int block = 0; block < Blocks; ++block) LOWBIT_DEVICE_UNROLL
                    for (int i = 0; i < 4; ++i) sums[block][i] += minimums.row(i / 2) * x_sums[block][i];
                }
            }
        }
    }

    /// One thread's part. `shared` has shared_bytes(p.m, p.units), 16-byte aligned.
    template <class Lane, class Out, class Epilogue>
    static LOWBIT_DEVICE void body(Lane lane, const product<Out, Epilogue>& p, std::byte* shared) {
        static_assert(takes_groups, "lowbit: this kernel takes groups of 16, 32 or 64 columns, of multiples of 128, or rows");
        const int warp = lane.warp();
        const int l = lane.thread() % 32;
        auto* const table = reinterpret_cast<std::uint32_t*>(shared);
        auto* const warp_sums = reinterpret_cast<float*>(shared + table_bytes);
        const typename Lane::address ring = lane.address_of(shared + table_bytes + sum_bytes) + warp * slots * slot_bytes;
        const typename Lane::address x = lane.address_of(shared + table_bytes + sum_bytes + ring_bytes);
        const auto m = static_cast<int>(p.m);
        const auto bands = static_cast<int>((p.w.n + 15) / 16);
        const auto col_tiles = static_cast<int>(Kind::col_tiles(p.w.k));
        const auto groups = static_cast<int>(Kind::groups(p.w.k));
        // Units of this slice, and the first that a warp takes. Every warp takes equally many, some of them behind the last.
        const int all_units = (col_tiles + unit_tiles - 1) / unit_tiles;
        const int first_unit = lane.slice() * static_cast<int>(p.units);
        const int end_unit =
            all_units - first_unit < static_cast<int>(p.units) ? all_units : first_unit + static_cast<int>(p.units);
        const int own_unit = first_unit + warp;
        const int past_unit = own_unit + (end_unit == first_unit ? 1 : (end_unit - first_unit + Warps - 1) / Warps) * Warps;
        const int first_band = lane.block();
        const int unit_x = m * x_stride;

        struct {
            int band, unit, slot;
            bool first; // of the bands of this block: the one that brings X
            source from;
        } ahead{first_band, first_band < bands ? own_unit : end_unit, 0, true, {}};
        if (first_band < bands) ahead.from = source(p.w, first_band, l);
        const auto fetch = [&] {
            if (ahead.unit < end_unit) {
                load(lane, ahead.from, ahead.unit, col_tiles, groups, ring + ahead.slot);
                if (ahead.first) load_x(lane, p, ahead.unit, x + (ahead.unit - first_unit) * unit_x);
            }
            lane.commit_copies();
            ahead.slot = ahead.slot == (slots - 1) * slot_bytes ? 0 : ahead.slot + slot_bytes;
            ahead.unit += Warps;
            if (ahead.unit < past_unit) return;
            ahead.first = false;
            ahead.band += lane.blocks();
            ahead.unit = ahead.band < bands ? own_unit : end_unit;
            if (ahead.band < bands) ahead.from = source(p.w, ahead.band, l);
        };
        for (int i = 0; i < slots - 1; ++i) fetch();
        if constexpr (decoder::looks_up) {
            fill_table<Kind, T>(p.w, table, lane.thread(), threads);
            lane.sync();
        }

        typename Lane::address x_at[std::size_t{Blocks}]; // what this lane names to ldmatrix; behind the last row again the last
        LOWBIT_DEVICE_UNROLL
        for (int block = 0; block < Blocks; ++block)
            x_at[block] = x + ((block * 8 + l % 8 < m ? block * 8 + l % 8 : m - 1) * x_stride + l / 8 * 16 - first_unit * unit_x);
        const std::uint32_t* const own_table = lane.kept(table + l);
        int slot = 0;
        for (int band = first_band; band < bands; band += lane.blocks()) {
            float sums[std::size_t{Blocks}][4]{};
            for (int unit = own_unit; unit < past_unit; unit += Warps) {
                lane.template wait_copies<slots - 2>();
                lane.sync_warp(); // what other lanes copied is there, and what they read last may be overwritten
                fetch();
                if (unit < end_unit) {
                    typename Lane::address x_rows[std::size_t{Blocks}];
                    LOWBIT_DEVICE_UNROLL
                    for (int block = 0; block < Blocks; ++block) x_rows[block] = x_at[block] + unit * unit_x;
                    multiply(lane, ring + slot, unit, x_rows, own_table, sums);
                }
                slot = slot == (slots - 1) * slot_bytes ? 0 : slot + slot_bytes;
            }
            lane.sync(); // the sums of the band before are read
            LOWBIT_DEVICE_UNROLL
            for (int block = 0; block < Blocks; ++block) {
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 4; ++i)
                    warp_sums[(warp * Blocks + block) * block_sums + i * register_sums + l] = sums[block][i];
            }
            lane.sync();
            for (int i = lane.thread(); i < 16 * m; i += threads) {
                const int in_band = i % 16, in_x = i / 16; // neighbours write neighbours of a row of Y
                const int from =
                    in_x / 8 * block_sums + (in_band / 8 * 2 + in_x % 2) * register_sums + in_band % 8 * 4 + in_x % 8 / 2;
                float sum = 0.0f;
                LOWBIT_DEVICE_UNROLL
                for (int from_warp = 0; from_warp < Warps; ++from_warp) sum += warp_sums[from_warp * Blocks * block_sums + from];
                const std::size_t column = static_cast<std::size_t>(band) * 16 + static_cast<std::size_t>(in_band);
                const auto row = static_cast<std::size_t>(in_x);
                if (column >= p.w.n) continue;
                if (p.sums != nullptr) {
                    p.sums[(static_cast<std::size_t>(lane.slice()) * p.m + row) * p.w.n + column] = sum;
                } else {
                    finish<Kind, T>(p, sum, row, column);
                }
            }
            lane.sync_warp(); // whole warps again, for the next products
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
    if (n == 0) return {};
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
