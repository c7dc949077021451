// SPDX-License-Identifier: MIT
// dequantize: packed weights as a row-major matrix of 16-bit numbers, each the float that the CPU decodes, rounded once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <lowbit/cuda/decode.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/cuda/weights.hpp>

namespace lowbit::inline v0::cuda {

/// Threads of a block, one warp for each band of 16 rows of a tile; and its shared memory: a band, its rows shifted by four
/// banks.
template <class Kind>
struct dequantize_block {
    static constexpr int threads = 128;
    static constexpr std::size_t row_words = Kind::order::cols * Kind::spread / 2 + 4;
    static constexpr std::size_t shared_bytes = 4 * 16 * row_words * 4;
};

/// One thread's part: blocks take tiles in turn. `shared` has dequantize_block::shared_bytes, 16-byte aligned; `out` has w.n
/// rows, `stride` numbers apart; `whole_lines`: rows of `out` begin at multiples of 16 bytes.
template <class Kind, half_number T, class Lane>
LOWBIT_DEVICE void dequantize_body(Lane lane, const weights& w, std::uint16_t* out, std::size_t stride, bool whole_lines,
                                   std::byte* shared) {
    using order = typename Kind::order;
    using decoder = typename Kind::template decoder<T>;
    constexpr std::size_t group = Kind::group;
    constexpr std::size_t row_words = dequantize_block<Kind>::row_words;
    constexpr std::size_t spread = Kind::spread;
    constexpr bool by_step = group == 0 || group % (order::step_cols * spread) == 0; // the columns of a k-step share their scale
    const int warp = lane.thread() / 32;
    const int l = lane.thread() % 32;
    auto* staged = reinterpret_cast<std::uint32_t*>(shared) + static_cast<std::size_t>(warp) * 16 * row_words;
    const std::size_t col_tiles = Kind::col_tiles(w.k);
    const std::size_t groups = Kind::groups(w.k);
    const auto group_of = [&](std::size_t col) {
        const std::size_t g = group == 0 ? 0 : col / (group == 0 ? 1 : group);
        return g < groups ? g : groups - 1; // columns that only fill the last tile
    };
    for (std::size_t tile = static_cast<std::size_t>(lane.block()); tile < order::row_tiles(w.n) * col_tiles;
         tile += static_cast<std::size_t>(lane.blocks())) {
        const std::size_t band = tile / col_tiles * order::warps + static_cast<std::size_t>(warp);
        const std::size_t col_tile = tile % col_tiles;
        const words4 words = lane.load_once(w.codes + order::lane_word(band, col_tile, col_tiles, l) / 4);
        LOWBIT_DEVICE_UNROLL
        for (int step = 0; step < order::steps; ++step) {
            float scales[2];
            [[maybe_unused]] float minimums[2];
            int zeros[2];
            const auto numbers_at = [&](int half, std::size_t col) {
                const std::size_t row = band * 16 + static_cast<std::size_t>(l / 4 + 8 * half);
                const std::size_t g = group_of(col);
                scales[half] = scale_of<Kind>(w, row, g);
                if constexpr (Kind::minimums) minimums[half] = number_of_group<Kind>(w, w.minimums, row, g);
                if constexpr (Kind::zeros) zeros[half] = w.zeros[scale_slot(row, g, groups)];
            };
            const std::size_t step_col = (col_tile * order::cols + static_cast<std::size_t>(step) * order::step_cols) * spread;
            if constexpr (by_step) {
                numbers_at(0, step_col);
                numbers_at(1, step_col);
            }
            LOWBIT_DEVICE_UNROLL
            for (int i = 0; i < 4; ++i) {
                const auto at = fragment<16>::a(l, i, 0);
                const std::uint32_t word = words.at[order::word_of(step, i)];
                const int place = order::place_of(step, i);
                std::uint32_t pair = 0;
                LOWBIT_DEVICE_UNROLL
                for (int e = 0; e < 2; ++e) {
                    if constexpr (!by_step) numbers_at(i % 2, step_col + static_cast<std::size_t>(at.col + e) * spread);
                    float value;
                    if constexpr (decoder::looks_up) {
                        value = w.values[word >> (Kind::bits * place + 16 * e) & order::field_mask];
                    } else if constexpr (counted_element<typename Kind::element_type>) {
                        int zero = 0;
                        if constexpr (Kind::zeros) {
                            zero = zeros[i % 2];
                        } else {
                            zero = plain_zero<Kind>;
                        }
                        value = static_cast<float>(static_cast<int>(word >> (Kind::bits * place + 16 * e) & order::field_mask) -
                                                   zero);
                    } else {
                        value = ptx::to_float<T>(static_cast<std::uint16_t>(decoder::pair(word, place, {}) >> (16 * e)));
                    }
                    value = ptx::multiply(value, scales[i % 2]);
                    if constexpr (Kind::minimums) value += minimums[i % 2];
                    pair |= std::uint32_t{ptx::from_float<T>(value)} << (16 * e);
                }
                const std::size_t in_tile =
                    (static_cast<std::size_t>(step) * order::step_cols + static_cast<std::size_t>(at.col)) / 2;
                std::uint32_t* const to = staged + static_cast<std::size_t>(at.row) * row_words + in_tile * spread;
                if constexpr (Kind::sparse) { // the pair is what four columns keep
                    const auto slot = metadata::slot_of(band * 16 + static_cast<std::size_t>(at.row),
                                                        col_tile * (order::cols / 2) + in_tile, metadata::col_tiles(w.k));
                    const std::uint32_t chunk = w.kept[slot.word / 4].at[slot.word % 4] >> slot.shift;
                    const std::uint64_t four =
                        std::uint64_t{pair & 0xffff} << (16 * (chunk & 3)) | std::uint64_t{pair >> 16} << (16 * (chunk >> 2 & 3));
                    to[0] = static_cast<std::uint32_t>(four);
                    to[1] = static_cast<std::uint32_t>(four >> 32);
                } else {
                    *to = pair;
                }
            }
        }
        lane.sync_warp();
        // whole rows: eight numbers a lane, neighbours side by side
        constexpr int row_chunks = static_cast<int>(order::cols * spread / 8);
        LOWBIT_DEVICE_UNROLL
        for (int chunk = l; chunk < 16 * row_chunks; chunk += 32) {
            const std::size_t row = band * 16 + static_cast<std::size_t>(chunk / row_chunks);
            const std::size_t col = col_tile * order::cols * spread + static_cast<std::size_t>(chunk % row_chunks) * 8;
            const std::uint32_t* from = staged + static_cast<std::size_t>(chunk / row_chunks) * row_words +
                                        static_cast<std::size_t>(chunk % row_chunks) * 4;
            if (row >= w.n || col >= w.k) continue;
            std::uint16_t* const to = out + row * stride;
            if (!Kind::permuted && whole_lines && col + 8 <= w.k) {
                *reinterpret_cast<words4*>(to + col) = *reinterpret_cast<const words4*>(from);
            } else {
                LOWBIT_DEVICE_UNROLL
                for (std::size_t j = 0; j < 8; ++j)
                    if (col + j < w.k)
                        to[Kind::permuted ? w.order[col + j] : col + j] = static_cast<std::uint16_t>(from[j / 2] >> (j % 2 * 16));
            }
        }
        lane.sync_warp();
    }
}

} // namespace lowbit::inline v0::cuda
