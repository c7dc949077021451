// SPDX-License-Identifier: MIT
// What the network learns from: pictures of digits as rows of a matrix, and whether each digit is odd.
#pragma once

#include <Eigen/Core>

namespace demo {

/// Row-major, because a row is a picture (or, in weights, all inputs of one output), and because lowbit reads it so.
using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using vector = Eigen::VectorXf;

inline constexpr Eigen::Index picture_width = 25;
inline constexpr Eigen::Index picture_height = 40;
inline constexpr Eigen::Index picture_size = picture_width * picture_height;

/// Pictures with their labels. A picture is picture_size grey values from 0 (paper) to 1 (ink), row by row.
struct dataset {
    matrix pictures; ///< samples x picture_size
    vector odd;      ///< samples: 1 where the digit is odd, 0 where it is even

    dataset() = default;
    explicit dataset(Eigen::Index samples) : pictures(matrix::Zero(samples, picture_size)), odd(vector::Zero(samples)) {}

    [[nodiscard]] Eigen::Index size() const { return pictures.rows(); }
};

/// The two sets that must never meet: one to learn from, one to be examined on.
struct split {
    dataset train;
    dataset test;
};

} // namespace demo
