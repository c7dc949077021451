// SPDX-License-Identifier: MIT
// Masks, scores, statistics and orders given at run time, with an own criterion; and everything about them that is refused.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/prune/semi_structured.hpp>
#include <lowbit/quantize/dense_codes.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/noise.hpp"
#include "support/raised.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lowbit_test::noise;
using lowbit_test::raises;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

using w24 = lb::policy<lb::int8, lb::prune<lb::n_of_m<2, 4>, lb::by_magnitude>>;

/// A criterion of a user: keeps what is large against its column's statistic (Wanda, arXiv:2306.11695).
struct wanda {
    static float score(float weight, float statistic) { return std::fabs(weight) * statistic; }
};
using by_wanda = lb::policy<lb::int8, lb::prune<lb::n_of_m<2, 4>, wanda>>;

/// Keeps the smallest: the criterion is asked, and no habit of the library.
struct smallest {
    static float score(float weight, float) { return -std::fabs(weight); }
};

lb::matrix<float> ones(std::size_t rows, std::size_t cols) {
    lb::matrix<float> w(rows, cols);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t k = 0; k < cols; ++k) w(i, k) = 1.0f + static_cast<float>(k) / 128;
    return w;
}

template <class Q>
std::vector<std::size_t> kept_columns(const Q& q, std::size_t row) {
    const auto back = lb::dequantize(q);
    std::vector<std::size_t> kept;
    for (std::size_t k = 0; k < q.cols(); ++k)
        if (back(row, k) != 0.0f) kept.push_back(k);
    return kept;
}
using columns = std::vector<std::size_t>;

template <class P, class W>
lb::error refused(const W& w, const lb::side_input& side = {}) {
    const auto q = lb::try_quantize<P>(w, side);
    return q ? lb::error{errc::not_found, "accepted"} : q.error();
}

} // namespace

TEST_CASE("given scores stand for the criterion's") {
    const auto w = ones(1, 8);
    lb::matrix<float> scores(1, 8);
    const std::array<float, 8> given{5, -1, 7, 0, -infinity, 3, 3, 3};
    std::copy(given.begin(), given.end(), scores.data());
    CHECK(kept_columns(lb::quantize<w24>(w, lb::with(scores)), 0) == columns{0, 2, 5, 6});
    CHECK(kept_columns(lb::quantize<w24>(w), 0) == columns{2, 3, 6, 7});
    // a strided view of scores
    lb::matrix<float> wide(1, 20);
    std::copy(given.begin(), given.end(), wide.data() + 5);
    CHECK(kept_columns(lb::quantize<w24>(w, lb::with(lb::matrix_view<const float>{wide.data() + 5, 1, 8, 20})), 0) ==
          columns{0, 2, 5, 6});
    // and a transposed one
    lb::matrix<float> column(8, 1);
    std::copy(given.begin(), given.end(), column.data());
    CHECK(kept_columns(lb::quantize<w24>(w, lb::with(lb::transposed(column))), 0) == columns{0, 2, 5, 6});
}

