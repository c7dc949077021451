// SPDX-License-Identifier: MIT
// checkpoint: weights that GPTQ, AWQ, compressed-tensors and bitsandbytes have packed, as quantized matrices. One file for each.
#pragma once

#include <lowbit/io/checkpoint/from_awq.hpp>
#include <lowbit/io/checkpoint/from_bitmask.hpp>
#include <lowbit/io/checkpoint/from_bnb.hpp>
#include <lowbit/io/checkpoint/from_float_packed.hpp>
#include <lowbit/io/checkpoint/from_gptq.hpp>
#include <lowbit/io/checkpoint/from_packed.hpp>
#include <lowbit/io/checkpoint/from_quantized.hpp>
#include <lowbit/io/checkpoint/packing.hpp>
