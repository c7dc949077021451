// SPDX-License-Identifier: MIT
// The plain product of int8 and int8, exact in int32 up to the longest K that can be.
#include <cstdint>
#include <random>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "support/guarded.hpp"
#include "support/levels.hpp"
#include "support/raised.hpp"
#include "support/seed.hpp"
#include "unit/exec/test_pool.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

/// int8 operands and an int32 result, all between unmapped pages, rows further apart than they are long.
struct integer_product {
    std::size_t m, n, k;
    guarded<std::int8_t> x, w;
    guarded<std::int32_t> y;

    integer_product(std::size_t rows, std::size_t columns, std::size_t depth, edge side)
        : m(rows), n(columns), k(depth), x(size(m, k), side), w(size(n, k), side), y(size(m, n), side) {}

    template <class F>
    void fill(F f) {
        for (std::int8_t& v : x) v = static_cast<std::int8_t>(f());
        for (std::int8_t& v : w) v = static_cast<std::int8_t>(f());
    }
    lb::matrix_view<const std::int8_t> x_view() const { return {x.data(), m, k, k + 1}; }
    lb::matrix_view<const std::int8_t> w_view() const { return {w.data(), n, k, k + 1}; }
    lb::matrix_view<std::int32_t> y_view() { return {y.data(), m, n, n + 1}; }

    void check() {
        for (std::size_t r = 0; r < m; ++r) {
            for (std::size_t c = 0; c < n; ++c) {
                std::int64_t sum = 0;
                for (std::size_t i = 0; i < k; ++i) sum += std::int64_t{x_view()(r, i)} * w_view()(c, i);
                if (y_view()(r, c) != sum) FAIL("row ", r, " column ", c, ": ", y_view()(r, c), " is not ", sum);
                y_view()(r, c) = -1;
            }
        }
        CHECK(true);
    }

private:
    static std::size_t size(std::size_t rows, std::size_t cols) { return rows == 0 ? 0 : (rows - 1) * (cols + 1) + cols; }
};

} // namespace

TEST_CASE("integers: every shape on every level, exactly") {
    std::mt19937_64 random(seed());
    for (const edge side : edges) {
        for (const auto& shape : {std::array<std::size_t, 3>{0, 3, 4},
                                  {3, 0, 4},
                                  {3, 4, 0},
                                  {1, 1, 1},
                                  {2, 65, 3},
                                  {9, 64, 130},
                                  {3, 130, 257},
                                  {lowbit::kernel::most_rows + 10, 130, 31},
                                  {2, 64, 70'000}}) {
            const std::size_t m = shape[0], n = shape[1], k = shape[2]; // not a structured binding: clang 14 cannot capture one
            CAPTURE(m);
            CAPTURE(n);
            CAPTURE(k);
            integer_product p(m, n, k, side);
            p.fill([&] { return static_cast<int>(random() % 256) - 128; });
            each_level([&](lb::isa::level) {
                lb::gemm(p.x_view(), p.w_view(), p.y_view());
                p.check();
            });
        }
    }
}

TEST_CASE("integers: the longest K with every operand at its end") {
    for (const int value : {-128, 127}) {
        integer_product p(2, 3, lb::longest_integer_product, edge::back);
        p.fill([&] { return value; });
        each_level([&](lb::isa::level) {
            lb::gemm(p.x_view(), p.w_view(), p.y_view());
            p.check();
        });
    }
}

TEST_CASE("integers: matrices, element types, transposes, threads") {
    std::mt19937_64 random(seed() + 1);
    lb::matrix<std::int8_t> x(5, 70), w(66, 70);
    lb::matrix<lb::int8> elements(66, 70), columns(70, 5);
    for (std::size_t r = 0; r < 66; ++r) {
        for (std::size_t i = 0; i < 70; ++i) {
            const int value = static_cast<int>(random() % 256) - 128;
            w(r, i) = static_cast<std::int8_t>(value);
            elements(r, i) = lb::int8(value);
            if (r < 5) x(r, i) = static_cast<std::int8_t>(-value / 2);
            if (r < 5) columns(i, r) = lb::int8(-value / 2);
        }
    }
    lb::matrix<std::int32_t> y(5, 66), z(5, 66), turned(66, 5);
    lb::gemm(x, w, y);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < 70; ++i) sum += x(4, i) * w(65, i);
    CHECK(y(4, 65) == sum);

    test_pool pool(3, work_order::shuffled);
    lb::gemm(lb::on(pool), lb::transposed(columns.view()), elements, z);
    lb::gemm(x, elements, lb::transposed(turned.view()));
    for (std::size_t r = 0; r < 5; ++r) {
        for (std::size_t c = 0; c < 66; ++c) {
            CHECK(z(r, c) == y(r, c));
            CHECK(turned(c, r) == y(r, c));
        }
    }
    CHECK(pool.pieces() > 1);
}

TEST_CASE("integers: mistakes") {
    lb::matrix<std::int8_t> x(3, 8), w(4, 8), other(4, 9);
    lb::matrix<std::int32_t> y(3, 4), tall(4, 4);
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(x, other, y); }, "3 x 8", "4 x 9", "3 x 4"));
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(x, w, tall); }, "3 x 8", "4 x 8", "4 x 4"));
    const lb::matrix<std::int8_t> long_x(1, lb::longest_integer_product + 1);
    lb::matrix<std::int32_t> one(1, 1);
    CHECK(raises(lb::errc::invalid_argument, [&] { lb::gemm(long_x, long_x, one); }, "131072", "131071"));
    const lb::matrix_view<const std::int8_t> inside(reinterpret_cast<const std::int8_t*>(y.data()), 3, 8);
    CHECK(raises(lb::errc::invalid_argument, [&] { lb::gemm(inside, w, y); }, "overlap"));
    CHECK(raises(
        lb::errc::invalid_argument, [&] { lb::gemm(x, lb::matrix_view<const std::int8_t>(inside.data(), 4, 8), y); }, "overlap"));
}
