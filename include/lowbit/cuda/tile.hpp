// SPDX-License-Identifier: MIT
// tile: the product for more than 32 rows, on sm_90a. One warp brings weights and X into a ring of stages in shared memory, two
// warpgroups decode the weights in registers, where wgmma reads them.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/cuda/byte_rows.hpp>
#include <lowbit/cuda/decode.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/cuda/stream.hpp>
#include <lowbit/cuda/weights.hpp>

namespace lowbit::inline v0::cuda {

/// Operand B of wgmma in shared memory: rows of 128 bytes along K, whose chunks of 16 bytes are swizzled over eight rows, as
/// tensor copies with 128 bytes of swizzle leave them; `address` is a multiple of 1024, plus the bytes of earlier k-steps. (PTX,
/// matrix descriptor: the distance of eight rows in the bits from 32 on, the kind of swizzle in those from 62 on.)
[[nodiscard]] LOWBIT_HOST_DEVICE constexpr std::uint64_t swizzled_operand(std::uint32_t address) noexcept {
    return std::uint64_t{address >> 4 & 0x3fff} | std::uint64_t{1} << 16 | std::uint64_t{1024 >> 4} << 32 |
           std::uint64_t{1} << 62;
}

/// What shared memory of this kernel is made of: swizzling counts from its multiples.
struct alignas(1024) kilobyte {
    std::byte at[1024];
};

/// A place in a ring of `Stages` stages, and the parity of the phase that its barriers are in.
template <int Stages>
struct ring_place {
    int stage = 0;
    std::uint32_t phase = 0;
    LOWBIT_DEVICE void advance() noexcept {
        if (++stage == Stages) {
            stage = 0;
            phase ^= 1;
        }
    }
};

/// Tiles of Y in the order in which blocks take them: `wide` tiles of W side by side for one tile of X, then for the next. Blocks
/// that run at once then share a few panels of both: with 128 rows of 4-bit weights and 256 rows of X of 16 bits, 32 of W and 4
/// of X have the fewest bytes, and stay in the L2 cache.
struct tile_order {
    static constexpr std::size_t wide = 32;
    std::size_t w_tiles, x_tiles;
    struct place {
        std::size_t w, x;
    };
    [[nodiscard]] LOWBIT_HOST_DEVICE constexpr std::size_t tiles() const noexcept { return w_tiles * x_tiles; }
    [[nodiscard]] LOWBIT_HOST_DEVICE constexpr place at(std::size_t i) const noexcept {
        const std::size_t first = i / (wide * x_tiles) * wide;
        const std::size_t here = w_tiles - first < wide ? w_tiles - first : wide;
        const std::size_t in = i - first * x_tiles;
        return {first + in % here, in / here};
    }
};

/// The product of weights of a kind with any number of rows of X in numbers T, of 16 or 8 bits. Y: numbers of 16 bits in results.
///
/// A block computes tiles of 128 rows of W and MTile rows of X, one after another; where they are too few to keep a device busy,
/// K is cut into slices as for `stream`. A stage of the ring is what 64 columns take, or those of a tile of codes: X, codes,
/// scales, zero points and, of sparse weights, which columns are kept. Scales of groups are multiplied into the decoded weights:
/// a weight is scale * level, where T rounds the scale (unless it is of type T) and the product. Scales of rows multiply the
/// sums.
///
/// In 8 bits weights have no room for a scale: sums of the columns that share one are multiplied by it and added as floats. So
/// are sums of 128 products of floats of 8 bits, which tensor cores add with few bits. Sums of int8 are exact, of a group or of
/// a slice of a row.
template <class Kind, class T, int MTile, half_number Y = bfloat16>
struct tile {
    using order = typename Kind::order;
    static_assert((half_number<T> || byte_element<T>) && order::compute == (half_number<T> ? 16 : 8));
    using sum = std::conditional_t<std::same_as<T, int8>, std::int32_t, float>; ///< of tensor cores
    using decoder = typename Kind::template decoder<T>;
    static_assert(MTile == 64 || MTile == 128 || MTile == 256);
    static constexpr std::size_t group = Kind::group;
    static constexpr int warpgroups = 2; ///< that multiply, 64 rows of W each; a third one copies
    static constexpr int threads = 128 * (warpgroups + 1);
    static constexpr std::size_t w_rows = warpgroups * order::rows;
    static constexpr std::size_t x_rows = MTile;
    static constexpr int sums = MTile / 2; ///< of a thread

