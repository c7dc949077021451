// SPDX-License-Identifier: MIT
// noise: seeded random weights and activations.
#pragma once

#include <cstdint>
#include <random>

#include <lowbit/core/matrix.hpp>

#include "support/seed.hpp"

namespace lowbit_test {

class noise {
public:
    explicit noise(std::uint64_t salt) : random_(seed() * 1000003 + salt) {}

    /// In (-1, 1), more often near 0.
    float operator()() { return (uniform() + uniform() + uniform() - 1.5f) / 1.5f; }
    std::size_t below(std::size_t n) { return random_() % n; }
    lowbit::matrix<float> matrix(std::size_t rows, std::size_t cols) {
        lowbit::matrix<float> m(rows, cols);
        for (std::size_t i = 0; i < rows * cols; ++i) m.data()[i] = (*this)();
        return m;
    }

private:
    float uniform() { return static_cast<float>(random_() >> 40) * 0x1p-24f; }

    std::mt19937_64 random_;
};

} // namespace lowbit_test
