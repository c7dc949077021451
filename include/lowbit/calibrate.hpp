// SPDX-License-Identifier: MIT
// Calibration: what activations say about weights, and pruning and quantizing by it. Opt-in; needs Eigen.
#pragma once

#include <lowbit/calibrate/column_order.hpp>
#include <lowbit/calibrate/input_hessian.hpp>
#include <lowbit/calibrate/input_norms.hpp>
#include <lowbit/calibrate/sparse_gpt.hpp>
