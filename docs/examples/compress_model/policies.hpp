// SPDX-License-Identifier: MIT
// The policies that are compared, behind plain functions: only where they are listed are lowbit's quantizers and
// kernels compiled.
#pragma once

#include "compressed.hpp"
#include "gradual_mask.hpp"

#include <lowbit/core/expected.hpp>

#include <span>
#include <string>
#include <vector>

namespace demo {

struct named_policy {
    const char* name;
    const char* meaning;
    const mask_kind* mask; ///< what it prunes; null for nothing
    /// `input_norms`: one for each column. With them pruning takes the weights that matter least to the outputs (Wanda), without
    /// them, or where they are empty, the smallest.
    lb::expected<compressed> (*compress)(lb::matrix_view<const float> weights, std::span<const float> input_norms);
};

/// The lists: a new policy is a line in one of them.
std::vector<named_policy> dense_policies();
std::vector<named_policy> pruned_policies();

/// Those of these names, in the order of the lists; all where none is named.
std::vector<named_policy> policies(const std::vector<std::string>& names);

} // namespace demo
