// SPDX-License-Identifier: MIT
// The same network with compressed weights: everything that a program needs from lowbit to use a policy.
#pragma once

#include "mlp.hpp"
#include "../common/workers.hpp"

#include <lowbit/eigen.hpp>
#include <lowbit/lowbit.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace demo {

namespace lb = lowbit;

/// What some compressed matrices take together, and how far they are from what they were.
class account {
public:
    template <class Quantized>
    void add(const Quantized& q, lb::matrix_view<const float> original) {
        const std::size_t size = original.rows() * original.cols();
        bytes_ += q.size_bytes();
        weights_ += size;
        noise_ += lb::error_of(q, original).mse * static_cast<double>(size);
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
    double signal_ = 0, noise_ = 0;
};

template <lb::any_policy Policy>
class compressed_mlp {
public:
    /// Keeps a reference to `model` for its biases, which stay float.
    explicit compressed_mlp(const mlp& model) : model_(model) {
        for (const layer& l : model.layers) {
            const auto q = lb::quantize<Policy>(l.weights);
            account_.add(q, lb::view_of(l.weights));
            packed_.push_back(lb::pack(q)); // the order that the kernels read; q is not needed any more
        }
    }

    [[nodiscard]] const demo::account& account() const { return account_; }

    /// As the float network's forward(), on the threads of `pool`.
    void forward(const matrix& pictures, activations& out, workers& pool) const {
        for (std::size_t i = 0; i < out.size(); ++i) out[i].resize(pictures.rows(), model_.layers[i].bias.size());
        lb::gemm(lb::on(pool), pictures, packed_[0], out[0], lb::epilogue(lb::add_bias(bias(0)), lb::relu));
        lb::gemm(lb::on(pool), out[0], packed_[1], out[1], lb::epilogue(lb::add_bias(bias(1)), lb::relu));
        lb::gemm(lb::on(pool), out[1], packed_[2], out[2], lb::epilogue(lb::add_bias(bias(2))));
    }

private:
    using packed = decltype(lb::pack(std::declval<const lb::quantized_matrix<Policy>&>()));

    [[nodiscard]] std::span<const float> bias(std::size_t i) const {
        const vector& b = model_.layers[i].bias;
        return {b.data(), static_cast<std::size_t>(b.size())};
    }

    const mlp& model_;
    std::vector<packed> packed_;
    demo::account account_;
};

} // namespace demo
