// SPDX-License-Identifier: MIT
// The schedule, and the masks that it asks for.
#include "retrain.hpp"

#include <lowbit/prune/cubic_schedule.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace demo {
namespace {

matrix as_factors(const lb::matrix<std::uint8_t>& mask) {
    const auto rows = static_cast<Eigen::Index>(mask.rows()), cols = static_cast<Eigen::Index>(mask.cols());
    using bytes = Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const bytes>(mask.data(), rows, cols).cast<float>();
}

} // namespace

void retrain(mlp& model, const mask_kind* mask, const dataset& examples, const training& how) {
    std::array<matrix, 3> kept; // of each layer: 1 or 0 for each weight
    const auto prune = [&](mlp& now, int step, int steps) {
        if (mask == nullptr) return;
        const auto at = static_cast<std::size_t>(step), whole = static_cast<std::size_t>(std::max(1, 3 * steps / 5));
        const lb::cubic_schedule schedule{.last = mask->percent, .begin = 1, .end = whole, .every = 2};
        for (std::size_t i = 0; i < kept.size(); ++i) {
            matrix& weights = now.layers[i].weights;
            if (schedule.due(at)) kept[i] = as_factors(mask->grown(weights, schedule(at)));
            weights.array() *= kept[i].array();
        }
    };
    train(model, examples, how, [](double) {}, prune);
}

} // namespace demo
