// SPDX-License-Identifier: MIT
// layout: where a weight lies on a GPU. One order of packed codes serves mma.sync and wgmma, from a single token to a full batch.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0::cuda {

/// Codes of `Bits` bits for products in numbers of `Compute` bits.
///
/// Weights are the A operand of every product, D[N, M] = W[N, K] * X[M, K]^T. A *tile* is 64 rows of as many columns as fill 2048
/// bytes: four warps, 32 lanes, 16 bytes, in this order. Tiles of the same rows follow one another along K. The 16 bytes of a
/// lane are the A registers of consecutive k-steps of `mma.m16n8k16` (16 bits) or `mma.m16n8k32` (8 bits), and, warp by warp,
/// those of `wgmma.m64nNk16` and `m64nNk32`: the fragments are the same. A register is spread over a word so that it is decoded
/// by one shift and one mask, without a shuffle.
template <int Bits, int Compute>
struct layout {
    static_assert(Bits == 2 || Bits == 4 || Bits == 8, "lowbit: codes on a GPU are stored in 2, 4 or 8 bits");
    static_assert(Compute == 8 || Compute == 16, "lowbit: a GPU multiplies numbers of 8 or 16 bits");

    static constexpr int bits = Bits;
    static constexpr int compute = Compute;
    static constexpr std::size_t rows = 64;
    static constexpr std::size_t cols = 256 / Bits;
    static constexpr std::size_t bytes = 2048;
    static constexpr int warps = 4;
    static constexpr int lanes = 32;
    static constexpr int words = 4;                               ///< of a lane
    static constexpr int registers_in_word = Compute / Bits;      ///< registers that share a word
    static constexpr int elements = 32 / Compute;                 ///< of a register
    static constexpr std::size_t step_cols = 256 / Compute;       ///< columns of a k-step
    static constexpr int steps = Compute / Bits;                  ///< k-steps of a tile: four registers each
    static constexpr std::uint32_t field_mask = (1u << Bits) - 1; ///< a code

    /// A code: its word, counted in words of 32 bits from the start of the matrix, and the bit it begins at.
    struct slot {
        std::size_t word;
        int shift;
    };

    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t row_tiles(std::size_t n) noexcept {
        return (n + rows - 1) / rows;
    }
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t col_tiles(std::size_t k) noexcept {
        return (k + cols - 1) / cols;
    }
    /// Bytes of the codes of an n x k matrix, filled up with zeros to whole tiles.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t code_bytes(std::size_t n, std::size_t k) noexcept {
        return row_tiles(n) * col_tiles(k) * bytes;
    }
    /// The first of the four words of a lane: `band` is a run of 16 rows, one warp's share of a tile.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t lane_word(std::size_t band, std::size_t col_tile,
                                                                            std::size_t col_tiles, int lane) noexcept {
        return ((((band / warps) * col_tiles + col_tile) * warps + band % warps) * lanes + static_cast<std::size_t>(lane)) *
               words;
    }

    /// Of register `index` (0..3) of k-step `step`: its word in the lane, and its place in the word. Its elements lie in the bits
    /// from Bits * place on, Compute bits apart.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr int word_of(int step, int index) noexcept {
        return (4 * step + index) / registers_in_word;
    }
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr int place_of(int step, int index) noexcept {
        return (4 * step + index) % registers_in_word;
    }

    /// Where the code of row n, column k of a matrix of `col_tiles` tiles a row lies.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr slot slot_of(std::size_t n, std::size_t k, std::size_t col_tiles) noexcept {
        const auto row = static_cast<int>(n % 16);
        const auto col = static_cast<int>(k % cols);
        const int step = col / static_cast<int>(step_cols);
        const int in_step = col % static_cast<int>(step_cols);
        const int half = in_step / static_cast<int>(step_cols / 2);
        const int in_half = in_step % static_cast<int>(step_cols / 2);
        const int lane = row % 8 * 4 + in_half / elements;
        const int index = row / 8 + 2 * half;
        return {lane_word(n / 16, k / cols, col_tiles, lane) + static_cast<std::size_t>(word_of(step, index)),
                Bits * (place_of(step, index) + in_half % elements * registers_in_word)};
    }
};

