// SPDX-License-Identifier: MIT
// Masks: which weights stay, against a slow choice of the same; what is dropped decodes to exactly 0, and every bit is counted.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/prune/keep_mask.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/noise.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace lb = lowbit;
using lowbit_test::noise;

namespace {

/// What a mask type says, at run time: n of each m, or (m = 0) all but `percent` of a row of blocks.
struct rule {
    std::size_t rows, cols, n, m, percent;
};
template <std::size_t N, std::size_t M>
rule rule_of(lb::n_of_m<N, M>) {
    return {1, 1, N, M, 0};
}
template <class Mask>
rule rule_of(Mask) {
    return {Mask::rows, Mask::cols, 0, 0, Mask::percent};
}

using flags = std::vector<std::vector<bool>>; ///< for each weight: it is kept

/// The `keep` best of scores[first, last), of equals the first ones: sorted, not selected.
void keep_best(const std::vector<float>& scores, std::size_t first, std::size_t last, std::size_t keep, std::vector<bool>& kept) {
    std::vector<std::size_t> order(last - first);
    std::iota(order.begin(), order.end(), first);
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); });
    for (std::size_t i = 0; i < order.size(); ++i) kept[order[i]] = i < keep;
}

/// The weights that stay by magnitude.
flags wanted_mask(const rule& mask, const lb::matrix<float>& w) {
    flags wanted(w.rows(), std::vector<bool>(w.cols()));
    for (std::size_t row = 0; row < w.rows(); row += mask.rows) {
        std::vector<float> sums((w.cols() + mask.cols - 1) / mask.cols, 0.0f);
        for (std::size_t i = row; i < std::min(row + mask.rows, w.rows()); ++i)
            for (std::size_t k = 0; k < w.cols(); ++k) sums[k / mask.cols] += std::fabs(w(i, k));
        std::vector<bool> kept(sums.size());
        if (mask.m == 0)
            keep_best(sums, 0, sums.size(), sums.size() - sums.size() * mask.percent / 100, kept);
        else
            for (std::size_t k = 0; k < sums.size(); k += mask.m)
                keep_best(sums, k, std::min(k + mask.m, sums.size()), mask.n, kept);
        for (std::size_t i = row; i < std::min(row + mask.rows, w.rows()); ++i)
            for (std::size_t k = 0; k < w.cols(); ++k) wanted[i][k] = kept[k / mask.cols];
    }
    return wanted;
}

/// A pruned matrix, its policy forgotten.
struct pruned {
    rule mask;
    std::size_t size_bytes, stored;
    double bits_per_weight;
    flags kept; ///< from the stored bits
    lb::matrix<float> back;
};
template <class P>
pruned prune(const lb::matrix<float>& w) {
    const lb::quantized_matrix<P> q = lb::quantize<P>(w);
    const rule mask = rule_of(typename P::mask::mask{});
    const std::size_t row_bytes = (w.cols() + mask.cols * 8 - 1) / (mask.cols * 8);
    const std::byte* bits = q.view().planes().mask;
    pruned p{mask,
             q.size_bytes(),
             q.bytes().size(),
             q.bits_per_weight(),
             flags(w.rows(), std::vector<bool>(w.cols())),
             lb::dequantize(q)};
    for (std::size_t i = 0; i < w.rows(); ++i) {
        for (std::size_t k = 0; k < w.cols(); ++k) {
            const std::size_t bit = k / mask.cols;
            p.kept[i][k] = ((std::to_integer<unsigned>(bits[i / mask.rows * row_bytes + bit / 8]) >> bit % 8) & 1) != 0;
        }
    }
    return p;
}

/// int8 with a float for each row: the mask is the wanted one, what is dropped is 0, what is kept is what `Alone`, int8 without a
/// mask, makes of a row's kept weights, and the size is codes, floats, and a bit for each block in whole bytes.
template <class Alone = lb::presets::w8>
void check_rows(const pruned& p, const lb::matrix<float>& w) {
    CAPTURE(w.rows());
    CAPTURE(w.cols());
    REQUIRE(p.kept == wanted_mask(p.mask, w));
    for (std::size_t i = 0; i < w.rows(); ++i) {
        std::vector<float> row;
        for (std::size_t k = 0; k < w.cols(); ++k)
            if (p.kept[i][k]) row.push_back(w(i, k));
        const auto alone = lb::dequantize(lb::quantize<Alone>(lb::matrix_view<const float>{row.data(), 1, row.size()}));
        std::size_t next = 0;
        for (std::size_t k = 0; k < w.cols(); ++k) REQUIRE(p.back(i, k) == (p.kept[i][k] ? alone(0, next++) : 0.0f));
    }
    const std::size_t blocks = (w.cols() + p.mask.cols - 1) / p.mask.cols;
    std::size_t kept = blocks - blocks * p.mask.percent / 100;
    if (p.mask.m != 0) kept = blocks / p.mask.m * p.mask.n + std::min(blocks % p.mask.m, p.mask.n);
    const std::size_t bytes = w.rows() * std::min(w.cols(), kept * p.mask.cols) + (w.cols() == 0 ? 0 : w.rows() * 4) +
                              (w.rows() + p.mask.rows - 1) / p.mask.rows * ((blocks + 7) / 8);
    CHECK(p.size_bytes == bytes);
    CHECK(p.stored == bytes);
    const std::size_t weights = w.rows() * w.cols();
    CHECK(p.bits_per_weight == (weights == 0 ? 0.0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(weights)));
}

