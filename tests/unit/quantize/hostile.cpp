// SPDX-License-Identifier: MIT
// Weights that look for trouble: NaN and infinity, scales beyond their stored type, subnormals, rows of zeros, outliers; and what
// must hold for all: quantizing twice changes nothing, powers of two pass through.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/dense_codes.hpp>
#include <lowbit/quantize/error_report.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/noise.hpp"
#include "support/raised.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lowbit_test::noise;
using lowbit_test::raises;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float largest = std::numeric_limits<float>::max();

using w4 = lb::presets::w4g32;
using w8 = lb::presets::w8;
using over_minimum = lb::policy<lb::uint4, lb::per_group<32>, lb::minimum_as<lb::float16>>;
using zeroed =
    lb::policy<lb::float4_e2m1, lb::per_group<16>, lb::scale_as<lb::float8_e4m3>, lb::tensor_scale, lb::zero_non_finite>;

template <class P>
lb::error refused(const lb::matrix<float>& w) {
    const auto q = lb::try_quantize<P>(w);
    return q ? lb::error{errc::not_found, "accepted"} : q.error();
}

lb::matrix<float> filled(std::size_t rows, std::size_t cols, float value) {
    lb::matrix<float> w(rows, cols);
    std::fill_n(w.data(), rows * cols, value);
    return w;
}

bool finite(const lb::matrix<float>& m) {
    return std::all_of(m.data(), m.data() + m.rows() * m.cols(), [](float x) { return std::isfinite(x); });
}

} // namespace

TEST_CASE("NaN and infinity are refused with their place") {
    for (const float bad : {not_a_number, infinity, -infinity, -not_a_number}) {
        for (const std::size_t at : {0u, 1u, 63u, 64u, 130u, 3u * 65u - 1u}) {
            auto w = noise(1).weights(3, 65);
            w.data()[at] = bad;
            const lb::error expected{errc::non_finite, "a weight is NaN or infinite", at};
            CHECK(refused<w4>(w) == expected);
            CHECK(refused<lb::presets::nvfp4>(w) == expected);
            CHECK(refused<lb::policy<lb::int4, lb::per_block<2, 8>>>(w) == expected);
            const std::string place = "row " + std::to_string(at / 65) + ", column " + std::to_string(at % 65);
            CHECK(raises(errc::non_finite, [&] { static_cast<void>(lb::quantize<w4>(w)); }, "quantize", place.c_str()));
        }
    }
    auto w = noise(1).weights(3, 65); // of several, the first
    w(2, 1) = w(1, 64) = w(1, 3) = infinity;
    CHECK(refused<w4>(w).offset == 65 + 3);
    lb::quantized_matrix<w4> q(3, 65);
    CHECK(raises(errc::non_finite, [&] { lb::quantize_into(q, w); }, "row 1, column 3"));
    CHECK(finite(lb::dequantize(lb::quantize<w8>(filled(2, 3, 3.3e38f))))); // large is not infinite
}

TEST_CASE("where the policy says so, NaN and infinity become 0, and the rest stays what it was") {
    auto w = noise(2).weights(4, 70), clean = w;
    for (const std::size_t at : {0u, 5u, 69u, 140u, 141u})
        w.data()[at] = at % 2 == 0 ? not_a_number : -infinity, clean.data()[at] = 0.0f;
    for (float& x : clean.row(3)) x *= 9.0f; // the largest weights stand in a row with a NaN, and count for the tensor scale
    for (float& x : w.row(3)) x *= 9.0f;
    w(3, 3) = not_a_number, clean(3, 3) = 0.0f;
    const auto q = lb::quantize<zeroed>(w);
    CHECK(std::ranges::equal(q.bytes(), lb::quantize<zeroed>(clean).bytes()));
    CHECK(std::ranges::equal(q.bytes(), lb::quantize<lb::presets::nvfp4>(clean).bytes()));
    CHECK(lb::dequantize(q)(0, 5) == 0.0f);
    CHECK(finite(lb::dequantize(lb::quantize<zeroed>(filled(2, 20, not_a_number)))));
}

