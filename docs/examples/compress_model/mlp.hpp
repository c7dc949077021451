// SPDX-License-Identifier: MIT
// The float network: 1000 -> 500 -> 100 -> 1, with relu between the layers, whose one output is the logit of "odd".
#pragma once

#include "dataset.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace demo {

struct layer {
    matrix weights; ///< outputs x inputs
    vector bias;    ///< outputs
};

struct mlp {
    std::array<layer, 3> layers;

    /// Random weights, scaled for relu (He et al. 2015), and zero biases.
    explicit mlp(std::uint64_t seed);
    [[nodiscard]] Eigen::Index weight_count() const;
    [[nodiscard]] Eigen::Index bias_count() const;
};

/// What leaves each layer, samples x outputs; the last is one logit a picture: above 0 the network says odd. Kept by the
/// caller, so that a second forward pass allocates nothing.
using activations = std::array<matrix, 3>;

/// The float reference, computed by Eigen.
void forward(const mlp& model, const matrix& pictures, activations& out);

struct training {
    int epochs = 8;
    Eigen::Index batch = 100;
    float learning_rate = 1e-3f;
    std::uint64_t seed = 1; ///< order of the pictures
};
/// Hears of each epoch.
using epoch_callback = std::function<void(double loss)>;
/// Comes after each step, from 1 to `steps`, and may change the weights.
using step_callback = std::function<void(mlp& model, int step, int steps)>;

/// Cross entropy by Adam (Kingma and Ba 2015), with a learning rate that falls to nothing along half a cosine. The same
/// arguments give the same network (in one build: Eigen sums in the order that suits its vectors).
void train(
    mlp& model, const dataset& examples, const training& how, const epoch_callback& epoch_done,
    const step_callback& step_done = [](mlp&, int, int) {});

} // namespace demo
