// SPDX-License-Identifier: MIT
// How far formats stay from Gaussian weights, in decibels at their exact bits: published figures, which hold for any seed.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/error_report.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/seed.hpp"

#include <cmath>
#include <random>

namespace lb = lowbit;

namespace {

/// 64 rows of 4096 independent normal numbers (Box-Muller). From seed to seed figures vary by 0.015 dB, of MXFP8 by 0.03.
const lb::matrix<float>& gauss() {
    static const lb::matrix<float> weights = [] {
        constexpr double turn = 6.283185307179586;
        std::mt19937_64 e(lowbit_test::seed());
        lb::matrix<float> w(64, 4096);
        for (std::size_t i = 0; i < 64 * 4096; i += 2) {
            const double u1 = static_cast<double>((e() >> 11) + 1) * 0x1p-53;
            const double u2 = static_cast<double>(e() >> 11) * 0x1p-53;
            const double r = std::sqrt(-2 * std::log(u1));
            w.data()[i] = static_cast<float>(r * std::cos(turn * u2));
            w.data()[i + 1] = static_cast<float>(r * std::sin(turn * u2));
        }
        return w;
    }();
    return weights;
}

struct result {
    double sqnr_db, bits;
};
template <class P>
result measure() {
    const auto q = lb::quantize<P>(gauss());
    return {lb::error_of(q, gauss()).sqnr_db, q.bits_per_weight()};
}

void check_figure(const char* format, const result& r, double bits, double figure) {
    CAPTURE(std::string{format});
    CHECK(std::fabs(r.bits - bits) < 0.0005);
    CHECK(std::fabs(r.sqnr_db - figure) < 0.12);
    CHECK(r.sqnr_db < 6.0206 * r.bits + 0.1); // the rate-distortion limit
}
/// For searches, which may become better: the figure less what 64 rows vary.
void check_floor(const char* format, const result& r, double bits, double figure) {
    CAPTURE(std::string{format});
    CHECK(std::fabs(r.bits - bits) < 0.0005);
    CHECK(r.sqnr_db > figure);
    CHECK(r.sqnr_db < 6.0206 * r.bits + 0.1);
}

template <class... Tags>
result mse() {
    return measure<lb::policy<Tags..., lb::scale_rule<lb::mse>>>();
}

} // namespace

TEST_CASE("integers, absmax") {
    check_figure("int8 g32", measure<lb::presets::w8g32>(), 8.5, 45.44);
    check_figure("int4 g128", measure<lb::presets::w4g128>(), 4.125, 18.62);
}

TEST_CASE("integers, least squares") {
    check_floor("int4 g128", mse<lb::int4, lb::per_group<128>>(), 4.125, 20.25);
    check_floor("int3 g128", mse<lb::int3, lb::per_group<128>>(), 3.125, 14.57);
    check_floor("int4 g32 over a minimum", mse<lb::uint4, lb::per_group<32>, lb::minimum_as<lb::float16>>(), 5.0, 23.10);
    check_floor("int2 rows over a minimum",
                mse<lb::uint2, lb::per_channel, lb::scale_as<lb::float16>, lb::minimum_as<lb::float16>>(), 2.0078, 9.22);
}

TEST_CASE("codebooks and floats") {
    check_figure("NF4 g64", measure<lb::presets::nf4>(), 4.5, 20.73);
    check_figure("MXFP4", measure<lb::presets::ocp_mxfp4>(), 4.25, 18.79);
    check_figure("MXFP6", measure<lb::presets::ocp_mxfp6_e2m3>(), 6.25, 30.94);
    check_figure("MXFP8", measure<lb::presets::ocp_mxfp8_e4m3>(), 8.25, 30.64);
    check_figure("MXINT8", measure<lb::presets::ocp_mxint8>(), 8.25, 41.67);
    check_figure("NVFP4", measure<lb::presets::nvfp4>(), 4.5 + 32.0 / (64 * 4096), 20.44);
    check_figure("FP8 E4M3", measure<lb::policy<lb::float8_e4m3, lb::per_tensor>>(), 8.0 + 32.0 / (64 * 4096), 31.55);
}

TEST_CASE("scales that are powers of two cost no more with an offset than without") {
    using lb::int8, lb::uint8, lb::e8m0, lb::float16, lb::per_group, lb::scale_as;
    const double symmetric = measure<lb::policy<int8, per_group<32>, scale_as<e8m0>>>().sqnr_db;
    CHECK(measure<lb::policy<int8, per_group<32>, scale_as<e8m0>, lb::asymmetric>>().sqnr_db > symmetric);
    CHECK(measure<lb::policy<uint8, per_group<32>, scale_as<e8m0>, lb::minimum_as<float16>>>().sqnr_db > symmetric);
}

TEST_CASE("ternary and binary") {
    using trits = lb::policy<lb::ternary, lb::per_channel, lb::base3, lb::scale_rule<lb::abs_mean>>;
    check_figure("ternary rows, absmean", measure<trits>(), 8 * (820.0 + 4) / 4096, 5.80);
    check_figure("ternary rows, mse", mse<lb::ternary, lb::per_channel, lb::base3>(), 8 * (820.0 + 4) / 4096, 7.21);
    check_figure("binary rows", measure<lb::policy<lb::binary, lb::per_channel, lb::scale_rule<lb::abs_mean>>>(), 1 + 32.0 / 4096,
                 4.40);
}

TEST_CASE("two levels of scales, searched: above ggml's encoders with a flat importance matrix") {
    check_floor("Q2_K", measure<lb::presets::q2_k>(), 2.625, 11.63);
    check_floor("Q3_K", measure<lb::presets::q3_k>(), 3.4375, 16.83);
    check_floor("Q4_K", measure<lb::presets::q4_k>(), 4.5, 23.08);
    check_floor("Q5_K", measure<lb::presets::q5_k>(), 5.5, 29.25);
    check_floor("Q6_K", measure<lb::presets::q6_k>(), 6.5625, 35.60);
    check_floor("IQ4_XS", measure<lb::presets::iq4_xs>(), 4.25, 22.57);
}

TEST_CASE("ggml's blocks: at least what its own encoders reach") {
    check_floor("Q1_0", measure<lb::presets::q1_0>(), 1.125, 4.39);
    check_figure("Q4_0", measure<lb::presets::q4_0>(), 4.5, 21.33);
    check_figure("Q4_1", measure<lb::presets::q4_1>(), 5.0, 22.13);
    check_figure("Q5_0", measure<lb::presets::q5_0>(), 5.5, 27.41);
    check_floor("Q5_0, mse", mse<lb::int5, lb::per_group<32>>(), 5.5, 27.90);
    check_floor("IQ4_NL", measure<lb::presets::iq4_nl>(), 4.5, 22.64);
    check_floor("NVFP4, mse", mse<lb::float4_e2m1, lb::per_group<16>, lb::scale_as<lb::ue4m3>>(), 4.5, 21.70);
    check_floor("NVFP4 under a tensor scale, mse",
                mse<lb::float4_e2m1, lb::per_group<16>, lb::scale_as<lb::float8_e4m3>, lb::tensor_scale>(),
                4.5 + 32.0 / (64 * 4096), 21.65);
}
