// SPDX-License-Identifier: MIT
// layer: weights and activations with a strong covariance and outlier columns, on which published figures of calibration stand.
#pragma once

#include <lowbit/core/matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace lowbit_test {

/// Weights 0.02 * normal; tokens c * FWHT(s * sqrt(lambda) * z) with gains c = exp(0.5 * normal), every 128th column times 20,
/// signs s and lambda falling as 1 / (k + 1). How loud the eight outliers are changes from seed to seed, and with it every figure
/// of an activation-aware method, by 2 dB; arithmetic over geometric mean of the covariance's eigenvalues says how loud.
class layer {
public:
    static constexpr std::size_t size = 1024;
    lowbit::matrix<float> weights{size, size};
    lowbit::matrix<float> tokens{4096, size};

    explicit layer(std::uint64_t seed) : engine_(seed), gain_(size), sign_(size), root_(size) {
        for (std::size_t i = 0; i < size * size; ++i) weights.data()[i] = static_cast<float>(0.02 * normal());
        for (double& g : gain_) g = std::exp(0.5 * normal());
        for (std::size_t k = 37; k < size; k += 128) gain_[k] *= 20;
        for (double& s : sign_) s = (engine_() >> 63) != 0 ? -1.0 : 1.0;
        double mean = 0;
        for (std::size_t k = 0; k < size; ++k) mean += 1.0 / static_cast<double>((k + 1) * size);
        for (std::size_t k = 0; k < size; ++k) root_[k] = std::sqrt(1.0 / static_cast<double>(k + 1) / mean);
        std::vector<double> x(size);
        for (std::size_t t = 0; t < tokens.rows(); ++t) {
            for (std::size_t k = 0; k < size; ++k) x[k] = sign_[k] * root_[k] * normal();
            walsh_hadamard(x);
            for (std::size_t k = 0; k < size; ++k) tokens(t, k) = static_cast<float>(gain_[k] * x[k]);
        }
    }

    /// The output error of other weights over the outputs, expected over all tokens, in decibels below.
    [[nodiscard]] double error_db(const lowbit::matrix<float>& other) const {
        double lost = 0, all = 0;
        std::vector<double> x(size);
        const auto energy = [&](auto&& at) {
            for (std::size_t k = 0; k < size; ++k) x[k] = at(k) * gain_[k];
            walsh_hadamard(x);
            double sum = 0;
            for (std::size_t k = 0; k < size; ++k) sum += x[k] * x[k] * root_[k] * root_[k];
            return sum;
        };
        for (std::size_t i = 0; i < size; ++i) {
            lost += energy([&](std::size_t k) { return static_cast<double>(other(i, k)) - static_cast<double>(weights(i, k)); });
            all += energy([&](std::size_t k) { return static_cast<double>(weights(i, k)); });
        }
        return 10 * std::log10(all / lost);
    }

private:
    double normal() { // Box-Muller, two at a time
        if (waiting_) {
            waiting_ = false;
            return next_;
        }
        const double u1 = static_cast<double>((engine_() >> 11) + 1) * 0x1p-53;
        const double u2 = static_cast<double>(engine_() >> 11) * 0x1p-53;
        const double r = std::sqrt(-2 * std::log(u1));
        constexpr double turn = 6.283185307179586;
        next_ = r * std::sin(turn * u2);
        waiting_ = true;
        return r * std::cos(turn * u2);
    }
    static void walsh_hadamard(std::vector<double>& x) {
        for (std::size_t h = 1; h < size; h *= 2) {
            for (std::size_t i = 0; i < size; i += 2 * h) {
                for (std::size_t j = i; j < i + h; ++j) {
                    const double a = x[j], b = x[j + h];
                    x[j] = a + b;
                    x[j + h] = a - b;
                }
            }
        }
        for (double& v : x) v /= 32;
    }

    std::mt19937_64 engine_;
    double next_ = 0;
    bool waiting_ = false;
    std::vector<double> gain_, sign_, root_;
};

} // namespace lowbit_test
