// SPDX-License-Identifier: MIT
// byte_rows: activations in 8 bits, as kernels read them: the B operand of a product.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/float8.hpp>
#include <lowbit/numeric/int_n.hpp>

namespace lowbit::inline v0::cuda {

/// Elements that tensor cores multiply in 8 bits.
template <class E>
concept byte_element = std::same_as<E, int8> || std::same_as<E, float8_e4m3>;

/// M x K codes of int8 or float8_e4m3, row-major, and a scale for each row: x = scale * code. A row begins at a multiple of 16
/// bytes and is filled up with zeros to whole 16 bytes. A row that held NaN or infinity has the scale NaN and zeros for codes.
struct byte_rows {
    const std::uint8_t* codes;
    std::size_t stride; ///< codes from one row to the next: k rounded up to a multiple of 16
    const float* scales;
    std::size_t m;
    std::size_t k;

    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t stride_of(std::size_t k) noexcept { return (k + 15) / 16 * 16; }
};

} // namespace lowbit::inline v0::cuda
