// SPDX-License-Identifier: MIT
// Epilogues: each part, their order, a user's own, int8 results.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "product.hpp"
#include "support/levels.hpp"
#include "support/noise.hpp"
#include "support/raised.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

constexpr std::size_t m = 7, n = 75, k = 40; // 75 columns: a whole panel and a tail that is no whole vector
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct operands {
    lb::matrix<float> x = noise(1).weights(m, k);
    lb::packed_matrix<lb::detail::packed_policy<lb::presets::w8>> p =
        lb::pack(lb::quantize<lb::presets::w8>(noise(2).weights(n, k)));
    lb::matrix<float> plain = run(lb::epilogue());

    operands() {
        x(4, 0) = not_a_number;
        plain = run(lb::epilogue());
    }
    template <class E>
    lb::matrix<float> run(const E& e) const {
        lb::matrix<float> y(m, n);
        lb::gemm(x, p, y, e);
        return y;
    }
    /// Whether epilogue e makes f(y, row, column) of every result y, NaN of NaN, within `off` of the larger of 1 and f.
    template <class E, class F>
    void check(const E& e, F f, double off = 0) const {
        const lb::matrix<float> y = run(e);
        for (std::size_t r = 0; r < m; ++r) {
            for (std::size_t c = 0; c < n; ++c) {
                CAPTURE(r);
                CAPTURE(c);
                if (r == 4) {
                    CHECK(std::isnan(y(r, c)));
                } else {
                    const double want = static_cast<double>(f(plain(r, c), r, c));
                    CHECK(std::fabs(static_cast<double>(y(r, c)) - want) <= off * std::fmax(1.0, std::fabs(want)));
                }
            }
        }
    }
};

float plain_relu(float y) { return y < 0 ? 0 : y; }

struct counted_part {
    std::size_t* elements;
    std::size_t* checked;
    void check(std::size_t rows, std::size_t cols) const { *checked += rows * cols; }
    void apply(const lb::result_run& run) const {
        *elements += run.count;
        for (std::size_t i = 0; i < run.count; ++i) run.values[i] += static_cast<float>(1000 * run.row + run.col + i);
    }
};

} // namespace

TEST_CASE("epilogues: relu, gelu, silu and clamp") {
    const operands o;
    CHECK(std::isnan(o.plain(4, 0)));
    each_level([&](lb::isa::level) {
        operands here;
        here.check(lb::epilogue(lb::relu), [](float y, auto...) { return plain_relu(y); });
        here.check(lb::epilogue(lb::clamp(-0.5f, 0.25f)), [](float y, auto...) { return std::fmin(std::fmax(y, -0.5f), 0.25f); });
    });
    o.check(lb::epilogue(lb::gelu), [](double y, auto...) { return 0.5 * y * (1 + std::erf(y / std::sqrt(2.0))); }, 1e-6);
    o.check(lb::epilogue(lb::silu), [](double y, auto...) { return y / (1 + std::exp(-y)); }, 1e-6);
}

TEST_CASE("epilogues: gelu and silu reach their limits at both infinities") {
    const operands o;
    each_level([&](lb::isa::level) {
        for (const float far : {3e38f, std::numeric_limits<float>::infinity()}) {
            const std::vector<float> up(n, far), down(n, -far);
            o.check(lb::epilogue(lb::add_bias(down), lb::gelu), [](auto...) { return 0; });
            o.check(lb::epilogue(lb::add_bias(down), lb::silu), [](auto...) { return 0; });
            CHECK(o.run(lb::epilogue(lb::add_bias(up), lb::gelu))(0, 0) == far);
            CHECK(o.run(lb::epilogue(lb::add_bias(up), lb::silu))(0, 0) == far);
        }
    });
}