TEST_CASE("a given mask is kept, and may keep less than the policy stores") {
    const auto w = ones(2, 8);
    lb::matrix<std::uint8_t> mask(2, 8);
    mask(0, 1) = 1, mask(0, 2) = 7, mask(0, 4) = 255; // one of the second four
    mask(1, 6) = 1, mask(1, 7) = 1;                   // none of the first four
    const auto q = lb::quantize<w24>(w, lb::with(mask));
    CHECK(kept_columns(q, 0) == columns{1, 2, 4});
    CHECK(kept_columns(q, 1) == columns{6, 7});
    CHECK(q.size_bytes() == lb::quantize<w24>(w).size_bytes());

    auto flags = std::make_unique<bool[]>(16);
    for (std::size_t i = 0; i < 16; ++i) flags[i] = mask.data()[i] != 0;
    const lb::matrix_view<const bool> as_bool{flags.get(), 2, 8};
    const auto same = lb::quantize<w24>(w, lb::with(as_bool));
    CHECK(std::equal(q.bytes().begin(), q.bytes().end(), same.bytes().begin()));
    lb::matrix<bool> turned(8, 2);
    for (std::size_t i = 0; i < 16; ++i) turned(i % 8, i / 8) = flags[i];
    const auto transposed = lb::quantize<w24>(w, lb::with(lb::transposed(turned)));
    CHECK(std::equal(q.bytes().begin(), q.bytes().end(), transposed.bytes().begin()));

    // what is dropped has no part in the scale
    lb::matrix<float> outlier = ones(1, 4);
    outlier(0, 0) = 1e6f;
    lb::matrix<std::uint8_t> without(1, 4);
    without(0, 2) = without(0, 3) = 1;
    const auto back = lb::dequantize(lb::quantize<w24>(outlier, lb::with(without)));
    CHECK(back(0, 0) == 0.0f);
    CHECK(std::fabs(back(0, 2) - outlier(0, 2)) < 0.01f);

    // blocks: a block stays if any of its weights is kept, and the dropped ones in it are 0
    lb::matrix<std::uint8_t> sparse(2, 8);
    sparse(0, 5) = 1;
    const auto blocks = lb::quantize<lb::policy<lb::int8, lb::prune<lb::block_sparse<2, 4, 50>>>>(w, lb::with(sparse));
    CHECK(kept_columns(blocks, 0) == columns{5});
    CHECK(kept_columns(blocks, 1).empty());
}

namespace {

/// Two rows of which a mask keeps fewer weights than the policy stores decode to what the kept weights alone decode to.
template <class Granularity, class Offset, class Rule>
void check_thinned(const lb::side_input& statistics = {}, std::vector<float> kept_statistics = {}) {
    using thinned = lb::policy<lb::int4, Granularity, lb::scale_as<float>, Offset, lb::scale_rule<Rule>,
                               lb::prune<lb::unstructured<25>, wanda>>;
    using alone = lb::policy<lb::int4, Granularity, lb::scale_as<float>, Offset, lb::scale_rule<Rule>>;
    const auto w = noise(11).weights(2, 16);
    lb::matrix<std::uint8_t> mask(2, 16);
    lb::matrix<float> kept(2, 5);
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 5; ++k) mask(i, 3 * k) = 1, kept(i, k) = w(i, 3 * k);
    lb::side_input side = statistics;
    side.mask = mask.view();
    lb::side_input kept_side;
    kept_side.statistics = kept_statistics;
    const auto back = lb::dequantize(lb::quantize<thinned>(w, side)),
               expected = lb::dequantize(lb::quantize<alone>(kept, kept_side));
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 16; ++k) CHECK(back(i, k) == (mask(i, k) != 0 ? expected(i, k / 3) : 0.0f));
}

} // namespace

TEST_CASE("every scale rule sees the weights that a mask keeps, and no others") {
    check_thinned<lb::per_channel, lb::symmetric, lb::absmax>();
    check_thinned<lb::per_channel, lb::asymmetric, lb::minmax>();
    check_thinned<lb::per_tensor, lb::symmetric, lb::abs_mean>();
    check_thinned<lb::per_channel, lb::symmetric, lb::percentile<50>>();
    check_thinned<lb::per_channel, lb::asymmetric, lb::mse>();
    std::vector<float> statistics(16);
    for (std::size_t k = 0; k < 16; ++k) statistics[k] = static_cast<float>(k * k);
    check_thinned<lb::per_tensor, lb::symmetric, lb::mse>(lb::with(statistics), {0, 9, 36, 81, 144});

    // nothing kept: zeros, whatever the rule
    const auto none =
        lb::quantize<lb::policy<lb::ternary, lb::per_tensor, lb::scale_rule<lb::abs_mean>, lb::prune<lb::unstructured<50>>>>(
            ones(2, 8), lb::with(lb::matrix<std::uint8_t>(2, 8)));
    CHECK(kept_columns(none, 0).empty());
}

