// SPDX-License-Identifier: MIT
// The kernel for more than 32 rows, its very source run on the host with an emulated sm_90a: against float64 over the weights
// that the CPU decodes. Shapes have tails in every direction, more stages than the ring has, several tiles a block, and slices of
// K.
#include <doctest/doctest.h>

#include "emulated_hopper.hpp"
#include "support/seed.hpp"

#include <lowbit/cuda/pack.hpp>
#include <lowbit/cuda/tile.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
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

/// The largest error of the product over the largest it may have: rounding of scales and weights to T, of sums to float; for
/// numbers of 8 bits of sums alone, and of int8 that is the one rounding of an exact sum, and its scales.
template <class P, class T, int MTile>
double worst(std::size_t n, std::size_t k, std::size_t m, std::size_t units, int blocks) {
    constexpr bool bytes = !cuda::half_number<T>;
    using code = typename T::code_type;
    using kind = cuda::kind_of<P, bytes ? 8 : 16>;
    using tile = cuda::tile<kind, T, MTile>;
    std::mt19937_64 random(lowbit_test::seed());
    std::normal_distribution<float> normal;
    lb::matrix<float> w(n, k);
    for (std::size_t i = 0; i < n * k; ++i) w.data()[i] = normal(random);
    const auto q = lb::quantize<P>(w);
    const auto decoded = lb::dequantize(q);
    const auto image = cuda::pack_image<lb::isa::here, bytes ? 8 : 16>(q);
    const std::size_t x_stride = (k + 31) / 16 * 16;
    std::vector<code> x(m * x_stride);
    for (std::size_t i = 0; i < x.size(); ++i) // what lies between the rows is not to be touched: NaN, or much
        x[i] = i % x_stride < k ? T(normal(random) * (std::is_same_v<T, lb::int8> ? 40.0f : 1.0f)).code() : code(0x7fff);
    std::vector<float> x_scales(m);
    for (auto& s : x_scales) s = bytes ? std::abs(normal(random)) : 1.0f;
    const lowbit_test::boxed_matrix map{reinterpret_cast<const std::byte*>(x.data()),
                                        m,
                                        k * sizeof(code),
                                        x_stride * sizeof(code),
                                        sizeof(code),
                                        tile::box_rows(m)};

    const int slices = static_cast<int>(((k + 127) / 128 + units - 1) / units);
    std::vector<float> sums(slices > 1 ? static_cast<std::size_t>(slices) * m * n : 0);
    std::vector<float> y(m * (n + 1), -1.0f);
    const cuda::product<float, add_place> p{cuda::weight_image<kind>{n, k}.over(image.data()),
                                            nullptr,
                                            0,
                                            true,
                                            m,
                                            y.data(),
                                            n + 1,
                                            {},
                                            units,
                                            slices > 1 ? sums.data() : nullptr,
                                            bytes ? x_scales.data() : nullptr};
    lowbit_test::emulate<lowbit_test::emulated_hopper_lane>(
        blocks, slices, tile::threads, tile::shared_bytes,
        [&](auto lane, std::byte* shared) { tile::body(lane, p, &map, shared); });
    if (slices > 1) {
        lowbit_test::emulate(2, 1, 64, 16,
                             [&](auto lane, std::byte*) { cuda::finish_body<kind, lb::bfloat16>(lane, p, slices, 64); });
    }
    double weight = 0.0;
    if constexpr (!bytes) weight = std::ldexp(kind::looks_up ? 3.0 : kind::group != 0 ? 2.0 : 0.0, -1 - T::mantissa_bits);
    const double steps = std::is_same_v<T, lb::int8> ? static_cast<double>((k + 127) / 128) + 4.0 : static_cast<double>(k);
    double worst = 0.0;
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            double sum = 0.0, magnitude = 0.0;
            for (std::size_t i = 0; i < k; ++i) {
                const double one =
                    double{decoded(c, i)} * double{static_cast<float>(T::decode(x[r * x_stride + i]))} * x_scales[r];
                sum += one;
                magnitude += std::abs(one);
            }
            const double place = 16.0 * static_cast<double>(r) + 0.25 * static_cast<double>(c);
            const double bound = magnitude * (weight + std::ldexp(steps, -23)) + place * 0x1p-23 + 1e-9;
            worst = lowbit_test::larger(worst, std::abs(double{y[r * (n + 1) + c]} - (sum + place)) / bound);
        }
        CHECK(y[r * (n + 1) + n] == -1.0f); // behind the row
    }
    CHECK(worst > 0.0); // float sums do round
    return worst;
}

using w4 = lb::policy<lb::int4, lb::per_channel>;
using w8 = lb::policy<lb::int8, lb::per_channel>;
using w2g64 = lb::policy<lb::int2, lb::per_group<64>>;
template <class Element, class... Tags>
using sparse = lb::policy<Element, lb::prune<lb::n_of_m<2, 4>>, Tags...>;
using s4g128 = sparse<lb::int4, lb::per_group<128>>;
using s4g64 = sparse<lb::uint4, lb::per_group<64>, lb::asymmetric>;
using s8 = sparse<lb::int8, lb::per_channel>;

} // namespace

