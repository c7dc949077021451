// SPDX-License-Identifier: MIT
// column_sweep: changes weights column by column, and lets the columns that are left make up for the error of each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Cholesky>

#include <lowbit/calibrate/input_hessian.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0 {

/// How a sweep went.
struct sweep_report {
    std::size_t samples = 0; ///< of calibration; with fewer than columns it is the damping that makes the Hessian invertible
    double damping = 0; ///< the part of the mean diagonal that was added to the diagonal: what was asked for, or 10 times, 100
                        ///< times ... that where the Hessian could not be inverted
    std::size_t dead_columns = 0; ///< whose inputs were all 0: their weights became 0 before they were quantized
};

/// How a sweep goes.
struct sweep_options {
    double damping = 0.01;   ///< part of the mean diagonal of the Hessian that is added to its diagonal
    std::size_t block = 128; ///< columns after which the error is carried to the ones behind the block, all at once
};

namespace detail {

/// Row-major floats, as lowbit::matrix has them.
using sweep_matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// U, upper triangular, with U^T * U = H^-1, its columns in stored order.
struct inverse_factor {
    sweep_matrix upper;
    std::vector<bool> dead; ///< columns without input
    sweep_report report;
};

/// Factors the damped inverse; column k is `order[k]` of the Hessian where an order is given. Reversed, the Cholesky factor of H
/// is the inverse of U: no inverse of H is made.
template <class Here>
expected<inverse_factor> factor_inverse(const input_hessian& inputs, std::span<const std::uint32_t> order, double damping) {
    const std::size_t cols = inputs.cols();
    const auto n = static_cast<Eigen::Index>(cols);
    if (inputs.samples() == 0) return fail(errc::invalid_argument, "there are no calibration samples");
    if (!(damping >= 0.0 && damping <= 1e6)) return fail(errc::invalid_argument, "the damping is no part of the mean diagonal");
    inverse_factor f;
    f.dead.resize(cols);
    f.report.samples = inputs.samples();
    if (cols == 0) return f;
    double mean = 0;
    for (std::size_t k = 0; k < cols; ++k) {
        const double x = inputs(k, k);
        f.dead[order.empty() ? k : static_cast<std::size_t>(std::find(order.begin(), order.end(), k) - order.begin())] = x == 0.0;
        f.report.dead_columns += std::size_t{x == 0.0};
        mean += x;
    }
    const std::size_t live = cols - f.report.dead_columns;
    mean = live == 0 ? 1.0 : mean / static_cast<double>(live);
    if (!(mean - mean == 0.0)) return fail(errc::non_finite, "the sums of squares of the activations overflow");

    Eigen::MatrixXd reversed(n, n);
    constexpr int tries = 9;
    for (int i = 0; i < tries; ++i, damping = std::max(10.0 * damping, 1e-8)) {
        for (std::size_t r = 0; r < cols; ++r) {
            for (std::size_t c = 0; c <= r; ++c) { // the lower triangle is read
                const std::size_t a = cols - 1 - r, b = cols - 1 - c;
                double x = inputs(order.empty() ? a : order[a], order.empty() ? b : order[b]) / mean;
                if (r == c) x = f.dead[a] ? 1.0 : x + damping;
                reversed(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = x;
            }
        }
        const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> cholesky(reversed); // in place
        if (cholesky.info() != Eigen::Success) continue;
        const Eigen::MatrixXd inverse = cholesky.matrixL().solve(Eigen::MatrixXd::Identity(n, n));
        f.upper = inverse.reverse().template cast<float>();
        if (!f.upper.allFinite() || !(f.upper.diagonal().minCoeff() > 0.0f)) continue;
        f.report.damping = damping;
        return f;
    }
    return fail(errc::invalid_argument, "the Hessian of the activations cannot be inverted, however it is damped");
}

/// Columns that are looked at together from their first one on: those of a group that shares a scale, those of which a mask keeps
/// some.
struct sweep_run {
    std::size_t length;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE bool starts(std::size_t k) const noexcept { return k % length == 0; }
    /// `end`, or the start of a run before it that `end` would cut.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t uncut(std::size_t first, std::size_t end) const noexcept {
        const std::size_t last = (end - 1) / length * length;
        return last > first && last + length > end ? last : end;
    }
};

/// Sweeps over the columns of `w` (rows x cols). At column k `reach(k)` may choose masks and scales from the weights as they are;
/// `result(row, k)` then says what the weight becomes. What that errs is carried to later columns (Frantar et al., GPTQ,
/// arXiv:2210.17323): inside the block at once, behind it when the block is done. Blocks end where runs begin that they would
/// cut. errc::non_finite, with row * cols + column(k), where weights overflow on the way.
template <class Here, class Column, class Reach, class Result>
expected<bool> column_sweep(matrix<float>& w, const sweep_matrix& upper, std::span<const sweep_run> runs, std::size_t block,
                            Column&& column, Reach&& reach, Result&& result) {
    const auto overflows = [&](std::size_t r, std::size_t k) {
        return fail(errc::non_finite,
                    "what makes up for a weight is too large for a float: its inputs are too loud beside others",
                    r * w.cols() + column(k));
    };
    const auto index = [](std::size_t i) { return static_cast<Eigen::Index>(i); };
    const std::size_t rows = w.rows();
    const std::size_t cols = w.cols();
    Eigen::Map<sweep_matrix> all(w.data(), index(rows), index(cols));
    sweep_matrix errors(index(rows), index(std::min(block, cols)));
    for (std::size_t first = 0, end = 0; first < cols; first = end) {
        end = std::min(cols, first + block);
        for (std::size_t cut = 0; end < cols && end != cut;) { // where one run begins another may be cut
            cut = end;
            for (const sweep_run& run : runs) end = run.uncut(first, end);
        }
        for (std::size_t k = first; k < end; ++k) {
            if (auto ok = reach(k); !ok) return ok;
            const float* u = upper.data() + k * cols;
            for (std::size_t r = 0; r < rows; ++r) {
                float* row = w.data() + r * cols;
                if (!(row[k] - row[k] == 0.0f)) return overflows(r, k);
                const float becomes = result(r, k);
                const float error = (row[k] - becomes) / u[k];
                if (!(error - error == 0.0f)) return overflows(r, k);
                row[k] = becomes;
                errors(index(r), index(k - first)) = error;
                if (error == 0.0f) continue;
                for (std::size_t j = k + 1; j < end; ++j) row[j] -= error * u[j];
            }
        }
        if (end < cols) {
            all.rightCols(index(cols - end)).noalias() -=
                errors.leftCols(index(end - first)) *
                upper.block(index(first), index(end), index(end - first), index(cols - end));
        }
    }
    return true;
}

} // namespace detail

} // namespace lowbit::inline v0