/// Which elements a lane holds of the operands of one `mma.m16n8k*` whose numbers have `Compute` bits, as PTX defines them; for
/// A also of one warp of `wgmma.m64nNk*`.
template <int Compute>
struct fragment {
    static constexpr int elements = 32 / Compute;
    static constexpr int depth = 256 / Compute;
    struct place {
        int row; ///< of A, D: the row of W. Of B: the column of X^T, a row of X
        int col; ///< of A, B: k. Of D: the row of X
    };
    /// Element e of register 0..3 of A.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr place a(int lane, int index, int e) noexcept {
        return {lane / 4 + index % 2 * 8, index / 2 * (depth / 2) + lane % 4 * elements + e};
    }
    /// Element e of register 0..1 of B.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr place b(int lane, int index, int e) noexcept {
        return {lane / 4, index * (depth / 2) + lane % 4 * elements + e};
    }
    /// Register 0..3 of D, 32 bits each.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr place d(int lane, int index) noexcept {
        return {lane / 4 + index / 2 * 8, lane % 4 * 2 + index % 2};
    }
};

/// Which two of each four columns of sparse weights are kept: a *chunk* of four columns is a nibble, first | second << 2, first <
/// second. As codes, in tiles of 64 rows and 2048 bytes, here of 256 columns: the four words of a lane are the metadata operands
/// of `mma.sp.m16n8k32` and of `wgmma.sp.m64nNk32` for eight k-steps, two steps a word: lanes 4 i and 4 i + 1 (selector 0) have
/// the even step, lanes 4 i + 2 and 4 i + 3 (selector 1) the odd one, the first of each the first 16 columns; row i in the low
/// half, row i + 8 in the high one. (PTX, "Matrix fragments for sparse mma.m16n8k32"; CuTe's ELayout_64x32.)
struct metadata {
    static constexpr std::size_t cols = 256;             ///< of a tile
    static constexpr std::uint32_t unkept = 0x4444'4444; ///< chunks that keep nothing: no two indices may be equal

    struct slot {
        std::size_t word;
        int shift;
    };
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t col_tiles(std::size_t k) noexcept {
        return (k + cols - 1) / cols;
    }
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t bytes_of(std::size_t n, std::size_t k) noexcept {
        return (n + 63) / 64 * col_tiles(k) * 2048;
    }
    /// Of row n, columns 4 * chunk and on.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr slot slot_of(std::size_t n, std::size_t chunk,
                                                                   std::size_t col_tiles) noexcept {
        const std::size_t step = chunk % 64 / 8;
        const std::size_t lane = n % 8 * 4 + step % 2 * 2 + chunk % 8 / 4;
        const std::size_t tile = n / 64 * col_tiles + chunk / 64;
        return {((tile * 4 + n % 64 / 16) * 32 + lane) * 4 + step / 2, static_cast<int>(n / 8 % 2 * 16 + chunk % 4 * 4)};
    }
};

/// Scales of a group that lie side by side.
inline constexpr int scale_rows = 64;
/// Where the scale (or zero point) of row n and group g of a matrix with `groups` groups a row lies, counted in scales: the 64
/// rows of a tile side by side, and of these the two of a lane, 8 rows apart, next to each other.
[[nodiscard]] LOWBIT_HOST_DEVICE constexpr std::size_t scale_slot(std::size_t n, std::size_t g, std::size_t groups) noexcept {
    return (n / 64 * groups + g) * 64 + n % 64 / 16 * 16 + n % 8 * 2 + n / 8 % 2;
}
/// Scales of an n-row matrix, filled up to whole tiles.
[[nodiscard]] LOWBIT_HOST_DEVICE constexpr std::size_t scale_count(std::size_t n, std::size_t groups) noexcept {
    return (n + 63) / 64 * 64 * groups;
}

} // namespace lowbit::inline v0::cuda
