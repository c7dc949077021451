// SPDX-License-Identifier: MIT
// mma.m16n8k* and wgmma.m64n8k* with A in registers, on integers, written from the figures of the PTX manual and from CuTe's
// layout of the same operand: on purpose not from cuda::fragment, which they are to check.
#pragma once

#include <array>
#include <cstddef>

namespace lowbit_test {

/// One warp's registers: [lane][register][element].
template <int Compute>
struct mma_operands {
    int a[32][4][4]{};
    int b[32][2][4]{};
};

/// D by lane and register.
template <int Compute>
std::array<std::array<long, 4>, 32> mma(const mma_operands<Compute>& in) {
    constexpr int elements = 32 / Compute;
    constexpr int depth = 256 / Compute;
    long a[16][32]{}, b[32][8]{};
    for (int lane = 0; lane < 32; ++lane) {
        const int group = lane >> 2, thread = lane % 4;
        for (int i = 0; i < 4 * elements; ++i) { // a_i of the manual, elements counted through
            const int e = i % elements, index = i / elements;
            const int row = index == 0 || index == 2 ? group : group + 8;
            const int col = thread * elements + e + (index < 2 ? 0 : depth / 2);
            a[row][col] = in.a[lane][index][e];
        }
        for (int i = 0; i < 2 * elements; ++i) {
            const int row = thread * elements + i % elements + (i < elements ? 0 : depth / 2);
            b[row][group] = in.b[lane][i / elements][i % elements];
        }
    }
    std::array<std::array<long, 4>, 32> d{};
    for (std::size_t lane = 0; lane < 32; ++lane) {
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t row = i < 2 ? lane >> 2 : (lane >> 2) + 8;
            const std::size_t col = lane % 4 * 2 + (i & 1);
            for (std::size_t k = 0; k < depth; ++k) d[lane][i] += a[row][k] * b[k][col];
        }
    }
    return d;
}

/// The A registers of a warpgroup: [thread][register][element].
template <int Compute>
struct wgmma_a {
    int registers[128][4][4]{};
};

/// D[64][8] of one k-step; x(m, k) are the elements of X. A is addressed as CuTe's ALayout_64x16 and ALayout_64x32 do, with
/// strides over (thread % 4, thread / 4 % 8, warp) and (element, register % 2, register / 2) in a column-major 64 x depth matrix.
template <int Compute, class X>
std::array<std::array<long, 8>, 64> wgmma(const wgmma_a<Compute>& in, X x) {
    constexpr int elements = 32 / Compute;
    constexpr int depth = 256 / Compute;
    long a[64][32]{};
    for (int thread = 0; thread < 128; ++thread) {
        for (int i = 0; i < 4; ++i) {
            for (int e = 0; e < elements; ++e) {
                const int at = thread % 4 * (64 * elements) + thread / 4 % 8 + thread / 32 * 16 + e * 64 + i % 2 * 8 +
                               i / 2 * (64 * depth / 2);
                a[at % 64][at / 64] = in.registers[thread][i][e];
            }
        }
    }
    std::array<std::array<long, 8>, 64> d{};
    for (int row = 0; row < 64; ++row)
        for (int col = 0; col < 8; ++col)
            for (int k = 0; k < depth; ++k)
                d[static_cast<std::size_t>(row)][static_cast<std::size_t>(col)] += a[row][k] * x(col, k);
    return d;
}

} // namespace lowbit_test
