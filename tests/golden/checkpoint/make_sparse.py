# SPDX-License-Identifier: MIT
# Writes sparse.safetensors: layers of compressed-tensors that its releases of today neither write nor read, by an older one's own
# functions. Made with torch 2.15.0 and compressed-tensors 0.10.2; run it again only to change the layers.
import torch
from compressed_tensors.compressors.quantized_compressors.pack_quantized import pack_to_int32
from compressed_tensors.compressors.sparse_compressors.sparse_24_bitmask import Sparse24BitMaskTensor
from compressed_tensors.compressors.sparse_compressors.sparse_bitmask import BitmaskTensor
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize

from layer_file import keep, save

torch.manual_seed(21)


def tensors_of(made):
    return {key.rsplit(".", 1)[-1]: value for key, value in made.dict("layer").items()}


w = torch.randn(8, 24)
for name, dense in (("f16", w.half()), ("fp8", w.to(torch.float8_e4m3fn)), ("int8", (w * 20).to(torch.int8))):
    made = Sparse24BitMaskTensor.from_dense(dense)
    keep(f"sparse24_{name}", made.decompress(), **tensors_of(made))
thin = torch.where(torch.rand(8, 21) < 0.3, torch.randn(8, 21), torch.zeros(8, 21))
thin[2] = 0
made = BitmaskTensor.from_dense(thin)
keep("bitmask", made.decompress(), **tensors_of(made))

q = torch.randint(-8, 8, (8, 64), dtype=torch.int8)
scale = (torch.rand(8, 2) * 0.1 + 0.005).half()
g_idx = (torch.arange(64, dtype=torch.int32) // 32)[torch.randperm(64)]
keep("ct4_act", dequantize(q, scale.float(), None, QuantizationArgs(num_bits=4, strategy="group", group_size=32), g_idx=g_idx),
     weight_packed=pack_to_int32(q, 4), weight_scale=scale, weight_shape=torch.tensor(q.shape), weight_g_idx=g_idx)

save("sparse.safetensors")
