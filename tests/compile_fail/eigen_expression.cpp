// SPDX-License-Identifier: MIT
// Refused: an Eigen expression, which has no elements in memory.
// expect: lowbit: an Eigen expression has no memory of its own; call .eval() on it first
#include <lowbit/eigen.hpp>

auto refused(const Eigen::MatrixXf& m) { return lowbit::view_of(m + m); }
