# SPDX-License-Identifier: MIT
# Writes layers.safetensors beside itself: small layers packed bit by bit as the checkpoint formats say, and the floats that they
# stand for. Needs numpy and safetensors; run it again only to change the layers.
import pathlib

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(20)
N, K, G = 16, 64, 32
out = {}


def words_of(codes, bits):
    """The codes of the last axis as one run of bits, lowest first, in 32-bit words."""
    stream = ((codes[..., None] >> np.arange(bits)) & 1).reshape(*codes.shape[:-1], -1)
    stream = np.pad(stream, [(0, 0)] * (codes.ndim - 1) + [(0, -stream.shape[-1] % 32)])
    return np.packbits(stream.astype(np.uint8), axis=-1, bitorder="little").view("<i4")


def scales_of(groups, dtype=np.float16):
    return rng.uniform(0.005, 0.1, (groups, N)).astype(dtype)


def keep(name, **tensors):
    for key, value in tensors.items():
        out[f"{name}.{key}"] = np.ascontiguousarray(value)


# GPTQ: W[k, n] = scale[g, n] * (q[k, n] - zero[g, n]); words along K, zero points along N
for bits, sorted_groups in ((2, True), (3, True), (4, True), (4, False), (8, True)):
    q = rng.integers(0, 1 << bits, (K, N))
    zero = rng.integers(1, 1 << bits, (K // G, N))
    scale = scales_of(K // G)
    g_idx = np.arange(K, dtype=np.int32) // G
    if not sorted_groups:
        g_idx = rng.permutation(g_idx)
    w = scale.astype(np.float32)[g_idx] * (q - zero[g_idx]).astype(np.float32)
    keep(f"gptq{bits}" + ("" if sorted_groups else "_act"), qweight=words_of(q.T, bits).T, qzeros=words_of(zero, bits),
         qzeros_v1=words_of(zero - 1, bits), scales=scale, g_idx=g_idx, float=w.T)

# AWQ: nibble i of a word is column (0, 2, 4, 6, 1, 3, 5, 7)[i]
order = (np.arange(N).reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]]).ravel()
q = rng.integers(0, 16, (K, N))
zero = rng.integers(0, 16, (K // G, N))
scale = scales_of(K // G)
g = np.arange(K) // G
keep("awq", qweight=words_of(q[:, order], 4), qzeros=words_of(zero[:, order], 4), scales=scale,
     float=(scale.astype(np.float32)[g] * (q - zero[g]).astype(np.float32)).T)

# compressed-tensors: everything stored plus 2^(bits - 1); zero points packed along N. 68 columns end within a word
for bits, groups, cols, zeros in ((4, 2, 64, False), (4, 2, 64, True), (8, 1, 66, False), (4, 1, 68, False)):
    half = 1 << (bits - 1)
    q = rng.integers(-half, half, (N, cols))
    zero = rng.integers(-half, half, (N, groups)) if zeros else np.zeros((N, groups), dtype=np.int64)
    scale = scales_of(groups).T
    g = np.arange(cols) // -(-cols // groups)
    layer = dict(weight_packed=words_of(q + half, bits), weight_scale=scale, weight_shape=np.array([N, cols], dtype=np.int64),
                 float=scale.astype(np.float32)[:, g] * (q - zero[:, g]).astype(np.float32))
    if zeros:
        layer["weight_zero_point"] = words_of(zero.T + half, bits).T
    keep(f"ct{bits}_{cols}" + ("_zero" if zeros else ""), **layer)

# bitsandbytes: blocks of 64, the first code in the high nibble
nf4 = np.array([-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
                -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
                0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1], dtype=np.float32)
q = rng.integers(0, 16, (N, 128))
absmax = rng.uniform(0.01, 0.2, N * 2).astype(np.float32)
flat = q.ravel()
keep("nf4", weight=(flat[0::2] << 4 | flat[1::2]).astype(np.uint8)[:, None], absmax=absmax,
     float=(nf4[q].reshape(-1, 64) * absmax[:, None]).reshape(N, 128))

for key, value in out.items():
    if key.endswith(".float"):
        out[key] = value.astype(np.float32)
save_file(out, pathlib.Path(__file__).with_name("layers.safetensors"))
