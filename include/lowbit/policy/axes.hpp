// SPDX-License-Identifier: MIT
// The vocabulary of a policy: one tag type per choice on an axis. Tags hold facts and no code.
//
// Format axes decide bytes and decoding, encode axes how codes are found, compute axes the product. A tag names its axis in
// `axis`; element types need none, the concept `element` tells them apart. What users add from outside (an element, a scale
// rule, a pruning criterion, a rounding) is passed as it is, or inside its wrapper tag.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/numeric/element.hpp>
#include <lowbit/numeric/int_n.hpp>

namespace lowbit::inline v0 {

/// The axes of a policy. The first group decides the stored format, the second the encoder, the last the product.
enum class policy_axis : std::uint8_t {
    element,
    granularity,
    scale_type,
    super_scale,
    tensor_scale,
    offset,
    super_minimum,
    code_form,
    code_order,
    layout,
    column_order,
    mask,
    scale_rule,
    rounding,
    non_finite,
    activations,
};

// --- granularity: which weights share a scale --------------------------------------------------------------------------

/// Weights in a block of `Rows` x `Cols` share a scale; 0 means all of them. The last block of a row or column may be short.
template <std::size_t Rows, std::size_t Cols>
struct granularity {
    static constexpr auto axis = policy_axis::granularity;
    static constexpr std::size_t rows = Rows;
    static constexpr std::size_t cols = Cols;

