// SPDX-License-Identifier: MIT
// Scores, masks made of them, the cubic schedule, movement scores, and the norms of inputs that Wanda asks for.
#include <doctest/doctest.h>

#include <lowbit/calibrate/input_norms.hpp>
#include <lowbit/prune/column_order.hpp>
#include <lowbit/prune/cubic_schedule.hpp>
#include <lowbit/prune/keep_mask.hpp>

#include "support/noise.hpp"
#include "support/raised.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
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
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sums[a] > sums[b]; });
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

namespace {

/// The scores that a mask keeps of columns in some order, and whether it is an order.
template <class Mask>
double kept_in(const lb::matrix<float>& scores, const std::vector<std::uint32_t>& order) {
    std::vector<std::uint32_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t k = 0; k < scores.cols(); ++k) REQUIRE(sorted[k] == k);
    lb::matrix<float> moved(scores.rows(), scores.cols());
    for (std::size_t i = 0; i < scores.rows(); ++i)
        for (std::size_t k = 0; k < scores.cols(); ++k) moved(i, k) = scores(i, order[k]);
    const auto mask = lb::keep_mask<Mask>(moved);
    double sum = 0;
    for (std::size_t i = 0; i < scores.rows() * scores.cols(); ++i)
        sum += mask.data()[i] != 0 ? static_cast<double>(moved.data()[i]) : 0.0;
    return sum;
}

template <class Mask>
void check_order(lb::matrix<float> scores, double gain, std::size_t tail) {
    for (std::size_t i = 0; i < scores.rows() * scores.cols(); ++i) scores.data()[i] = std::fabs(scores.data()[i]);
    const auto found = lb::keep_more<Mask>(scores);
    std::vector<std::uint32_t> in_place(scores.cols());
    std::iota(in_place.begin(), in_place.end(), 0u);
    const std::size_t whole = scores.cols() - tail;
    double behind = 0; // what is kept of the short last run, which keep_more leaves out
    if (tail != 0) {
        lb::matrix<float> last(scores.rows(), tail);
        for (std::size_t i = 0; i < scores.rows(); ++i)
            for (std::size_t k = 0; k < tail; ++k) last(i, k) = scores(i, whole + k);
        std::vector<std::uint32_t> order(tail);
        std::iota(order.begin(), order.end(), 0u);
        behind = kept_in<Mask>(last, order);
    }
    CHECK(found.kept_before == doctest::Approx(kept_in<Mask>(scores, in_place) - behind).epsilon(1e-5));
    CHECK(found.kept_after == doctest::Approx(kept_in<Mask>(scores, found.order) - behind).epsilon(1e-5));
    CHECK(found.kept_after > gain * found.kept_before);
    CHECK(found.swaps > 0);
    for (std::size_t k = whole; k < scores.cols(); ++k) CHECK(found.order[k] == k);
    // bounded: a few trials are what they say, and lose nothing
    const auto few = lb::keep_more<Mask>(scores, 3);
    CHECK(few.trials == 3);
    CHECK(few.kept_after >= few.kept_before);
    CHECK(few.kept_after <= found.kept_after);
    CHECK(lb::keep_more<Mask>(scores, 0).order == in_place);
}

} // namespace

TEST_CASE("columns change places so that N of M keep more") {
    noise random(8);
    check_order<lb::sparse_2_4>(random.weights(5, 64), 1.05, 0);
    check_order<lb::sparse_1_4>(random.weights(7, 43), 1.05, 3);
    check_order<lb::n_of_m<3, 7>>(random.weights(3, 70), 1.02, 0);
    // loud columns that stand together are dealt out
    lb::matrix<float> loud(2, 16);
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 16; ++k) loud(i, k) = k < 8 ? 2.0f : 1.0f;
    CHECK(lb::keep_more<lb::sparse_2_4>(loud).kept_before == 24.0);
    CHECK(lb::keep_more<lb::sparse_2_4>(loud).kept_after == 32.0);
    CHECK(lb::keep_more<lb::sparse_2_4>(lb::matrix<float>(3, 3)).swaps == 0); // no whole run
    CHECK(lb::keep_more<lb::sparse_2_4>(lb::matrix<float>(0, 8)).order.size() == 8);
    loud(1, 2) = not_a_number;
    CHECK(raises(errc::non_finite, [&] { static_cast<void>(lb::keep_more<lb::sparse_2_4>(loud)); }, "(row 1, column 2)"));
    loud(1, 2) = -1.0f;
    CHECK(raises(errc::non_finite, [&] { static_cast<void>(lb::keep_more<lb::sparse_2_4>(loud)); }, "negative"));
}

TEST_CASE("input norms gather batches, and refuse one that is no numbers as a whole") {
    lb::input_norms inputs(4);
    CHECK(inputs.norms() == std::vector<float>{0, 0, 0, 0}); // no samples
    const std::array<float, 8> first{3, 0, 2, 1e20f, -4, 0, 2, 0};
    REQUIRE(inputs.add(lb::matrix_view<const float>{first.data(), 2, 4}));
    lb::matrix<float> bad(2, 4);
    bad(0, 0) = 100.0f;
    for (const float x : {not_a_number, std::numeric_limits<float>::infinity()}) {
        bad(1, 2) = x;
        const auto refused = inputs.add(bad);
        REQUIRE_FALSE(refused);
        CHECK(refused.error() == lb::error{errc::non_finite, "an activation is NaN or infinite", 6});
    }
    const auto narrow = inputs.add(lb::matrix<float>(1, 3));
    REQUIRE_FALSE(narrow);
    CHECK(narrow.error().code == errc::shape_mismatch);
    REQUIRE(inputs.add(lb::matrix<float>(0, 4)));
    CHECK(inputs.samples() == 2);
    const auto norms = inputs.norms();
    CHECK(norms[0] == doctest::Approx(std::sqrt(12.5)));
    CHECK(norms[1] == 0.0f); // a dead column
    CHECK(norms[2] == 2.0f); // a constant one
    CHECK(norms[3] == doctest::Approx(1e20 / std::sqrt(2.0)));
    CHECK(inputs.energies()[0] == 12.5f);
}
