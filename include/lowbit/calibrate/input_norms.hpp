// SPDX-License-Identifier: MIT
// input_norms: how large the inputs of each column are, gathered from batches of activations.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0 {

/// Gathers the mean squares of a layer's inputs, in double. A column that is always 0 has the norm 0, and its weights are pruned
/// first; a constant one has the norm of its constant.
class input_norms {
public:
    /// For weights of that many columns.
    explicit input_norms(std::size_t cols) : sums_(cols) {}

    /// Takes in activations, samples x columns. errc::shape_mismatch with the number of columns, errc::non_finite with the index
    /// row * cols + column of the first that is NaN or infinite; then nothing of the batch is counted.
    template <class Here = isa::here, viewable X>
    expected<bool> add(const X& activations) {
        const auto x = view_of(activations);
        if (x.cols() != sums_.size())
            return fail(errc::shape_mismatch, "activations of another width than the weights", x.cols());
        std::vector<double> sums = sums_;
        for (std::size_t i = 0; i < x.rows(); ++i) {
            for (std::size_t k = 0; k < x.cols(); ++k) {
                const auto value = static_cast<double>(static_cast<float>(x(i, k)));
                if (value - value != 0.0) return fail(errc::non_finite, "an activation is NaN or infinite", i * x.cols() + k);
                sums[k] += value * value;
            }
        }
        sums_ = std::move(sums);
        samples_ += x.rows();
        return true;
    }

    [[nodiscard]] std::size_t cols() const noexcept { return sums_.size(); }
    [[nodiscard]] std::size_t samples() const noexcept { return samples_; }
    /// The root mean square of each column, for `with` and by_wanda; 0 without samples.
    template <class Here = isa::here>
    [[nodiscard]] std::vector<float> norms() const {
        std::vector<float> norms(sums_.size());
        for (std::size_t k = 0; k < norms.size(); ++k) norms[k] = static_cast<float>(std::sqrt(mean(k)));
        return norms;
    }
    /// The mean square of each column, for `with` as the importance in searches of scales; an `imatrix` holds the same. At most
    /// the largest float.
    template <class Here = isa::here>
    [[nodiscard]] std::vector<float> energies() const {
        std::vector<float> energies(sums_.size());
        for (std::size_t k = 0; k < energies.size(); ++k)
            energies[k] = static_cast<float>(std::min(mean(k), double{std::numeric_limits<float>::max()}));
        return energies;
    }

private:
    [[nodiscard]] LOWBIT_ALWAYS_INLINE double mean(std::size_t k) const {
        return samples_ == 0 ? 0.0 : sums_[k] / static_cast<double>(samples_);
    }

    std::vector<double> sums_;
    std::size_t samples_ = 0;
};

} // namespace lowbit::inline v0
