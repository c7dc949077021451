// SPDX-License-Identifier: MIT
// Accuracy and latency of a forward pass, whoever computes it.
#pragma once

#include "mlp.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace demo {

/// Percent of the samples that forward(pictures, activations) puts on the right side of 0.
template <class Forward>
double accuracy(const dataset& set, Forward forward) {
    activations out;
    forward(set.pictures, out);
    const auto says_odd = out.back().col(0).array() > 0;
    const auto is_odd = set.odd.array() > 0.5f;
    return 100 * static_cast<double>((says_odd == is_odd).count()) / static_cast<double>(set.size());
}

/// Median time of one forward pass over the first `batch` pictures in microseconds: first warm, then as many passes as
/// fit in about `seconds`.
template <class Forward>
double latency(const dataset& set, Eigen::Index batch, double seconds, Forward forward) {
    using clock = std::chrono::steady_clock;
    const matrix pictures = set.pictures.topRows(batch);
    activations out;
    const auto run_for = [&](double limit) {
        std::vector<double> microseconds;
        const auto end = clock::now() + std::chrono::duration<double>(limit);
        do {
            const auto start = clock::now();
            forward(pictures, out);
            microseconds.push_back(std::chrono::duration<double, std::micro>(clock::now() - start).count());
        } while (clock::now() < end || microseconds.size() < 5);
        return microseconds;
    };
    run_for(seconds / 5);
    std::vector<double> times = run_for(seconds);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

} // namespace demo
