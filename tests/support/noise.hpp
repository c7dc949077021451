// SPDX-License-Identifier: MIT
// noise: seeded random weights, and weights that look for trouble.
#pragma once

#include "support/seed.hpp"

#include <lowbit/core/matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>

namespace lowbit_test {

class noise {
public:
    explicit noise(std::uint64_t stream = 0) : engine_(seed() + stream) {}

    /// A number in [0, 1) with 24 random bits.
    float uniform() { return static_cast<float>(engine_() >> 40) * 0x1p-24f; }
    /// An integer in [0, below).
    std::size_t index(std::size_t below) { return static_cast<std::size_t>(engine_() % below); }
    /// About normal: the sum of twelve uniform numbers, which needs no libm.
    float normal() {
        float sum = -6.0f;
        for (int i = 0; i < 12; ++i) sum += uniform();
        return sum;
    }

    lowbit::matrix<float> weights(std::size_t rows, std::size_t cols) {
        lowbit::matrix<float> w(rows, cols);
        for (std::size_t i = 0; i < rows; ++i)
            for (float& x : w.row(i)) x = normal();
        return w;
    }

    /// Finite numbers of every size, signed zeros, subnormals, ties, equal runs, rows of nothing and outliers; all below `most`.
    lowbit::matrix<float> hostile(std::size_t rows, std::size_t cols, float most = 1e30f) {
        lowbit::matrix<float> w(rows, cols);
        const float special[] = {0.0f,  -0.0f,  1.0f,    -1.0f,           0.5f,  -0.5f,    2.5f,
                                 -3.5f, 1e-40f, -1e-45f, 1.17549435e-38f, 3e-8f, 65504.0f, 7.5f};
        for (std::size_t i = 0; i < rows; ++i) {
            const std::size_t kind = index(8);
            const float equal = normal();
            for (std::size_t k = 0; k < cols; ++k) {
                float& x = w(i, k);
                switch (kind) {
                case 0: x = index(2) == 0 ? 0.0f : -0.0f; break;
                case 1: x = equal; break;
                case 2: x = special[index(std::size(special))]; break;
                case 3: x = std::ldexp(normal(), static_cast<int>(index(60)) - 30); break;
                case 4: x = static_cast<float>(index(17)) * 0.25f - 2.0f; break; // ties
                case 5: x = k == cols / 2 ? most * 0.9f : normal(); break;
                case 6: x = std::fabs(normal()) + 3.0f; break; // one side only
                default: x = -normal() * 1e-39f; break;
                }
                if (!(std::fabs(x) <= most)) x = most;
            }
        }
        return w;
    }

private:
    std::mt19937_64 engine_;
};

} // namespace lowbit_test
