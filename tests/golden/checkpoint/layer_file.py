# SPDX-License-Identifier: MIT
# What the scripts beside this share: layers are collected by name, each with a hash of the floats that its own project decodes.
import pathlib

import numpy as np
from safetensors.torch import save_file

out = {}


def fnv(floats):
    """FNV-1a of the bytes, as tests/unit/io/checkpoint.cpp computes it."""
    h = 0xCBF29CE484222325
    for byte in floats.detach().numpy().astype("<f4").tobytes():
        h = (h ^ byte) * 0x100000001B3 % (1 << 64)
    return h


def keep(layer, floats, **tensors):
    """`floats` are the layer's weights, N x K."""
    import torch
    floats = floats.float().contiguous()
    for key, value in tensors.items():
        out[f"{layer}.{key}"] = value.detach().contiguous().clone()
    out[f"{layer}.decoded"] = torch.tensor([*floats.shape, np.uint64(fnv(floats)).astype(np.int64).item()])


def save(name):
    save_file(out, pathlib.Path(__file__).with_name(name))
