// SPDX-License-Identifier: MIT
// From the caller's X to the rows that kernels read: quantized or copied, in packed order, inside a workspace.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/overlap.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/gemm/packed_matrix.hpp>
#include <lowbit/kernel/rows/rows.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// The sum of int8 codes, modulo 2^32: eight at a time, which compilers do not find by themselves at -O2.
[[nodiscard]] LOWBIT_ALWAYS_INLINE std::int32_t sum_of_codes(const std::int8_t* codes, std::size_t n) noexcept {
    constexpr std::uint64_t bytes = 0x00ff'00ff'00ff'00ff, shorts = 0x0000'ffff'0000'ffff;
    std::uint64_t total = 0;
    while (n >= 8) {
        const std::size_t words = std::min<std::size_t>(n / 8, 128); // two raised codes each: no sum of 16 bits overflows
        std::uint64_t pairs = 0;
        for (std::size_t i = 0; i < words; ++i, codes += 8) {
            std::uint64_t word;
            std::memcpy(&word, codes, sizeof word);
            word ^= eight_times(0x80); // every code plus 128
            pairs += (word & bytes) + (word >> 8 & bytes);
        }
        pairs = (pairs & shorts) + (pairs >> 16 & shorts);
        total += (pairs & 0xffff'ffff) + (pairs >> 32) - words * 8 * 128;
        n -= words * 8;
    }
    for (; n > 0; --n, ++codes) total += static_cast<std::uint64_t>(std::int64_t{*codes});
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(total));
}

} // namespace detail

/// X as int8 codes that the caller has quantized, M x K, with one scale for all rows or one for each: x = scale * code.
struct int8_rows {
    matrix_view<const std::int8_t> codes;
    std::span<const float> scales;
};
/// Hands over quantized activations: `scales` holds 1 or M floats, 0 for a row of zeros. Codes of -128 are allowed. Raises
/// errc::shape_mismatch, and errc::invalid_argument for a scale that is negative, NaN or infinite.
[[nodiscard]] LOWBIT_ALWAYS_INLINE int8_rows quantized_rows(matrix_view<const std::int8_t> codes, std::span<const float> scales) {
    if (scales.size() != 1 && scales.size() != codes.rows()) {
        raise(errc::shape_mismatch, "quantized_rows: ", scales.size(), " scales for ", codes.rows(), " rows; give 1 or one each");
    }
    for (std::size_t i = 0; i < scales.size(); ++i) {
        if (!(scales[i] >= 0.0f) || scales[i] - scales[i] != 0.0f)
            raise(errc::invalid_argument, "quantized_rows: scale ", i, " is negative, NaN or infinite");
    }
    return {codes, scales};
}

/// X with a scale that calibration has found: code = clamp(round(x / scale), -127, 127), instead of a scale for each row.
template <class View>
struct rows_at_scale {
    View view;
    float scale;
};
template <viewable X>
[[nodiscard]] LOWBIT_ALWAYS_INLINE auto at_scale(X&& x, float scale) {
    if (!(scale > 0.0f) || scale - scale != 0.0f) raise(errc::invalid_argument, "at_scale: the scale must be a positive number");
    return rows_at_scale<decltype(view_of(x))>{view_of(x), scale};
}

