// SPDX-License-Identifier: MIT
// Eigen objects where lowbit takes views: weights, activations and results, of either storage order, maps, blocks and references.
#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/eigen.hpp>
#include <lowbit/lowbit.hpp>

#include "support/raised.hpp"

namespace lb = lowbit;
using rows_first = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using policy = lb::presets::w4g32;

namespace {

constexpr Eigen::Index n = 70, k = 96, m = 5;

template <class M>
M waves(Eigen::Index rows, Eigen::Index cols) {
    M w(rows, cols);
    for (Eigen::Index i = 0; i < rows; ++i) {
        for (Eigen::Index j = 0; j < cols; ++j) w(i, j) = std::sin(0.37f * static_cast<float>(i * cols + j));
    }
    return w;
}

template <class Q>
bool same_bytes(const Q& a, const Q& b) {
    return a.size_bytes() == b.size_bytes() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

template <class X, class P>
rows_first product_of(const X& x, const P& p) {
    rows_first y(x.rows(), static_cast<Eigen::Index>(p.rows()));
    lb::gemm(x, p, y);
    return y;
}

} // namespace

TEST_CASE("weights of either storage order are the same weights") {
    const rows_first w = waves<rows_first>(n, k);
    const Eigen::MatrixXf columns_first = w;
    const auto q = lb::quantize<policy>(w);
    CHECK(q.rows() == n);
    CHECK(q.cols() == k);
    CHECK(same_bytes(q, lb::quantize<policy>(lb::matrix_view<const float>(w.data(), n, k))));
    CHECK(same_bytes(q, lb::quantize<policy>(columns_first)));
    CHECK(lb::error_of(q, columns_first).sqnr_db > 15);
    auto again = lb::quantize<policy>(rows_first(rows_first::Zero(n, k)));
    lb::quantize_into(again, columns_first);
    CHECK(same_bytes(q, again));
    REQUIRE(lb::try_quantize<policy>(w));

    rows_first big = rows_first::Constant(n + 3, k + 5, NAN);
    big.block(1, 2, n, k) = w;
    CHECK(same_bytes(q, lb::quantize<policy>(big.block(1, 2, n, k))));
    const Eigen::Map<const Eigen::MatrixXf> map(columns_first.data(), n, k);
    CHECK(same_bytes(q, lb::quantize<policy>(map)));
    const Eigen::Ref<const rows_first> ref = w;
    CHECK(same_bytes(q, lb::quantize<policy>(ref)));
    CHECK(same_bytes(lb::quantize<policy>(w.transpose()),
                     lb::quantize<policy>(lb::transposed(lb::matrix_view<const float>(w.data(), n, k)))));
}

TEST_CASE("activations and results of either storage order") {
    const rows_first w = waves<rows_first>(n, k), x = waves<rows_first>(m, k);
    const auto p = lb::pack(lb::quantize<policy>(w));
    const rows_first y = product_of(x, p);
    const float largest = (x * w.transpose() - y).cwiseAbs().maxCoeff();
    CHECK(largest < 0.1f * y.cwiseAbs().maxCoeff());

    const Eigen::MatrixXf x_columns = x;
    CHECK(product_of(x_columns, p) == y);
    Eigen::MatrixXf y_columns(m, n);
    lb::gemm(x_columns, p, y_columns);
    CHECK(y_columns == y);
    lb::gemm(x.topRows(2), p, y_columns.bottomRows(2)); // rvalues that stand for somebody's memory
    CHECK(y_columns.bottomRows(2) == y.topRows(2));
    Eigen::VectorXf one(n);
    lb::gemm(x.row(3), p, one.transpose());
    CHECK(one.transpose() == y.row(3));

    Eigen::VectorXf bias = Eigen::VectorXf::LinSpaced(n, -1.0f, 1.0f);
    lb::gemm(x, p, y_columns, lb::epilogue(lb::add_bias(bias), lb::relu));
    CHECK(y_columns == (y.rowwise() + bias.transpose()).cwiseMax(0.0f));
    const Eigen::RowVectorXf bias_row = bias;
    lb::gemm(x, p, y_columns, lb::epilogue(lb::add_bias(bias_row)));
    CHECK(y_columns == y.rowwise() + bias_row);
    const Eigen::MatrixXf residual = waves<Eigen::MatrixXf>(m, n); // of the other storage order than Y
    rows_first y_rows(m, n);
    lb::gemm(x, p, y_rows, lb::epilogue(lb::add_residual(residual)));
    CHECK(y_rows == y + residual);
    lb::gemm(x, p, y_columns, lb::epilogue(lb::add_residual(y_rows)));
    CHECK(y_columns == y + y_rows);
}

TEST_CASE("what is known of the weights may come from Eigen, in either storage order") {
    using pruned = lb::policy<lb::int8, lb::prune<lb::n_of_m<2, 4>>, lb::permuted_columns>;
    const rows_first w = waves<rows_first>(n, k), scores = waves<rows_first>(k, n).transpose();
    const lb::matrix_view<const float> as_view(scores.data(), n, k);
    const auto same = [&](const auto&... facts) {
        return same_bytes(lb::quantize<pruned>(w, lb::with(as_view)), lb::quantize<pruned>(w, lb::with(facts...)));
    };
    CHECK(same(scores));
    const Eigen::MatrixXf columns_first = scores;
    CHECK(same(columns_first));
    const rows_first turned = scores.transpose();
    CHECK(same(turned.transpose()));
    CHECK(same(lb::transposed(lb::matrix_view<const float>(turned.data(), k, n))));
    CHECK(!same_bytes(lb::quantize<pruned>(w), lb::quantize<pruned>(w, lb::with(scores))));

    using flags = Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    flags mask(n, k); // two of each four, other ones in each row
    for (Eigen::Index i = 0; i < n; ++i) {
        for (Eigen::Index j = 0; j < k; ++j) mask(i, j) = (i + j) % 2 == 0;
    }
    const Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic> mask_columns = mask;
    const auto masked = lb::quantize<pruned>(w, lb::with(lb::matrix_view<const bool>(mask.data(), n, k)));
    CHECK(same_bytes(masked, lb::quantize<pruned>(w, lb::with(mask))));
    CHECK(same_bytes(masked, lb::quantize<pruned>(w, lb::with(mask_columns))));

    // vectors are statistics and orders, whichever way they lie
    using weighted = lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>, lb::permuted_columns>;
    const Eigen::VectorXf statistics = Eigen::VectorXf::LinSpaced(k, 0.0f, 3.0f);
    const Eigen::RowVectorXf statistics_row = statistics;
    Eigen::Matrix<std::uint32_t, Eigen::Dynamic, 1> order(k);
    for (Eigen::Index j = 0; j < k; ++j) order(j) = static_cast<std::uint32_t>((j * 5) % k); // 5 and 96 have no factor in common
    const std::vector<float> numbers(statistics.begin(), statistics.end());
    const std::vector<std::uint32_t> indices(order.begin(), order.end());
    const auto given = lb::quantize<weighted>(w, lb::with(numbers, indices));
    CHECK(same_bytes(given, lb::quantize<weighted>(w, lb::with(statistics, order))));
    CHECK(same_bytes(given, lb::quantize<weighted>(w, lb::with(order, statistics_row))));
    CHECK(!same_bytes(given, lb::quantize<weighted>(w)));
}

TEST_CASE("on a pool of Eigen's") {
    const rows_first w = waves<rows_first>(n, k), x = waves<rows_first>(m, k);
    Eigen::ThreadPool threads(3);
    lb::exec::eigen_thread_pool pool(threads);
    const auto q = lb::quantize<policy>(lb::on(pool), w);
    CHECK(same_bytes(q, lb::quantize<policy>(w)));
    const auto p = lb::pack(lb::on(pool), q);
    rows_first y(m, n);
    lb::gemm(lb::on(pool), x, p, y);
    CHECK(y == product_of(x, p));
}

TEST_CASE("shapes are checked, and so are strides inside rows") {
    const rows_first w = waves<rows_first>(n, k), x = waves<rows_first>(m, k);
    const auto p = lb::pack(lb::quantize<policy>(w));
    rows_first y(m, n + 1);
    CHECK(lowbit_test::raises(lb::errc::shape_mismatch, [&] { lb::gemm(x, p, y); }, "5 x 71", "5 x 70"));
    const Eigen::Map<const rows_first, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> spread(x.data(), m, k / 2, {k, 2});
    CHECK(lowbit_test::raises(lb::errc::invalid_argument, [&] { (void)lb::quantize<policy>(spread); }, "inner stride", "2"));
}

TEST_CASE("integers") {
    using bytes = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const bytes x = bytes::Constant(3, 8, 5), w = bytes::Constant(4, 8, -7);
    Eigen::MatrixXi y(3, 4);
    lb::gemm(x, w, y);
    CHECK((y.array() == -280).all());
}