    static constexpr std::size_t box_cols = 1024 / order::compute;            ///< columns of X in 128 bytes
    static constexpr std::size_t tile_cols = order::cols * Kind::spread;      ///< of a tile of codes
    static constexpr std::size_t step_cols = order::step_cols * Kind::spread; ///< of a k-step
    static constexpr std::size_t stage_cols = std::max(box_cols, tile_cols);
    static constexpr int boxes = static_cast<int>(stage_cols / box_cols);
    static constexpr int stage_tiles = static_cast<int>(stage_cols / tile_cols);
    static constexpr int stage_steps = static_cast<int>(stage_cols / step_cols);
    static constexpr int box_steps = stage_steps / boxes;
    static_assert(!Kind::sparse || (half_number<T> && Kind::bits != 2));
    /// Runs of a stage that share their scale, and the k-steps of one.
    static constexpr int runs = group != 0 && group < stage_cols ? static_cast<int>(stage_cols / (group == 0 ? 1 : group)) : 1;
    static constexpr int run_steps = stage_steps / runs;
    /// Whether scales are multiplied into the weights, or sums of a run added up; registers hold both sums of 128 rows of X.
    static constexpr bool scales_weights = half_number<T> && group != 0;
    static constexpr bool adds_runs = std::same_as<T, float8_e4m3> || (std::same_as<T, int8> && group != 0);
    using total = std::conditional_t<adds_runs, float, sum>;
    static constexpr std::size_t most_x_rows = adds_runs ? 128 : 256;
    /// Whether this kernel takes weights of these groups: a stage is whole groups or part of one, and a group is whole k-steps.
    static constexpr std::size_t shared_cols = group == 0 ? stage_cols : group;
    static constexpr bool takes_groups =
        shared_cols % stage_cols == 0 || (stage_cols % shared_cols == 0 && shared_cols % step_cols == 0);

    // A stage: X, then for each warpgroup codes, scales, zero points, and the tile of metadata that the stage is a part of.
    static constexpr std::size_t box_bytes = x_rows * 128;
    static constexpr std::size_t code_bytes = stage_tiles * order::bytes;
    static constexpr std::size_t scale_bytes = group == 0 ? 0 : order::rows * Kind::scale_bytes; ///< of a run
    static constexpr std::size_t zero_bytes = Kind::zeros ? order::rows : 0;
    static constexpr std::size_t scales_at = code_bytes;
    static constexpr std::size_t zeros_at = scales_at + runs * scale_bytes;
    static constexpr std::size_t kept_at = zeros_at + runs * zero_bytes;
    static constexpr std::size_t kept_bytes = Kind::sparse ? order::bytes : 0;
    static constexpr std::size_t share_bytes = kept_at + kept_bytes; ///< of a warpgroup
    /// Metadata of a lane for a stage: a word for every two k-steps.
    struct alignas(stage_steps / 2 * 4) kept_words {
        std::uint32_t at[std::size_t{stage_steps / 2}];
    };
    static constexpr std::size_t stage_bytes =
        (boxes * box_bytes + warpgroups * share_bytes + 1023) / 1024 * 1024; // X begins at multiples of 1024 bytes
    /// Rows of a box of X: no more than there are, so that nothing is filled up for rows that are not there. What then lies in
    /// the other rows of a stage meets sums alone that nobody stores.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t box_rows(std::size_t m) noexcept {
        return m < x_rows ? (m + 7) / 8 * 8 : x_rows;
    }

    // Behind the stages: where sums of a warpgroup are turned into rows of Y, 32 at a time, four banks apart; the table of a
    // codebook; barriers.
    static constexpr std::size_t turn_stride = order::rows + 4;
    static constexpr std::size_t turn_bytes = 32 * turn_stride * 4;
    static constexpr std::size_t table_bytes = [] {
        if constexpr (decoder::looks_up) return std::size_t{4} * decoder::entries * decoder::copies;
        return std::size_t{0};
    }();
    static constexpr std::size_t most_shared = 227 * 1024; ///< of a block of sm_90
    static constexpr std::size_t most_stages = 8;          ///< more than hide a latency
    static constexpr int stages = static_cast<int>(
        std::min(most_stages, (most_shared - warpgroups * turn_bytes - table_bytes - 16 * most_stages) / stage_bytes));
    static_assert(stages >= 2);
    static constexpr std::size_t turn_at = stages * stage_bytes;
    static constexpr std::size_t table_at = turn_at + warpgroups * turn_bytes;
    static constexpr std::size_t barriers_at = table_at + table_bytes;
    static constexpr std::size_t shared_bytes = barriers_at + 16 * stages;
    using place = ring_place<stages>;