TEST_CASE("an own criterion is asked, with the statistics of the columns") {
    const auto w = ones(1, 8);
    const std::vector<float> statistics{9, 8, 1, 0, 0, 2, 2, 2};
    CHECK(kept_columns(lb::quantize<by_wanda>(w, lb::with(statistics)), 0) == columns{0, 1, 6, 7});
    CHECK(kept_columns(lb::quantize<by_wanda>(w, lb::with(std::span<const float>{statistics})), 0) == columns{0, 1, 6, 7});
    CHECK(kept_columns(lb::quantize<by_wanda>(w), 0) == columns{2, 3, 6, 7}); // without them they are 1
    CHECK(kept_columns(lb::quantize<lb::policy<lb::int8, lb::prune<lb::unstructured<75>, smallest>>>(w), 0) == columns{0, 1});
}

namespace {

/// Wanda by squares: of inputs, not of norms.
struct by_energy {
    static float score(float weight, float energy) { return weight * weight * energy; }
};

} // namespace

TEST_CASE("Wanda takes norms, which searches of scales weigh by their squares") {
    const auto w = noise(21).weights(4, 64);
    std::vector<float> norms(64), energies(64);
    for (std::size_t k = 0; k < 64; ++k) norms[k] = static_cast<float>(1 + k * 5 % 9), energies[k] = norms[k] * norms[k];
    const auto quantized = [&]<class Criterion>(Criterion, const std::vector<float>& statistics) {
        using P = lb::policy<lb::int4, lb::per_group<16>, lb::scale_rule<lb::mse>, lb::prune<lb::sparse_2_4, Criterion>>;
        return lb::dequantize(lb::quantize<P>(w, lb::with(statistics)));
    };
    const auto a = quantized(lb::by_wanda{}, norms), b = quantized(by_energy{}, energies), c = quantized(by_energy{}, norms);
    CHECK(std::equal(a.data(), a.data() + 4 * 64, b.data()));
    CHECK_FALSE(std::equal(a.data(), a.data() + 4 * 64, c.data()));
}

TEST_CASE("codes go to other libraries as bytes, and 2:4 as values and indices") {
    const auto w = noise(22).weights(3, 32);
    const auto check = [&](const auto& q, auto&& value) {
        const auto codes = lb::dense_codes(q);
        const auto back = lb::dequantize(q);
        for (std::size_t i = 0; i < 3; ++i) {
            const float scale = lb::detail::row_reader{q.view()}.scale(i, 0);
            for (std::size_t k = 0; k < 32; ++k) REQUIRE(value(codes(i, k)) * scale == back(i, k));
        }
        const auto halves = lb::compress<lb::sparse_2_4>(codes).value();
        CHECK(halves.values.cols() == 16);
        CHECK(halves.indices.cols() == 4);
        const auto whole = lb::decompress<lb::sparse_2_4>(halves).value();
        CHECK(std::equal(codes.data(), codes.data() + 3 * 32, whole.data()));
    };
    check(lb::quantize<w24>(w), [](std::int8_t code) { return static_cast<float>(code); });
    check(lb::quantize<lb::policy<lb::float8_e4m3, lb::prune<lb::sparse_2_4>>>(w),
          [](std::uint8_t code) { return lb::float8_e4m3::decode(code); });
}

TEST_CASE("permuted columns are scored and masked in the order in which they stand") {
    // stored order: 0 4 1 5 2 6 3 7, so the fours are {0, 4, 1, 5} and {2, 6, 3, 7}
    using permuted = lb::policy<lb::int8, lb::permuted_columns, lb::prune<lb::n_of_m<2, 4>, wanda>>;
    const std::vector<std::uint32_t> order{0, 4, 1, 5, 2, 6, 3, 7};
    const auto w = ones(1, 8);
    CHECK(kept_columns(lb::quantize<permuted>(w, lb::with(order)), 0) == columns{4, 5, 6, 7});
    const std::vector<float> statistics{9, 9, 1, 1, 1, 1, 9, 1};
    CHECK(kept_columns(lb::quantize<permuted>(w, lb::with(order, statistics)), 0) == columns{0, 1, 6, 7});
    lb::matrix<float> scores(1, 8);
    scores(0, 1) = scores(0, 4) = scores(0, 2) = scores(0, 3) = 1;
    CHECK(kept_columns(lb::quantize<permuted>(w, lb::with(scores, order)), 0) == columns{1, 2, 3, 4});
    lb::matrix<std::uint8_t> mask(1, 8);
    mask(0, 0) = mask(0, 1) = mask(0, 7) = 1;
    CHECK(kept_columns(lb::quantize<permuted>(w, lb::with(mask, order)), 0) == columns{0, 1, 7});
    CHECK(kept_columns(lb::quantize<permuted>(w), 0) == columns{2, 3, 6, 7}); // no order: as they are

    const auto back = lb::dequantize(lb::quantize<permuted>(w, lb::with(order, mask)));
    CHECK(std::fabs(back(0, 7) - w(0, 7)) < 0.01f); // and each value returns to its own column
    CHECK(std::fabs(back(0, 1) - w(0, 1)) < 0.01f);
}