    /// Columns that share a scale, in a matrix of k columns.
    static constexpr std::size_t group_cols(std::size_t k) noexcept { return Cols != 0 ? Cols : (k != 0 ? k : 1); }
    /// Rows that share a scale, in a matrix of n rows.
    static constexpr std::size_t group_rows(std::size_t n) noexcept { return Rows != 0 ? Rows : (n != 0 ? n : 1); }
};

using per_tensor = granularity<0, 0>;  ///< one scale for the matrix
using per_channel = granularity<1, 0>; ///< one scale for each row (output channel)

namespace detail {

template <std::size_t Size>
inline constexpr std::size_t extent = [] {
    static_assert(
        Size > 0,
        "lowbit policy: per_group<N> and per_block<R, C> take at least 1; per_channel and per_tensor take all there is");
    return Size;
}();

} // namespace detail

/// One scale for each `Size` consecutive weights of a row.
template <std::size_t Size>
using per_group = granularity<1, detail::extent<Size>>;

/// One scale for each block of `Rows` x `Cols` weights.
template <std::size_t Rows, std::size_t Cols>
using per_block = granularity<detail::extent<Rows>, detail::extent<Cols>>;

// --- scales: one or two levels -----------------------------------------------------------------------------------------

/// How a scale is stored: `float`, or an element (float16, bfloat16, float8_e4m3, e8m0; an integer under a super-scale).
template <class T>
struct scale_as {
    static constexpr auto axis = policy_axis::scale_type;
    using type = T;
};

/// A second level: every `Groups` consecutive scales of a row are multiples of one super-scale of type `T`.
template <class T, std::size_t Groups>
struct super_scale {
    static_assert(Groups > 0, "lowbit policy: super_scale<T, Groups> spans at least 1 group");
    static constexpr auto axis = policy_axis::super_scale;
    using type = T;
    static constexpr std::size_t groups = Groups;
};
/// No second level (the default).
struct one_level {
    static constexpr auto axis = policy_axis::super_scale;
    using type = void;
    static constexpr std::size_t groups = 1;
};

/// One float for the whole tensor multiplies every scale. quantize makes it 1 for scales with the range of floats.
struct tensor_scale {
    static constexpr auto axis = policy_axis::tensor_scale;
    static constexpr bool present = true;
    static constexpr bool divides = false;
};
/// One float for the whole tensor divides every scale: the other convention of NVFP4 files (compressed-tensors).
struct tensor_divisor {
    static constexpr auto axis = policy_axis::tensor_scale;
    static constexpr bool present = true;
    static constexpr bool divides = true;
};
/// No tensor scale (the default).
struct no_tensor_scale {
    static constexpr auto axis = policy_axis::tensor_scale;
    static constexpr bool present = false;
    static constexpr bool divides = false;
};

// --- offset: what is added to the scaled code --------------------------------------------------------------------------

/// What an offset means.
enum class offset_kind : std::uint8_t {
    none,              ///< value = scale * code
    zero_point,        ///< value = scale * (code - zero)
    minimum,           ///< value = scale * code + minimum
    quantized_minimum, ///< value = scale * code - super-minimum * minimum
};

template <offset_kind Kind, class T>
struct offset_as {
    static constexpr auto axis = policy_axis::offset;
    static constexpr offset_kind kind = Kind;
    using type = T;
};

using symmetric = offset_as<offset_kind::none, void>; ///< no offset (the default)
/// An integer zero point for each group, stored as T; counted from the element's lowest code.
template <class T>
using zero_point_as = offset_as<offset_kind::zero_point, T>;
using asymmetric = zero_point_as<uint8>; ///< a zero point of one byte
/// A float minimum for each group, stored as T.
template <class T>
using minimum_as = offset_as<offset_kind::minimum, T>;
/// A minimum for each group, stored as an unsigned multiple T of the super-minimum, and subtracted.
template <class T>
using quantized_minimum = offset_as<offset_kind::quantized_minimum, T>;

/// Every `Groups` consecutive quantized minimums of a row are multiples of one of type `T`.
template <class T, std::size_t Groups>
struct super_minimum {
    static_assert(Groups > 0, "lowbit policy: super_minimum<T, Groups> spans at least 1 group");
    static constexpr auto axis = policy_axis::super_minimum;
    using type = T;
    static constexpr std::size_t groups = Groups;
};
/// No super-minimum (the default).
struct no_super_minimum {
    static constexpr auto axis = policy_axis::super_minimum;
    using type = void;
    static constexpr std::size_t groups = 1;
};

// --- codes: how they stand in memory -----------------------------------------------------------------------------------

/// Codes are stored as the element has them; integers in two's complement (the default).
struct native_codes {
    static constexpr auto axis = policy_axis::code_form;
    static constexpr bool excess = false;
};
/// Integer codes are stored minus the lowest code: -8..7 as 0..15.
struct excess_codes {
    static constexpr auto axis = policy_axis::code_form;
    static constexpr bool excess = true;
};

/// Codes follow one another, first in the low bits (the default).
struct sequential {
    static constexpr auto axis = policy_axis::code_order;
};
/// Codes i, i + Half, i + 2 * Half ... share a byte, as many as fit, the first in the low bits: two of 4 bits, eight of 1 bit
/// (ggml).
template <std::size_t Half>
struct split_half {
    static_assert(Half > 0, "lowbit policy: split_half<Half> splits runs of at least 2 codes: Half is 1 or more");
    static constexpr auto axis = policy_axis::code_order;
    static constexpr std::size_t half = Half;
};
/// Codes follow one another, first in the high bits of a byte (bitsandbytes).
struct high_first {
    static constexpr auto axis = policy_axis::code_order;
};
/// The low `LowBits` bits of the codes stand in one plane, the rest in another, each in an order of its own (ggml). Within a row
/// or block the high plane follows the low one, unless an interleaved block lists `field::high_codes`.
template <int LowBits, class LowOrder, class HighOrder>
struct bit_planes {
    static constexpr auto axis = policy_axis::code_order;
    static constexpr int low_bits = LowBits;
};

namespace detail {

/// Whether runs of bytes, each with as many digits as are left but at most five, hold exactly that many codes.
template <std::size_t Codes, std::size_t... Runs>
inline constexpr bool base3_runs_hold = [] {
    std::size_t left = Codes;
    const auto take = [&](std::size_t run) {
        if (run == 0 || left == 0 || left % run != 0) return false;
        left -= left / run < 5 ? left : 5 * run;
        return true;
    };
    return (take(Runs) && ...) && left == 0;
}();

} // namespace detail

/// Ternary codes as base-3 digits, at most five in a byte, the first most significant. Each `Codes` codes fill runs of `Runs`
/// bytes: codes i, i + Run, i + 2 * Run ... share byte i of a run, and what is left goes on in the next run.
template <std::size_t Codes, std::size_t... Runs>
struct split_base3 {
    static_assert(
        detail::base3_runs_hold<Codes, Runs...>,
        "lowbit policy: the runs of split_base3<Codes, Runs...> take up to 5 codes a byte and must hold all codes between them, "
        "as split_base3<256, 32, 16, 4>");
    static constexpr auto axis = policy_axis::code_order;
    static constexpr std::size_t codes = Codes;
};
/// Five consecutive ternary codes in a byte, 1.6 bits each.
using base3 = split_base3<5, 1>;

/// Codes, scales, offsets and masks stand in planes of their own, row by row (the default).
struct planar {
    static constexpr auto axis = policy_axis::layout;
};
/// Planes of the transpose: 32-bit words of consecutive k, word rows of all n; scales and zero points K-group by N (GPTQ).
struct planar_transposed {
    static constexpr auto axis = policy_axis::layout;
};

/// The parts of an interleaved block, in the order in which `interleaved` lists them. A table of packed scales is a part too, see
/// scale_tables.hpp.
struct field {
    struct scales;        ///< the scales of the block's groups
    struct zero_points;   ///< their zero points
    struct minimums;      ///< their minimums
    struct super_scale;   ///< the block's super-scale
    struct super_minimum; ///< the block's super-minimum
    struct codes;         ///< the codes of all groups
    struct high_codes;    ///< the high bits of codes in `bit_planes`; `codes` then holds the low ones alone
};

/// A row is a sequence of blocks; each holds `Groups` groups as the listed fields, without padding.
template <std::size_t Groups, class... Fields>
struct interleaved {
    static_assert(Groups > 0, "lowbit policy: interleaved<Groups, Fields...> holds at least 1 group in a block");
    static constexpr auto axis = policy_axis::layout;
    static constexpr std::size_t groups = Groups;
};

/// Columns stand in their natural order (the default).
struct natural_order {
    static constexpr auto axis = policy_axis::column_order;
    static constexpr bool permuted = false;
};
/// Columns were sorted before grouping: the matrix carries, for each stored column, its logical index (GPTQ act-order).
struct permuted_columns {
    static constexpr auto axis = policy_axis::column_order;
    static constexpr bool permuted = true;
};

// --- masks: which weights are kept -------------------------------------------------------------------------------------

/// N of each M consecutive weights of a row are kept; a short last group keeps at most N.
template <std::size_t N, std::size_t M>
struct n_of_m {
    static_assert(N > 0 && N < M && M <= 32, "lowbit policy: n_of_m<N, M> keeps N of M weights: 0 < N < M <= 32");
    static constexpr std::size_t rows = 1; ///< the size of the block that one mask bit speaks for
    static constexpr std::size_t cols = 1;
    static constexpr std::size_t n = N;
    static constexpr std::size_t m = M;
    /// How many mask bits of a row of k are set.
    static constexpr std::size_t kept(std::size_t k) noexcept { return k / M * N + (k % M < N ? k % M : N); }
};

using sparse_2_4 = n_of_m<2, 4>; ///< half: what sparse tensor cores multiply
using sparse_1_4 = n_of_m<1, 4>; ///< three quarters
using sparse_4_8 = n_of_m<4, 8>; ///< half, with more freedom than 2:4
using sparse_2_8 = n_of_m<2, 8>; ///< three quarters, with more freedom than 1:4

/// Each row loses floor(K * Percent / 100) weights, wherever they stand.
template <std::size_t Percent>
struct unstructured {
    static_assert(Percent <= 100, "lowbit policy: unstructured<percent> prunes 0 to 100 percent of a row");
    static constexpr std::size_t rows = 1;
    static constexpr std::size_t cols = 1;
    static constexpr std::size_t percent = Percent;
    static constexpr std::size_t kept(std::size_t k) noexcept { return k - (k / 100 * Percent + k % 100 * Percent / 100); }
};

/// Each row of blocks of `Rows` x `Cols` loses floor(blocks * Percent / 100) whole blocks. 0 means all: blocks of all rows are
/// columns, and blocks of all columns are rows, of which the matrix loses floor(rows of blocks * Percent / 100).
template <std::size_t Rows, std::size_t Cols, std::size_t Percent>
struct block_sparse {
    static_assert((Rows > 0 || Cols > 0) && Percent <= 100,
                  "lowbit policy: block_sparse<rows, cols, percent> prunes 0 to 100 percent of blocks of at least 1 x 1; one of "
                  "rows and cols may be 0, which means all");
    static constexpr std::size_t rows = Rows;
    static constexpr std::size_t cols = Cols;
    static constexpr std::size_t percent = Percent;
    static constexpr std::size_t kept(std::size_t blocks) noexcept { return unstructured<Percent>::kept(blocks); }
};

template <std::size_t Percent>
using whole_rows = block_sparse<1, 0, Percent>; ///< the matrix loses rows: output channels
template <std::size_t Percent>
using whole_columns = block_sparse<0, 1, Percent>; ///< the matrix loses columns: input channels

struct by_magnitude;

/// Keeps what `Mask` allows and `Criterion` scores highest; only kept weights are stored, with a bit mask.
template <class Mask, class Criterion = by_magnitude>
struct prune {
    static constexpr auto axis = policy_axis::mask;
    static constexpr bool present = true;
    using mask = Mask;
    using criterion = Criterion;
};
/// Nothing is pruned (the default).
struct dense {
    static constexpr auto axis = policy_axis::mask;
    static constexpr bool present = false;
    using mask = dense;
    using criterion = by_magnitude;
};

// --- how codes are found -----------------------------------------------------------------------------------------------

struct absmax;
struct signed_absmax;
struct abs_mean;
struct mse;
struct nearest_even;

/// The rule that chooses a group's scale and offset: absmax, signed_absmax, minmax, abs_mean, percentile, mse, or a user's own.
template <class Rule>
struct scale_rule {
    static constexpr auto axis = policy_axis::scale_rule;
    using type = Rule;
};

/// The rounding of scaled weights to codes: nearest_even, nearest_away, toward_zero, stochastic, or a user's own.
template <class Mode>
struct rounding {
    static constexpr auto axis = policy_axis::rounding;
    using type = Mode;
};

/// NaN or infinity among the weights is an error (the default).
struct refuse_non_finite {
    static constexpr auto axis = policy_axis::non_finite;
    static constexpr bool zeroed = false;
};
/// NaN and infinity among the weights become 0.
struct zero_non_finite {
    static constexpr auto axis = policy_axis::non_finite;
    static constexpr bool zeroed = true;
};

// --- the product -------------------------------------------------------------------------------------------------------

/// What X becomes before the product: `int8` (quantized, one scale per row or per group), `float` (weights are decoded), or
/// `binary` (its signs times its mean magnitude, per row or per group; for binary weights).
template <class T, class Granularity = per_channel>
struct activations {
    static constexpr auto axis = policy_axis::activations;
    using type = T;
    using granularity = Granularity;
};
/// float X: int8 per row for integer weights, float for the rest; float16 and bfloat16 X: float (the default).
struct automatic_activations {
    static constexpr auto axis = policy_axis::activations;
    using type = void;
    using granularity = per_channel;
};

} // namespace lowbit::inline v0