TEST_CASE("a scale or minimum beyond its stored type is refused at its group, never stored as infinity") {
    auto w = noise(3).weights(2, 70);
    w(1, 40) = 65504.0f * 7.0f; // the largest float16 scale of int4
    CHECK(std::fabs(lb::dequantize(lb::quantize<w4>(w))(1, 40) - w(1, 40)) < 1.0f);
    w(1, 40) = 1e6f;
    CHECK(refused<w4>(w) == lb::error{errc::scale_range, "a scale does not fit its stored type", 70 + 32});
    w(1, 40) = 1e30f;
    CHECK(refused<w4>(w).code == errc::scale_range);
    CHECK(raises(errc::scale_range, [&] { static_cast<void>(lb::quantize<w4>(w)); }, "row 1, column 32"));
    CHECK(refused<lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>>>(w).code == errc::scale_range);
    CHECK(refused<lb::presets::q4_k>(w).code == errc::scale_range);

    CHECK(std::fabs(lb::dequantize(lb::quantize<w8>(w))(1, 40) / 1e30f - 1.0f) < 1e-6f); // a float scale holds it
    CHECK(std::fabs(lb::dequantize(lb::quantize<lb::presets::ocp_mxfp8_e4m3>(w))(1, 40) / 1e30f - 1.0f) < 0.07f);
    CHECK(std::fabs(lb::dequantize(lb::quantize<lb::presets::nvfp4>(w))(1, 40) / 1e30f - 1.0f) < 1e-3f); // the tensor scale does

    std::vector<std::uint32_t> backwards(70);
    for (std::uint32_t& column : backwards) column = static_cast<std::uint32_t>(&backwards.back() - &column);
    const auto q = lb::try_quantize<lb::policy<lb::int4, lb::per_group<32>, lb::permuted_columns>>(w, lb::with(backwards));
    REQUIRE_FALSE(q.has_value()); // column 40 is stored as number 29, in the group that begins with column 69
    CHECK(q.error() == lb::error{errc::scale_range, "a scale does not fit its stored type", 70 + 69});

    auto far = filled(2, 70, 70000.0f); // all alike: the scale is 0, the minimum beyond float16
    CHECK(refused<over_minimum>(far) == lb::error{errc::scale_range, "a minimum does not fit its stored type", 0});
    CHECK(finite(
        lb::dequantize(lb::quantize<lb::policy<lb::uint4, lb::per_group<32>, lb::scale_as<float>, lb::minimum_as<float>>>(far))));
    far = filled(2, 70, -1e9f);
    CHECK(refused<lb::presets::q4_k>(far).code == errc::scale_range);
}

TEST_CASE("the largest weights decode to finite numbers, or are refused where a code would not") {
    const auto check = []<class P>(P, float reach) {
        auto w = filled(2, 40, reach);
        for (std::size_t k = 0; k < 40; k += 2) w(0, k) = -reach;
        const auto back = lb::dequantize(lb::quantize<P>(w));
        return finite(back) && std::fabs(back(0, 0) / reach + 1.0f) < 0.1f;
    };
    CHECK(check(w8{}, 3.3e38f));
    CHECK(check(lb::policy<lb::int8, lb::asymmetric>{}, 3.3e38f));
    CHECK(check(lb::policy<lb::int4, lb::scale_rule<lb::mse>>{}, 2.9e38f));
    CHECK(check(lb::presets::ocp_mxfp8_e4m3{}, 3.3e38f));
    CHECK(refused<w8>(filled(2, 40, largest)) ==
          lb::error{errc::scale_range, "the largest code of a group would decode to infinity", 0});
    CHECK(refused<lb::policy<lb::int8, lb::asymmetric>>(filled(2, 40, -largest)).code ==
          errc::not_found); // 255 steps end at -largest
}

