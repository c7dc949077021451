// SPDX-License-Identifier: MIT
// The calls that docs/cuda.md shows, compiled.
#include <lowbit/cuda.hpp>
#include <lowbit/cuda/cublaslt.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <span>

namespace lb = lowbit;

void small_and_large(cudaStream_t stream, lb::matrix_view<const float> W, const __nv_bfloat16* x, __nv_bfloat16* y,
                     const float* device_bias, std::span<std::byte> workspace) {
    const auto q = lb::quantize<lb::presets::w4g128>(W);
    lb::cuda::stream_ref s{stream};
    auto dw = lb::cuda::upload(q, s);
    lb::cuda::matrix_view<const __nv_bfloat16> dx{x, 3, dw.cols()};
    lb::cuda::matrix_view<__nv_bfloat16> dy{y, 3, dw.rows()};
    lb::gemm(lb::on(s), dx, dw, dy, lb::epilogue(lb::add_bias(std::span(device_bias, dw.rows())), lb::relu));

    const lb::cuda::cublaslt large; // for batches of more than 32 rows
    const lb::cuda::stream_ref both{stream, &large};
    if (lb::cuda::workspace_bytes<__nv_bfloat16>(both, dw, 3) <= workspace.size())
        lb::gemm(lb::on(lb::cuda::stream_ref{stream, &large}), dx, dw, dy, lb::epilogue(), workspace);
    lb::cuda::dequantize_into(s, lb::cuda::matrix_view<__nv_bfloat16>{y, dw.rows(), dw.cols()}, dw);
    const lb::quantized_matrix<lb::presets::w4g128> back = lb::cuda::download(dw, s);
    static_cast<void>(back);
}

void encode(const lb::cuda::stream_ref& s, const __nv_bfloat16* w, std::size_t n, std::size_t k, const __nv_bfloat16* x) {
    auto dw = lb::cuda::quantize<lb::presets::w4g128>(s, lb::cuda::matrix_view<const __nv_bfloat16>{w, n, k});
    lb::cuda::quantize_into(s, dw, lb::cuda::matrix_view<const __nv_bfloat16>{w, n, k}); // the same memory again
    lb::cuda::device_matrix<lb::presets::w4g128, 8> dw8 = lb::cuda::quantize<lb::presets::w4g128, 8>(
        s, lb::cuda::matrix_view<const __nv_bfloat16>{w, n, k}); // for activations in 8 bits
    auto x8 = lb::cuda::quantize_rows<lb::float8_e4m3>(s, lb::cuda::matrix_view<const __nv_bfloat16>{x, 3, k});
    lb::cuda::quantize_rows_into(s, x8, lb::cuda::matrix_view<const __nv_bfloat16>{x, 3, k});
}
/// A part of an epilogue of one's own.
struct halved {
    __host__ __device__ float operator()(float y) const { return 0.5f * y; }
};

void bytes(const lb::cuda::stream_ref& s, const lb::cuda::device_rows<lb::int8>& x, __half* y,
           const lb::quantized_matrix<lb::presets::w4g128>& q) {
    auto dw = lb::cuda::upload<8>(q, s); // in the order for products of bytes
    lb::gemm(lb::on(s), x, dw, lb::cuda::matrix_view<__half>{y, x.rows(), dw.rows()});
    static_cast<void>(lb::cuda::workspace_bytes<lb::int8>(s, dw, x.rows()));
    dw = lb::cuda::relayout<8>(s, lb::cuda::upload(q, s)); // the same of weights that are there already
}

void odd_groups(const lb::cuda::stream_ref& s, const lb::cuda::device_matrix<lb::policy<lb::int3, lb::per_group<20>>>& w,
                const __half* x, float* y) {
    lb::gemm(lb::on(s), lb::cuda::matrix_view<const __half>{x, 5, w.cols()}, w, lb::cuda::matrix_view<float>{y, 5, w.rows()},
             lb::epilogue(lb::silu, halved{}));
}
