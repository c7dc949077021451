// SPDX-License-Identifier: MIT
// What calibration gathers and finds beside the sweep: the norms of inputs that Wanda asks for, and orders of columns.
#include <doctest/doctest.h>

#include <lowbit/calibrate/column_order.hpp>
#include <lowbit/calibrate/input_norms.hpp>
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

} // namespace

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
