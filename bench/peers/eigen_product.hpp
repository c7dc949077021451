// SPDX-License-Identifier: MIT
// The peer Eigen: a sparse matrix of floats, row-major, times a dense one.
#pragma once

#include <Eigen/SparseCore>

#include <cstddef>
#include <vector>

#include "gemm_case.hpp"

namespace bench {

/// Y^T = W * X^T, which reads W and X in the order in which they are stored.
class eigen_sparse_product {
    using sparse = Eigen::SparseMatrix<float, Eigen::RowMajor>;
    using columns = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;

public:
    explicit eigen_sparse_product(const gemm_case& shape)
        : shape_(shape), x_(shape.inputs()), y_(shape.m, shape.n), turn_(shape.copies) {
        const auto& w = shape.weights();
        const auto rows = static_cast<Eigen::Index>(shape.n), cols = static_cast<Eigen::Index>(shape.k);
        using dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        const sparse one = Eigen::Map<const dense>(w.data(), rows, cols).sparseView();
        weights_.assign(shape.copies, one);
    }

    void operator()() {
        const auto m = static_cast<Eigen::Index>(shape_.m);
        const Eigen::Map<const columns> x(x_.data(), static_cast<Eigen::Index>(shape_.k), m);
        Eigen::Map<columns> y(y_.data(), static_cast<Eigen::Index>(shape_.n), m);
        y.noalias() = weights_[turn_()] * x;
        benchmark::DoNotOptimize(y_.data());
    }
    [[nodiscard]] std::size_t weight_bytes() const {
        return static_cast<std::size_t>(weights_[0].nonZeros()) * (sizeof(float) + sizeof(int)) + (shape_.n + 1) * sizeof(int);
    }
    [[nodiscard]] double error() {
        (*this)();
        return relative_error(shape_, x_, y_);
    }

private:
    gemm_case shape_;
    lowbit::matrix<float> x_;
    lowbit::matrix<float> y_;
    std::vector<sparse> weights_;
    turns turn_;
};

} // namespace bench
