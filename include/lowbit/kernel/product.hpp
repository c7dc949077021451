// SPDX-License-Identifier: MIT
// What every product kernel takes: the compile-time key, a panel of packed weights, rows of activations, and the numeric
// contract.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/parities.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>

/// Makes a lambda inline whatever the optimisation level says, as vectors it captures need.
#if defined(__GNUC__)
#define LOWBIT_INLINE_LAMBDA __attribute__((always_inline))
#else
#define LOWBIT_INLINE_LAMBDA
#endif

/// Keeps a function one piece of code wherever it is called from.
#if defined(__GNUC__)
#define LOWBIT_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define LOWBIT_NOINLINE __declspec(noinline)
#else
#define LOWBIT_NOINLINE
#endif

/// Unrolls the loop that follows, so that arrays of vectors in it are registers also at -O2.
#if defined(__clang__)
#define LOWBIT_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define LOWBIT_UNROLL _Pragma("GCC unroll 64")
#else
#define LOWBIT_UNROLL
#endif

namespace lowbit::inline v0::kernel {

/// How a code becomes a number before its offset: itself, or an entry of a table (codebooks, small floats).
enum class decoding : std::uint8_t { integer, table };

/// What the weights meet. Binary activations are -1 and +1 as bits, 0 and 1; they meet binary weights only (1 bit, step 2,
/// constant offset).
enum class activation_kind : std::uint8_t { int8_per_row, int8_per_group, float32, binary_per_row, binary_per_group };

[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool is_binary(activation_kind a) noexcept {
    return a == activation_kind::binary_per_row || a == activation_kind::binary_per_group;
}
/// Whether each group of a row of activations has a scale of its own.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool is_per_group(activation_kind a) noexcept {
    return a == activation_kind::int8_per_group || a == activation_kind::binary_per_group;
}

/// Everything that is a type to a kernel; what is only a number stays in weight_panel, so that few kernels are instantiated.
struct product_key {
    unsigned bits = 8;
    decoding code = decoding::integer;
    offset_kind offset = offset_kind::constant;
    activation_kind activations = activation_kind::int8_per_row;
    /// The value of a code step: 2 for binary, whose values are 2 * code - 1 (with a constant offset of 1).
    unsigned step = 1;
    /// 2 for scales that are integers under super-scales; 0 for the plain product of integers, whose results are int32
    /// (int8_per_row, one group a record).
    unsigned scale_levels = 1;
    /// Groups of a record, see panel_layout.
    std::size_t record_groups = 1;
    /// Of masked panels, which are expanded to 8 bits, the bits of a kept code, 4 or 8; else 0.
    unsigned kept_bits = 0;
    bool pairs = false; ///< the panels are such that layout.pairs may be set
    bool lists = false; ///< and that layout.list_steps may be

    friend constexpr bool operator==(const product_key&, const product_key&) noexcept = default;
};

template <product_key Key>
using activation_t = std::conditional_t<Key.activations == activation_kind::float32, float,
                                        std::conditional_t<is_binary(Key.activations), std::uint32_t, std::int8_t>>;
template <product_key Key>
using result_t = std::conditional_t<Key.scale_levels != 0, float, std::int32_t>;

/// What it takes to decode weights, by which a level decides how often it does.
struct decoding_cost {
    unsigned planes = 1;  ///< of bits, put together
    bool whole = false;   ///< codes are bytes
    bool table = false;   ///< codes are looked up
    bool floats = false;  ///< they become floats
    bool gathers = false; ///< one after the other, from a table in memory
};

/// One panel of packed weights. Nothing is owned.
struct weight_panel {
    panel_layout layout;
    const std::byte* data = nullptr; ///< layout.panel_bytes(columns) bytes, any alignment
    std::size_t columns = panel_columns;
    std::int32_t offset = 0; ///< subtracted from every (stepped or looked up) code, unless there are zero points
    /// Entries for decoding::table: with int8 activations 16 bytes holding value + offset (0..255; offset 128 for int8 values),
    /// with float activations 2^bits floats.
    const void* table = nullptr;
    const float* scale_table = nullptr; ///< 256 floats for scale_kind::table8
    std::uint8_t fill = 0;              ///< the code of a pruned weight, unless there are zero points
};

/// The K that an element of packed activations spans: binary ones are words of 32 bits, k = 4 * j + b in bit 8 * b + j, the order
/// of a plane of packed weights, stored as parities as those are (to_parities).
template <class T>
inline constexpr std::size_t k_of = std::is_same_v<T, std::uint32_t> ? 32 : 1;

/// Rows of activations in packed order: the groups of layout, each padded with zeros to layout.padded(length). Where no group
/// needs padding that is the plain order of K.
template <class T>
struct activation_rows {
    using sum_type = std::conditional_t<std::is_same_v<T, float>, float, std::int32_t>;

