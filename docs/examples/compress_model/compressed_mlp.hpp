// SPDX-License-Identifier: MIT
// The same network with compressed weights.
#pragma once

#include "mlp.hpp"
#include "policies.hpp"

#include <array>
#include <vector>

namespace demo {

/// For each layer the norm of each of its inputs.
using norms = std::array<std::vector<float>, 3>;
norms norms_of_inputs(const mlp& model, const matrix& pictures);

class compressed_mlp {
public:
    /// Keeps a reference to `model` for its biases, which stay float. Where the policy prunes, it goes by the norms of
    /// inputs too; by magnitude alone where these are empty.
    compressed_mlp(const mlp& model, const named_policy& policy, const norms& inputs = {});

    [[nodiscard]] const account& cost() const { return cost_; }

    /// As the float network's forward(), on the threads of `pool`.
    void forward(const matrix& pictures, activations& out, workers& pool) const;

private:
    const mlp& model_;
    std::array<product, 3> products_;
    account cost_;
};

} // namespace demo
