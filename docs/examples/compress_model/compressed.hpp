// SPDX-License-Identifier: MIT
// A compressed matrix, whatever its policy: what it takes, how far it is from what it was, how to multiply with it.
#pragma once

#include "../common/workers.hpp"
#include "dataset.hpp"

#include <lowbit/core/view.hpp>

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>

namespace demo {

namespace lb = lowbit;

/// What some compressed matrices take together, and how far they are from what they were.
class account {
public:
    account() = default;
    account(std::size_t bytes, double mean_squared_error, lb::matrix_view<const float> original)
        : bytes_(bytes), weights_(original.rows() * original.cols()), noise_(mean_squared_error * static_cast<double>(weights_)) {
        for (std::size_t i = 0; i < original.rows(); ++i) {
            for (const float w : original.row(i)) signal_ += static_cast<double>(w) * static_cast<double>(w);
        }
    }
    void add(const account& other) {
        bytes_ += other.bytes_;
        weights_ += other.weights_;
        noise_ += other.noise_;
        signal_ += other.signal_;
    }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t weights() const { return weights_; }
    [[nodiscard]] double bits_per_weight() const { return 8 * static_cast<double>(bytes_) / static_cast<double>(weights_); }
    /// Signal to quantization noise in decibels; infinite where nothing was lost.
    [[nodiscard]] double sqnr_db() const {
        return noise_ == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal_ / noise_);
    }

private:
    std::size_t bytes_ = 0, weights_ = 0;
    double noise_ = 0, signal_ = 0;
};

/// y = x * weights^T + bias, and then relu where it is wanted, on the threads of `pool`. y has its size already.
using product = std::function<void(const matrix& x, std::span<const float> bias, bool relu, matrix& y, workers& pool)>;

struct compressed {
    account cost;
    std::function<product()> pack; ///< puts the weights in the order that the kernels read
};

} // namespace demo