namespace detail {

/// The caller's memory behind an X that stands for more than a view.
LOWBIT_ALWAYS_INLINE matrix_view<const std::int8_t> memory_of(const int8_rows& x) noexcept { return x.codes; }
template <class View>
LOWBIT_ALWAYS_INLINE auto memory_of(const rows_at_scale<View>& x) noexcept {
    return memory_of(x.view);
}

/// What X is: its element type, its shape, and how its rows are read: where they stand (`contiguous`), or one element at a time.
template <class X>
struct activation_source;

template <class T>
struct activation_source<matrix_view<T>> {
    using value_type = std::remove_const_t<T>;
    static constexpr bool contiguous = true;
    matrix_view<T> x;
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return x.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return x.cols(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE float at(std::size_t r, std::size_t k) const noexcept {
        return static_cast<float>(x(r, k));
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const value_type* row(std::size_t r) const noexcept { return x.row_data(r); }
};
template <class T>
struct activation_source<transposed_view<T>> {
    using value_type = std::remove_const_t<T>;
    static constexpr bool contiguous = false;
    transposed_view<T> x;
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return x.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return x.cols(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE float at(std::size_t r, std::size_t k) const noexcept {
        return static_cast<float>(x(r, k));
    }
};
template <class View>
struct activation_source<rows_at_scale<View>> : activation_source<View> {
    float scale;
    LOWBIT_ALWAYS_INLINE explicit activation_source(const rows_at_scale<View>& given) noexcept
        : activation_source<View>{given.view}, scale(given.scale) {}
};
/// Codes are copied in any order; they never become floats.
template <>
struct activation_source<int8_rows> {
    using value_type = std::int8_t;
    static constexpr bool contiguous = true;
    int8_rows x;
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return x.codes.rows(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return x.codes.cols(); }
};

/// Whether rows must pass through a row of floats: their columns are gathered, or X is read against its grain.
template <class Source>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool staged(std::span<const std::uint32_t> order) noexcept {
    return !std::same_as<Source, activation_source<int8_rows>> && (!order.empty() || !Source::contiguous);
}

template <class S>
concept given_scale = requires(const S& s) { s.scale; };

/// Regions of a workspace, one after the other, each on a cache line.
class workspace_cursor {
public:
    LOWBIT_ALWAYS_INLINE explicit workspace_cursor(std::byte* base) noexcept {
        const auto at = reinterpret_cast<std::uintptr_t>(base);
        base_ = base + (buffer_alignment - at % buffer_alignment) % buffer_alignment;
    }
    template <class T>
    LOWBIT_ALWAYS_INLINE T* take(std::size_t count) noexcept {
        T* region = reinterpret_cast<T*>(base_ + used_);
        used_ += round_up(count * sizeof(T), buffer_alignment);
        return region;
    }

private:
    std::byte* base_;
    std::size_t used_ = 0;
};

/// Prepared activations of one compute kind: where they lie in a workspace, and how rows get there.
template <compute C, class Here = isa::here>
class prepared_rows {
public:
    using code = kernel::activation_t<kernel::product_key{.activations = C}>;
    using sum = typename kernel::activation_rows<code>::sum_type;

    /// Bytes for `rows` rows. `staged`: rows pass through a float row first, because columns are gathered. Raises
    /// errc::invalid_argument where size_t is too small for them.
    static std::size_t bytes(const kernel::panel_layout& layout, std::size_t rows, bool staged) {
        std::uint64_t most = 0; // no 16 rows take more than the first ones: so many share lanes, and regions end on cache lines
        if (mul_overflow(region_bytes(layout, 16, staged), ceil_div(rows, 16), most) ||
            most > std::numeric_limits<std::size_t>::max()) {
            raise<Here>(errc::invalid_argument, "gemm: no memory holds ", rows, " rows of X for weights of ", layout.depth,
                        " columns");
        }
        return static_cast<std::size_t>(region_bytes(layout, rows, staged));
    }

    prepared_rows(const kernel::panel_layout& layout, std::size_t rows, bool staged, std::byte* workspace) noexcept
        : layout_(layout) {
        workspace_cursor cursor(workspace);
        codes_ = cursor.take<code>(rows * stride(layout));
        sums_ = cursor.take<sum>(rows * layout.groups());
        scales_ = cursor.take<float>(rows * scales_per_row(layout));
        bad_ = cursor.take<bool>(rows);
        staging_ = staged ? cursor.take<float>(rows * layout.depth) : nullptr;
        lanes_ = cursor.take<std::byte>(lane_bytes(layout, rows));
    }

    /// Prepares row r. `factor` multiplies the scales (the step of an int8 table).
    template <class Source>
    void prepare(const Source& source, std::size_t r, std::span<const std::uint32_t> order, const kernel::row_kernels& rows,
                 float factor) noexcept {
        if (staging_ != nullptr) {
            float* row = staging_ + r * layout_.depth;
            for (std::size_t k = 0; k < layout_.depth; ++k) row[k] = source.at(r, order.empty() ? k : order[k]);
            prepare_row(source, row, r, rows, factor);
        } else if constexpr (Source::contiguous) {
            prepare_row(source, source.row(r), r, rows, factor);
        }
    }

    /// Takes over codes that the caller has quantized.
    void prepare(const activation_source<int8_rows>& source, std::size_t r, std::span<const std::uint32_t> order,
                 const kernel::row_kernels&, float factor) noexcept {
        const int8_rows& given = source.x;
        std::int8_t* to = codes_ + r * stride(layout_);
        const std::int8_t* from = given.codes.row_data(r);
        for (std::size_t g = 0; g < layout_.groups(); ++g) {
            const std::size_t first = g * layout_.segment(), length = layout_.length(g);
            std::int8_t* const group = to + layout_.packed_start(g);
            if (order.empty()) {
                std::copy_n(from + std::min(layout_.depth, first), length, group);
            } else {
                for (std::size_t k = 0; k < length; ++k) group[k] = from[order[first + k]];
            }
            std::fill(group + length, to + layout_.packed_start(g + 1), std::int8_t{0});
            sums_[r * layout_.groups() + g] = sum_of_codes(group, length);
        }
        scales_[r] = given.scales[given.scales.size() == 1 ? 0 : r] * factor;
        bad_[r] = false;
    }

    [[nodiscard]] kernel::activation_rows<code> view() const noexcept { return {codes_, stride(layout_), scales_, sums_}; }
    /// Where kernels of blocks want the rows side by side.
    [[nodiscard]] std::byte* lanes() const noexcept { return lanes_; }
    /// Whether row r held NaN or infinity. Quantized rows have turned to NaN by their scale.
    [[nodiscard]] bool bad(std::size_t r) const noexcept { return bad_[r]; }

private:
    static std::uint64_t region_bytes(const kernel::panel_layout& layout, std::uint64_t rows, bool staged) noexcept {
        const auto region = [](std::uint64_t size) {
            return (size + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
        };
        return region(rows * stride(layout) * sizeof(code)) + region(rows * layout.groups() * sizeof(sum)) +
               region(rows * scales_per_row(layout) * sizeof(float)) + region(rows) +
               (staged ? region(rows * layout.depth * sizeof(float)) : 0) + region((rows + 15) / 16 * lane_bytes(layout, 16)) +
               buffer_alignment;
    }
    static std::size_t stride(const kernel::panel_layout& layout) noexcept {
        return kernel::recommended_stride(layout.packed_depth() / kernel::k_of<code> * sizeof(code)) / sizeof(code);
    }
    /// A k of int8 takes at most 2 bytes there.
    static std::size_t lane_bytes(const kernel::panel_layout& layout, std::size_t rows) noexcept {
        return layout.blocks.present() ? kernel::lane_bytes(layout.depth, rows, C == compute::float32 ? 4 : 2) : 0;
    }
    static std::size_t scales_per_row(const kernel::panel_layout& layout) noexcept {
        return kernel::is_per_group(C) ? layout.groups() : 1;
    }

    template <class Source, class T>
    void prepare_row(const Source& source, const T* x, std::size_t r, const kernel::row_kernels& rows, float factor) noexcept {
        code* to = codes_ + r * stride(layout_);
        sum* sums = sums_ + r * layout_.groups();
        const std::size_t depth = layout_.depth;
        bad_[r] = false;
        if constexpr (kernel::is_binary(C)) {
            const kernel::code_groups groups{layout_.segment(), layout_.packed_unit()};
            if constexpr (C == compute::binary_per_row) scales_[r] = rows.of<T>().binarize(x, depth, groups, to) * factor;
            for (std::size_t g = 0; g < layout_.groups(); ++g) {
                const std::size_t length = layout_.length(g);
                sums[g] = static_cast<std::int32_t>(length);
                if constexpr (C == compute::binary_per_group) { // one scale of NaN makes the row NaN
                    const T* group = x + g * layout_.segment();
                    code* words = to + layout_.packed_start(g) / kernel::k_of<code>;
                    scales_[r * layout_.groups() + g] = rows.of<T>().binarize(group, length, groups, words) * factor;
                }
            }
        } else if constexpr (C != compute::float32) {
            const kernel::code_groups groups{layout_.segment(), layout_.packed_unit()};
            if constexpr (given_scale<Source>) {
                static_assert(C == compute::int8_per_row, "lowbit: at_scale gives one scale; use activations<int8> per row");
                scales_[r] = rows.of<T>().quantize_at(x, depth, source.scale, groups, to, sums) * factor;
            } else if constexpr (C == compute::int8_per_row) {
                scales_[r] = rows.of<T>().quantize(x, depth, groups, to, sums) * factor;
            } else {
                float* scales = scales_ + r * layout_.groups();
                rows.of<T>().quantize_groups(x, depth, groups, to, scales, sums); // one scale of NaN makes the row NaN
                for (std::size_t g = 0; g < groups.count(depth); ++g) scales[g] *= factor;
            }
            for (std::size_t g = groups.count(depth); g < layout_.groups(); ++g) { // groups that fill the last record
                std::fill(to + layout_.packed_start(g), to + layout_.packed_start(g + 1), code{0});
                sums[g] = 0;
                if constexpr (kernel::is_per_group(C)) scales_[r * layout_.groups() + g] = 0.0f;
            }
        } else {
            const float reach = rows.of<T>().absmax(x, depth);
            bad_[r] = reach - reach != 0.0f;
            const bool gapless = layout_.packed_depth() == depth;
            if (gapless) rows.of<T>().to_float(x, depth, to);
            for (std::size_t g = 0; g < layout_.groups(); ++g) {
                float* group = to + layout_.packed_start(g);
                const std::size_t length = layout_.length(g);
                if (!gapless) {
                    rows.of<T>().to_float(x + std::min(depth, g * layout_.segment()), length, group);
                    std::fill(group + length, to + layout_.packed_start(g + 1), 0.0f);
                }
                if (layout_.offset == kernel::offset_kind::minimum) {
                    sums[g] = 0.0f;
                    for (std::size_t k = 0; k < length; ++k) sums[g] += group[k];
                }
            }
        }
    }

    kernel::panel_layout layout_;
    code* codes_;
    sum* sums_;
    float* scales_;
    bool* bad_;
    float* staging_;
    std::byte* lanes_;
};

} // namespace detail

} // namespace lowbit::inline v0