TEST_CASE("zeros, signed zeros and subnormals decode to 0 or near, never to NaN") {
    for (const float x : {0.0f, -0.0f, 1e-45f, -1e-45f, 1e-40f, 1.17549435e-38f, -3e-30f, 1e-9f}) {
        CAPTURE(x);
        const auto w = filled(3, 70, x);
        const auto near = [&](const lb::matrix<float>& back, float within) {
            return std::all_of(back.data(), back.data() + 3 * 70, [&](float v) { return std::fabs(v - x) <= within; });
        };
        CHECK(near(lb::dequantize(lb::quantize<w8>(w)), std::fabs(x) * 0.001f + 1e-43f));   // float scales, down to subnormals
        CHECK(near(lb::dequantize(lb::quantize<w4>(w)), std::min(std::fabs(x), 0x1p-24f))); // float16 scales flush
        CHECK(near(lb::dequantize(lb::quantize<lb::presets::nvfp4>(w)), std::fabs(x) * 0.05f + 0x1p-126f * 6.0f));
        CHECK(near(lb::dequantize(lb::quantize<lb::presets::ocp_mxfp4>(w)), std::fabs(x) * 0.3f + 0x1p-127f));
        CHECK(near(lb::dequantize(lb::quantize<lb::presets::nf4>(w)), std::fabs(x) * 0.001f));
        CHECK(near(lb::dequantize(lb::quantize<over_minimum>(w)), std::min(std::fabs(x), 0x1p-24f)));
        CHECK(near(lb::dequantize(lb::quantize<lb::presets::q4_k>(w)), std::fabs(x)));
    }
    // a group of zeros beside others: scale 0, codes 0
    auto w = noise(4).weights(1, 96);
    std::fill_n(w.data() + 32, 32, 0.0f);
    const auto q = lb::quantize<w4>(w);
    CHECK(std::all_of(q.bytes().begin() + 16, q.bytes().begin() + 32, [](std::byte b) { return b == std::byte{0}; }));
    CHECK(q.bytes()[48 + 2] == std::byte{0});
    CHECK(q.bytes()[48 + 3] == std::byte{0});
}

TEST_CASE("scales with the range of floats need no tensor scale") {
    const auto same = []<class Scale, class Tag>(Scale, Tag) {
        using plain = lb::policy<lb::float4_e2m1, lb::per_channel, lb::scale_as<Scale>>;
        using under = lb::policy<lb::float4_e2m1, lb::per_channel, lb::scale_as<Scale>, Tag>;
        for (const float x : {1e-30f, 1.0f, 3e38f}) {
            const auto w = filled(3, 70, x);
            const auto q = lb::quantize<under>(w);
            const auto p = lb::quantize<plain>(w);
            if (q.view().tensor_scale() != 1.0f || !std::ranges::equal(q.bytes().first(p.size_bytes()), p.bytes())) return false;
        }
        return true;
    };
    const auto same_under_both = [&](auto scale) { return same(scale, lb::tensor_scale{}) && same(scale, lb::tensor_divisor{}); };
    CHECK(same_under_both(float{}));
    CHECK(same_under_both(lb::bfloat16{}));
    CHECK(same_under_both(lb::e8m0{}));
    CHECK(lb::quantize<lb::policy<lb::int8, lb::per_channel, lb::tensor_scale>>(filled(3, 70, 1.0f)).view().tensor_scale() ==
          1.0f);
}

TEST_CASE("weights too small for any scale flush to 0, also where the search has a choice") {
    for (const float unit : {1e-20f, 1e-26f, 1e-30f, 1e-36f}) {
        lb::matrix<float> w(2, 512);
        for (std::size_t i = 0; i < 1024; ++i) w.data()[i] = unit * (static_cast<float>(i * 7 % 13) - 4.0f);
        const auto flushed = [](const lb::matrix<float>& back) {
            return std::all_of(back.data(), back.data() + 1024, [](float v) { return v == 0.0f; });
        };
        CHECK(flushed(lb::dequantize(lb::quantize<lb::presets::q2_k>(w))));
        CHECK(flushed(lb::dequantize(lb::quantize<lb::presets::q4_k>(w))));
        CHECK(flushed(lb::dequantize(lb::quantize<lb::presets::q6_k>(w))));
    }
}

