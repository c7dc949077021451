// SPDX-License-Identifier: MIT
// Scores, masks made of them, the cubic schedule and movement scores.
#include <doctest/doctest.h>

#include <lowbit/prune/cubic_schedule.hpp>
#include <lowbit/prune/keep_mask.hpp>
#include <lowbit/prune/movement_scores.hpp>

#include "support/noise.hpp"
#include "support/raised.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lowbit_test::noise;
using lowbit_test::raises;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// The wanted mask, chosen by sorting: of each line of blocks those of the highest sums stay, of equals the first.
template <class Keep>
lb::matrix<std::uint8_t> wanted(const lb::matrix<float>& scores, std::size_t block_rows, std::size_t block_cols, bool down,
                                Keep keep) {
    lb::matrix<std::uint8_t> mask(scores.rows(), scores.cols());
    const std::size_t down_blocks = (scores.rows() + block_rows - 1) / block_rows;
    const std::size_t across = (scores.cols() + block_cols - 1) / block_cols;
    const std::size_t lines = down ? across : down_blocks, bits = down ? down_blocks : across;
    for (std::size_t line = 0; line < lines; ++line) {
        std::vector<float> sums(bits);
        for (std::size_t i = 0; i < scores.rows(); ++i)
            for (std::size_t k = 0; k < scores.cols(); ++k)
                if ((down ? k / block_cols : i / block_rows) == line)
                    sums[down ? i / block_rows : k / block_cols] += scores(i, k);
        std::vector<std::size_t> order(bits);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t bit) { return std::pair(-sums[bit], bit); });
        order.resize(keep(bits));
        for (std::size_t i = 0; i < scores.rows(); ++i) {
            for (std::size_t k = 0; k < scores.cols(); ++k) {
                const bool mine = (down ? k / block_cols : i / block_rows) == line;
                const std::size_t bit = down ? i / block_rows : k / block_cols;
                if (mine && std::find(order.begin(), order.end(), bit) != order.end()) mask(i, k) = 1;
            }
        }
    }
    return mask;
}

bool same(const lb::matrix<std::uint8_t>& a, const lb::matrix<std::uint8_t>& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() && std::equal(a.data(), a.data() + a.rows() * a.cols(), b.data());
}

} // namespace

TEST_CASE("scores are the criterion's, and Wanda is magnitude times norm") {
    const std::array<float, 6> values{1, -2, 3, -4, 5, -6};
    const lb::matrix_view<const float> w{values.data(), 2, 3};
    const std::vector<float> norms{3, 0, 0.5f};
    const auto scores = lb::scores_of<lb::by_wanda>(w, norms);
    const std::array<float, 6> expected{3, 0, 1.5f, 12, 0, 3};
    CHECK(std::equal(expected.begin(), expected.end(), scores.data()));
    CHECK(lb::scores_of<lb::by_wanda>(w)(1, 2) == 6.0f); // no statistics: they are 1
    CHECK(lb::scores_of<lb::by_magnitude>(lb::transposed(w))(2, 1) == 6.0f);
    CHECK(raises(
        errc::shape_mismatch, [&] { static_cast<void>(lb::scores_of<lb::by_wanda>(w, std::vector<float>(2))); },
        "scores_of: 2 statistics for 3 columns"));
}