    const T* data = nullptr;        ///< T is int8, float, or uint32 for binary
    std::size_t stride = 0;         ///< elements from a row to the next; see recommended_stride
    const float* scales = nullptr;  ///< but for float: row r of the view has scales[r], or scales[r * groups + g] when per group
    const sum_type* sums = nullptr; ///< the sum of group g of row r at r * groups + g: of codes as int32; of floats added in
                                    ///< ascending order; binary: the group's K, the most that its products can add up to.
                                    ///< Floats need them only for minimums
    const std::byte* lanes = nullptr; ///< the same rows side by side, see kernel::lane_rows; only for weights of blocks
};

/// A row stride, in bytes, that is a whole number of cache lines but an odd one: rows then spread over all sets of the caches.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t recommended_stride(std::size_t row_bytes) noexcept {
    return ((row_bytes + 63) / 64 | 1) * 64;
}

/// Panels that one row of X may meet in one call: several of masked bytes, which are streams of masks and of codes, that memory
/// delivers faster when there are more of them. Nibbles take longer to expand than to come.
[[nodiscard]] constexpr std::size_t abreast(const product_key& key) noexcept {
    return key.kept_bits == 8 && !key.pairs && !key.lists ? 4 : 1;
}

/// Most rows of one call: what they have so far of a panel stands on the stack, 256 bytes a row. A multiple of all row tiles; a
/// caller that cuts rows does best to cut at multiples of 12.
inline constexpr std::size_t most_rows = 180;
/// Rows of a call whose results wait on the stack, too, for what else happens to them: musl gives a thread 128 KiB of it.
inline constexpr std::size_t most_tile_rows = 120;

/// Where a call leaves its results: 64 columns of each row, or all of one row.
template <class T>
struct result_rows {
    T* data = nullptr;
    std::size_t stride = panel_columns; ///< elements from a row to the next

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr result_rows from(std::size_t row) const noexcept {
        return {data + row * stride, stride};
    }
};

/// to.data[to.stride * r + c] = row row0 + r of x times column c of the panel, for rows <= most_rows; columns past w.columns hold
/// rubbish. One row may meet up to `abreast` panels that follow each other, as one panel of so many columns.
///
/// The numeric contract, which every level with FMA keeps to the bit, whatever the rows of a call, for groups g ascending:
///   int8:  i = sum over k of x * (code - offset), exact in int32;
///          per row:   acc = fma(float(i), scale, acc), then with minimums acc = fma(minimum, float(xsum), acc);
///                     at the end y = acc * row_scale;
///          per group: acc = fma(float(i), scale * x_scale, acc), then with minimums acc = fma(minimum * x_scale, float(xsum),
///          acc);
///                     the products of scales are rounded to float; y = acc.
///   binary: i = K of the group - 2 * popcount(x xor code), then as int8 per row or per group.
///   float: s = fma(x, value, s) for k ascending from s = 0, value = float(code - offset) or the table's entry;
///          acc = fma(s, scale, acc), then with minimums acc = fma(minimum, xsum, acc); y = acc.
/// Unscaled products of int8 are the int32 sum i itself, modulo 2^32 (exact below K = 131,072).
template <product_key Key>
using product_fn = void (*)(const weight_panel& w, const activation_rows<activation_t<Key>>& x, std::size_t row0,
                            std::size_t rows, result_rows<result_t<Key>> to);

// ---- Blocking, the same on every level ----

/// Unpacked weights of one block of K: half of the smallest first-level cache in use (32 KiB), the rest is for rows and sums.
/// 256 k of bytes or 64 k of floats, by 64 columns.
inline constexpr std::size_t block_bytes = 16384;
/// K of a block of whole bytes that stays in the second-level cache, 256 KiB of it.
inline constexpr std::size_t deep_block_depth = 4096;
/// Most groups in a block; so many scales, minimums and zero points of 64 columns stand on the stack as 32-bit numbers.
inline constexpr std::size_t most_groups = 16;
/// Packed weights are a stream: each line of it is asked for so many bytes before it is read, into the first-level cache, across
/// the ends of pages, where the hardware's own prefetch ends; pruned weights and `fetched_far` have distances of their own.
/// Measured at M = 1, docs/kernels.md.
inline constexpr std::size_t fetch_ahead = 8192;

/// Bytes that a fetch brings, on every processor of the levels that fetch.
inline constexpr std::size_t cache_line = 64;

/// A level whose loops of few rows ask for nothing ahead: where vectors are split the hardware does better alone with what is
/// left of pruned weights.
template <class Ops>
struct unfetched : Ops {
    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void*) {}
};

/// Whether a level's kernels multiply lists as they are, rather than as bytes that they expand.
template <class Ops>
inline constexpr bool multiplies_lists = requires { typename Ops::window; };

/// Number `index` of an array of scales of that kind.
template <scale_kind Kind>
LOWBIT_ALWAYS_INLINE float scale_value(const std::byte* from, std::size_t index, const float* table) {
    if constexpr (Kind == scale_kind::table8) {
        return table[std::to_integer<std::size_t>(from[index])];
    } else if constexpr (Kind == scale_kind::float32) {
        float value;
        std::memcpy(&value, from + index * sizeof value, sizeof value);
        return value;
    } else {
        std::uint16_t bits;
        std::memcpy(&bits, from + index * sizeof bits, sizeof bits);
        return Kind == scale_kind::float16 ? float16::decode(bits) : bfloat16::decode(bits);
    }
}

} // namespace lowbit::inline v0::kernel
