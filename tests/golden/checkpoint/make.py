# SPDX-License-Identifier: MIT
# Writes layers.safetensors: small layers that each project's own functions have packed, and a hash of the floats that its own
# functions decode. Scales are handed to the decoders as float, so that nothing is rounded but what they store.
# Made with torch 2.15.0, compressed-tensors 0.20.0, bitsandbytes 0.50.2, auto-gptq 0.7.1 and autoawq 0.2.9, of which only the
# folders of the last two need to be on the path; run it again only to change the layers.
import importlib.util
import pathlib
import sys
import types

import bitsandbytes.functional as bnb
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.compressors.mx_utils import decompress_mx_scale
from compressed_tensors.compressors.mxfp6.helpers import unpack_fp6_from_uint8
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import dequantize

from layer_file import keep, save

torch.manual_seed(20)


def module_of(package, path):
    """One module of a package whose __init__ would import half the world."""
    folder = pathlib.Path(next(p for p in sys.path if (pathlib.Path(p) / package / "__init__.py").exists())) / package
    sys.modules.setdefault(package, types.ModuleType(package)).__path__ = [str(folder)]
    spec = importlib.util.spec_from_file_location(f"{package}.{path.replace('/', '.')}", folder / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def linear_of(weight):
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight
    return layer


def scales_of(*shape):
    return (torch.rand(shape) * 0.1 + 0.005).half().float()


# GPTQ: codes, zero points and scales of our choice, packed and decoded by AutoGPTQ
gptq = module_of("auto_gptq", "nn_modules/qlinear/qlinear_cuda").QuantLinear
for name, bits, K, group, zero_points in (("gptq2", 2, 64, 32, (1, 4)), ("gptq3", 3, 64, 32, (1, 8)), ("gptq4", 4, 64, 32, (1, 17)),
                                          ("gptq4_sym", 4, 64, 32, (8, 9)), ("gptq4_act", 4, 256, 128, (1, 16)),
                                          ("gptq8", 8, 64, 32, (1, 256))):
    N = 32
    scale, zero = scales_of(N, K // group), torch.randint(*zero_points, (N, K // group)).float()
    g_idx = torch.arange(K, dtype=torch.int32) // group
    if name == "gptq4_act":
        g_idx = g_idx[torch.randperm(K)]
    q = torch.randint(0, 1 << bits, (N, K)).float()
    w = scale[:, g_idx] * (q - zero[:, g_idx])
    v1, v2 = (gptq(bits, group, K, N, bias=False) for _ in range(2))
    v1.pack(linear_of(w), scale, zero.clone(), g_idx)
    v2.pack(linear_of(w), scale, zero + 1, g_idx)  # stored less one
    keep(name, v1(torch.eye(K)).t(), qweight=v1.qweight, qzeros_v1=v1.qzeros, qzeros=v2.qzeros, scales=v1.scales.half(), g_idx=g_idx)

# AWQ: the same by AutoAWQ
awq = module_of("awq", "modules/linear/gemm")
N, K, group = 32, 64, 32
scale, zero = scales_of(K // group, N), torch.randint(0, 16, (K // group, N)).float()
q = torch.randint(0, 16, (K, N)).float()
layer = awq.WQLinear_GEMM.from_linear(
    linear_of((scale.repeat_interleave(group, 0) * (q - zero.repeat_interleave(group, 0))).t().contiguous()), 4, group, scales=scale,
    zeros=zero)
keep("awq", awq.dequantize_gemm(layer.qweight, layer.qzeros, scale, 4, group).t(), qweight=layer.qweight, qzeros=layer.qzeros,
     scales=layer.scales)


def compress(name, form, K, groups=None, zeros=None, scale=None, N=8, **args):
    """A layer that a compressor of compressed-tensors makes of normal weights, and the same compressor decodes."""
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(symmetric=zeros is None, **args))
    compressor = BaseCompressor.get_value_from_registry(form)
    scale = scales_of(*(groups or (N, 1))) if scale is None else scale
    state = dict(weight=torch.randn(N, K), weight_scale=scale)
    if zeros is not None:
        state["weight_zero_point"] = zeros
    packed = compressor.compress(state, scheme)
    keep(name, compressor.decompress(packed, scheme)["weight"],
         **{key: value.half() if args["strategy"] == "group" and value.dtype == torch.float32 else value
            for key, value in packed.items()})


def zero_points(bits, *shape):
    return torch.randint(-(1 << (bits - 1)), 1 << (bits - 1), shape, dtype=torch.int8)


grouped = dict(strategy="group", group_size=32)
compress("ct4", "pack-quantized", 64, (8, 2), num_bits=4, **grouped)
compress("ct4_zero", "pack-quantized", 64, (16, 2), zero_points(4, 16, 2), N=16, num_bits=4, **grouped)
compress("ct8_zero", "pack-quantized", 64, (8, 2), zero_points(8, 8, 2), num_bits=8, **grouped)
compress("ct4_68", "pack-quantized", 68, num_bits=4, strategy="channel")
compress("ct8_66", "pack-quantized", 66, num_bits=8, strategy="channel")
compress("ct3_44", "pack-quantized", 44, num_bits=3, strategy="channel")
compress("int8", "int-quantized", 20, num_bits=8, strategy="channel")
compress("int8_tensor", "int-quantized", 20, (1,), num_bits=8, strategy="tensor")
compress("int8_zero", "int-quantized", 20, zeros=zero_points(8, 8, 1), num_bits=8, strategy="channel")
compress("int4_group", "int-quantized", 64, (8, 2), num_bits=4, **grouped)
compress("fp8", "float-quantized", 20, num_bits=8, type="float", strategy="channel")
compress("fp8_tensor", "float-quantized", 20, (1,), num_bits=8, type="float", strategy="tensor")
compress("fp8_block", "float-quantized", 64, (2, 2), num_bits=8, type="float", strategy="block", block_structure=[4, 32])


def compress_small(name, form, unpack, bits, group, read_scale, global_scale=None, **args):
    """The same for floats of 4 and 6 bits, whose decoders round to bfloat16 unless their parts are called one by one."""
    weights = QuantizationArgs(num_bits=bits, type="float", symmetric=True, group_size=group, **args)
    w = torch.randn(8, 64)
    scale = torch.exp2(torch.floor(torch.log2(w.view(8, -1, group).abs().amax(-1) / 6)))
    if global_scale is not None:
        scale = (w.view(8, -1, group).abs().amax(-1) / 6 * global_scale).to(torch.float8_e4m3fn).float()
    state = dict(weight=w, weight_scale=scale)
    if global_scale is not None:
        state["weight_global_scale"] = global_scale
    packed = BaseCompressor.get_value_from_registry(form).compress(state, QuantizationScheme(targets=["Linear"], weights=weights))
    values = unpack(packed["weight_packed"], 8, 64, dtype=torch.float32)
    keep(name, dequantize(values, read_scale(packed["weight_scale"]).float(), args=weights, dtype=torch.float32,
                          global_scale=global_scale), **packed)


compress_small("nvfp4", "nvfp4-pack-quantized", unpack_fp4_from_uint8, 4, 16, lambda s: s, torch.tensor([731.25]),
               strategy="tensor_group")
compress_small("mxfp4", "mxfp4-pack-quantized", unpack_fp4_from_uint8, 4, 32, decompress_mx_scale, strategy="group")
compress_small("mxfp6", "mxfp6-pack-quantized", unpack_fp6_from_uint8, 6, 32, decompress_mx_scale, strategy="group")
exponents = torch.exp2(torch.randint(-9, -6, (8, 2)).float())
compress("mxfp8", "mxfp8-quantized", 64, scale=exponents, num_bits=8, type="float", scale_dtype=torch.uint8, **grouped)

# bitsandbytes: 264 scales are more than one block of 256
for name, shape, block, nested in (("nf4", (8, 128), 64, False), ("fp4", (8, 128), 64, False), ("nf4_nested", (8, 128), 64, True),
                                   ("fp4_nested", (33, 256), 32, True)):
    packed, state = bnb.quantize_4bit(torch.randn(shape) * 0.03, blocksize=block, compress_statistics=nested, quant_type=name[:3])
    tensors = state.as_dict(packed=True)
    keep(name, bnb.dequantize_4bit(packed, state), weight=packed, **tensors)

save("layers.safetensors")
