// SPDX-License-Identifier: MIT
// Mistakes: each is refused with the numbers in the text, before anything is written. And what is no mistake.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory_resource>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "product.hpp"
#include "support/counting_resource.hpp"
#include "support/noise.hpp"
#include "support/raised.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

constexpr std::size_t m = 3, n = 20, k = 32;

struct operands {
    lb::matrix<float> x = noise(1).weights(m, k);
    lb::matrix<float> y{m, n};
    lb::packed_matrix<lb::detail::packed_policy<lb::presets::w8>> p =
        lb::pack(lb::quantize<lb::presets::w8>(noise(2).weights(n, k)));
};

} // namespace

TEST_CASE("errors: shapes that do not fit") {
    operands o;
    lb::matrix<float> wide_x(m, k + 1), tall_y(m + 1, n), wide_y(m, n + 1);
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(wide_x, o.p, o.y); }, "3 x 33", "20 x 32"));
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(o.x, o.p, tall_y); }, "4 x 20", "3 x 20"));
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(o.x, o.p, wide_y); }, "3 x 21", "3 x 20"));
    std::vector<float> x(k), y(n - 1);
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemv(x, o.p, y); }, "1 x 19", "1 x 20"));
}

TEST_CASE("errors: batches and scales that do not fit") {
    operands o;
    const auto xs = lb::batched(lb::matrix_view<const float>(o.x.data(), 1, k), 3, k);
    const auto ys = lb::batched(lb::matrix_view<float>(o.y.data(), 1, n), 2, n);
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(xs, o.p, ys); }, "3 X", "2 Y"));
    const std::vector<lb::packed_matrix<lb::detail::packed_policy<lb::presets::w8>>> weights(1);
    CHECK(raises(lb::errc::shape_mismatch, [&] { lb::gemm(xs, weights, ys); }, "3 X", "1 W", "2 Y"));
    lb::matrix<std::int8_t> codes(m, k);
    const std::vector<float> scales(2, 1.0f);
    CHECK(raises(lb::errc::shape_mismatch, [&] { (void)lb::quantized_rows(codes.view(), scales); }, "2 scales", "3 rows"));
    for (const float bad : {-1.0f, INFINITY, NAN}) {
        const std::vector<float> one_bad{1.0f, bad, 0.0f};
        CHECK(raises(lb::errc::invalid_argument, [&] { (void)lb::quantized_rows(codes.view(), one_bad); }, "scale 1"));
    }
    CHECK(raises(lb::errc::invalid_argument, [&] { (void)lb::at_scale(o.x, 0.0f); }, "positive"));
    CHECK(raises(lb::errc::invalid_argument, [&] { (void)lb::at_scale(o.x, INFINITY); }, "positive"));
    CHECK(raises(lb::errc::invalid_argument, [&] { (void)lb::at_scale(o.x, NAN); }, "positive"));
}

TEST_CASE("errors: a later member of a batch that does not fit, before anything is written") {
    operands o;
    const auto xs = lb::batched(lb::matrix_view<const float>(o.x.data(), 1, k), 2, k);
    const auto ys = lb::batched(lb::matrix_view<float>(o.y.data(), 1, n), 2, n);
    const auto refused = [&](auto multiply, const char* what) {
        std::fill_n(o.y.data(), m * n, 7.0f);
        return raises(lb::errc::shape_mismatch, multiply, what) &&
               std::all_of(o.y.data(), o.y.data() + m * n, [](float y) { return y == 7.0f; });
    };
    const auto pack = [](std::size_t rows, std::size_t cols) {
        return lb::pack(lb::quantize<lb::presets::w8>(noise(2).weights(rows, cols)));
    };
    const std::array deep{o.p, pack(n, k + 1)}, wide{o.p, pack(n + 1, k)};
    CHECK(refused([&] { lb::gemm(xs, deep, ys); }, "20 x 33"));
    CHECK(refused([&] { lb::gemm(xs, wide, ys); }, "1 x 21"));
}

TEST_CASE("errors: more rows than any memory holds") {
    operands o;
    for (const std::size_t rows : {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / 200})
        CHECK(raises(lb::errc::invalid_argument, [&] { (void)lb::workspace_bytes(o.p, rows); }, "memory"));
}

