// SPDX-License-Identifier: MIT
// row_kernels: the table of leaf operations on one row that every level fills, with the numbers they promise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>

namespace lowbit::inline v0::kernel {

/// The float of these bits, and back. Not std::bit_cast: unoptimised, that is a call, of which the linker might keep the copy of
/// an object with other -m flags.
[[nodiscard]] LOWBIT_HOST_DEVICE constexpr float float_of(std::int32_t bits) noexcept { return __builtin_bit_cast(float, bits); }
[[nodiscard]] LOWBIT_HOST_DEVICE constexpr std::int32_t bits_of(float x) noexcept { return __builtin_bit_cast(std::int32_t, x); }

/// How a row of codes is cut: groups of `length` elements (the last may be short), each padded with zero codes to a multiple
/// of `unit`. `padded(n)` codes are written for n elements.
struct code_groups {
    std::size_t length = 1; ///< at least 1
    std::size_t unit = 1;   ///< at least 1

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t count(std::size_t n) const noexcept {
        return n / length + (n % length != 0 ? 1 : 0);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t padded(std::size_t n) const noexcept {
        return n / length * round_up(length) + round_up(n % length);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t round_up(std::size_t n) const noexcept {
        return (n + unit - 1) / unit * unit;
    }
};

/// An affine grid of codes: a code is clamp(round_half_even(x / scale) + zero, lo, hi), is stored as code + bias in one
/// byte, and stands for (code - zero) * scale. Scale 0 encodes every finite number as clamp(zero, lo, hi); a quotient that
/// is NaN gets lo. The scale may be negative. |zero|, |lo|, |hi| stay below 2^16, and lo + bias .. hi + bias within a byte.
struct code_grid {
    float scale = 1.0f;
    std::int32_t zero = 0;
    std::int32_t lo = 0;
    std::int32_t hi = 255;
    std::int32_t bias = 0;
};

/// An element of at most 16 codes that are no integers: codes[i] is that of the numbers from begins[i] on, which are the float
/// bits with the magnitude of negative numbers flipped, and values[c % 16] is what code c stands for.
struct code_table {
    float values[16]{};
    std::int32_t begins[16]{};
    std::int32_t codes[16]{};
};

/// The grids of a row that is cut into groups: group g has its own scale, zero and minimum, everything else is code_grid's. A
/// minimum is subtracted before a code is found, and added to its value, each rounded on its own.
struct code_grids {
    std::size_t length = 1; ///< elements of a group, at least 1; the last may be short
    const float* scales = nullptr;
    const std::int32_t* zeros = nullptr; ///< null: all 0
    std::int32_t lo = 0;
    std::int32_t hi = 255;
    std::int32_t bias = 0;
    const float* reaches = nullptr;    ///< an element of the largest |x| of each group, for `encode` to be faster
    const float* minimums = nullptr;   ///< null: none
    const code_table* table = nullptr; ///< encode, decode: what codes are found by and stand for, without zeros and ends
    bool past_caches = false;          ///< decode: floats go past the caches, where the level can and they are aligned
    std::span<const std::byte> next;   ///< decode: what is fetched while they do, or the row after would read it in a burst

    LOWBIT_ALWAYS_INLINE constexpr code_grids(std::size_t group, const float* group_scales, const std::int32_t* group_zeros,
                                              std::int32_t least, std::int32_t most, std::int32_t added,
                                              const float* group_reaches = nullptr) noexcept
        : length(group), scales(group_scales), zeros(group_zeros), lo(least), hi(most), bias(added), reaches(group_reaches) {}
    /// One grid for the whole row; it must outlive this.
    LOWBIT_ALWAYS_INLINE constexpr code_grids(const code_grid& g) noexcept // NOLINT: a grid is the grids of one group
        : code_grids(~std::size_t{0}, &g.scale, &g.zero, g.lo, g.hi, g.bias) {}

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr code_grid operator[](std::size_t g) const noexcept {
        return {scales[g], zeros == nullptr ? 0 : zeros[g], lo, hi, bias};
    }
};

/// `count` grids that are tried on one group of values, all at once. Grid c has the scale (steps[c] + scale_first) * scale_unit
/// and the minimum (minimum_steps[c] + minimum_first) * minimum_unit. The level of x is the one nearest to (x - minimum) / scale,
/// as round_half_even((x - minimum) * (1 / scale)) finds it: an integer from lo to hi. Where `levels` is given it is one of these
/// `size` ascending numbers: the last that begins below the product; begins[i] is where levels[i] does. On a grid whose scale is
/// 2^-100 or below, every x is taken for the minimum.
struct trial_grids {
    std::size_t count = 0; ///< a multiple of 16, at least that
    const float* scale_steps = nullptr;
    const float* minimum_steps = nullptr;
    float scale_first = 0.0f;
    float scale_unit = 1.0f;
    float minimum_first = 0.0f;
    float minimum_unit = 0.0f;
    float lo = 0.0f; ///< below 2^16, as hi
    float hi = 255.0f;
    const float* levels = nullptr;
    const float* begins = nullptr;
    std::size_t size = 0;
    /// What the levels are taken for: values on the grid that led to them; or on the line of least squares through them, whose
    /// minimum is 0, at most 0, or any; levels that are all 0 have a minimum alone.
    enum class by { grid, scale, low_line, line } judge = by::grid;
    float weight = 0.0f; ///< the sum of weights, and of weight * x; of no meaning where all minimums are 0
    float sum = 0.0f;
};

/// The best of the grids that were tried, the first of equals: its place, the scale and minimum by which it was judged, their
/// squared error less the sum of weight * x^2, which is common to all, and sums of weight * level, weight * level^2 and weight *
/// level * x.
struct trial_result {
    std::size_t index;
    float error, scale, minimum;
    float levels, squares, products;
};

/// Operations on a row of n numbers of type T: float, float16 or bfloat16. n may be 0; nothing outside the row is touched.
template <class T>
struct row_reader {
    /// The largest |x|; NaN if any element is NaN, infinity if any is infinite; 0 for an empty row.
    float (*absmax)(const T* x, std::size_t n);
    /// The smallest and the largest element, -0 below +0; both NaN if any element is NaN; both 0 for an empty row.
    void (*minmax)(const T* x, std::size_t n, float* lo, float* hi);
    /// The sum of |x| in 16 partial sums: s[j] takes elements j, j + 16, ... in order; then s[j] += s[j + h] for
    /// h = 8, 4, 2, 1 and j < h; s[0] is the result.
    float (*sum_abs)(const T* x, std::size_t n);
    /// Symmetric 8-bit codes of a row with one scale, which it returns: scale = amax / 127, code = round_half_even(x * inv)
    /// with inv = 127 / amax (both times 2^64 where amax < 2^-64, so that inv stays finite). All zeros: scale 0, codes 0.
    /// A NaN or infinity: scale NaN, codes 0, so that all products with the row are NaN. sums[g], where sums is not null,
    /// is the sum of group g's codes.
    float (*quantize)(const T* x, std::size_t n, code_groups groups, std::int8_t* codes, std::int32_t* sums);
    /// The same with a scale that is given: code = clamp(round_half_even(x / scale), -127, 127). Returns it, or NaN.
    float (*quantize_at)(const T* x, std::size_t n, float scale, code_groups groups, std::int8_t* codes, std::int32_t* sums);
    /// The same as `quantize` with a scale for each group.
    void (*quantize_groups)(const T* x, std::size_t n, code_groups groups, std::int8_t* codes, float* scales, std::int32_t* sums);
    /// The signs of a row as bits, 0 below zero and 1 elsewhere, also for -0, and one scale, which it returns: the mean of |x|,
    /// their sum, as sum_abs but in 64 partial sums, over n; where that sum is infinite the sum of |x| * 2^-64, over n, times
    /// 2^64. Words of 32 bits in the order of kernel::k_of, padded with 0; groups.unit is a multiple of 32, and `padded(n)` / 32
    /// words are written, those of each group as parities (kernel::to_parities). A NaN or infinity: scale NaN, words 0.
    /// (Rastegari et al. 2016, XNOR-Net, section 3.1.)
    float (*binarize)(const T* x, std::size_t n, code_groups groups, std::uint32_t* words);
    /// To float, exactly. A float16 NaN becomes quiet, as the hardware has it.
    void (*to_float)(const T* x, std::size_t n, float* y);
    /// From float to the nearest, ties to even, as `T(float)`.
    void (*from_float)(const float* x, std::size_t n, T* y);
};

/// The row operations of one level. The results are the same bytes on every level, compiler and set of flags: no
/// operation is fused or reordered.
struct row_kernels {
    row_reader<float> f32;
    row_reader<float16> f16;
    row_reader<bfloat16> bf16;

    /// The largest |x| of each group of `length` elements, as `absmax` says. Returns the largest of all.
    float (*absmax_groups)(const float* x, std::size_t n, std::size_t length, float* most);
    /// The same with its sign: the element of the largest |x| of each group, of two the negative one. Returns its |x| of all.
    float (*farthest_groups)(const float* x, std::size_t n, std::size_t length, float* most);
    /// The smallest and the largest element of each group, as `minmax` says. Returns the largest |x| of all.
    float (*minmax_groups)(const float* x, std::size_t n, std::size_t length, float* lo, float* hi);
    /// Codes of a row on its grids. By a table, a scale of 0 gives the code of +0.
    void (*encode)(const float* x, std::size_t n, code_grids grids, std::uint8_t* codes);
    /// The values of codes: float(code - bias - zero) * scale, or table->values[code % 16] * scale, plus the minimum.
    void (*decode)(const std::uint8_t* codes, std::size_t n, code_grids grids, float* y);
    /// After rows that went past the caches: other threads see them before what this one stores next.
    void (*order_stores)();
    /// pack_codes and unpack_codes, from the first code on.
    void (*pack)(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t flip, std::byte* out);
    void (*unpack)(const std::byte* in, std::size_t n, int bits, std::uint8_t flip, std::uint8_t* codes);
    /// The sum of (x - minimum - value of x's code)^2 on each of `count` grids for the whole row, each operation rounded to
    /// float, in the 16 partial sums of sum_abs; each grid has its minimum. The length of groups and a table have no meaning
    /// here.
    void (*squared_errors)(const float* x, std::size_t n, code_grids grids, std::size_t count, float* errors);
    /// Tries grids on a group. Sums run in the order of the elements, each operation rounded to float, a weight multiplied first.
    /// No weights: all are 1.
    trial_result (*try_grids)(const float* x, const float* weights, std::size_t n, const trial_grids& grids);
    /// To int8: clamp(round_half_even(x / scale) + zero, -128, 127). The scale is not 0.
    void (*requantize)(const float* x, std::size_t n, float scale, std::int32_t zero, std::int8_t* y);

    [[nodiscard]] LOWBIT_ALWAYS_INLINE float squared_error(const float* x, std::size_t n, code_grid grid) const noexcept {
        float error = 0.0f;
        squared_errors(x, n, grid, 1, &error);
        return error;
    }

    /// The operations that read T.
    template <class T>
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const row_reader<T>& of() const noexcept {
        if constexpr (std::is_same_v<T, float>) {
            return f32;
        } else if constexpr (std::is_same_v<T, float16>) {
            return f16;
        } else {
            static_assert(std::is_same_v<T, bfloat16>, "lowbit: rows are float, float16 or bfloat16");
            return bf16;
        }
    }
};

} // namespace lowbit::inline v0::kernel