TEST_CASE("a weight that is NaN makes the distance NaN") {
    auto w = filled(2, 8, 1.0f);
    const auto q = lb::quantize<w8>(w);
    w(0, 3) = not_a_number;
    const lb::error_report r = lb::error_of(q, w);
    CHECK(std::isnan(r.max_abs));
    CHECK(std::isnan(r.mse));
}

TEST_CASE("any number of rows of nothing is nothing, at once") {
    constexpr std::size_t many = std::size_t{1} << (std::numeric_limits<std::size_t>::digits - 4);
    const auto nothing = [&]<class P>(P) {
        const auto q = lb::quantized_view<P>::from({}, many, 0);
        return q && lb::dequantize(*q).rows() == many && lb::error_of(*q, lb::matrix<float>(many, 0)).mse == 0.0 &&
               lb::dense_codes(*q).rows() == many;
    };
    CHECK(nothing(lb::presets::q8_0{}));
    CHECK(nothing(lb::policy<lb::int8, lb::prune<lb::n_of_m<2, 4>>>{}));
    CHECK(nothing(lb::policy<lb::int8, lb::prune<lb::unstructured<50>>>{}));
    CHECK(nothing(lb::policy<lb::int8, lb::prune<lb::block_sparse<2, 8, 50>>>{}));
}

TEST_CASE("under two levels a group of zeros is zeros, whatever stands beside it") {
    noise random(9);
    const auto zeros = [&]<class P>(P) {
        for (int round = 0; round < 40; ++round) {
            auto w = random.hostile(2, 300, 1e3f);
            std::vector<float> statistics(300);
            for (std::size_t k = 0; k < 300; ++k) {
                w(1, k) = random.index(2) == 0 ? 0.25f : -0.25f;
                statistics[k] = std::ldexp(1.0f, static_cast<int>(random.index(60)) - 30);
            }
            std::fill_n(w.row(1).data() + 64, 32, 0.0f);
            const auto back = lb::dequantize(lb::quantize<P>(w, lb::with(statistics)));
            if (!finite(back)) return false;
            if (!std::all_of(&back(1, 64), &back(1, 64) + 32, [](float x) { return x == 0.0f; })) return false;
        }
        return true;
    };
    CHECK(zeros(lb::presets::q2_k{}));
    CHECK(zeros(lb::presets::q5_k{}));
    CHECK(zeros(lb::presets::q6_k{}));
}

TEST_CASE("one outlier takes its own group with it, and no other") {
    auto w = noise(5).weights(2, 96);
    const auto before = lb::dequantize(lb::quantize<w4>(w));
    w(0, 40) = 4e5f;
    const auto after = lb::dequantize(lb::quantize<w4>(w));
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t k = 0; k < 96; ++k) {
            if (i == 0 && k / 32 == 1)
                REQUIRE(after(i, k) == (k == 40 ? after(0, 40) : 0.0f));
            else
                REQUIRE(after(i, k) == before(i, k));
        }
    }
    CHECK(std::fabs(after(0, 40) - 4e5f) < 200.0f);
}

TEST_CASE("decoded values quantize to the same bytes") {
    noise random(6);
    const auto idempotent = []<class P>(P, const lb::matrix<float>& w) {
        const auto once = lb::quantize<P>(w);
        return std::ranges::equal(lb::quantize<P>(lb::dequantize(once)).bytes(), once.bytes());
    };
    for (int round = 0; round < 20; ++round) {
        const auto w = random.weights(3, 70);
        CHECK(idempotent(w4{}, w));
        CHECK(idempotent(lb::presets::nf4{}, w));
        CHECK(idempotent(lb::presets::ocp_mxfp4{}, w));
        CHECK(idempotent(w8{}, w));
    }
}