TEST_CASE("side input of another shape is refused") {
    const auto w = ones(2, 8);
    CHECK(refused<w24>(w, lb::with(lb::matrix<float>(2, 7))).code == errc::shape_mismatch);
    CHECK(refused<w24>(w, lb::with(lb::matrix<float>(1, 8))).code == errc::shape_mismatch);
    CHECK(refused<w24>(w, lb::with(lb::matrix<std::uint8_t>(8, 2))).code == errc::shape_mismatch);
    CHECK(refused<by_wanda>(w, lb::with(std::vector<float>(7, 1.0f))).code == errc::shape_mismatch);
    CHECK(refused<by_wanda>(w, lb::with(std::vector<float>(9, 1.0f))).offset == 9);
    using permuted = lb::policy<lb::int8, lb::permuted_columns>;
    CHECK(refused<permuted>(w, lb::with(std::vector<std::uint32_t>{0, 1, 2})).code == errc::shape_mismatch);
    CHECK(refused<permuted>(w, lb::with(std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 8})).code == errc::invalid_argument);
    CHECK(refused<permuted>(w, lb::with(std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 6})) ==
          lb::error{errc::invalid_argument, "the given order is not a permutation of the columns", 7});
}

TEST_CASE("side input that no axis of the policy asks for is refused, not forgotten") {
    const auto w = ones(2, 8);
    CHECK(refused<lb::presets::w8>(w, lb::with(lb::matrix<std::uint8_t>(2, 8))).code == errc::invalid_argument);
    CHECK(refused<lb::presets::w8>(w, lb::with(lb::matrix<float>(2, 8))).code == errc::invalid_argument);
    CHECK(refused<lb::presets::w8>(w, lb::with(std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7})).code ==
          errc::invalid_argument);
    CHECK(refused<w24>(w, lb::with(std::vector<float>(8, 1.0f))).code == errc::invalid_argument); // magnitudes ask for none
    CHECK(refused<lb::policy<lb::int8, lb::scale_rule<lb::mse>>>(w, lb::with(std::vector<float>(8, 1.0f))).code ==
          errc::not_found);
    CHECK(refused<lb::presets::w8>(w, lb::with(lb::seed{1})).code == errc::invalid_argument);
}

TEST_CASE("one set of statistics goes with every format: rules that search nothing take no notice") {
    noise random(3);
    const auto w = random.weights(3, 512);
    std::vector<float> statistics(512);
    for (std::size_t k = 0; k < statistics.size(); ++k) statistics[k] = static_cast<float>(k % 9);
    const auto changed = [&]<class P>(P) {
        const auto plain = lb::quantize<P>(w), given = lb::quantize<P>(w, lb::with(statistics));
        return !std::equal(plain.bytes().begin(), plain.bytes().end(), given.bytes().begin());
    };
    CHECK_FALSE(changed(lb::presets::q8_0{}));
    CHECK_FALSE(changed(lb::presets::q1_0{}));
    CHECK_FALSE(changed(lb::presets::tq2_0{}));
    CHECK_FALSE(changed(lb::presets::mxfp4{}));
    CHECK(changed(lb::presets::q4_0{}));
    std::vector<float> bad(512, 1.0f);
    bad[7] = -1.0f;
    CHECK(refused<lb::presets::q8_0>(w, lb::with(bad)).offset == 7); // but they are numbers
}

