// SPDX-License-Identifier: MIT
// What X and Y may be: number types, transposes, batches, codes that somebody else has made.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "product.hpp"
#include "support/guarded.hpp"
#include "support/levels.hpp"
#include "support/noise.hpp"
#include "support/raised.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

constexpr std::size_t m = 6, n = 70, k = 45;

struct operands {
    lb::matrix<float> w = noise(1).weights(n, k);
    lb::matrix<float> x = noise(2).weights(m, k);
    lb::quantized_matrix<lb::presets::w8> q = lb::quantize<lb::presets::w8>(w);
};

template <class T, class U>
lb::matrix<T> convert(const lb::matrix<U>& from) {
    lb::matrix<T> to(from.rows(), from.cols());
    for (std::size_t i = 0; i < from.rows() * from.cols(); ++i) to.data()[i] = T(from.data()[i]);
    return to;
}
template <class T>
lb::matrix<T> transpose(const lb::matrix<T>& from) {
    lb::matrix<T> to(from.cols(), from.rows());
    for (std::size_t i = 0; i < from.rows(); ++i) {
        for (std::size_t j = 0; j < from.cols(); ++j) to(j, i) = from(i, j);
    }
    return to;
}
template <class X, class P>
lb::matrix<float> product_of(const X& x, const P& p, std::size_t rows = m) {
    lb::matrix<float> y(rows, p.rows());
    lb::gemm(x, p, y);
    return y;
}

template <class T>
void check_narrow_x(const operands& o) {
    const lb::matrix<T> x = convert<T>(o.x);
    const lb::matrix<float> wide = convert<float>(x);
    // weight-only unless the policy asks for more; and what the library makes of x is what it makes of the same numbers in float
    CHECK(same_bits(product_of(x, lb::pack(o.q)), product_of(wide, lb::pack<lb::activations<float>>(o.q))));
    CHECK(same_bits(product_of(x, lb::pack<lb::activations<lb::int8>>(o.q)), product_of(wide, lb::pack(o.q))));
}

template <class T>
void check_narrow_y(const operands& o) {
    const auto p = lb::pack(o.q);
    const lb::matrix<float> wide = product_of(o.x, p);
    lb::matrix<T> y(m, n);
    lb::gemm(o.x, p, y);
    for (std::size_t i = 0; i < m * n; ++i) CHECK(y.data()[i].code() == T(wide.data()[i]).code());
}

/// X and Y of those types between unmapped pages, with every part that an epilogue reads there, too.
template <class X, class Y, class P, class... Last>
void check_fenced(const lb::matrix<float>& from, const P& p, edge side, Last... last) {
    const lb::matrix<X> given = convert<X>(from);
    const guarded<X> x(given.data(), m * k, side), turned(transpose(given).data(), m * k, side);
    const lb::matrix<float> numbers = noise(5).weights(m + 1, n);
    const guarded<float> bias(numbers.data(), n, side), residual(numbers.row(1).data(), m * n, side);
    guarded<Y> y(m * n, side), y_turned(m * n, side);
    const auto ep = lb::epilogue(lb::add_bias(std::span<const float>(bias.data(), n)), lb::silu,
                                 lb::add_residual(lb::matrix_view<const float>(residual.data(), m, n)), last...);
    lb::gemm(lb::matrix_view<const X>(x.data(), m, k), p, lb::matrix_view<Y>(y.data(), m, n), ep);
    lb::gemm(lb::transposed(lb::matrix_view<const X>(turned.data(), k, m)), p,
             lb::transposed(lb::matrix_view<Y>(y_turned.data(), n, m)), ep);
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            if (std::memcmp(&y[r * n + c], &y_turned[c * m + r], sizeof(Y)) != 0) FAIL("row ", r, " column ", c);
        }
    }
    CHECK(std::any_of(y.begin(), y.end(), [](Y v) { return static_cast<float>(v) != 0.0f; }));
}

} // namespace