template <class Mask>
void check_mask(std::initializer_list<std::size_t> widths) {
    const auto check = [](const lb::matrix<float>& w) {
        check_rows(prune<lb::policy<lb::int8, lb::prune<Mask, lb::by_magnitude>>>(w), w);
    };
    noise random(1);
    for (const std::size_t cols : widths) {
        check(random.weights(3, cols));
        lb::matrix<float> ties(4, cols); // few values: mostly ties, and both signs of zero
        for (std::size_t i = 0; i < 4; ++i)
            for (float& x : ties.row(i)) x = static_cast<float>(random.index(5)) - 2.0f;
        check(ties);
    }
    check(lb::matrix<float>(0, 8));
    check(lb::matrix<float>(5, 8)); // all zero: the first stay
}

/// The mask is the wanted one, what is dropped is 0, and what is kept is near.
void check_near(const pruned& p, const lb::matrix<float>& w, float near) {
    REQUIRE(p.kept == wanted_mask(p.mask, w));
    for (std::size_t i = 0; i < w.rows(); ++i) {
        for (std::size_t k = 0; k < w.cols(); ++k) {
            if (!p.kept[i][k])
                REQUIRE(p.back(i, k) == 0.0f);
            else
                REQUIRE(std::fabs(p.back(i, k) - w(i, k)) < near);
        }
    }
}

} // namespace

TEST_CASE("n_of_m keeps the largest of every M, of equals the first") {
    check_mask<lb::n_of_m<2, 4>>({0, 1, 2, 3, 4, 5, 6, 7, 8, 19, 64, 131});
    check_mask<lb::n_of_m<1, 4>>({1, 3, 4, 9, 130});
    check_mask<lb::n_of_m<4, 8>>({1, 5, 8, 13, 128});
}

TEST_CASE("unstructured keeps exactly K - floor(K * percent / 100) of each row") {
    check_mask<lb::unstructured<50>>({0, 1, 2, 3, 63, 64, 129});
    check_mask<lb::unstructured<33>>({1, 2, 3, 4, 100, 257});
    check_mask<lb::unstructured<100>>({1, 9});
}

TEST_CASE("block_sparse keeps or drops whole blocks, ragged ones too") {
    check_mask<lb::block_sparse<1, 16, 75>>({1, 16, 17, 64, 100, 256});
    check_mask<lb::block_sparse<2, 3, 50>>({1, 3, 4, 12, 31});
}

TEST_CASE("every scale rule sees what is kept, and no more") {
    noise random(3);
    const auto check = [&]<class Rule>(Rule) {
        for (const std::size_t cols : {0u, 1u, 5u, 100u}) {
            const auto w = random.weights(3, cols);
            check_rows<lb::policy<lb::int8, lb::scale_rule<Rule>>>(
                prune<lb::policy<lb::int8, lb::scale_rule<Rule>, lb::prune<lb::unstructured<60>>>>(w), w);
        }
    };
    check(lb::abs_mean{});
    check(lb::percentile<80>{});
    check(lb::mse{});
}

TEST_CASE("masks, scale blocks and tensors of any row counts fit together") {
    noise random(2);
    const auto w = random.weights(13, 20);
    const float near = 6.0f / 127; // no scale is larger than amax / 127
    check_near(prune<lb::policy<lb::int8, lb::per_block<4, 8>, lb::prune<lb::block_sparse<6, 5, 50>>>>(w), w,
               near); // units of 12 rows
    check_near(prune<lb::policy<lb::int8, lb::per_tensor, lb::prune<lb::block_sparse<4, 4, 25>>>>(w), w, near);
    check_near(prune<lb::policy<lb::int8, lb::per_group<7>, lb::asymmetric, lb::prune<lb::n_of_m<4, 8>>>>(w), w, near);
    check_near(prune<lb::policy<lb::nf4_codebook, lb::per_group<10>, lb::prune<lb::n_of_m<2, 4>>>>(w), w, 1.0f);
}

