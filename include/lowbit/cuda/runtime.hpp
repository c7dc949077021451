// SPDX-License-Identifier: MIT
// runtime: streams, device memory, views of it, and CUDA's errors as ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <cuda_runtime_api.h>

#include <lowbit/core/error.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>

struct __half;        // NOLINT: CUDA's names
struct __nv_bfloat16; // NOLINT

namespace lowbit::inline v0::cuda {

/// What a CUDA call returned, as an error: CUDA's own sentence, and its number as the offset.
[[nodiscard]] inline error error_of(cudaError_t status) noexcept {
    return {errc::device, cudaGetErrorString(status), static_cast<std::uint64_t>(status)};
}
/// Raises errc::device where a call did not succeed, with CUDA's name and sentence for it.
template <class Here = isa::here>
void check(cudaError_t status, const char* call) {
    if (status == cudaSuccess) return;
    static_cast<void>(cudaGetLastError()); // reported here, not to who asks next
    raise<Here>(errc::device, call, ": ", cudaGetErrorName(status), ", ", cudaGetErrorString(status));
}

/// The element types of device matrices, as our own: CUDA's half types and ours share their bits.
template <class T>
struct number_of {
    using type = T;
};
template <>
struct number_of<__half> {
    using type = float16;
};
template <>
struct number_of<__nv_bfloat16> {
    using type = bfloat16;
};

/// A product of dense matrices on a stream, for batches that are too large to decode weights for each row: cuda::cublaslt is one.
class dense_product {
public:
    struct operands {
        const std::uint16_t* x; ///< M x K
        const std::uint16_t* w; ///< N x K
        void* y;                ///< M x N
        std::size_t m, n, k;
        std::size_t x_stride, w_stride, y_stride;
        bool bfloat16;     ///< of x and w; else float16
        bool float_result; ///< else as x and w
    };
    virtual ~dense_product() = default;
    /// Device memory that multiply wants besides.
    [[nodiscard]] virtual std::size_t workspace_bytes() const noexcept = 0;
    /// Enqueues y = x * w^T.
    virtual void multiply(cudaStream_t stream, const operands& o, void* workspace) const = 0;
};

/// Where a product runs: a stream of the current device, and what multiplies its large batches, if anything. Owns nothing.
class stream_ref {
public:
    explicit stream_ref(cudaStream_t stream = nullptr, const dense_product* large = nullptr) noexcept
        : stream_(stream), large_(large) {}
    [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }
    [[nodiscard]] const dense_product* large() const noexcept { return large_; }

private:
    cudaStream_t stream_;
    const dense_product* large_;
};

/// A row-major window on rows x cols elements in device memory; `stride` elements lie between the starts of two rows.
template <class T>
class matrix_view {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    matrix_view(T* data, std::size_t rows, std::size_t cols) noexcept : matrix_view(data, rows, cols, cols) {}
    matrix_view(T* data, std::size_t rows, std::size_t cols, std::size_t stride) noexcept
        : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
    [[nodiscard]] T* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
    [[nodiscard]] std::size_t stride() const noexcept { return stride_; }

private:
    T* data_;
    std::size_t rows_;
    std::size_t cols_;
    std::size_t stride_;
};

/// Device memory that is taken and given back in the order of one stream, which must outlive it; where that is the default
/// stream, which each device has, while the same device is current.
class device_buffer {
public:
    device_buffer() noexcept = default;
    /// Raises errc::device where there is not enough memory.
    device_buffer(std::size_t bytes, cudaStream_t stream) : stream_(stream), bytes_(bytes) {
        if (bytes != 0) check(cudaMallocAsync(&data_, bytes, stream), "cudaMallocAsync");
    }
    device_buffer(device_buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), stream_(other.stream_), bytes_(std::exchange(other.bytes_, 0)) {}
    device_buffer& operator=(device_buffer other) noexcept {
        std::swap(data_, other.data_);
        std::swap(stream_, other.stream_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~device_buffer() {
        if (data_ != nullptr && cudaFreeAsync(data_, stream_) != cudaSuccess)
            static_cast<void>(cudaGetLastError()); // a destructor cannot report
    }
    [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
    [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_; }
    [[nodiscard]] cudaStream_t stream() const noexcept { return stream_; }

private:
    void* data_ = nullptr;
    cudaStream_t stream_ = nullptr;
    std::size_t bytes_ = 0;
};

} // namespace lowbit::inline v0::cuda

namespace lowbit::inline v0 {

/// Runs a product on a stream, which must outlive the call.
[[nodiscard]] inline on_t<const cuda::stream_ref> on(const cuda::stream_ref& stream) noexcept { return {&stream}; }

} // namespace lowbit::inline v0
