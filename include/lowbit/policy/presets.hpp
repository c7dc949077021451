// SPDX-License-Identifier: MIT
// Named policies: the formats the world stores, each made of the axes alone.
#pragma once

#include <lowbit/numeric/binary.hpp>
#include <lowbit/numeric/codebook.hpp>
#include <lowbit/numeric/e8m0.hpp>
#include <lowbit/numeric/float4.hpp>
#include <lowbit/numeric/float6.hpp>
#include <lowbit/numeric/float8.hpp>
#include <lowbit/numeric/ternary.hpp>
#include <lowbit/numeric/ue4m3.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/policy/scale_tables.hpp>

namespace lowbit::inline v0::presets {

// Our own planar formats.
using w8 = policy<int8, per_channel>;
using w4 = policy<int4, per_channel>;
using w8g32 = policy<int8, per_group<32>>;
using w4g32 = policy<int4, per_group<32>>;
using w4g64 = policy<int4, per_group<64>>;
using w4g128 = policy<int4, per_group<128>>;
using w2g32 = policy<int2, per_group<32>>;
using w4zg32 = policy<uint4, per_group<32>, asymmetric>; // with zero points, as AWQ and GPTQ checkpoints have them
using w4zg64 = policy<uint4, per_group<64>, asymmetric>;
using w4zg128 = policy<uint4, per_group<128>, asymmetric>;
using fp8 = policy<float8_e4m3, per_channel>;
using w158 = policy<ternary, per_tensor, scale_rule<abs_mean>>;

// bitsandbytes' 4-bit formats, which cut the flattened tensor: rows whose length is a multiple of the group are as here, of
// others the whole tensor is one row.
using nf4 = policy<nf4_codebook, per_group<64>, scale_as<float>, high_first>;
using fp4_bnb = policy<fp4_bnb_codebook, per_group<64>, scale_as<float>, high_first>;

// ggml's blocks (GGUF tensor types), one level of scales. The rules encode at least as well as ggml does.
using q1_0 = policy<binary, per_group<128>, scale_rule<abs_mean>, interleaved<1, field::scales, field::codes>>;
using q2_0 = policy<ternary, per_group<64>, interleaved<1, field::scales, field::codes>>; // its code 3 is +2, as ternary reads it
using q4_0 = policy<int4, per_group<32>, scale_rule<signed_absmax>, excess_codes, split_half<16>,
                    interleaved<1, field::scales, field::codes>>;
using q4_1 = policy<uint4, per_group<32>, scale_rule<signed_absmax>, minimum_as<float16>, split_half<16>,
                    interleaved<1, field::scales, field::minimums, field::codes>>;
using q5_0 = policy<int5, per_group<32>, scale_rule<signed_absmax>, excess_codes, bit_planes<4, split_half<16>, sequential>,
                    interleaved<1, field::scales, field::high_codes, field::codes>>;
using q5_1 =
    policy<uint5, per_group<32>, scale_rule<signed_absmax>, minimum_as<float16>, bit_planes<4, split_half<16>, sequential>,
           interleaved<1, field::scales, field::minimums, field::high_codes, field::codes>>;
using q8_0 = policy<int8, per_group<32>, interleaved<1, field::scales, field::codes>>;
using iq4_nl =
    policy<iq4_nl_codebook, per_group<32>, scale_rule<mse>, split_half<16>, interleaved<1, field::scales, field::codes>>;
using tq1_0 = policy<ternary, per_group<256>, split_base3<256, 32, 16, 4>,
                     interleaved<1, field::codes, field::scales>>; // 256 codes in 52 bytes
using tq2_0 = policy<ternary, per_group<256>, split_half<32>, interleaved<1, field::codes, field::scales>>;
using mxfp4 =
    policy<e2m1_ggml_codebook, per_group<32>, scale_as<e8m0>, split_half<16>, interleaved<1, field::scales, field::codes>>;
using ggml_nvfp4 = policy<e2m1_ggml_codebook, per_group<16>, scale_as<ue4m3>, split_half<8>,
                          interleaved<4, field::scales, field::codes>>; // NVFP4's own tensor scale is a tensor of its own there

// ggml's K-quants: integer sub-scales, and minimums of the same kind, under one or two float16 for 256 weights.
// Like ggml's own encoders they search.
using q2_k = policy<uint2, per_group<16>, scale_as<uint4>, super_scale<float16, 16>, quantized_minimum<uint4>,
                    super_minimum<float16, 16>, split_half<32>,
                    interleaved<16, nibble_pairs<16>, field::codes, field::super_scale, field::super_minimum>, scale_rule<mse>>;
using q3_k = policy<int3, per_group<16>, scale_as<int6>, super_scale<float16, 16>, excess_codes,
                    bit_planes<2, split_half<32>, split_half<32>>,
                    interleaved<16, field::high_codes, field::codes, q3_k_scales, field::super_scale>, scale_rule<mse>>;
using q4_k =
    policy<uint4, per_group<32>, scale_as<uint6>, super_scale<float16, 8>, quantized_minimum<uint6>, super_minimum<float16, 8>,
           split_half<32>, interleaved<8, field::super_scale, field::super_minimum, q4_k_scales, field::codes>, scale_rule<mse>>;
using q5_k = policy<uint5, per_group<32>, scale_as<uint6>, super_scale<float16, 8>, quantized_minimum<uint6>,
                    super_minimum<float16, 8>, bit_planes<4, split_half<32>, split_half<32>>,
                    interleaved<8, field::super_scale, field::super_minimum, q4_k_scales, field::high_codes, field::codes>,
                    scale_rule<mse>>;
using q6_k = policy<int6, per_group<16>, scale_as<int8>, super_scale<float16, 16>, excess_codes,
                    bit_planes<4, split_half<64>, split_half<32>>,
                    interleaved<16, field::codes, field::high_codes, field::scales, field::super_scale>, scale_rule<mse>>;
using iq4_xs = policy<iq4_nl_codebook, per_group<32>, scale_as<int6>, super_scale<float16, 8>, split_half<16>,
                      interleaved<8, field::super_scale, iq4_xs_scales, field::codes>, scale_rule<mse>>;

// OCP microscaling formats, planar: element and E8M0 scale for each 32 weights.
using ocp_mxfp4 = policy<float4_e2m1, per_group<32>, scale_as<e8m0>>;
using ocp_mxfp6_e2m3 = policy<float6_e2m3, per_group<32>, scale_as<e8m0>>;
using ocp_mxfp6_e3m2 = policy<float6_e3m2, per_group<32>, scale_as<e8m0>>;
using ocp_mxfp8_e4m3 = policy<float8_e4m3, per_group<32>, scale_as<e8m0>>;
using ocp_mxfp8_e5m2 = policy<float8_e5m2, per_group<32>, scale_as<e8m0>>;
using ocp_mxint8 =
    policy<int8, per_group<32>, scale_as<basic_e8m0<127 + 6>>>; // MX's INT8 counts 64ths: scale byte 127 makes code 64 a 1

// NVFP4: E4M3 scales for each 16 weights under one float for the tensor, which multiplies them (ModelOpt, Transformer Engine), or
// divides them (compressed-tensors).
using nvfp4 = policy<float4_e2m1, per_group<16>, scale_as<float8_e4m3>, tensor_scale>;
using nvfp4_divisor = policy<float4_e2m1, per_group<16>, scale_as<float8_e4m3>, tensor_divisor>;

// GPTQ checkpoints of format v2 ("gptq_v2"): 32-bit words along K, zero points and scales for each group, optionally sorted
// columns. v1 stores each zero point less 1; add 1 to them before they are read as this.
template <std::size_t Group>
using gptq4 = policy<uint4, per_group<Group>, zero_point_as<uint4>, planar_transposed, permuted_columns>;

} // namespace lowbit::inline v0::presets