    /// What a block works on, and the ring that its warps share.
    template <class Product>
    struct job {
        const Product& p;
        std::byte* shared; ///< the stages
        std::uint64_t* full;
        std::uint64_t* empty;
        std::size_t first_col;        ///< of the slice of K
        std::uint32_t arriving_bytes; ///< of a stage
        int slice_stages;
        tile_order tiles;

        template <class Lane>
        LOWBIT_DEVICE job(Lane lane, const Product& product, std::byte* memory) noexcept
            : p(product), shared(memory), full(reinterpret_cast<std::uint64_t*>(memory + barriers_at)), empty(full + stages),
              first_col(static_cast<std::size_t>(lane.slice()) * p.units * 128),
              arriving_bytes(static_cast<std::uint32_t>(boxes * box_rows(p.m) * 128 + warpgroups * share_bytes)),
              tiles{(p.w.n + w_rows - 1) / w_rows, (p.m + x_rows - 1) / x_rows} {
            const std::size_t left = p.w.k > first_col ? p.w.k - first_col : 0;
            const std::size_t cols = left < p.units * 128 ? left : p.units * 128;
            slice_stages = static_cast<int>((cols + stage_cols - 1) / stage_cols);
        }
        [[nodiscard]] LOWBIT_DEVICE std::byte* share(int stage, int warpgroup) const noexcept {
            return shared + static_cast<std::size_t>(stage) * stage_bytes + boxes * box_bytes +
                   static_cast<std::size_t>(warpgroup) * share_bytes;
        }
    };

