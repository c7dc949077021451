// SPDX-License-Identifier: MIT
// quantize: weights and activations that are in device memory, encoded there, in the order of a stream.
#pragma once

#if !defined(__CUDACC__)
#error "lowbit: <lowbit/cuda/quantize.hpp> holds kernels; include it, or <lowbit/cuda.hpp>, in a .cu file"
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lowbit/cuda/device_matrix.hpp>
#include <lowbit/cuda/device_rows.hpp>
#include <lowbit/cuda/encode.hpp>
#include <lowbit/cuda/matmul.hpp>
#include <lowbit/cuda/runtime.hpp>

namespace lowbit::inline v0::cuda {

template <class P, class T, int Compute>
__global__ void __launch_bounds__(weight_encoder<P, T, Compute>::threads)
    encode_kernel(const __grid_constant__ dense_rows x, const __grid_constant__ encoded_weights to) {
    __shared__ words4 shared[weight_encoder<P, T, Compute>::shared_bytes / 16];
    weight_encoder<P, T, Compute>::body(device_lane{}, x, to, reinterpret_cast<std::byte*>(shared));
}

template <class E, class T>
__global__ void __launch_bounds__(row_encoder<E, T>::threads)
    encode_rows_kernel(const __grid_constant__ dense_rows x, std::uint8_t* codes, float* scales) {
    __shared__ words4 shared[row_encoder<E, T>::shared_bytes / 16];
    row_encoder<E, T>::body(device_lane{}, x, codes, scales, reinterpret_cast<std::byte*>(shared));
}

namespace detail {

/// The numbers of a matrix, for room of rows x cols.
template <class Here, class X>
[[nodiscard]] dense_rows dense(const matrix_view<X>& x, std::size_t rows, std::size_t cols, const char* what) {
    static_assert(source_number<typename number_of<std::remove_const_t<X>>::type>,
                  "lowbit: a GPU encodes float, __half and __nv_bfloat16");
    if (x.rows() != rows || x.cols() != cols)
        raise<Here>(errc::shape_mismatch, what, ": room for ", rows, " x ", cols, ", the numbers are ", x.rows(), " x ",
                    x.cols());
    if (x.stride() < cols && rows > 1)
        raise<Here>(errc::invalid_argument, what, ": the row stride ", x.stride(), " lets rows overlap");
    return {x.data(), x.stride(), whole_lines(x.data(), x.stride()), rows, cols};
}

} // namespace detail

/// Encodes weights X, N x K of float, __half or __nv_bfloat16 in device memory, into `w`: the bytes that
/// upload(lb::quantize<P>(X)) has. Enqueues and returns, so it reports no weights: a group that the CPU refuses, with NaN,
/// infinity or a scale that does not fit, gets the scale NaN, and every product with its row is NaN. The rules absmax, minmax and
/// signed_absmax; rounding to nearest even; integers and small floats; groups of 32, 64 or 128 columns, and rows: other policies
/// do not compile. Raises errc::shape_mismatch, errc::invalid_argument and errc::device.
template <class Here = isa::here, any_policy P, int Compute, class X>
void quantize_into(const stream_ref& s, device_matrix<P, Compute>& w, const matrix_view<X>& x) {
    const dense_rows from = detail::dense<Here>(x, w.rows(), w.cols(), "quantize_into");
    using T = typename number_of<std::remove_const_t<X>>::type;
    using encoder = weight_encoder<P, T, Compute>;
    if (const std::size_t units = encoder::units(from.rows, from.cols); units != 0) {
        detail::launch(encode_kernel<P, T, Compute>, detail::blocks_for(units), encoder::threads, 0, s.get(), from,
                       encoder::into(w.data(), from.rows, from.cols));
    }
}
/// The same into new device memory, taken and given back in the order of the stream. For products with device_rows, activations
/// in 8 bits: quantize<P, 8>(s, x).
template <any_policy P, int Compute = 16, class Here = isa::here, class X>
[[nodiscard]] device_matrix<P, Compute> quantize(const stream_ref& s, const matrix_view<X>& x) {
    device_matrix<P, Compute> w(x.rows(), x.cols(),
                                device_buffer(weight_image<kind_of<P, Compute>>{x.rows(), x.cols()}.bytes(), s.get()));
    quantize_into<Here>(s, w, x);
    return w;
}

/// Encodes activations X, M x K of float, __half or __nv_bfloat16 in device memory, with a scale for each row. int8: scale = amax
/// / 127, codes as the CPU's products quantize their rows; float8_e4m3: scale = amax / 448, the codes of quantize<presets::fp8>.
/// A row with NaN or infinity gets the scale NaN. Enqueues and returns. Raises errc::shape_mismatch, errc::invalid_argument and
/// errc::device.
template <class Here = isa::here, byte_element E, class X>
void quantize_rows_into(const stream_ref& s, device_rows<E>& to, const matrix_view<X>& x) {
    const dense_rows from = detail::dense<Here>(x, to.rows(), to.cols(), "quantize_rows_into");
    using T = typename number_of<std::remove_const_t<X>>::type;
    if (from.rows != 0) {
        detail::launch(encode_rows_kernel<E, T>, detail::blocks_for(from.rows), row_encoder<E, T>::threads, 0, s.get(), from,
                       to.codes(), to.scales());
    }
}
/// The same into new device memory, taken and given back in the order of the stream.
template <byte_element E, class Here = isa::here, class X>
[[nodiscard]] device_rows<E> quantize_rows(const stream_ref& s, const matrix_view<X>& x) {
    device_rows<E> to(x.rows(), x.cols(), s);
    quantize_rows_into<Here>(s, to, x);
    return to;
}

} // namespace lowbit::inline v0::cuda