TEST_CASE("powers of two pass through, and rows stay apart") {
    noise random(7);
    const auto w = random.weights(4, 70);
    const auto scaled = [&]<class P>(P, int power) {
        auto wide = w;
        for (std::size_t i = 0; i < 4; ++i)
            for (float& x : wide.row(i)) x = std::ldexp(x, power);
        const auto a = lb::dequantize(lb::quantize<P>(w)), b = lb::dequantize(lb::quantize<P>(wide));
        for (std::size_t i = 0; i < 4 * 70; ++i)
            if (std::ldexp(a.data()[i], power) != b.data()[i]) return false;
        return true;
    };
    using searched = lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>>;
    for (const int power : {-6, -1, 1, 5, 10}) {
        CHECK(scaled(w4{}, power));
        CHECK(scaled(searched{}, power));
        CHECK(scaled(lb::presets::nvfp4{}, power * 9));
        CHECK(scaled(w8{}, power * 9));
        CHECK(scaled(lb::presets::ocp_mxfp4{}, power * 9));
    }
    for (const int power : {-100, -70, 60, 100}) { // the search adds squares, which a float does not hold
        CHECK(scaled(lb::policy<lb::int3, lb::scale_rule<lb::mse>>{}, power));
        CHECK(scaled(lb::policy<lb::uint3, lb::minimum_as<float>, lb::scale_rule<lb::mse>>{}, power));
        CHECK(scaled(lb::policy<lb::float4_e2m1, lb::per_group<32>, lb::scale_as<lb::e8m0>, lb::scale_rule<lb::mse>>{}, power));
    }
    lb::matrix<float> turned(4, 70);
    for (std::size_t i = 0; i < 4; ++i) std::ranges::copy(w.row(3 - i), turned.row(i).begin());
    const auto a = lb::dequantize(lb::quantize<searched>(w)), b = lb::dequantize(lb::quantize<searched>(turned));
    for (std::size_t i = 0; i < 4; ++i) CHECK(std::ranges::equal(a.row(i), b.row(3 - i)));
}

TEST_CASE("only the ratios of statistics matter") {
    noise random(12);
    const auto w = random.weights(3, 320);
    const auto same = [&]<class P>(P) {
        std::vector<float> statistics(320);
        for (float& s : statistics) s = 1.0f + static_cast<float>(random.index(1000));
        const auto bytes = [&](float unit) {
            std::vector<float> scaled;
            for (const float s : statistics) scaled.push_back(s * unit);
            const auto q = lb::quantize<P>(w, lb::with(scaled));
            return std::vector<std::byte>(q.bytes().begin(), q.bytes().end());
        };
        const auto expected = bytes(1.0f);
        return bytes(0x1p110f) == expected && bytes(0x1p-120f) == expected;
    };
    CHECK(same(lb::policy<lb::uint4, lb::per_group<32>, lb::minimum_as<lb::float16>, lb::scale_rule<lb::mse>>{}));
    CHECK(same(lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>>{}));
    CHECK(same(lb::presets::q4_k{}));
}

TEST_CASE("weights of no importance do no harm, and important ones come nearer") {
    using searched = lb::policy<lb::int3, lb::per_group<32>, lb::scale_rule<lb::mse>>;
    using minimum = lb::policy<lb::uint3, lb::per_group<32>, lb::minimum_as<lb::float16>, lb::scale_rule<lb::mse>>;
    const auto w = noise(8).weights(16, 64);
    const auto check = [&]<class P>(P) {
        CHECK(finite(lb::dequantize(lb::quantize<P>(w, lb::with(std::vector<float>(64, 0.0f))))));
        std::vector<float> important(64, 1.0f);
        for (std::size_t k = 0; k < 64; k += 8) important[k] = 1000.0f;
        const auto error = [&](const lb::matrix<float>& back) {
            double sum = 0;
            for (std::size_t i = 0; i < 16; ++i)
                for (std::size_t k = 0; k < 64; k += 8) sum += std::pow(static_cast<double>(back(i, k) - w(i, k)), 2);
            return sum;
        };
        CHECK(error(lb::dequantize(lb::quantize<P>(w, lb::with(important)))) < 0.7 * error(lb::dequantize(lb::quantize<P>(w))));
        CHECK(std::ranges::equal(lb::quantize<P>(w, lb::with(std::vector<float>(64, 4.0f))).bytes(),
                                 lb::quantize<P>(w, lb::with(std::vector<float>(64, 1.0f))).bytes()));
    };
    check(searched{});
    check(minimum{});
}
