// SPDX-License-Identifier: MIT
// The row operations of the encoder, scalar and constexpr: what every SIMD level must equal to the byte.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0::detail {

/// Sums run in 16 partial sums (lane j takes elements j, j + 16, ...) and a tree, so that SIMD of any width adds alike.
template <class Here = isa::here>
struct reference_rows {
    static constexpr std::size_t lanes = 16;

    /// max |x|; NaN if any is NaN.
    static constexpr float absmax(const float* x, std::size_t n) noexcept {
        float m = 0.0f;
        for (std::size_t i = 0; i < n; ++i) {
            const float v = x[i] < 0.0f ? -x[i] : x[i];
            if (v != v) return std::numeric_limits<float>::quiet_NaN();
            m = v > m ? v : m;
        }
        return m;
    }
    static constexpr float absmax_groups(const float* x, std::size_t n, std::size_t length, float* most) noexcept {
        for (std::size_t first = 0; first < n; first += length) *most++ = absmax(x + first, std::min(length, n - first));
        return absmax(x, n);
    }
    static constexpr float farthest_groups(const float* x, std::size_t n, std::size_t length, float* most) noexcept {
        for (std::size_t first = 0; first < n; first += length) {
            float low = 0.0f;
            float high = 0.0f;
            minmax(x + first, std::min(length, n - first), &low, &high);
            *most++ = -low >= high ? low : high;
        }
        return absmax(x, n);
    }
    static constexpr float minmax_groups(const float* x, std::size_t n, std::size_t length, float* low, float* high) noexcept {
        for (std::size_t first = 0; first < n; first += length) minmax(x + first, std::min(length, n - first), low++, high++);
        return absmax(x, n);
    }
    /// The smallest and the largest element, -0 below +0; 0 and 0 where there is none.
    static constexpr void minmax(const float* x, std::size_t n, float* low, float* high) noexcept {
        const auto below = [](float a, float b) {
            return a < b || (a == b && std::bit_cast<std::int32_t>(a) < 0 && std::bit_cast<std::int32_t>(b) >= 0);
        };
        *low = *high = n == 0 ? 0.0f : x[0];
        for (std::size_t i = 1; i < n; ++i) {
            if (below(x[i], *low)) *low = x[i];
            if (below(*high, x[i])) *high = x[i];
        }
    }
    static constexpr float sum_abs(const float* x, std::size_t n) noexcept {
        float sums[lanes]{};
        for (std::size_t i = 0; i < n; ++i) sums[i % lanes] += x[i] < 0.0f ? -x[i] : x[i];
        return tree(sums);
    }
    /// Codes of a row on grids, as kernel::code_grid says, and their values.
    static constexpr void encode(const float* x, std::size_t n, const kernel::code_grids& grids, std::uint8_t* codes) noexcept {
        for (std::size_t i = 0; i < n; ++i) {
            const kernel::code_grid grid = grids[i / grids.length];
            const float above = grids.minimums == nullptr ? x[i] : x[i] - grids.minimums[i / grids.length];
            codes[i] = static_cast<std::uint8_t>(grids.table == nullptr ? code(above, grid) + grids.bias
                                                                        : code(above, grid.scale, *grids.table));
        }
    }
    static constexpr void decode(const std::uint8_t* codes, std::size_t n, const kernel::code_grids& grids, float* y) noexcept {
        for (std::size_t i = 0; i < n; ++i) {
            const kernel::code_grid grid = grids[i / grids.length];
            const float level = grids.table == nullptr ? static_cast<float>(codes[i] - grid.bias - grid.zero)
                                                       : grids.table->values[codes[i] % 16];
            y[i] = product(level, grid.scale);
            if (grids.minimums != nullptr) y[i] += grids.minimums[i / grids.length];
        }
    }
    static constexpr void order_stores() noexcept {}
    static constexpr void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t flip, std::byte* out) noexcept {
        pack_codes({codes, n}, bits, out, flip);
    }
    static constexpr void unpack(const std::byte* in, std::size_t n, int bits, std::uint8_t flip, std::uint8_t* codes) noexcept {
        unpack_codes(in, 0, {codes, n}, bits, flip);
    }
    template <class T>
    static constexpr void to_float(const T* x, std::size_t n, float* y) noexcept {
        for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
    }
    template <class T>
    static constexpr void from_float(const float* x, std::size_t n, T* y) noexcept {
        for (std::size_t i = 0; i < n; ++i) y[i] = T(x[i]);
    }
    static constexpr void squared_errors(const float* x, std::size_t n, const kernel::code_grids& grids, std::size_t count,
                                         float* errors) noexcept {
        for (std::size_t c = 0; c < count; ++c) {
            const kernel::code_grid grid = grids[c];
            const float minimum = grids.minimums == nullptr ? 0.0f : grids.minimums[c];
            float sums[lanes]{};
            for (std::size_t i = 0; i < n; ++i) {
                const float above = x[i] - minimum;
                const float off = above - product(static_cast<float>(code(above, grid) - grid.zero), grid.scale);
                sums[i % lanes] += product(off, off);
            }
            errors[c] = tree(sums);
        }
    }
    static constexpr float squared_error(const float* x, std::size_t n, const kernel::code_grid& grid) noexcept {
        float error = 0.0f;
        squared_errors(x, n, grid, 1, &error);
        return error;
    }
    static constexpr kernel::trial_result try_grids(const float* x, const float* weights, std::size_t n,
                                                    const kernel::trial_grids& grids) noexcept {
        using by = kernel::trial_grids::by;
        kernel::trial_result best{};
        for (std::size_t c = 0; c < grids.count; ++c) {
            float scale = product(grids.scale_steps[c] + grids.scale_first, grids.scale_unit);
            float minimum = product(grids.minimum_steps[c] + grids.minimum_first, grids.minimum_unit);
            const float inverse = std::max(scale, -scale) > 0x1p-100f ? 1.0f / scale : 0.0f;
            float q = 0, qq = 0, qx = 0;
            for (std::size_t i = 0; i < n; ++i) {
                const float level = nearest_level((x[i] - minimum) * inverse, grids);
                const float part = product(level, weights == nullptr ? 1.0f : weights[i]);
                q += part;
                qq += product(part, level);
                qx += product(part, x[i]);
            }
            if (grids.judge != by::grid) {
                scale = qq > 0 ? qx / qq : 0.0f;
                minimum = 0;
                const float determinant = product(grids.weight, qq) - product(q, q);
                if (grids.judge != by::scale && !(qq > 0) && grids.weight > 0) minimum = grids.sum / grids.weight; // all are 0
                if (grids.judge != by::line && minimum > 0) minimum = 0;
                if (grids.judge != by::scale && determinant > 0) {
                    const float base = (product(qq, grids.sum) - product(q, qx)) / determinant;
                    if (grids.judge == by::line || !(base > 0)) {
                        scale = (product(grids.weight, qx) - product(q, grids.sum)) / determinant;
                        minimum = base;
                    }
                }
            }
            const float of_scale = product(scale, product(scale, qq) - (qx + qx));
            const float left = grids.sum - product(scale, q);
            const float error = of_scale + product(minimum, product(minimum, grids.weight) - (left + left)) + 0.0f; // never -0
            if (c == 0 || error < best.error) best = {c, error, scale, minimum, q, qq, qx};
        }
        return best;
    }

