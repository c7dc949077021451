// SPDX-License-Identifier: MIT
// Refused: an epilogue that goes on after requantize.
// expect: lowbit: requantize is the last part of an epilogue
#include <lowbit/gemm/epilogue.hpp>

auto refused() { return lowbit::epilogue(lowbit::requantize(1.0f), lowbit::relu); }
