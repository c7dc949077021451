// SPDX-License-Identifier: MIT
// active_rows: the row operations of the calling thread's level, in the form in which the encoder asks for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/rows/rows.hpp>
#if defined(__CUDACC__)
#include <lowbit/quantize/reference_rows.hpp>
#endif

namespace lowbit::inline v0::detail {

/// The SIMD counterpart of reference_rows; equal to it to the byte.
template <class Here>
class level_rows {
public:
    explicit level_rows(const kernel::row_kernels& kernels) noexcept : table_(&kernels) {}

    float absmax(const float* x, std::size_t n) const noexcept { return table_->f32.absmax(x, n); }
    void minmax(const float* x, std::size_t n, float* low, float* high) const noexcept { table_->f32.minmax(x, n, low, high); }
    float sum_abs(const float* x, std::size_t n) const noexcept { return table_->f32.sum_abs(x, n); }
    float absmax_groups(const float* x, std::size_t n, std::size_t length, float* most) const noexcept {
        return table_->absmax_groups(x, n, length, most);
    }
    float farthest_groups(const float* x, std::size_t n, std::size_t length, float* most) const noexcept {
        return table_->farthest_groups(x, n, length, most);
    }
    float minmax_groups(const float* x, std::size_t n, std::size_t length, float* low, float* high) const noexcept {
        return table_->minmax_groups(x, n, length, low, high);
    }
    void encode(const float* x, std::size_t n, const kernel::code_grids& grids, std::uint8_t* codes) const noexcept {
        table_->encode(x, n, grids, codes);
    }
    void decode(const std::uint8_t* codes, std::size_t n, const kernel::code_grids& grids, float* y) const noexcept {
        table_->decode(codes, n, grids, y);
    }
    void order_stores() const noexcept { table_->order_stores(); }
    void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t flip, std::byte* out) const noexcept {
        table_->pack(codes, n, bits, flip, out);
    }
    void unpack(const std::byte* in, std::size_t n, int bits, std::uint8_t flip, std::uint8_t* codes) const noexcept {
        table_->unpack(in, n, bits, flip, codes);
    }
    template <class T>
    void to_float(const T* x, std::size_t n, float* y) const noexcept {
        table_->of<T>().to_float(x, n, y);
    }
    template <class T>
    void from_float(const float* x, std::size_t n, T* y) const noexcept {
        table_->of<T>().from_float(x, n, y);
    }
    void squared_errors(const float* x, std::size_t n, const kernel::code_grids& grids, std::size_t count,
                        float* errors) const noexcept {
        table_->squared_errors(x, n, grids, count, errors);
    }
    kernel::trial_result try_grids(const float* x, const float* weights, std::size_t n,
                                   const kernel::trial_grids& grids) const noexcept {
        return table_->try_grids(x, weights, n, grids);
    }
    float squared_error(const float* x, std::size_t n, const kernel::code_grid& grid) const noexcept {
        return table_->squared_error(x, n, grid);
    }

private:
    const kernel::row_kernels* table_;
};

#if defined(__CUDACC__)
/// nvcc does not get through the row kernels: in a .cu file the reference encodes, slowly, to the same bytes.
template <class Here = isa::here>
reference_rows<Here> active_rows() {
    return {};
}
#else
template <class Here = isa::here>
level_rows<Here> active_rows() {
    return level_rows<Here>{kernel::rows<Here>(isa::active<Here>())};
}
#endif

} // namespace lowbit::inline v0::detail