TEST_CASE("errors: a workspace that is one byte short") {
    operands o;
    std::vector<std::byte> workspace(lb::workspace_bytes(o.p, m));
    lb::gemm(o.x, o.p, o.y, lb::epilogue(), workspace);
    CHECK(raises(
        lb::errc::short_buffer,
        [&] { lb::gemm(o.x, o.p, o.y, lb::epilogue(), std::span<std::byte>(workspace).first(workspace.size() - 1)); },
        std::to_string(workspace.size()).c_str(), std::to_string(workspace.size() - 1).c_str()));
    CHECK(raises(lb::errc::short_buffer, [&] { lb::gemm(o.x, o.p, o.y, lb::epilogue(), std::span<std::byte>{}); }, " 0 bytes"));
    CHECK(lb::workspace_bytes(o.p, 64) > lb::workspace_bytes(o.p, 1));
}

TEST_CASE("errors: X and Y that share memory") {
    operands o;
    lb::matrix<float> both(k + n, k + n);
    float* const at = both.data();
    const auto x = [&](std::size_t from) { return lb::matrix_view<const float>(at + from, m, k, k + n); };
    const auto y = [&](std::size_t from) { return lb::matrix_view<float>(at + from, m, n, k + n); };
    const auto refused = [&](const auto& a, const auto& b) {
        return raises(lb::errc::invalid_argument, [&] { lb::gemm(a, o.p, b); }, "overlap");
    };
    CHECK(refused(x(0), y(0)));
    CHECK(refused(x(0), y(k - 1)));
    CHECK(refused(x(n + 5), y(0))); // X runs over the end of its rows into Y's
    CHECK(refused(x(0), y(k + 8))); // and Y into X's
    CHECK(refused(lb::transposed(lb::matrix_view<const float>(at, k, m)), y(0)));
    CHECK(refused(x(0), lb::transposed(lb::matrix_view<float>(at + 1, n, m))));
    CHECK(refused(lb::at_scale(x(0), 1.0f), y(1)));
    const std::vector<float> scale{1.0f};
    const lb::matrix_view<const std::int8_t> codes(reinterpret_cast<const std::int8_t*>(at), m, k);
    CHECK(refused(lb::quantized_rows(codes, scale), y(0)));

    // one row has no next, so its stride may be anything
    const auto row = [&](std::size_t from) { return lb::matrix_view<const float>(at + from, 1, k, 0); };
    const auto column = [&](std::size_t from) { return lb::transposed(lb::matrix_view<float>(at + from, n, 1, k + n)); };
    CHECK(refused(row(0), lb::matrix_view<float>(at + k - 1, 1, n, 0)));
    CHECK(refused(row(2 * (k + n)), column(k - 1)));
    lb::gemm(row(0), o.p, lb::matrix_view<float>(at + k, 1, n, 0));
    lb::gemm(row(2 * (k + n)), o.p, column(k));

    // two halves of the columns of one buffer, and one matrix after the other, are no overlap
    lb::gemm(x(0), o.p, y(k));
    lb::gemm(x(n), o.p, y(0));
    lb::gemm(lb::matrix_view<const float>(at, m, k), o.p, lb::matrix_view<float>(at + m * k, m, n));
    lb::gemm(lb::matrix_view<const float>(at + m * n, m, k), o.p, lb::matrix_view<float>(at, m, n));
}

