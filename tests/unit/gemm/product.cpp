// SPDX-License-Identifier: MIT
// The checks of product.hpp.
#include "product.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <doctest/doctest.h>

#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/product.hpp>

#include "guarded_memory.hpp"
#include "support/levels.hpp"
#include "support/noise.hpp"

namespace lowbit_test {

namespace lb = lowbit;

namespace {

struct expected_product {
    std::vector<double> values, bounds;
};

/// X * W^T in double. The bounds are the roundings on the way to a float result, each of at most half an ulp of the largest sum.
expected_product reference(const product& p, lb::matrix_view<const float> x) {
    const std::size_t m = x.rows(), n = p.weights.rows(), k = p.weights.cols();
    expected_product y{std::vector<double>(m * n), std::vector<double>(m * n)};
    double reach = 0;
    for (std::size_t i = 0; i < n * k; ++i) reach = std::max(reach, std::fabs(static_cast<double>(p.weights.data()[i])));
    // one rounding for each sum in float, two for each scaled group (four over a minimum), and some for scales and decoding
    const double in_group = p.kind == activation::floats ? static_cast<double>(std::min(p.group, k)) : 0.0;
    // signs: a mean in 16 partial sums
    const std::size_t mean_of = p.kind == activation::sign_rows ? k : p.kind == activation::sign_groups ? p.group : 0;
    const double roundings = in_group + 4.0 * static_cast<double>(k / p.group + 1) + 6.0 + static_cast<double>(mean_of / 16);
    for (std::size_t r = 0; r < m; ++r) {
        std::vector<float> stored(k);
        for (std::size_t i = 0; i < k; ++i) stored[i] = x(r, p.order[i]);
        const std::size_t whole = std::max<std::size_t>(1, k);
        const std::vector<double> row = p.kind == activation::floats        ? std::vector<double>(stored.begin(), stored.end())
                                        : p.kind == activation::int8_rows   ? quantized(stored, whole)
                                        : p.kind == activation::int8_groups ? quantized(stored, p.group)
                                        : p.kind == activation::sign_rows   ? signs(stored, whole)
                                                                            : signs(stored, p.group);
        for (std::size_t c = 0; c < n; ++c) {
            double sum = 0, size = 0;
            for (std::size_t i = 0; i < k; ++i) {
                const double w = static_cast<double>(p.weights(c, p.order[i]));
                sum += row[i] * w;
                size += std::fabs(row[i]) * (std::fabs(w) + (p.over_minimum ? 3 * reach : 0));
            }
            y.values[r * n + c] = sum;
            y.bounds[r * n + c] = roundings * 0x1p-24 * size;
        }
    }
    return y;
}

void compare(const lb::matrix<float>& y, const expected_product& expected) {
    REQUIRE(y.rows() * y.cols() == expected.values.size());
    double signal = 0, largest = 0;
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
        const double off = std::fabs(static_cast<double>(y.data()[i]) - expected.values[i]);
        if (!(off <= expected.bounds[i])) {
            FAIL_CHECK("row ", i / y.cols(), " column ", i % y.cols(), ": ", y.data()[i], " is not ", expected.values[i],
                       " within ", expected.bounds[i]);
            return;
        }
        signal += expected.values[i] * expected.values[i];
        largest = std::max(largest, expected.bounds[i]);
    }
    // or the comparison would prove nothing; without a bound it is exact
    if (expected.values.size() >= 64 && largest > 0)
        CHECK(largest < 0.002 * std::sqrt(signal / static_cast<double>(expected.values.size())));
}

/// As many bytes as a product asks for, at an address that is aligned to nothing.
struct odd_workspace {
    explicit odd_workspace(std::size_t size) : bytes(size + 1) {}
    std::span<std::byte> span() { return {bytes.data() + 1, bytes.size() - 1}; }
    std::vector<std::byte> bytes;
};

void run_on(test_pool& pool, const product& p, lb::matrix_view<const float> x, lb::matrix_view<float> y) {
    odd_workspace workspace(p.workspace_bytes(x.rows()));
    p.run(pool, x, y, workspace.span());
}

bool all_nan(const float* y, std::size_t n) {
    return std::all_of(y, y + n, [](float v) { return std::isnan(v); });
}

} // namespace

bool same_bits(const lb::matrix<float>& a, const lb::matrix<float>& b) {
    REQUIRE(a.rows() == b.rows());
    REQUIRE(a.cols() == b.cols());
    return a.rows() * a.cols() == 0 || std::memcmp(a.data(), b.data(), a.rows() * a.cols() * sizeof(float)) == 0;
}

