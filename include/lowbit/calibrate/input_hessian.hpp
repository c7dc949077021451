// SPDX-License-Identifier: MIT
// input_hessian: how the inputs of a layer move together, gathered from batches of activations; what second-order methods ask
// for.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <Eigen/Core>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0 {

/// Gathers the sums of x * x^T over a layer's inputs, in double: the Hessian of its squared output error, up to a factor. Takes
/// cols * cols * 8 bytes.
class input_hessian {
public:
    /// For weights of that many columns.
    explicit input_hessian(std::size_t cols) : sums_(Eigen::MatrixXd::Zero(index(cols), index(cols))) {}

    /// Takes in activations, samples x columns. errc::shape_mismatch with the number of columns, errc::non_finite with the index
    /// row * cols + column of the first that is NaN or infinite; then nothing of the batch is counted.
    template <class Here = isa::here, viewable X>
    expected<bool> add(const X& activations) {
        const auto x = view_of(activations);
        if (x.cols() != cols()) return fail(errc::shape_mismatch, "activations of another width than the weights", x.cols());
        for (std::size_t i = 0; i < x.rows(); ++i) {
            for (std::size_t k = 0; k < x.cols(); ++k) {
                const auto value = static_cast<float>(x(i, k));
                if (value - value != 0.0f) return fail(errc::non_finite, "an activation is NaN or infinite", i * x.cols() + k);
            }
        }
        constexpr std::size_t most = 256; // samples at once: enough for the product to be fast
        Eigen::MatrixXd part(index(cols()), index(std::min(most, x.rows())));
        for (std::size_t first = 0; first < x.rows(); first += most) {
            const std::size_t count = std::min(most, x.rows() - first);
            for (std::size_t i = 0; i < count; ++i) {
                for (std::size_t k = 0; k < x.cols(); ++k) part(index(k), index(i)) = static_cast<float>(x(first + i, k));
            }
            if (part.size() != 0) // whose first number is referred to
                sums_.template selfadjointView<Eigen::Lower>().rankUpdate(part.leftCols(index(count)));
        }
        samples_ += x.rows();
        return true;
    }

    [[nodiscard]] std::size_t cols() const noexcept { return static_cast<std::size_t>(sums_.rows()); }
    [[nodiscard]] std::size_t samples() const noexcept { return samples_; }
    /// The sum of the products of two columns.
    [[nodiscard]] double operator()(std::size_t i, std::size_t j) const {
        return sums_(index(std::max(i, j)), index(std::min(i, j)));
    }
    /// The root mean square of each column, as input_norms has it.
    template <class Here = isa::here>
    [[nodiscard]] std::vector<float> norms() const {
        std::vector<float> norms(cols());
        for (std::size_t k = 0; k < cols() && samples_ != 0; ++k)
            norms[k] = static_cast<float>(std::sqrt((*this)(k, k) / static_cast<double>(samples_)));
        return norms;
    }

private:
    static Eigen::Index index(std::size_t i) noexcept { return static_cast<Eigen::Index>(i); }

    Eigen::MatrixXd sums_; ///< the lower triangle
    std::size_t samples_ = 0;
};

} // namespace lowbit::inline v0