TEST_CASE("errors: batches that share memory") {
    operands o;
    std::vector<float> memory(4 * m * (k + n));
    float* const at = memory.data();
    const auto xs = [&](std::size_t from, std::size_t stride, std::size_t step) {
        return lb::batched(lb::matrix_view<const float>(at + from, m, k, stride), 2, step);
    };
    const auto ys = [&](std::size_t from, std::size_t stride, std::size_t step) {
        return lb::batched(lb::matrix_view<float>(at + from, m, n, stride), 2, step);
    };
    const auto refused = [&](const auto& a, const auto& b, const char* what) {
        return raises(lb::errc::invalid_argument, [&] { lb::gemm(a, o.p, b); }, what);
    };
    const std::size_t y0 = 2 * m * k; // after two X
    CHECK(refused(xs(0, k, m * k), ys(y0, n, 1), "members"));
    CHECK(refused(xs(0, k, m * k), ys(y0, n, 0), "members"));
    CHECK(refused(xs(0, k, m * k), ys(y0, n, m * n - 1), "members"));
    CHECK(refused(xs(0, k, m * k), ys(y0, 2 * n, n - 1), "members"));
    CHECK(refused(xs(0, k, m * k), ys(m * k, n, m * n), "X and Y"));       // Y[0] is in X[1]
    CHECK(refused(xs(m * n, k, m * k), ys(0, n, m * (n + k)), "X and Y")); // Y[1] is in X[1]
    CHECK(refused(xs(0, 2 * (k + n), k), ys(k, 2 * (k + n), k + n), "X and Y"));

    lb::gemm(xs(0, k, 0), o.p, ys(y0, n, m * n));                        // one X for both
    lb::gemm(xs(0, k, m * k), o.p, ys(y0, 2 * n, n));                    // each Y some columns of one matrix
    lb::gemm(xs(0, 2 * (k + n), k + n), o.p, ys(k, 2 * (k + n), k + n)); // X and Y by turns in one row
    lb::gemm(lb::batched(lb::matrix_view<const float>(at, 0, k), 2, 0), o.p, lb::batched(lb::matrix_view<float>(at, 0, n), 2, 0));
}

TEST_CASE("errors: a level that this machine lacks") {
    for (const lb::isa::level level : lb::isa::levels) {
        if (lb::isa::supported(level)) continue;
        CHECK(raises(
            lb::errc::unsupported, [&] { const lb::isa::scoped_level force{level}; }, std::string{lb::isa::name(level)}.c_str()));
        return;
    }
    MESSAGE("SKIPPED: this machine has every level");
}

TEST_CASE("packed weights are values") {
    operands o;
    lb::gemm(o.x, o.p, o.y);
    const lb::matrix<float> y = o.y;
    const auto copy = o.p;
    CHECK(copy.data() != o.p.data());
    CHECK(reinterpret_cast<std::uintptr_t>(copy.data()) % 64 == 0);
    auto moved = std::move(o.p);
    CHECK(o.p.rows() == 0); // NOLINT: what is left is 0 x 0
    CHECK(o.p.cols() == 0);
    CHECK(o.p.size_bytes() == 0);
    lb::matrix<float> nothing(m, 0);
    lb::gemm(lb::matrix<float>(m, 0), o.p, nothing);
    lb::gemm(o.x, moved, o.y);
    CHECK(same_bits(o.y, y));
    moved = copy;
    lb::gemm(o.x, moved, o.y);
    CHECK(same_bits(o.y, y));
    CHECK(moved.layout_tag() == "k4_n64/8");
}

TEST_CASE("packed weights are hardly larger than quantized ones") {
    const lb::matrix<float> w = noise(4).weights(130, 1000);
    const auto q = lb::quantize<lb::presets::w8>(w);
    CHECK(static_cast<double>(lb::pack(q).size_bytes()) <= 1.05 * static_cast<double>(q.size_bytes()));
}

TEST_CASE("packing in memory that runs out leaks nothing") {
#if defined(__cpp_exceptions)
    const auto q = lb::quantize<lb::presets::w8>(noise(5).weights(n, k));
    counting_resource memory;
    for (std::size_t allowed = 0;; ++allowed) {
        memory.left = allowed;
        try {
            const auto p = lb::pack(q, &memory);
            CHECK(memory.alive >= 1);
            break;
        } catch (const std::bad_alloc&) {
            CHECK(memory.alive == 0);
        }
    }
    CHECK(memory.alive == 0);
    CHECK(memory.total >= 1);
#else
    MESSAGE("SKIPPED: without exceptions memory that runs out ends the program");
#endif
}

TEST_CASE("int8 codes add up, at their ends too") {
    for (const std::size_t count : {0u, 1u, 7u, 8u, 9u, 1023u, 1024u, 1032u, 5003u}) {
        for (const int step : {0, 1, 37}) { // all the same, ascending, scattered
            for (const int first : {-128, 127}) {
                std::vector<std::int8_t> codes(count);
                std::int32_t expected = 0;
                for (std::size_t i = 0; i < count; ++i) {
                    codes[i] = static_cast<std::int8_t>(static_cast<std::uint8_t>(first + step * static_cast<int>(i)));
                    expected += codes[i];
                }
                CHECK(lb::detail::sum_of_codes(codes.data(), count) == expected);
            }
        }
    }
}
