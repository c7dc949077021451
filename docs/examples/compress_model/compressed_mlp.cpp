// SPDX-License-Identifier: MIT
// Layer by layer.
#include "compressed_mlp.hpp"

#include "../common/failure.hpp"

#include <lowbit/calibrate/input_norms.hpp>
#include <lowbit/eigen.hpp>

#include <string>

namespace demo {

norms norms_of_inputs(const mlp& model, const matrix& pictures) {
    activations values;
    forward(model, pictures, values);
    norms out;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const matrix& in = i == 0 ? pictures : values[i - 1];
        lb::input_norms gathered(static_cast<std::size_t>(in.cols()));
        if (const auto taken = gathered.add(in); !taken) throw input_error(taken.error().message);
        out[i] = gathered.norms();
    }
    return out;
}

compressed_mlp::compressed_mlp(const mlp& model, const named_policy& policy, const norms& inputs) : model_(model) {
    for (std::size_t i = 0; i < products_.size(); ++i) {
        const auto result = policy.compress(lb::view_of(model.layers[i].weights), inputs[i]);
        if (!result) throw input_error(policy.name + std::string(": ") + result.error().message); // a training that diverged
        cost_.add(result->cost);
        products_[i] = result->pack();
    }
}

void compressed_mlp::forward(const matrix& pictures, activations& out, workers& pool) const {
    for (std::size_t i = 0; i < products_.size(); ++i) {
        const vector& bias = model_.layers[i].bias;
        out[i].resize(pictures.rows(), bias.size());
        products_[i](i == 0 ? pictures : out[i - 1], {bias.data(), static_cast<std::size_t>(bias.size())},
                     i + 1 < products_.size(), out[i], pool);
    }
}

} // namespace demo
