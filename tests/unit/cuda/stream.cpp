// SPDX-License-Identifier: MIT
// The kernel for small batches, its very source run on the host with emulated warps: against float64 over the weights that the
// CPU decodes. Shapes have tails in every direction, rows of X that are not aligned, and more or fewer slices of K.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"
#include "support/seed.hpp"

#include <lowbit/cuda/epilogue.hpp>
#include <lowbit/cuda/pack.hpp>
#include <lowbit/cuda/stream.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>
#include <span>
#include <type_traits>
#include <vector>

namespace lb = lowbit;
namespace cuda = lowbit::cuda;

namespace {

/// Adds the row and the column, so that a wrong one shows.
struct add_place {
    float operator()(float y, std::size_t row, std::size_t column) const {
        return y + 16.0f * static_cast<float>(row) + 0.25f * static_cast<float>(column);
    }
};

/// Columns in an order of their own where the policy has one.
template <class P>
auto quantized(const lb::matrix<float>& w) {
    if constexpr (cuda::kind_of<P>::permuted) {
        std::vector<std::uint32_t> order(w.cols());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>((i * 7 + 3) % order.size());
        return lb::quantize<P>(w, lb::with(std::span<const std::uint32_t>(order)));
    } else {
        return lb::quantize<P>(w);
    }
}

/// The largest error of the product over the largest it may have: rounding of the weights to T (codebooks alone), of the sums to
/// float, and of Y.
template <class P, class T, int Blocks, int Warps>
double worst(std::size_t n, std::size_t k, std::size_t m, std::size_t units, int blocks, std::size_t x_extra) {
    using kind = cuda::kind_of<P>;
    using stream = cuda::stream<kind, T, Blocks, Warps>;
    std::mt19937_64 random(lowbit_test::seed());
    std::normal_distribution<float> normal;
    lb::matrix<float> w(n, k);
    for (std::size_t i = 0; i < n * k; ++i) w.data()[i] = normal(random);
    const auto q = quantized<P>(w);
    const auto decoded = lb::dequantize(q);
    const auto bytes = cuda::pack_image(q);
    const std::size_t x_stride = k + x_extra;
    std::vector<cuda::words4> x_memory(m * x_stride / 8 + 1);
    auto* x = reinterpret_cast<std::uint16_t*>(x_memory.data());
    for (std::size_t i = 0; i < x_memory.size() * 8; ++i) // what lies between the rows and behind them is not to be touched: NaN
        x[i] = i < m * x_stride && i % x_stride < k ? T(normal(random)).code() : std::uint16_t{0x7fff};

    const std::size_t all_units = (k + stream::unit_cols - 1) / stream::unit_cols;
    const int slices = static_cast<int>((all_units + units - 1) / units);
    std::vector<float> sums(slices > 1 ? static_cast<std::size_t>(slices) * m * n : 0);
    std::vector<float> y(m * (n + 1), -1.0f);
    const cuda::product<float, add_place> p{cuda::weight_image<kind>{n, k}.over(bytes.data()),
                                            x,
                                            x_stride,
                                            x_stride % 8 == 0,
                                            m,
                                            y.data(),
                                            n + 1,
                                            {},
                                            units,
                                            slices > 1 ? sums.data() : nullptr};
    const auto multiply = [&](lowbit_test::timing when) {
        lowbit_test::emulate(
            blocks, slices, stream::threads, stream::shared_bytes(m, units),
            [&](auto lane, std::byte* shared) { stream::body(lane, p, shared); }, when);
        if (slices > 1)
            lowbit_test::emulate(2, 1, 64, 16, [&](auto lane, std::byte*) { cuda::finish_body<kind, T>(lane, p, slices, 64); });
    };
    multiply(lowbit_test::timing::early);
    const std::vector<float> early = y;
    std::ranges::fill(y, -1.0f);
    multiply(lowbit_test::timing::late);
    CHECK(std::ranges::equal(early, y)); // whoever is first
    double worst = 0.0;
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            double sum = 0.0, magnitude = 0.0;
            for (std::size_t i = 0; i < k; ++i) {
                const double one = double{decoded(c, i)} * double{T::decode(x[r * x_stride + i])};
                sum += one;
                magnitude += std::abs(one);
            }
            const double codebook = kind::looks_up ? std::ldexp(1.0, -1 - T::mantissa_bits) : 0.0;
            const double place = 16.0 * static_cast<double>(r) + 0.25 * static_cast<double>(c);
            const double bound = magnitude * (codebook + std::ldexp(static_cast<double>(k), -23)) + place * 0x1p-23 + 1e-9;
            worst = lowbit_test::larger(worst, std::abs(double{y[r * (n + 1) + c]} - (sum + place)) / bound);
        }
        CHECK(y[r * (n + 1) + n] == -1.0f); // behind the row
    }
    CHECK(worst > 0.0); // float sums do round
    return worst;
}