    /// Codes, scales and zero points of a warpgroup's 64 rows, `row_tile`, for the columns from `col` on. Where there are no more
    /// of them the last come again, so that they are finite: X is zero there.
    template <class Lane>
    static LOWBIT_DEVICE void copy_share(Lane lane, const weights& w, std::size_t row_tile, std::size_t col, std::byte* to,
                                         std::uint64_t* full) {
        const std::size_t last_row_tile = order::row_tiles(w.n) - 1;
        const std::size_t at = row_tile < last_row_tile ? row_tile : last_row_tile;
        const std::size_t col_tiles = Kind::col_tiles(w.k);
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < stage_tiles; ++i) {
            const std::size_t t = col / tile_cols + static_cast<std::size_t>(i);
            lane.copy(to + static_cast<std::size_t>(i) * order::bytes,
                      w.codes + (at * col_tiles + (t < col_tiles ? t : col_tiles - 1)) * (order::bytes / 16), order::bytes, full);
        }
        if constexpr (group != 0 || Kind::zeros) {
            const std::size_t groups = Kind::groups(w.k);
            // Unrolled, four runs with zero points need more registers than this thread has; so do two shares of sparse weights.
            LOWBIT_DEVICE_ROLLED
            for (int r = 0; r < runs; ++r) {
                const auto run = static_cast<std::size_t>(r);
                std::size_t g = 0;
                if constexpr (group != 0) g = col / group + run;
                const std::size_t slot = scale_slot(at * order::rows, g < groups ? g : groups - 1, groups);
                if constexpr (group != 0) {
                    lane.copy(to + scales_at + run * scale_bytes,
                              static_cast<const std::byte*>(w.scales) + slot * Kind::scale_bytes, scale_bytes, full);
                }
                if constexpr (Kind::zeros) lane.copy(to + zeros_at + run * zero_bytes, w.zeros + slot, zero_bytes, full);
            }
        }
        if constexpr (Kind::sparse) {
            const std::size_t kept_tiles = metadata::col_tiles(w.k);
            const std::size_t t = col / metadata::cols;
            lane.copy(to + kept_at, w.kept + (at * kept_tiles + (t < kept_tiles ? t : kept_tiles - 1)) * (kept_bytes / 16),
                      kept_bytes, full);
        }
    }

    /// The thread that copies.
    template <class Lane, class Product, class Map>
    static LOWBIT_DEVICE void copy_all(Lane lane, const job<Product>& j, const Map* x) {
        place at;
        for (auto i = static_cast<std::size_t>(lane.block()); i < j.tiles.tiles(); i += static_cast<std::size_t>(lane.blocks())) {
            const auto here = j.tiles.at(i);
            for (int s = 0; s < j.slice_stages; ++s) {
                const std::size_t col = j.first_col + static_cast<std::size_t>(s) * stage_cols;
                std::uint64_t* const full = j.full + at.stage;
                lane.wait(j.empty + at.stage, at.phase ^ 1);
                lane.expect(full, j.arriving_bytes);
                LOWBIT_DEVICE_UNROLL
                for (int box = 0; box < boxes; ++box) {
                    lane.copy_box(j.shared + static_cast<std::size_t>(at.stage) * stage_bytes +
                                      static_cast<std::size_t>(box) * box_bytes,
                                  x, static_cast<int>(here.x * x_rows),
                                  static_cast<int>(col + static_cast<std::size_t>(box) * box_cols), full);
                }
                LOWBIT_DEVICE_ROLLED
                for (int g = 0; g < warpgroups; ++g) {
                    copy_share(lane, j.p.w, here.w * warpgroups + static_cast<std::size_t>(g), col, j.share(at.stage, g), full);
                }
                at.advance();
            }
        }
    }

    /// What the two rows of a lane need of a run: how codes are decoded, and scales, as pairs of numbers where they go into
    /// weights.
    struct run_side {
        typename decoder::side sides[2];
        std::conditional_t<scales_weights, std::uint32_t, float> scales[2];

        LOWBIT_DEVICE void load(const std::byte* share, int run, int thread, const std::uint32_t* table) noexcept {
            const int slot = thread / 32 * 16 + thread % 32 / 4 * 2;
            const auto r = static_cast<std::size_t>(run);
            int zeros = 0;
            if constexpr (Kind::zeros) zeros = *reinterpret_cast<const std::uint16_t*>(share + zeros_at + r * zero_bytes + slot);
            scale_pair<typename Kind::scale_type> pair{};
            if constexpr (group != 0)
                pair =
                    reinterpret_cast<const scale_pair<typename Kind::scale_type>*>(share + scales_at + r * scale_bytes)[slot / 2];
            LOWBIT_DEVICE_UNROLL
            for (int half = 0; half < 2; ++half) {
                sides[half] = side_of<Kind, T>(zeros >> (8 * half) & 0xff, table);
                if constexpr (scales_weights) {
                    scales[half] = ptx::from_float<T>(pair.row(half)) * 0x1'0001u;
                } else {
                    scales[half] = group != 0 ? pair.row(half) : 1.0f;
                }
            }
        }
        /// The A registers of a k-step of a tile.
        LOWBIT_DEVICE void decode(const words4& words, int step, std::uint32_t (&a)[4]) const noexcept {
            decode_step<decoder, order::compute>(words, step, sides, a);
            if constexpr (scales_weights) {
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 4; ++i) a[i] = ptx::fma2<T>(a[i], scales[i % 2], 0x8000'8000); // less 0 keeps a zero's sign
            }
        }
    };

    /// Multiplies the stages of a tile. A k-step is decoded while the products of the one before run, and the stage before goes
    /// back to the copying thread once they are over. Only the last products of a stage of sparse weights are waited for at once:
    /// nothing says that they read their metadata before the next stage's takes its registers.
    template <class Lane, class Product>
    static LOWBIT_DEVICE void multiply(Lane lane, const job<Product>& j, int warpgroup, const std::uint32_t* table, place& at,
                                       total (&d)[std::size_t{sums}]) {
        const int thread = lane.thread() % 128;
        std::uint32_t a[2][4];
        [[maybe_unused]] kept_words kept{};
        run_side side;
        sum run_sums[std::size_t{adds_runs ? sums : 1}]{};
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < sums; ++i) d[i] = 0;
        std::uint64_t* before = nullptr;
        for (int s = 0; s < j.slice_stages; ++s) {
            lane.wait(j.full + at.stage, at.phase);
            const std::byte* const share = j.share(at.stage, warpgroup);
            const std::uint32_t x = lane.shared_address(j.shared + static_cast<std::size_t>(at.stage) * stage_bytes);
            words4 words{};
            if constexpr (Kind::sparse) {
                constexpr int parts = static_cast<int>(metadata::cols / stage_cols); // stages of a tile of metadata
                const std::size_t part = (j.first_col / stage_cols + static_cast<std::size_t>(s)) % parts;
                kept = reinterpret_cast<const kept_words*>(share + kept_at)[static_cast<std::size_t>(thread) * parts + part];
            }
            LOWBIT_DEVICE_UNROLL
            for (int step = 0; step < stage_steps; ++step) {
                if (step % order::steps == 0) words = reinterpret_cast<const words4*>(share)[step / order::steps * 128 + thread];
                if (step % run_steps == 0) side.load(share, step / run_steps, thread, table);
                side.decode(words, step % order::steps, a[step % 2]);
                lane.begin_products();
                const std::uint64_t b =
                    swizzled_operand(x + static_cast<std::uint32_t>(step / box_steps * static_cast<int>(box_bytes) +
                                                                    step % box_steps * (128 / box_steps)));
                const bool run_ends = adds_runs && step % run_steps == run_steps - 1;
                if constexpr (adds_runs) {
                    lane.template multiply_wide<T>(run_sums, a[step % 2], b, step % run_steps != 0);
                } else if constexpr (Kind::sparse) {
                    lane.template multiply_wide_sparse<T>(d, a[step % 2], b, kept.at[step / 2], step % 2);
                } else {
                    lane.template multiply_wide<T>(d, a[step % 2], b, true);
                }
                lane.commit_products();
                if (run_ends || (Kind::sparse && step == stage_steps - 1)) {
                    lane.template wait_products<0>();
                } else {
                    lane.template wait_products<1>();
                }
                if constexpr (adds_runs) {
                    if (run_ends) lane.fence_sums(run_sums);
                    LOWBIT_DEVICE_UNROLL
                    for (int i = 0; i < sums; ++i)
                        if (run_ends) d[i] += side.scales[i / 2 % 2] * static_cast<float>(run_sums[i]);
                }
                if (step == 0) {
                    if (before != nullptr && thread % 32 == 0) lane.arrive(before);
                    before = j.empty + at.stage;
                }
            }
            at.advance();
        }
        lane.template wait_products<0>();
        if constexpr (!adds_runs) lane.fence_sums(d);
        if (before != nullptr && thread % 32 == 0) lane.arrive(before);
    }

    /// Four numbers side by side in a row.
    template <class Out>
    struct alignas(4 * sizeof(Out)) line {
        Out at[4];
    };
    /// Stores four sums that lie side by side in a row of Y: finished, or as they are where slices are to be added up.
    template <class Product>
    static LOWBIT_DEVICE void put(const Product& p, int slice, const float (&four)[4], std::size_t row, std::size_t column) {
        const auto store = [&]<class Out>(Out* to, auto number) {
            if (column + 4 <= p.w.n && reinterpret_cast<std::uintptr_t>(to) % sizeof(line<Out>) == 0) {
                *reinterpret_cast<line<Out>*>(to) = {{number(0), number(1), number(2), number(3)}};
            } else {
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 4; ++i)
                    if (column + static_cast<std::size_t>(i) < p.w.n) to[i] = number(i);
            }
        };
        if (row >= p.m || column >= p.w.n) return;
        if (p.sums != nullptr) {
            store(p.sums + (static_cast<std::size_t>(slice) * p.m + row) * p.w.n + column, [&](int i) { return four[i]; });
        } else {
            store(p.y + row * p.y_stride + column, [&](int i) {
                return stored<std::remove_cvref_t<decltype(*p.y)>, Y>(
                    finished<Kind>(p, four[i], row, column + static_cast<std::size_t>(i)));
            });
        }
    }

    /// Stores the sums of a warpgroup, which lie along its rows of W, as rows of Y.
    template <class Lane, class Product>
    static LOWBIT_DEVICE void store(Lane lane, const job<Product>& j, int warpgroup, typename tile_order::place here,
                                    const total (&d)[std::size_t{sums}]) {
        const int thread = lane.thread() % 128;
        const int l = thread % 32;
        auto* const turn = reinterpret_cast<float*>(j.shared + turn_at + static_cast<std::size_t>(warpgroup) * turn_bytes);
        LOWBIT_DEVICE_UNROLL
        for (int part = 0; part < MTile / 32; ++part) {
            lane.sync_some(1 + warpgroup, 128); // the part before is read
            LOWBIT_DEVICE_UNROLL
            for (int i = 0; i < 16; ++i) {
                const int row = i / 4 * 8 + l % 4 * 2 + i % 2;
                const int column = thread / 32 * 16 + l / 4 + i / 2 % 2 * 8;
                turn[row * static_cast<int>(turn_stride) + column] = static_cast<float>(d[part * 16 + i]);
            }
            lane.sync_some(1 + warpgroup, 128);
            const std::size_t column = (here.w * warpgroups + static_cast<std::size_t>(warpgroup)) * order::rows +
                                       static_cast<std::size_t>(thread % 16 * 4);
            for (int row = thread / 16; row < 32; row += 8) {
                const auto four =
                    *reinterpret_cast<const line<float>*>(turn + row * static_cast<int>(turn_stride) + thread % 16 * 4);
                put(j.p, lane.slice(), four.at, here.x * x_rows + static_cast<std::size_t>(part * 32 + row), column);
            }
        }
    }

    /// One thread's part. `shared` has shared_bytes and begins at a multiple of 1024; `x`: the tensor map of X, its boxes
    /// box_rows x box_cols.
    template <class Lane, class Product, class Map>
    static LOWBIT_DEVICE void body(Lane lane, const Product& p, const Map* x, std::byte* shared) {
        static_assert(x_rows <= most_x_rows);
        static_assert(takes_groups,
                      "lowbit: this kernel takes groups of 16 (not in products in 8 bits, nor of 2:4 weights), 32, 64 "
                      "and multiples of 64 columns (of 128 with codes of 2 bits, or 2:4 of 4, or products in 8 "
                      "bits), and rows");
        const job<Product> j(lane, p, shared);
        auto* const table = reinterpret_cast<std::uint32_t*>(shared + table_at);
        if (lane.thread() == 0) {
            for (int s = 0; s < stages; ++s) {
                lane.make_barrier(j.full + s, 1);
                lane.make_barrier(j.empty + s, warpgroups * 4); // a lane of each warp
            }
            lane.publish_barriers();
        }
        if constexpr (decoder::looks_up) fill_table<Kind, T>(p.w, table, lane.thread(), threads);
        lane.sync();
        const int warpgroup = lane.thread() / 128;
        if (warpgroup == warpgroups) {
            lane.template fewer_registers<40>();
            if (lane.thread() % 128 == 0) copy_all(lane, j, x);
        } else {
            lane.template more_registers<232>();
            place at;
            total d[std::size_t{sums}];
            for (auto i = static_cast<std::size_t>(lane.block()); i < j.tiles.tiles();
                 i += static_cast<std::size_t>(lane.blocks())) {
                multiply(lane, j, warpgroup, table + lane.thread() % 32, at, d);
                store(lane, j, warpgroup, j.tiles.at(i), d);
            }
        }
    }
};