TEST_CASE("types: X of float16 and bfloat16 is weight-only, or int8 on request") {
    const operands o;
    each_level([&](lb::isa::level) {
        check_narrow_x<lb::float16>(o);
        check_narrow_x<lb::bfloat16>(o);
    });
}

TEST_CASE("types: Y of float16 and bfloat16 is the rounded float") {
    const operands o;
    each_level([&](lb::isa::level) {
        check_narrow_y<lb::float16>(o);
        check_narrow_y<lb::bfloat16>(o);
    });
}

TEST_CASE("types: X and Y may be transposed") {
    const operands o;
    const auto p = lb::pack(o.q);
    const lb::matrix<float> y = product_of(o.x, p);
    const lb::matrix<float> x_columns = transpose(o.x);
    CHECK(same_bits(product_of(lb::transposed(x_columns.view()), p), y));
    lb::matrix<float> y_columns(n, m);
    lb::gemm(lb::transposed(x_columns.view()), p, lb::transposed(y_columns.view()));
    CHECK(same_bits(transpose(y_columns), y));
    const lb::matrix<lb::float16> half = convert<lb::float16>(o.x), half_columns = convert<lb::float16>(x_columns);
    CHECK(same_bits(product_of(lb::transposed(half_columns.view()), p), product_of(half, p)));
    // weights that come as K x N
    const lb::matrix<float> w_columns = transpose(o.w);
    CHECK(same_bits(product_of(o.x, lb::pack(lb::quantize<lb::presets::w8>(lb::transposed(w_columns.view())))), y));
}

TEST_CASE("types: Y of every kind has the same results, of more rows than a kernel takes at once") {
    const operands o;
    const std::size_t rows = lowbit::kernel::most_rows + 10;
    const lb::matrix<float> x = noise(3).weights(rows, k), y = product_of(x, lb::pack(o.q), rows);
    lb::matrix<float> turned(n, rows);
    lb::gemm(x, lb::pack(o.q), lb::transposed(turned));
    CHECK(same_bits(transpose(turned), y));
    lb::matrix<lb::float16> narrow(rows, n);
    lb::gemm(x, lb::pack(o.q), narrow);
    CHECK(same_bits(convert<float>(narrow), convert<float>(convert<lb::float16>(y))));
}

TEST_CASE("types: nothing is touched beside X, Y, biases, residuals, codes and scales") {
    const operands o;
    const auto p = lb::pack(o.q);
    const auto zeros = lb::pack(lb::quantize<lb::policy<lb::int4, lb::per_group<32>, lb::asymmetric>>(o.w));
    const lb::matrix<std::int8_t> numbers = [] {
        lb::matrix<std::int8_t> codes(m, k);
        for (std::size_t i = 0; i < m * k; ++i) codes.data()[i] = static_cast<std::int8_t>(i * 37);
        return codes;
    }();
    const std::vector<float> six(m, 0.25f);
    for (const edge side : edges) {
        each_level([&](lb::isa::level) {
            check_fenced<float, float>(o.x, p, side);
            check_fenced<lb::float16, lb::bfloat16>(o.x, p, side);
            check_fenced<lb::bfloat16, lb::float16>(o.x, p, side);
            check_fenced<float, std::int8_t>(o.x, p, side, lb::requantize(0.05f, 3));
            check_fenced<float, float>(o.x, zeros, side);
            const guarded<std::int8_t> codes(numbers.data(), m * k, side);
            const guarded<float> scales(six.data(), m, side);
            guarded<float> y(m * n, side);
            const auto rows = lb::quantized_rows(lb::matrix_view<const std::int8_t>(codes.data(), m, k),
                                                 std::span<const float>(scales.data(), m));
            lb::gemm(rows, p, lb::matrix_view<float>(y.data(), m, n));
            const lb::matrix<float> same = product_of(lb::quantized_rows(numbers.view(), six), p);
            CHECK(std::memcmp(y.data(), same.data(), m * n * sizeof(float)) == 0);
        });
    }
}

