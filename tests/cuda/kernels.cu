// SPDX-License-Identifier: MIT
// One kernel of each kind, for compile_check.sh: what ptxas says of them is held, so each stands for others that are made alike.
#include <lowbit/cuda/matmul.hpp>
#include <lowbit/cuda/quantize.hpp>
#include <lowbit/policy/presets.hpp>

#include <cstdint>

namespace lowbit::inline v0::cuda {

using presets::fp8;
using presets::nf4;
using presets::nvfp4;
using presets::ocp_mxfp4;
using presets::w158;
using presets::w4g128;
using presets::w4g32;
using presets::w4zg64;
using presets::w8;
using w2g64 = policy<int2, per_group<64>>;
using w4zg16 = policy<uint4, per_group<16>, asymmetric>;
using w8zg128 = policy<uint8, per_group<128>, asymmetric>;
using s4g128 = policy<int4, per_group<128>, prune<n_of_m<2, 4>>>;
using s8 = policy<int8, per_channel, prune<n_of_m<2, 4>>>;
using reordered = policy<uint4, per_group<128>, asymmetric, permuted_columns>;
using part = shifted_rows<device_epilogue<add_bias, lowbit::detail::gelu_part>>;
using halves = product<std::uint16_t, part>;
using floats = product<float, part>;

template __global__ void stream_kernel<kind_of<w4g128>, bfloat16, 1, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w4g128>, bfloat16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w4g128>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w4g32>, float16, 1, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w4zg64>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w4zg64>, float16, 1, 16, floats>(const __grid_constant__ floats);
template __global__ void stream_kernel<kind_of<w8>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w8zg128>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w2g64>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w158>, float16, 1, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<nvfp4>, bfloat16, 1, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<ocp_mxfp4>, float16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<nf4>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w4zg64>, bfloat16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<nf4>, bfloat16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<ocp_mxfp4>, float16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w8zg128>, bfloat16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<w2g64>, bfloat16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<fp8>, bfloat16, 1, 16, halves>(const __grid_constant__ halves);
// one box of 64 rows, and as many registers as there are
template __global__ void tile_kernel<kind_of<w4g128>, bfloat16, 64, bfloat16, halves>(const __grid_constant__ halves,
                                                                                      const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<w4g128>, bfloat16, 256, bfloat16, halves>(const __grid_constant__ halves,
                                                                                       const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<w8zg128>, bfloat16, 256, bfloat16, halves>(const __grid_constant__ halves,
                                                                                        const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<w4zg64>, float16, 128, float16, floats>(const __grid_constant__ floats,
                                                                                     const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<w4zg16>, float16, 256, float16, halves>(const __grid_constant__ halves,
                                                                                     const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<nf4>, bfloat16, 256, bfloat16, halves>(const __grid_constant__ halves,
                                                                                    const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<w8, 8>, int8, 256, bfloat16, halves>(const __grid_constant__ halves,
                                                                                  const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<w4g128, 8>, int8, 128, float16, halves>(const __grid_constant__ halves,
                                                                                     const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<fp8, 8>, float8_e4m3, 128, bfloat16, halves>(const __grid_constant__ halves,
                                                                                          const __grid_constant__ CUtensorMap);
template __global__ void stream_kernel<kind_of<s4g128>, bfloat16, 1, 16, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<s4g128>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<s8>, float16, 2, 16, halves>(const __grid_constant__ halves);
template __global__ void tile_kernel<kind_of<s4g128>, bfloat16, 256, bfloat16, halves>(const __grid_constant__ halves,
                                                                                       const __grid_constant__ CUtensorMap);
template __global__ void tile_kernel<kind_of<s8>, float16, 64, float16, halves>(const __grid_constant__ halves,
                                                                                const __grid_constant__ CUtensorMap);
template __global__ void stream_kernel<kind_of<presets::q4_k>, float16, 2, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<presets::q4_k>, bfloat16, 4, 8, halves>(const __grid_constant__ halves);
template __global__ void stream_kernel<kind_of<reordered>, bfloat16, 1, 16, halves>(const __grid_constant__ halves);
template __global__ void finish_kernel<kind_of<w8>, bfloat16, floats>(const __grid_constant__ floats, int);
template __global__ void dequantize_kernel<kind_of<w4g128>, bfloat16>(const __grid_constant__ weights, std::uint16_t*,
                                                                      std::size_t, bool);
template __global__ void dequantize_kernel<kind_of<w4zg64>, float16>(const __grid_constant__ weights, std::uint16_t*, std::size_t,
                                                                     bool);
template __global__ void dequantize_kernel<kind_of<w2g64>, bfloat16>(const __grid_constant__ weights, std::uint16_t*, std::size_t,
                                                                     bool);
template __global__ void dequantize_kernel<kind_of<nf4>, bfloat16>(const __grid_constant__ weights, std::uint16_t*, std::size_t,
                                                                   bool);
template __global__ void dequantize_kernel<kind_of<fp8>, float16>(const __grid_constant__ weights, std::uint16_t*, std::size_t,
                                                                  bool);
template __global__ void dequantize_kernel<kind_of<s4g128>, bfloat16>(const __grid_constant__ weights, std::uint16_t*,
                                                                      std::size_t, bool);
template __global__ void relayout_kernel<4, 16, 8>(const std::uint32_t*, words4*, std::size_t);
template __global__ void relayout_kernel<8, 8, 16>(const std::uint32_t*, words4*, std::size_t);
template __global__ void encode_kernel<w4g128, bfloat16, 16>(const __grid_constant__ dense_rows,
                                                             const __grid_constant__ encoded_weights);
template __global__ void encode_kernel<w4zg64, float16, 16>(const __grid_constant__ dense_rows,
                                                            const __grid_constant__ encoded_weights);
template __global__ void encode_kernel<w8zg128, float, 16>(const __grid_constant__ dense_rows,
                                                           const __grid_constant__ encoded_weights);
template __global__ void encode_kernel<w8, bfloat16, 16>(const __grid_constant__ dense_rows,
                                                         const __grid_constant__ encoded_weights);
template __global__ void encode_kernel<fp8, float, 16>(const __grid_constant__ dense_rows,
                                                       const __grid_constant__ encoded_weights);
template __global__ void encode_kernel<w8, bfloat16, 8>(const __grid_constant__ dense_rows,
                                                        const __grid_constant__ encoded_weights);
template __global__ void encode_rows_kernel<int8, bfloat16>(const __grid_constant__ dense_rows, std::uint8_t*, float*);
template __global__ void encode_rows_kernel<float8_e4m3, bfloat16>(const __grid_constant__ dense_rows, std::uint8_t*, float*);

} // namespace lowbit::inline v0::cuda
