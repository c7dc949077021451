// SPDX-License-Identifier: MIT
// Refused: a residual of another type than float.
// expect: lowbit: add_bias and add_residual take float
#include <lowbit/core/matrix.hpp>
#include <lowbit/gemm/epilogue.hpp>

auto refused(const lowbit::matrix<double>& r) { return lowbit::add_residual(r); }