std::vector<double> quantized(const std::vector<float>& x, std::size_t group) {
    std::vector<double> y(x.size());
    for (std::size_t first = 0; first < x.size(); first += group) {
        const std::size_t last = std::min(x.size(), first + group);
        float amax = 0;
        for (std::size_t k = first; k < last; ++k) amax = std::max(amax, std::fabs(x[k]));
        if (amax == 0) continue;
        const double scale = static_cast<double>(amax / 127.0f);
        const float inverse = 127.0f / amax;
        for (std::size_t k = first; k < last; ++k) y[k] = scale * static_cast<double>(std::nearbyint(x[k] * inverse));
    }
    return y;
}

std::vector<double> signs(const std::vector<float>& x, std::size_t group) {
    std::vector<double> y(x.size());
    for (std::size_t first = 0; first < x.size(); first += group) {
        const std::size_t last = std::min(x.size(), first + group);
        double sum = 0;
        for (std::size_t k = first; k < last; ++k) sum += std::fabs(static_cast<double>(x[k]));
        const double mean = sum / static_cast<double>(last - first);
        for (std::size_t k = first; k < last; ++k) y[k] = x[k] < 0 ? -mean : mean;
    }
    return y;
}

lb::matrix<float> multiply(const product& p, lb::matrix_view<const float> x) {
    lb::matrix<float> y(x.rows(), p.weights.rows());
    test_pool pool(1);
    run_on(pool, p, x, y);
    return y;
}

void check_values(maker make) {
    struct extents {
        std::size_t m, n, k;
    };
    // nothing, one, tails of rows, columns and K, more than one panel, of one row too, more than one block of K
    constexpr extents shapes[] = {{0, 5, 8},    {4, 0, 8},     {4, 6, 0},   {3, 130, 0},  {1, 260, 0},  {1, 1, 1},   {3, 65, 37},
                                  {9, 64, 128}, {2, 130, 257}, {5, 7, 300}, {1, 192, 64}, {1, 330, 96}, {7, 64, 320}};
    std::uint64_t salt = 1;
    for (const extents& shape : shapes) {
        const std::size_t m = shape.m, n = shape.n, k = shape.k; // not a structured binding: clang 14 cannot capture one
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        const auto made = make(n, k, salt, std::pmr::get_default_resource());
        const product& p = *made;
        const lb::matrix<float> x = noise(1000 + salt++).weights(m, k);
        const expected_product expected = reference(p, x);
        std::vector<lb::matrix<float>> same;
        each_level([&](lb::isa::level level) {
            same.push_back(multiply(p, x));
            compare(same.back(), expected);
            if (!is_fused(level)) same.pop_back();
        });
        for (const lb::matrix<float>& y : same) CHECK(same_bits(y, same.front()));
    }
}