TEST_CASE("epilogues: gelu and silu halve what is too small to bend them, denormals too") {
    operands o;
    o.x = lb::matrix<float>(m, k); // zeros
    for (const float small : {1e-38f, -1e-38f, 1e-40f, -3e-45f, 0.0f}) {
        const std::vector<float> bias(n, small);
        each_level([&](lb::isa::level) {
            for (const float y : {o.run(lb::epilogue(lb::add_bias(bias), lb::gelu))(0, 0),
                                  o.run(lb::epilogue(lb::add_bias(bias), lb::silu))(m - 1, n - 1)}) {
                CHECK(std::fabs(y - small / 2) <= std::numeric_limits<float>::denorm_min());
            }
        });
    }
}

TEST_CASE("epilogues: bias, residual, and functions of one and of three arguments") {
    const operands o;
    std::vector<float> bias(n);
    lb::matrix<float> wide(m, n + 2);
    noise random(3);
    for (float& b : bias) b = random.normal();
    for (std::size_t i = 0; i < m * (n + 2); ++i) wide.data()[i] = random.normal();
    o.check(lb::epilogue(lb::add_bias(bias)), [&](float y, std::size_t, std::size_t c) { return y + bias[c]; });
    o.check(lb::epilogue(lb::add_residual({wide.data() + 1, m, n, n + 2})),
            [&](float y, std::size_t r, std::size_t c) { return y + wide(r, c + 1); });
    lb::matrix<float> turned(n, m), column(n, 1);
    for (std::size_t c = 0; c < n; ++c) {
        column(c, 0) = bias[c];
        for (std::size_t r = 0; r < m; ++r) turned(c, r) = wide(r, c + 1);
    }
    o.check(lb::epilogue(lb::add_residual(lb::transposed(turned))),
            [&](float y, std::size_t r, std::size_t c) { return y + wide(r, c + 1); });
    o.check(lb::epilogue(lb::add_bias(column)), [&](float y, std::size_t, std::size_t c) { return y + bias[c]; });
    o.check(lb::epilogue(lb::add_bias(lb::transposed(column))), [&](float y, std::size_t, std::size_t c) { return y + bias[c]; });
    o.check(lb::epilogue([](float y) { return 2 * y; }), [](float y, auto...) { return 2 * y; });
    const auto by_place = [](float y, std::size_t r, std::size_t c) { return y + static_cast<float>(100 * r + c); };
    o.check(lb::epilogue(by_place), by_place);
    o.check(lb::epilogue(plain_relu), [](float y, auto...) { return plain_relu(y); });
}

TEST_CASE("epilogues: a residual may be Y itself") {
    const operands o;
    lb::matrix<float> y = noise(5).weights(m, n);
    const lb::matrix<float> before = y;
    lb::gemm(o.x, o.p, y, lb::epilogue(lb::add_residual(y)));
    for (std::size_t c = 0; c < n; ++c) CHECK(y(2, c) == o.plain(2, c) + before(2, c));
}

TEST_CASE("epilogues: parts run in the order given") {
    const operands o;
    const std::vector<float> bias(n, 0.75f);
    const auto doubled = [](float y) { return 2 * y; };
    o.check(lb::epilogue(lb::add_bias(bias), lb::relu, doubled), [](float y, auto...) { return 2 * plain_relu(y + 0.75f); });
    o.check(lb::epilogue(doubled, lb::relu, lb::add_bias(bias)), [](float y, auto...) { return plain_relu(2 * y) + 0.75f; });
}

TEST_CASE("epilogues: a user's own part sees each result once, and checks the shape first") {
    const operands o;
    std::size_t elements = 0, checked = 0;
    o.check(lb::epilogue(counted_part{&elements, &checked}),
            [](float y, std::size_t r, std::size_t c) { return y + static_cast<float>(1000 * r + c); });
    CHECK(elements == m * n);
    CHECK(checked == m * n);
}