TEST_CASE("types: a vector") {
    const operands o;
    const auto p = lb::pack(o.q);
    const std::vector<float> x(o.x.row(3).begin(), o.x.row(3).end());
    std::vector<float> y(n);
    lb::gemv(x, p, y);
    CHECK(std::memcmp(y.data(), product_of(o.x, p).row(3).data(), n * sizeof(float)) == 0);
    lb::gemv(x, p, y, lb::epilogue(lb::relu));
    CHECK(y[0] == std::max(0.0f, product_of(o.x, p)(3, 0)));
}

TEST_CASE("types: batches, of the same weights or of weights of their own") {
    const operands o;
    std::vector<lb::packed_matrix<lb::detail::packed_policy<lb::presets::w8>>> weights;
    for (std::uint64_t i = 0; i < 3; ++i) weights.push_back(lb::pack(lb::quantize<lb::presets::w8>(noise(10 + i).weights(n, k))));
    const lb::matrix<float> x = noise(3).weights(3 * m, k);
    const auto members = lb::batched(x.view(), 3, m * k);
    CHECK(members.size() == 3);
    const auto xs = lb::batched(lb::matrix_view<const float>(x.data(), m, k), 3, m * k);
    lb::matrix<float> y(3 * m, n);
    const auto ys = lb::batched(lb::matrix_view<float>(y.data(), m, n), 3, m * n);
    test_pool pool(2);

    lb::gemm(xs, weights[0], ys);
    CHECK(same_bits(y, product_of(x, weights[0], 3 * m)));
    lb::gemm(lb::on(pool), xs, weights[1], ys, lb::epilogue(lb::relu));
    const lb::matrix<float> one = product_of(x, weights[1], 3 * m);
    for (std::size_t i = 0; i < 3 * m * n; ++i) CHECK(y.data()[i] == std::max(0.0f, one.data()[i]));
    lb::gemm(lb::on(pool), xs, weights, ys);
    for (std::size_t b = 0; b < 3; ++b) {
        const lb::matrix<float> own = product_of(xs[b], weights[b]);
        CHECK(std::memcmp(own.data(), y.row(b * m).data(), m * n * sizeof(float)) == 0);
    }
    lb::gemm(xs, weights, ys, lb::epilogue([](float v) { return -v; }));
    CHECK(y(0, 0) == -product_of(xs[0], weights[0])(0, 0));

    for (const edge side : edges) { // members whose last and first rows touch unmapped pages
        const guarded<float> fenced_x(x.data(), 3 * m * k, side);
        guarded<float> fenced_y(3 * m * n, side);
        lb::gemm(lb::on(pool), lb::batched(lb::matrix_view<const float>(fenced_x.data(), m, k), 3, m * k), weights[0],
                 lb::batched(lb::matrix_view<float>(fenced_y.data(), m, n), 3, m * n));
        CHECK(std::memcmp(fenced_y.data(), product_of(x, weights[0], 3 * m).data(), 3 * m * n * sizeof(float)) == 0);
    }

    // transposed members of X and Y, on a pool, with a workspace: each X some rows of one K x 3M matrix, each Y of one N x 3M
    const lb::matrix<float> x_columns = transpose(x);
    lb::matrix<float> y_columns(n, 3 * m);
    std::vector<std::byte> workspace(lb::workspace_bytes(weights[0], m));
    const auto x_turned = lb::batched(lb::transposed(lb::matrix_view<const float>(x_columns.data(), k, m, 3 * m)), 3, m);
    const auto y_turned = lb::batched(lb::transposed(lb::matrix_view<float>(y_columns.data(), n, m, 3 * m)), 3, m);
    lb::gemm(lb::on(pool), xs, weights, ys);
    lb::gemm(lb::on(pool), x_turned, weights, y_turned, lb::epilogue(), workspace);
    CHECK(same_bits(transpose(y_columns), y));
    lb::gemm(xs, weights[2], ys);
    lb::gemm(x_turned, weights[2], y_turned, lb::epilogue(), workspace);
    CHECK(same_bits(transpose(y_columns), y));
    CHECK(raises(lb::errc::short_buffer,
                 [&] { lb::gemm(xs, weights, ys, lb::epilogue(), std::span<std::byte>(workspace).first(1)); }));
}