TEST_CASE("what is raised says which shapes, and where") {
    const auto w = ones(2, 8);
    const auto raised = [&]<class P>(P, errc code, const lb::side_input& side, const char* text) {
        return raises(code, [&] { static_cast<void>(lb::quantize<P>(w, side)); }, text);
    };
    const lb::matrix<float> scores(3, 3);
    const lb::matrix<std::uint8_t> mask(8, 2);
    const std::vector<float> five(5, 1.0f);
    CHECK(raised(w24{}, errc::shape_mismatch, lb::with(scores),
                 "quantize: the given scores have another shape than the weights (3 x 3, weights are 2 x 8)"));
    CHECK(raised(w24{}, errc::shape_mismatch, lb::with(mask),
                 "quantize: the given mask has another shape than the weights (8 x 2, weights are 2 x 8)"));
    CHECK(raised(by_wanda{}, errc::shape_mismatch, lb::with(five),
                 "quantize: the given statistics are not one for each column (1 x 5, weights are 2 x 8)"));
    lb::matrix<std::uint8_t> more(2, 8);
    more(1, 4) = more(1, 5) = more(1, 7) = 1;
    CHECK(raised(w24{}, errc::invalid_argument, lb::with(more),
                 "quantize: the given mask keeps more weights than the policy stores (row 1, column 7)"));
    std::vector<float> negative(8, 1.0f);
    negative[6] = -1.0f;
    CHECK(raised(by_wanda{}, errc::non_finite, lb::with(negative),
                 "quantize: a column statistic is negative, NaN or infinite (column 6)"));
    const std::vector<std::uint32_t> twice{0, 1, 2, 3, 4, 5, 6, 6};
    CHECK(raised(lb::policy<lb::int8, lb::permuted_columns>{}, errc::invalid_argument, lb::with(twice),
                 "quantize: the given order is not a permutation of the columns (column 7)"));
    CHECK(raised(lb::presets::w8{}, errc::invalid_argument, lb::with(more), "add prune<Mask>"));
}

TEST_CASE("scores and statistics that are no numbers are refused at their place") {
    const auto w = ones(2, 8);
    lb::matrix<float> scores(2, 8);
    scores(1, 3) = not_a_number;
    CHECK(refused<w24>(w, lb::with(scores)) == lb::error{errc::non_finite, "a pruning score is NaN", 11});
    for (const float bad : {not_a_number, infinity, -1.0f}) {
        std::vector<float> statistics(8, 1.0f);
        statistics[5] = bad;
        CHECK(refused<by_wanda>(w, lb::with(statistics)) ==
              lb::error{errc::non_finite, "a column statistic is negative, NaN or infinite", 5});
    }
    // infinities that cancel within a block
    lb::matrix<float> both(2, 8);
    both(0, 0) = infinity, both(0, 1) = -infinity;
    CHECK(refused<lb::policy<lb::int8, lb::prune<lb::block_sparse<2, 4, 50>>>>(w, lb::with(both)).code == errc::non_finite);
}

TEST_CASE("a mask that keeps more than the policy stores is refused at its row") {
    const auto w = ones(2, 8);
    lb::matrix<std::uint8_t> mask(2, 8);
    mask(1, 4) = mask(1, 5) = mask(1, 7) = 1;
    const lb::error e = refused<w24>(w, lb::with(mask));
    CHECK(e.code == errc::invalid_argument);
    CHECK(e.offset / 8 == 1);
}

TEST_CASE("NaN among pruned weights is refused, or zeroed before it is scored") {
    auto w = ones(2, 8);
    w(1, 2) = not_a_number;
    w(1, 7) = -infinity;
    CHECK(refused<w24>(w) == lb::error{errc::non_finite, "a weight is NaN or infinite", 10});
    using zeroed = lb::policy<lb::int8, lb::zero_non_finite, lb::prune<lb::n_of_m<2, 4>>>;
    CHECK(kept_columns(lb::quantize<zeroed>(w), 1) == columns{1, 3, 5, 6});
}