/// How a tile product is cut for a device of `multiprocessors`.
struct tile_plan {
    int x_rows; ///< of a tile: MTile
    int blocks;
    int slices;
    std::size_t units; ///< of a slice
    [[nodiscard]] constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n) const noexcept {
        return slices == 1 ? 0 : static_cast<std::size_t>(slices) * m * n * 4;
    }
};
/// The cut that keeps the busiest multiprocessor busy for the shortest time: decoding the weights of a tile takes about as long
/// as their products with 32 rows of X. A slice has at least 4 units, or its start is most of it. {} where there are no tiles.
[[nodiscard]] constexpr tile_plan plan_tile(std::size_t n, std::size_t k, std::size_t m, int multiprocessors,
                                            std::size_t most_rows = 256, std::size_t most_units = ~std::size_t{0}) noexcept {
    const auto processors = static_cast<std::size_t>(multiprocessors);
    const auto up = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
    const std::size_t units = std::max<std::size_t>(up(k, 128), 1);
    tile_plan best{};
    if (n == 0 || m == 0) return best;
    std::size_t shortest = 0;
    for (const std::size_t rows : {std::size_t{256}, std::size_t{128}, std::size_t{64}}) {
        const std::size_t tiles = up(n, 128) * up(m, rows);
        if (rows > most_rows) continue;
        const std::size_t of_slice =
            std::min(most_units, up(units, std::max<std::size_t>(1, std::min(processors / tiles, units / 4))));
        const std::size_t slices = up(units, of_slice);
        const std::size_t time = up(tiles * slices, processors) * of_slice * (rows + 32);
        if (shortest != 0 && time >= shortest) continue;
        shortest = time;
        best = {static_cast<int>(rows), static_cast<int>(std::min(tiles, std::max<std::size_t>(1, processors / slices))),
                static_cast<int>(slices), of_slice};
    }
    return best;
}

} // namespace lowbit::inline v0::cuda