TEST_CASE("types: codes that somebody else has quantized") {
    const operands o;
    const auto p = lb::pack(o.q);
    lb::matrix<std::int8_t> codes(m, k);
    std::vector<float> scales;
    for (std::size_t r = 0; r < m; ++r) {
        float amax = 0;
        for (const float v : o.x.row(r)) amax = std::max(amax, std::fabs(v));
        scales.push_back(amax / 127.0f);
        const float inverse = 127.0f / amax;
        for (std::size_t i = 0; i < k; ++i) codes(r, i) = static_cast<std::int8_t>(std::nearbyint(o.x(r, i) * inverse));
    }
    CHECK(same_bits(product_of(lb::quantized_rows(codes.view(), scales), p), product_of(o.x, p)));

    // one scale for all, and the code -128 that the library itself never makes
    for (std::size_t i = 0; i < m * k; ++i) codes.data()[i] = static_cast<std::int8_t>(i % 3 == 0 ? -128 : 127);
    const std::vector<float> one{0.25f};
    const lb::matrix<float> y = product_of(lb::quantized_rows(codes.view(), one), p);
    const lb::matrix<float> w = lb::dequantize(o.q);
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            double sum = 0, size = 0;
            for (std::size_t i = 0; i < k; ++i) {
                sum += 0.25 * codes(r, i) * static_cast<double>(w(c, i));
                size += std::fabs(0.25 * codes(r, i) * static_cast<double>(w(c, i)));
            }
            CHECK(std::fabs(static_cast<double>(y(r, c)) - sum) <= 8 * 0x1p-24 * size);
        }
    }
}

TEST_CASE("types: a scale that calibration has found") {
    const operands o;
    const auto p = lb::pack(o.q);
    constexpr float scale = 0.004f; // too small for the largest, which are clipped
    lb::matrix<std::int8_t> codes(m, k);
    bool clips = false;
    for (std::size_t i = 0; i < m * k; ++i) {
        const float code = std::nearbyint(o.x.data()[i] / scale);
        clips = clips || std::fabs(code) > 127.0f;
        codes.data()[i] = static_cast<std::int8_t>(std::fmin(std::fmax(code, -127.0f), 127.0f));
    }
    CHECK(clips);
    const std::vector<float> scales{scale};
    const lb::matrix<float> y = product_of(lb::quantized_rows(codes.view(), scales), p);
    CHECK(same_bits(product_of(lb::at_scale(o.x, scale), p), y));
    const lb::matrix<float> x_columns = transpose(o.x);
    CHECK(same_bits(product_of(lb::at_scale(lb::transposed(x_columns.view()), scale), p), y));

    lb::matrix<float> spoiled = o.x;
    spoiled(2, 7) = std::numeric_limits<float>::quiet_NaN();
    const lb::matrix<float> z = product_of(lb::at_scale(spoiled, scale), p);
    for (std::size_t c = 0; c < n; ++c) {
        CHECK(std::isnan(z(2, c)));
        CHECK(z(3, c) == y(3, c));
    }
}

TEST_CASE("types: permuting the rows of W permutes the columns of Y") {
    const operands o;
    lb::matrix<float> reversed(n, k);
    for (std::size_t r = 0; r < n; ++r) std::copy_n(o.w.row(r).data(), k, reversed.row(n - 1 - r).data());
    const lb::matrix<float> y = product_of(o.x, lb::pack(o.q)),
                            z = product_of(o.x, lb::pack(lb::quantize<lb::presets::w8>(reversed)));
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) CHECK(z(r, n - 1 - c) == y(r, c));
    }
}