TEST_CASE("epilogues: parts that do not fit are refused") {
    operands o;
    lb::matrix<float> y(m, n);
    const std::vector<float> bias(n + 1);
    const lb::matrix<float> residual(m, n - 1);
    CHECK(raises(
        lb::errc::shape_mismatch, [&] { lb::gemm(o.x, o.p, y, lb::epilogue(lb::add_bias(bias))); }, "76 values", "75 columns"));
    CHECK(raises(
        lb::errc::shape_mismatch, [&] { lb::gemm(o.x, o.p, y, lb::epilogue(lb::add_residual(residual.view()))); }, "7 x 74",
        "7 x 75"));
    CHECK(raises(lb::errc::shape_mismatch, [&] { (void)lb::add_bias(residual); }, "7 x 74", "row stride of 74"));
    CHECK(raises(
        lb::errc::shape_mismatch, [&] { (void)lb::add_bias(lb::matrix_view<const float>(bias.data(), 38, 1, 2)); }, "38 x 1",
        "row stride of 2"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::clamp(1.0f, 0.0f); }, "clamp"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::clamp(not_a_number, 0.0f); }, "clamp"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::requantize(0.0f); }, "requantize", "positive"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::requantize(std::numeric_limits<float>::infinity()); }, "positive"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::requantize(not_a_number); }, "positive"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::requantize(1.0f, 128); }, "128"));
    CHECK(raises(lb::errc::invalid_argument, [] { (void)lb::requantize(1.0f, -129); }, "-129"));
}

TEST_CASE("epilogues: results of int8") {
    const operands o;
    each_level([&](lb::isa::level) {
        const lb::matrix<float> floats = o.run(lb::epilogue());
        for (const float scale : {0.01f, 0.25f}) {
            for (const int zero : {0, -128, 127, 3}) {
                lb::matrix<std::int8_t> y(m, n);
                lb::matrix<lb::int8> elements(n, m);
                lb::gemm(o.x, o.p, y, lb::epilogue(lb::requantize(scale, zero)));
                lb::gemm(o.x, o.p, lb::transposed(elements.view()), lb::epilogue(lb::requantize(scale, zero)));
                for (std::size_t r = 0; r < m; ++r) {
                    for (std::size_t c = 0; c < n; ++c) {
                        const float code = std::nearbyint(floats(r, c) / scale) + static_cast<float>(zero);
                        const int want = std::isnan(code) ? zero : static_cast<int>(std::fmin(std::fmax(code, -128.0f), 127.0f));
                        CHECK(int{y(r, c)} == want);
                        CHECK(int{elements(c, r)} == want);
                    }
                }
            }
        }
    });
}

TEST_CASE("epilogues: requantize rounds ties to even, after the other parts") {
    const operands o;
    lb::matrix<std::int8_t> y(m, n);
    // replaces each result by a multiple of 1/2
    const auto halves = [](float, std::size_t r, std::size_t c) {
        return static_cast<float>(r) * 0.5f + static_cast<float>(c) - 40.0f;
    };
    lb::gemm(o.x, o.p, y, lb::epilogue(halves, lb::requantize(2.0f, 1)));
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) CHECK(int{y(r, c)} == 1 + static_cast<int>(std::nearbyint(halves(0, r, c) / 2.0f)));
    }
}

TEST_CASE("epilogues: bits do not depend on batch size or threads") {
    constexpr std::size_t many = lowbit::kernel::most_rows + 10;
    const lb::matrix<float> x = noise(9).weights(many, k);
    const operands o;
    const auto e = lb::epilogue(lb::gelu, lb::silu);
    lb::matrix<float> y(many, n), z(many, n), one(1, n);
    lb::gemm(x, o.p, y, e);
    test_pool pool(3, work_order::reversed);
    lb::gemm(lb::on(pool), x, o.p, z, e);
    CHECK(same_bits(y, z));
    for (std::size_t r = 0; r < many; ++r) {
        lb::gemm(lb::matrix_view<const float>(x.row(r).data(), 1, k), o.p, one, e);
        CHECK(std::memcmp(one.data(), y.row(r).data(), n * sizeof(float)) == 0);
    }
}