private:
    static constexpr float product(float a, float b) noexcept { // which no compiler fuses with a sum
        float result = a * b;
        LOWBIT_NO_CONTRACT(result);
        return result;
    }
    static constexpr float nearest_level(float v, const kernel::trial_grids& grids) noexcept {
        if (grids.levels == nullptr) return static_cast<float>(round_to_int(std::clamp(v, grids.lo, grids.hi)));
        std::size_t k = grids.size - 1;
        while (k > 0 && !(v > grids.begins[k])) --k;
        return grids.levels[k];
    }
    static constexpr int code(float x, const kernel::code_grid& grid) noexcept {
        constexpr int limit = 1 << 24; // keeps rounded + zero in range
        const int rounded = grid.scale == 0.0f ? 0 : std::clamp(round_to_int(x / grid.scale), -limit, limit);
        return std::clamp(rounded + grid.zero, grid.lo, grid.hi);
    }
    static constexpr int code(float x, float scale, const kernel::code_table& table) noexcept {
        const auto bits = std::bit_cast<std::int32_t>(scale == 0.0f ? 0.0f : x / scale);
        const std::int32_t key = bits < 0 ? bits ^ 0x7fff'ffff : bits;
        std::size_t i = 15;
        while (i > 0 && table.begins[i] > key) --i;
        return table.codes[i];
    }
    static constexpr float tree(const float (&sums)[lanes]) noexcept {
        float s[lanes]{};
        for (std::size_t i = 0; i < lanes; ++i) s[i] = sums[i];
        for (std::size_t width = lanes / 2; width != 0; width /= 2) {
            for (std::size_t i = 0; i < width; ++i) s[i] += s[i + width];
        }
        return s[0];
    }
};

} // namespace lowbit::inline v0::detail