TEST_CASE("the large-batch kernel, run on the host, is the product: formats") {
    using lb::bfloat16;
    using lb::float16;
    CHECK(worst<lb::presets::w4g128, bfloat16, 64>(130, 330, 40, 9, 1) <= 1.0);
    CHECK(worst<lb::presets::w4zg64, float16, 64>(64, 200, 33, 9, 1) <= 1.0);
    CHECK(worst<w8, bfloat16, 64>(70, 90, 9, 9, 1) <= 1.0);      // the second tile of a stage is not there
    CHECK(worst<w2g64, bfloat16, 64>(20, 140, 12, 9, 1) <= 1.0); // a stage of two boxes
    CHECK(worst<lb::presets::ocp_mxfp4, bfloat16, 64>(17, 330, 40, 9, 1) <= 1.0);
    CHECK(worst<lb::presets::nvfp4, bfloat16, 64>(16, 80, 8, 9, 1) <= 1.0); // four groups a stage
    CHECK(worst<lb::presets::nf4, bfloat16, 64>(18, 64, 8, 9, 1) <= 1.0);
    CHECK(worst<lb::presets::fp8, bfloat16, 64>(16, 33, 8, 9, 1) <= 1.0);
}

TEST_CASE("the large-batch kernel, run on the host, is the product: stages, tiles and slices") {
    using lb::bfloat16;
    CHECK(worst<w4, bfloat16, 64>(130, 1300, 70, 20, 2) <= 1.0);   // more stages than the ring has, two tiles a block
    CHECK(worst<w4, bfloat16, 128>(100, 500, 130, 2, 1) <= 1.0);   // slices
    CHECK(worst<w4, lb::float16, 256>(65, 200, 260, 2, 1) <= 1.0); // all registers
}

TEST_CASE("the large-batch kernel, run on the host, is the product: activations in 8 bits") {
    using lb::float8_e4m3;
    using lb::int8;
    CHECK(worst<w8, int8, 64>(70, 300, 35, 9, 1) <= 1.0); // tiles of codes that are not there
    CHECK(worst<w4, int8, 256>(20, 150, 40, 1, 1) <= 1.0);
    CHECK(worst<lb::presets::w4g128, int8, 128>(130, 300, 70, 9, 2) <= 1.0);
    CHECK(worst<lb::presets::w4zg64, int8, 64>(18, 200, 9, 9, 1) <= 1.0);
    CHECK(worst<lb::presets::w158, int8, 64>(20, 280, 9, 9, 1) <= 1.0);
    CHECK(worst<lb::presets::fp8, float8_e4m3, 64>(70, 700, 12, 3, 1) <= 1.0);
}

TEST_CASE("the large-batch kernel, run on the host, is the product: 2:4 weights") {
    using lb::bfloat16;
    CHECK(worst<s4g128, bfloat16, 64>(130, 1601, 70, 30, 2) <= 1.0); // more stages than the ring has, two tiles a block
    CHECK(worst<s4g128, bfloat16, 128>(70, 500, 130, 3, 1) <= 1.0);  // a slice begins within a tile of metadata
    CHECK(worst<s8, lb::float16, 64>(66, 330, 35, 1, 1) <= 1.0);     // and behind the last one; four stages a tile
    CHECK(worst<s4g64, lb::float16, 256>(20, 150, 40, 9, 1) <= 1.0); // two groups a stage
}

TEST_CASE("tiles of Y come in an order that has each of them once") {
    for (const cuda::tile_order order : {cuda::tile_order{1, 1}, cuda::tile_order{70, 3}, cuda::tile_order{32, 2}}) {
        std::vector<int> seen(order.tiles());
        for (std::size_t i = 0; i < order.tiles(); ++i) {
            const auto at = order.at(i);
            REQUIRE(at.w < order.w_tiles);
            REQUIRE(at.x < order.x_tiles);
            ++seen[at.w * order.x_tiles + at.x];
        }
        CHECK(std::ranges::count(seen, 1) == static_cast<std::ptrdiff_t>(seen.size()));
    }
    CHECK(cuda::tile_order{70, 3}.at(32).x == 1); // 32 tiles of W for one of X
}

TEST_CASE("plans for the large-batch kernel keep multiprocessors busy") {
    CHECK(cuda::plan_tile(28672, 8192, 4096, 132).x_rows == 256);
    const auto few = cuda::plan_tile(8192, 8192, 64, 132); // 64 tiles alone
    CHECK(few.x_rows == 64);
    CHECK(few.slices == 2);
    CHECK(few.blocks == 64);
    static_assert(cuda::plan_tile(0, 5000, 64, 132).workspace_bytes(64, 0) == 0); // no tiles, and no division by them
    static_assert(cuda::plan_tile(128, 5000, 0, 132).workspace_bytes(0, 128) == 0);
    for (const std::size_t n : {1u, 100u, 5000u}) {
        for (const std::size_t k : {1u, 128u, 5000u, 100000u}) {
            for (const std::size_t m : {33u, 64u, 130u, 2000u}) {
                const auto plan = cuda::plan_tile(n, k, m, 132);
                const std::size_t units = (k + 127) / 128;
                CHECK(static_cast<std::size_t>(plan.slices) * plan.units >= units);
                CHECK((static_cast<std::size_t>(plan.slices) - 1) * plan.units < units);
                CHECK(plan.blocks >= 1);
            }
        }
    }
}