TEST_CASE("a mask keeps the highest scores of every line of blocks") {
    noise random(1);
    for (const std::size_t cols : {1u, 7u, 32u, 45u}) {
        for (const std::size_t rows : {1u, 5u, 8u}) {
            auto s = random.weights(rows, cols);
            if (cols == 7)
                for (float& x : s.row(0)) x = 1.0f; // ties
            CHECK(same(lb::keep_mask<lb::unstructured<60>>(s),
                       wanted(s, 1, 1, false, [](std::size_t n) { return n - n * 60 / 100; })));
            CHECK(same(lb::keep_mask(s, 60.0), lb::keep_mask<lb::unstructured<60>>(s)));
            CHECK(same(lb::keep_mask<lb::block_sparse<2, 3, 50>>(s),
                       wanted(s, 2, 3, false, [](std::size_t n) { return n - n / 2; })));
            CHECK(same(lb::keep_mask<lb::whole_rows<40>>(s),
                       wanted(s, 1, cols, true, [](std::size_t n) { return n - n * 40 / 100; })));
            CHECK(same(lb::keep_mask<lb::block_sparse<2, 0, 40>>(s),
                       wanted(s, 2, cols, true, [](std::size_t n) { return n - n * 40 / 100; })));
            CHECK(same(lb::keep_mask<lb::whole_columns<40>>(s),
                       wanted(s, rows, 1, false, [](std::size_t n) { return n - n * 40 / 100; })));
            CHECK(same(lb::keep_mask<lb::block_sparse<2, 3, 0>>(s, 50.0), lb::keep_mask<lb::block_sparse<2, 3, 50>>(s)));
        }
    }
    lb::matrix<float> eight(1, 10);
    const std::array<float, 10> scores{1, 9, 2, 8, 3, 7, 4, 6, 5, 5};
    std::copy(scores.begin(), scores.end(), eight.data());
    const auto kept = [&]<class Mask>(Mask) {
        const auto mask = lb::keep_mask<Mask>(eight);
        std::vector<std::size_t> columns;
        for (std::size_t k = 0; k < 10; ++k)
            if (mask(0, k) != 0) columns.push_back(k);
        return columns;
    };
    using columns = std::vector<std::size_t>;
    CHECK(kept(lb::sparse_2_4{}) == columns{1, 3, 5, 7, 8, 9}); // a short last four keeps at most two
    CHECK(kept(lb::sparse_1_4{}) == columns{1, 5, 8});
    CHECK(kept(lb::sparse_4_8{}) == columns{1, 3, 5, 7, 8, 9});
    CHECK(kept(lb::sparse_2_8{}) == columns{1, 3, 8, 9});

    CHECK(lb::keep_mask<lb::sparse_2_4>(lb::matrix<float>(0, 4)).rows() == 0);
    CHECK(lb::keep_mask(lb::matrix<float>(3, 0), 50.0).cols() == 0);
    const auto all = lb::keep_mask(eight, 0.0), none = lb::keep_mask(eight, 100.0);
    CHECK(std::count(all.data(), all.data() + 10, 1) == 10);
    CHECK(std::count(none.data(), none.data() + 10, 0) == 10);
}

TEST_CASE("scores that are no numbers, and percentages that are none, are refused") {
    lb::matrix<float> s(2, 8);
    s(1, 3) = not_a_number;
    CHECK(raises(
        errc::non_finite, [&] { static_cast<void>(lb::keep_mask<lb::sparse_2_4>(s)); },
        "keep_mask: a pruning score is NaN (row 1, column 3)"));
    CHECK(raises(errc::invalid_argument, [&] { static_cast<void>(lb::keep_mask(s, 100.5)); }, "between 0 and 100"));
    CHECK(raises(errc::invalid_argument, [&] { static_cast<void>(lb::keep_mask(s, double{not_a_number})); }));
}

TEST_CASE("the cubic schedule rises fast, then slowly, and ends exactly") {
    constexpr lb::cubic_schedule schedule{10.0, 90.0, 100, 500, 50};
    static_assert(schedule(0) == 10.0 && schedule(100) == 10.0);
    static_assert(schedule(300) == 80.0); // half way: 90 - 80 / 8
    static_assert(schedule(500) == 90.0 && schedule(100000) == 90.0);
    double before = schedule(99), gain = 100.0;
    for (std::size_t step = 100; step < 500; step += 50) {
        CHECK(schedule(step + 50) > before);
        CHECK(schedule(step + 50) - schedule(step) < gain);
        gain = schedule(step + 50) - schedule(step);
        before = schedule(step + 50);
    }
    std::size_t masks = 0;
    for (std::size_t step = 0; step < 1000; ++step) masks += std::size_t{schedule.due(step)};
    CHECK(masks == 9);
    CHECK((schedule.due(100) && schedule.due(150) && schedule.due(500) && !schedule.due(550) && !schedule.due(50)));
    constexpr lb::cubic_schedule at_once{0.0, 29.0, 7, 7};
    static_assert(at_once(6) == 0.0 && at_once(7) == 29.0 && at_once.due(7));
    CHECK(lb::cubic_schedule{0, 50, 0, 3, 0}.due(2));
    CHECK(lb::cubic_schedule{0, 50, 0, 3, 2}.due(3)); // the last mask is made, whatever the rhythm
}

TEST_CASE("movement keeps what moves away from 0") {
    lb::movement_scores movement(1, 4);
    const std::array<float, 4> w{1, -1, 1, -1}, g{-0.5f, -0.5f, 0.25f, 0.75f}; // training goes against the gradient
    const lb::matrix_view<const float> weights{w.data(), 1, 4}, gradients{g.data(), 1, 4};
    movement.add(weights, gradients);
    movement.add(weights, gradients);
    const std::array<float, 4> expected{1.0f, -1.0f, -0.5f, 1.5f};
    CHECK(std::equal(expected.begin(), expected.end(), movement.scores().data()));
    const auto mask = lb::keep_mask(movement.scores(), 50.0);
    CHECK((mask(0, 0) == 1 && mask(0, 1) == 0 && mask(0, 2) == 0 && mask(0, 3) == 1));
    CHECK(raises(errc::shape_mismatch, [&] { movement.add(weights, lb::matrix<float>(2, 4)); }, "gradients 2 x 4"));
}
