// SPDX-License-Identifier: MIT
// Pruning while training goes on: what is kept learns to do without the rest.
#pragma once

#include "gradual_mask.hpp"
#include "mlp.hpp"

namespace demo {

/// Trains `model` on and prunes each layer after each step, more and more of it up to three fifths of the steps (the cubic
/// schedule of Zhu and Gupta, arXiv:1710.01878); then the mask stands, and what is gone stays 0. Null prunes nothing: the same
/// training alone.
void retrain(mlp& model, const mask_kind* mask, const dataset& examples, const training& how);

} // namespace demo
