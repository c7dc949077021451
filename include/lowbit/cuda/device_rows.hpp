// SPDX-License-Identifier: MIT
// device_rows: activations in 8 bits in device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <lowbit/cuda/byte_rows.hpp>
#include <lowbit/cuda/runtime.hpp>

namespace lowbit::inline v0::cuda {

/// Room for activations of M x K in elements E, with a scale for each row: what quantize_rows writes and a product reads, see
/// byte_rows. Moves alone; given back in the order of the stream it was taken on.
template <byte_element E>
class device_rows {
public:
    using element_type = E;

    /// Not yet written. Raises errc::device.
    device_rows(std::size_t rows, std::size_t cols, const stream_ref& s)
        : rows_(rows), cols_(cols), memory_(scales_at() + rows * sizeof(float), s.get()) {}
    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
    [[nodiscard]] std::size_t stride() const noexcept { return byte_rows::stride_of(cols_); }
    [[nodiscard]] std::uint8_t* codes() const noexcept { return reinterpret_cast<std::uint8_t*>(memory_.data()); }
    [[nodiscard]] float* scales() const noexcept { return reinterpret_cast<float*>(memory_.data() + scales_at()); }
    [[nodiscard]] byte_rows view() const noexcept { return {codes(), stride(), scales(), rows_, cols_}; }

private:
    [[nodiscard]] std::size_t scales_at() const noexcept { return rows_ * stride(); }

    std::size_t rows_;
    std::size_t cols_;
    device_buffer memory_;
};

} // namespace lowbit::inline v0::cuda
