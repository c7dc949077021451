// SPDX-License-Identifier: MIT
// Random numbers that are the same with every standard library (the engines of <random> are, its distributions are not).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace demo {

class random_source {
public:
    explicit random_source(std::uint64_t seed) : engine_(seed) {}

    /// Uniform in [low, high).
    float uniform(float low, float high) { return low + (high - low) * unit(engine_() >> 40); }

    /// Around 0 with standard deviation `deviation`: four uniform numbers added, which is as good as normal here.
    float bell(float deviation) {
        const std::uint64_t bits = engine_();
        float sum = -2;
        for (unsigned i = 0; i < 4; ++i) sum += static_cast<float>((bits >> (16 * i)) & 0xffff) / 0x1p16f;
        return sum * 1.7320508f * deviation; // the sum of four has variance 4/12
    }

    /// Uniform in 0 .. count - 1.
    std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }

    /// 0 .. count - 1 in random order.
    template <class Index>
    std::vector<Index> permutation(Index count) {
        std::vector<Index> order(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), Index{0});
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
        return order;
    }

private:
    static float unit(std::uint64_t bits24) { return static_cast<float>(bits24) / 0x1p24f; }

    std::mt19937_64 engine_;
};

} // namespace demo