using w8 = lb::policy<lb::int8, lb::per_channel>;
using w8z = lb::policy<lb::uint8, lb::per_group<32>, lb::asymmetric>;
using w4 = lb::policy<lb::int4, lb::per_channel>;
using w2g64 = lb::policy<lb::int2, lb::per_group<64>>;
using permuted = lb::policy<lb::uint4, lb::per_group<64>, lb::asymmetric, lb::permuted_columns>;
template <class Element, class... Tags>
using sparse = lb::policy<Element, lb::prune<lb::n_of_m<2, 4>>, Tags...>;
using s4g128 = sparse<lb::int4, lb::per_group<128>>;
using s4g64 = sparse<lb::uint4, lb::per_group<64>, lb::asymmetric>;
using s8 = sparse<lb::int8, lb::per_channel>;
using snf4 = sparse<lb::nf4_codebook, lb::per_group<64>>;

} // namespace

TEST_CASE("the small-batch kernel, run on the host, is the product: every format") {
    using lb::bfloat16;
    using lb::float16;
    CHECK(worst<lb::presets::w4g128, bfloat16, 1, 2>(40, 700, 1, 6, 2, 0) <= 1.0);
    CHECK(worst<lb::presets::w4g32, float16, 1, 2>(33, 300, 5, 3, 1, 0) <= 1.0);
    CHECK(worst<lb::presets::w4zg64, bfloat16, 1, 2>(16, 333, 8, 3, 3, 0) <= 1.0);
    CHECK(worst<w4, float16, 1, 1>(17, 256, 3, 2, 1, 0) <= 1.0);
    CHECK(worst<w8, bfloat16, 1, 2>(20, 200, 2, 2, 1, 0) <= 1.0);
    CHECK(worst<w8z, float16, 1, 2>(16, 160, 2, 2, 1, 0) <= 1.0);
    CHECK(worst<w2g64, bfloat16, 1, 2>(20, 640, 2, 5, 2, 0) <= 1.0);
    CHECK(worst<lb::presets::w158, float16, 1, 2>(70, 300, 1, 3, 3, 0) <= 1.0);
    CHECK(worst<lb::presets::nvfp4, bfloat16, 1, 1>(16, 144, 2, 2, 1, 0) <= 1.0);
    CHECK(worst<lb::presets::ocp_mxfp4, float16, 1, 2>(16, 320, 2, 3, 1, 0) <= 1.0);
    CHECK(worst<lb::presets::nf4, bfloat16, 1, 2>(18, 192, 4, 2, 2, 0) <= 1.0);
    CHECK(worst<lb::presets::fp8, bfloat16, 1, 1>(16, 96, 4, 1, 1, 0) <= 1.0);
}

TEST_CASE("the small-batch kernel, run on the host, is the product: batches, slices of K, rows that are not aligned") {
    using lb::bfloat16;
    CHECK(worst<lb::presets::w4g128, bfloat16, 2, 2>(20, 520, 11, 5, 2, 0) <= 1.0);
    CHECK(worst<lb::presets::w4g128, bfloat16, 4, 2>(20, 300, 32, 2, 1, 4) <= 1.0);
    CHECK(worst<lb::presets::w4g128, bfloat16, 1, 2>(20, 1000, 3, 3, 2, 1) <= 1.0);
    CHECK(worst<w4, bfloat16, 1, 2>(20, 1000, 3, 3, 1, 3) <= 1.0); // the channels' scales come last
}

TEST_CASE("the small-batch kernel, run on the host, is the product: minimums, orders of columns, two of four columns") {
    using lb::bfloat16;
    using lb::float16;
    CHECK(worst<lb::presets::q4_1, bfloat16, 1, 2>(20, 288, 3, 2, 1, 0) <= 1.0);
    CHECK(worst<lb::presets::q4_k, float16, 2, 2>(16, 512, 9, 4, 1, 0) <= 1.0);
    CHECK(worst<permuted, bfloat16, 1, 2>(20, 300, 3, 3, 2, 0) <= 1.0);
    CHECK(worst<s4g128, bfloat16, 1, 2>(40, 1283, 3, 3, 2, 5) <= 1.0);
    CHECK(worst<s4g64, float16, 2, 2>(20, 520, 11, 3, 1, 0) <= 1.0);
    CHECK(worst<s8, bfloat16, 1, 2>(33, 500, 8, 4, 1, 0) <= 1.0);
    CHECK(worst<snf4, bfloat16, 1, 1>(16, 200, 2, 1, 1, 0) <= 1.0);
}

