// SPDX-License-Identifier: MIT
// Refused: a part of an epilogue that is neither one of ours nor a function of a float.
// expect: lowbit: an epilogue takes relu, gelu, silu, clamp, add_bias, add_residual, requantize, or a function float(float) or float(float, row, column)
#include <lowbit/gemm/epilogue.hpp>

auto refused() { return lowbit::epilogue(lowbit::relu, 3); }