TEST_CASE("quantize_into after another mask leaves nothing behind") {
    noise random(4);
    using blocks = lb::policy<lb::int4, lb::prune<lb::block_sparse<1, 16, 50>>>; // of 3 blocks 2 stay: 32 codes, or 16 + 5
    lb::quantized_matrix<blocks> q(6, 37);
    for (int round = 0; round < 20; ++round) {
        const auto w = random.weights(6, 37);
        lb::quantize_into(q, w);
        const auto fresh = lb::quantize<blocks>(w);
        REQUIRE(std::equal(q.bytes().begin(), q.bytes().end(), fresh.bytes().begin(), fresh.bytes().end()));
    }
}

namespace {

/// Whatever the element, the blocks that share a scale and its type: the mask is keep_mask's, every kept weight is the value
/// nearest to it under the stored form of the scale that the kept weights of its block alone ask for, the rest is 0, and the
/// bytes are counted.
template <class Mask, class Element, class Granularity, class Scale>
void check_combination(const lb::matrix<float>& w) {
    using P = lb::policy<Element, Granularity, lb::scale_as<Scale>, lb::prune<Mask>>;
    const std::size_t rows = w.rows(), cols = w.cols();
    CAPTURE(rows);
    CAPTURE(cols);
    const auto mask = lb::keep_mask<Mask>(lb::scores_of<lb::by_magnitude>(w));
    const auto q = lb::quantize<P>(w);
    const auto back = lb::dequantize(q);
    const std::size_t height = Granularity::rows != 0 ? Granularity::rows : rows;
    const std::size_t width = Granularity::cols != 0 ? Granularity::cols : cols;
    for (std::size_t top = 0; top < rows; top += height) {
        for (std::size_t left = 0; left < cols; left += width) {
            const auto each = [&](auto&& f) {
                for (std::size_t i = top; i < std::min(rows, top + height); ++i)
                    for (std::size_t k = left; k < std::min(cols, left + width); ++k) f(i, k);
            };
            float largest = 0.0f;
            each([&](std::size_t i, std::size_t k) {
                if (mask(i, k) != 0) largest = std::max(largest, std::fabs(w(i, k)));
            });
            const auto scale = static_cast<float>(Scale(largest / Element::max()));
            each([&](std::size_t i, std::size_t k) {
                const float level = scale == 0.0f ? 0.0f : w(i, k) / scale;
                REQUIRE(back(i, k) == (mask(i, k) == 0 ? 0.0f : Element::decode(Element::encode(level)) * scale));
            });
        }
    }
    const auto ceil = [](std::size_t n, std::size_t of) { return (n + of - 1) / of; };
    const std::size_t block_rows = Mask::rows != 0 ? Mask::rows : rows, block_cols = Mask::cols != 0 ? Mask::cols : cols;
    const bool down = Mask::cols == 0;
    const std::size_t bits = down ? ceil(rows, block_rows) : ceil(cols, block_cols);
    const std::size_t lines = down ? 1 : ceil(rows, block_rows);
    const std::size_t stored_rows = down ? std::min(rows, Mask::kept(bits) * block_rows) : rows;
    const std::size_t stored_cols = down ? cols : std::min(cols, Mask::kept(bits) * block_cols);
    CHECK(q.size_bytes() == stored_rows * ceil(stored_cols * std::size_t{Element::bits}, 8) +
                                ceil(rows, height) * ceil(cols, width) * sizeof(Scale) + lines * ceil(bits, 8));
    // the mask, given, leads to the same bytes
    const auto given = lb::quantize<P>(w, lb::with(mask));
    CHECK(std::equal(q.bytes().begin(), q.bytes().end(), given.bytes().begin(), given.bytes().end()));
}

template <class Mask, class Element, class Granularity, class Scale = lb::float16>
void check_combinations() {
    noise random(6);
    check_combination<Mask, Element, Granularity, Scale>(random.weights(13, 45));
    check_combination<Mask, Element, Granularity, Scale>(random.weights(4, 64));
    check_combination<Mask, Element, Granularity, Scale>(random.weights(1, 1));
}

} // namespace

TEST_CASE("masks go with every element, granularity and scale type") {
    check_combinations<lb::whole_rows<40>, lb::int8, lb::per_channel, float>();
    check_combinations<lb::block_sparse<3, 0, 25>, lb::int3, lb::per_block<2, 6>>();
    check_combinations<lb::whole_columns<30>, lb::int4, lb::per_group<16>, lb::bfloat16>();
    check_combinations<lb::block_sparse<0, 4, 50>, lb::float4_e2m1, lb::per_tensor, float>();
    check_combinations<lb::unstructured<37>, lb::float8_e4m3, lb::per_block<4, 8>>();
    check_combinations<lb::n_of_m<5, 32>, lb::ternary, lb::per_channel, lb::bfloat16>();
    check_combinations<lb::n_of_m<3, 7>, lb::nf4_codebook, lb::per_group<10>>();
}