TEST_CASE("parts of an epilogue on a GPU do what those of the CPU do") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> sums{0.0f, -0.0f,  1.0f,  -1.0f,  0.3f,     -3.5f,     5e-39f,
                                  9.0f, -88.0f, 3e38f, -3e38f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN()};
    std::vector<float> bias(sums.size()), residual(2 * (sums.size() + 1));
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = 0.5f * static_cast<float>(i) - 2.0f;
    for (std::size_t i = 0; i < residual.size(); ++i) residual[i] = 0.25f * static_cast<float>(i);
    const auto same = [&](const auto& epilogue) {
        std::vector<float> right = sums;
        epilogue.apply(lb::result_run{right.data(), right.size(), 1, 0});
        const auto part = cuda::on_device(epilogue);
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const float y = part(sums[i], 1, i);
            CAPTURE(sums[i]);
            if (right[i] - right[i] == 0.0f) {
                CHECK(std::abs(y - right[i]) <= 1e-6f * std::max(1.0f, std::abs(right[i])));
            } else {
                CHECK((std::isnan(right[i]) ? std::isnan(y) : y == right[i]));
            }
        }
    };
    same(lb::epilogue());
    same(lb::epilogue(lb::relu));
    same(lb::epilogue(lb::gelu));
    same(lb::epilogue(lb::silu));
    same(lb::epilogue(lb::clamp(-2.0f, 3.0f)));
    same(lb::epilogue(lb::add_bias(bias), lb::relu));
    same(
        lb::epilogue(lb::gelu, lb::add_residual(lb::matrix_view<const float>(residual.data(), 2, sums.size(), sums.size() + 1))));
    same(lb::epilogue(add_place{}, [](float y) { return 0.5f * y; }));
}

TEST_CASE("plans for the small-batch kernel fit the device") {
    using stream = cuda::stream<cuda::kind_of<lb::presets::w4g128>, lb::bfloat16, 1, 16>;
    const auto whole = cuda::plan_stream<stream>(28672, 8192, 1, 132, 227 << 10);
    CHECK(whole.slices == 1);
    CHECK(whole.blocks == 132);
    CHECK(whole.units == 64);
    const auto narrow = cuda::plan_stream<stream>(64, 8192, 1, 132, 227 << 10); // 4 bands alone
    CHECK(narrow.slices == 4);                                                  // 16 units each: one a warp
    // what docs/cuda.md says of devices with 99 KB for a block
    CHECK(cuda::stream<cuda::kind_of<lb::presets::w4g32>, lb::bfloat16, 2, 16>::shared_bytes(16, 1) <= 99 << 10);
    CHECK(cuda::stream<cuda::kind_of<w8z>, lb::bfloat16, 2, 16>::shared_bytes(16, 1) <= 99 << 10);
    CHECK(cuda::stream<cuda::kind_of<w2g64>, lb::bfloat16, 2, 16>::shared_bytes(16, 1) <= 99 << 10);
    CHECK(cuda::stream<cuda::kind_of<lb::policy<lb::int3, lb::per_group<32>>>, lb::bfloat16, 2, 16>::shared_bytes(16, 1) <=
          99 << 10);
    CHECK(cuda::stream<cuda::kind_of<lb::presets::w2g32>, lb::bfloat16, 2, 16>::shared_bytes(16, 1) > 99 << 10);
    CHECK(cuda::stream<cuda::kind_of<lb::presets::nf4>, lb::bfloat16, 1, 16>::shared_bytes(1, 1) > 99 << 10);
    CHECK(cuda::plan_stream<stream>(0, 8192, 8, 132, 227 << 10).workspace_bytes(8, 0) == 0); // no rows to divide anything among
    for (const std::size_t n : std::initializer_list<std::size_t>{1, 16, 100, 5000}) {
        for (const std::size_t k : std::initializer_list<std::size_t>{0, 1, 128, 5000, 100000}) {
            for (const std::size_t m : std::initializer_list<std::size_t>{1, 7, 8}) {
                const auto plan = cuda::plan_stream<stream>(n, k, m, 108, 163 << 10);
                const std::size_t units = std::max<std::size_t>(1, (k + 127) / 128);
                CHECK(plan.shared_bytes <= 163 << 10);
                CHECK(static_cast<std::size_t>(plan.slices) * plan.units >= units);
                CHECK((static_cast<std::size_t>(plan.slices) - 1) * plan.units < units);
                CHECK(plan.blocks >= 1);
                CHECK(static_cast<std::size_t>(plan.blocks) <= (n + 15) / 16);
            }
        }
    }
}
