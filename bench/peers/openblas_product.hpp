// SPDX-License-Identifier: MIT
// The peer OpenBLAS: the product of float weights, sgemm.
#pragma once

#include <cblas.h>

#include <cstddef>
#include <vector>

#include "gemm_case.hpp"

namespace bench {

class openblas_product {
public:
    explicit openblas_product(const gemm_case& shape)
        : shape_(shape), x_(shape.inputs()), y_(shape.m, shape.n), weights_(shape.copies, shape.weights()), turn_(shape.copies) {
        openblas_set_num_threads(static_cast<int>(shape.threads));
    }

    void operator()() {
        const auto m = static_cast<blasint>(shape_.m), n = static_cast<blasint>(shape_.n), k = static_cast<blasint>(shape_.k);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, x_.data(), k, weights_[turn_()].data(), k, 0.0f,
                    y_.data(), n);
        benchmark::DoNotOptimize(y_.data());
    }
    [[nodiscard]] std::size_t weight_bytes() const { return shape_.n * shape_.k * sizeof(float); }
    [[nodiscard]] double error() {
        (*this)();
        return relative_error(shape_, x_, y_);
    }

private:
    gemm_case shape_;
    lowbit::matrix<float> x_;
    lowbit::matrix<float> y_;
    std::vector<lowbit::matrix<float>> weights_;
    turns turn_;
};

} // namespace bench