void check_contract(maker make) {
    constexpr std::size_t m = lowbit::kernel::most_rows + 10, n = 70, k = 203;
    const auto made = make(n, k, 7, std::pmr::get_default_resource());
    const product& p = *made;
    const lb::matrix<float> x = noise(8).weights(m, k);
    const lb::matrix<float> y = multiply(p, x);
    compare(y, reference(p, x));

    SUBCASE("levels and threads") {
        const lb::matrix<float> scalar = [&] {
            const lb::isa::scoped_level force{lb::isa::level::scalar};
            return multiply(p, x);
        }();
        each_level([&](lb::isa::level level) {
            const lb::matrix<float> alone = multiply(p, x);
            if (is_fused(level)) CHECK(same_bits(alone, scalar));
            for (const work_order order : {work_order::forward, work_order::reversed, work_order::shuffled}) {
                for (const std::size_t threads : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
                    CAPTURE(threads);
                    test_pool pool(threads, order);
                    lb::matrix<float> shared(m, n);
                    run_on(pool, p, x, shared);
                    CHECK(same_bits(shared, alone)); // so workers run at the level of this thread, whatever their own is
                    CHECK((threads == 1) == (pool.calls() == 0));
                }
            }
        });
    }
    SUBCASE("batch sizes") {
        for (const std::size_t rows : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{4}, std::size_t{5},
                                       std::size_t{6}, std::size_t{7}, std::size_t{8}, std::size_t{9}, m - 2, m - 1}) {
            CAPTURE(rows);
            const std::size_t first = m - rows;
            const lb::matrix<float> part = multiply(p, {x.view().row_data(first), rows, k});
            CHECK(std::memcmp(part.data(), y.row(first).data(), rows * n * sizeof(float)) == 0);
        }
    }
    SUBCASE("strides") {
        constexpr float untouched = 12345.0f;
        lb::matrix<float> wide_x(m, k + 3), wide_y(m, n + 5);
        std::fill_n(wide_x.data(), m * (k + 3),
                    std::numeric_limits<float>::quiet_NaN()); // what lies between rows is nobody's business
        std::fill_n(wide_y.data(), m * (n + 5), untouched);
        for (std::size_t r = 0; r < m; ++r) std::copy_n(x.row(r).data(), k, wide_x.row(r).data() + 1);
        test_pool pool(2);
        run_on(pool, p, {wide_x.data() + 1, m, k, k + 3}, {wide_y.data() + 2, m, n, n + 5});
        for (std::size_t r = 0; r < m; ++r) {
            CHECK(std::memcmp(wide_y.row(r).data() + 2, y.row(r).data(), n * sizeof(float)) == 0);
            for (const std::size_t c : {std::size_t{0}, std::size_t{1}, n + 2, n + 3, n + 4}) CHECK(wide_y(r, c) == untouched);
        }
    }
    SUBCASE("powers of two") {
        lb::matrix<float> scaled = x;
        for (std::size_t i = 0; i < m * k; ++i) scaled.data()[i] *= 0x1p-9f;
        lb::matrix<float> back = multiply(p, scaled);
        for (std::size_t i = 0; i < m * n; ++i) back.data()[i] *= 0x1p9f;
        CHECK(same_bits(back, y));
    }
    SUBCASE("rows that are not finite, and rows of zeros") {
        constexpr float inf = std::numeric_limits<float>::infinity();
        lb::matrix<float> spoiled = x;
        spoiled(3, 0) = std::numeric_limits<float>::quiet_NaN();
        spoiled(17, k - 1) = inf;
        spoiled(64, k / 2) = -inf;
        for (float& v : spoiled.row(80)) v = inf;
        spoiled(lowbit::kernel::most_tile_rows + 1, 1) = inf;
        spoiled(m - 3, 0) = inf;
        for (float& v : spoiled.row(m - 1)) v = 0.0f;
        each_level([&](lb::isa::level) {
            const lb::matrix<float> whole = multiply(p, x), z = multiply(p, spoiled);
            for (std::size_t r = 0; r < m; ++r) {
                CAPTURE(r);
                if (r == 3 || r == 17 || r == 64 || r == 80 || r == lowbit::kernel::most_tile_rows + 1 || r == m - 3) {
                    CHECK(all_nan(z.row(r).data(), n));
                } else if (r == m - 1) {
                    CHECK(std::all_of(z.row(r).begin(), z.row(r).end(), [](float v) { return v == 0.0f; }));
                } else {
                    CHECK(std::memcmp(z.row(r).data(), whole.row(r).data(), n * sizeof(float)) == 0);
                }
            }
        });
    }
    SUBCASE("tiny and huge activations") {
        lb::matrix<float> extreme = x;
        for (float& v : extreme.row(1)) v *= 0x1p-140f; // below the smallest normal number
        for (float& v : extreme.row(2)) v *= 0x1p120f;
        const lb::matrix<float> z = multiply(p, extreme);
        for (std::size_t c = 0; c < n; ++c) {
            CHECK(std::fabs(z(1, c)) < 0x1p-120f);
            CHECK(!std::isnan(z(2, c)));
        }
        CHECK(std::memcmp(z.row(3).data(), y.row(3).data(), n * sizeof(float)) == 0);
    }
}

void check_guarded(maker make) {
    for (const edge side : edges) {
        guarded_memory memory(side);
        const auto check = [&](std::size_t m, std::size_t n, std::size_t k) {
            CAPTURE(m);
            CAPTURE(n);
            CAPTURE(k);
            const auto made = make(n, k, n * 1000 + k, &memory);
            const product& p = *made;
            guarded<float> x((m - 1) * (k + 1) + k, side), y((m - 1) * (n + 1) + n, side);
            guarded<std::byte> workspace(p.workspace_bytes(m), side);
            noise random(n + k);
            for (float& v : x) v = random.normal();
            const lb::matrix_view<const float> x_view(x.data(), m, k, k + 1);
            const expected_product expected = reference(p, x_view);
            each_level([&](lb::isa::level) {
                test_pool pool(1);
                p.run(pool, x_view, {y.data(), m, n, n + 1}, {workspace.data(), workspace.size()});
                lb::matrix<float> dense(m, n);
                for (std::size_t r = 0; r < m; ++r) std::copy_n(y.data() + r * (n + 1), n, dense.row(r).data());
                compare(dense, expected);
            });
        };
        for (const std::size_t n : {std::size_t{1}, std::size_t{15}, std::size_t{64}, std::size_t{67}}) {
            for (const std::size_t k : {std::size_t{1}, std::size_t{31}, std::size_t{65}, std::size_t{130}}) check(5, n, k);
        }
        for (const std::size_t n : {std::size_t{128}, std::size_t{256}, std::size_t{330}}) check(1, n, 96); // panels of one row
        check(lowbit::kernel::most_rows + 10, 130, 600); // several blocks of rows and of K, several panels
    }
}

} // namespace lowbit_test
