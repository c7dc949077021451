// SPDX-License-Identifier: MIT
// What users add from outside - an element, a codebook, scale rules of both kinds, a rounding, a type of scales - works like what
// is built in; and weights that are constants become constants, with the bytes that a run makes.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/constant.hpp>
#include <lowbit/quantize/error_report.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/levels.hpp"
#include "support/noise.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>

namespace lb = lowbit;
using lowbit_test::noise;

namespace user {

/// An element: sign and one of eight powers of two, 2^-7 to 1; no zero.
struct log4 {
    using code_type = std::uint8_t;
    static constexpr int bits = 4;
    static constexpr float decode(code_type c) noexcept {
        const float magnitude = 1.0f / static_cast<float>(1 << (7 - (c & 7)));
        return (c & 8) != 0 ? -magnitude : magnitude;
    }
    static constexpr code_type encode(float x) noexcept {
        code_type best = 0;
        for (code_type c = 0; c < 16; ++c) {
            const float d = x - decode(c), b = x - decode(best);
            if ((d < 0 ? -d : d) < (b < 0 ? -b : b)) best = c;
        }
        return best;
    }
    static constexpr float lowest() noexcept { return -1.0f; }
    static constexpr float max() noexcept { return 1.0f; }
};
static_assert(lb::element<log4>);

/// A codebook of four values, in no order.
struct four_values {
    static constexpr std::array<float, 4> values{0.0f, -1.0f, 0.25f, 2.0f};
};

/// A type of scales: quarters in a byte, 0 to 63.75.
struct quarters {
    using code_type = std::uint8_t;
    static constexpr int bits = 8;
    static constexpr code_type encode(float x) noexcept {
        return x >= 63.75f ? 255 : x > 0 ? static_cast<code_type>(x * 4.0f + 0.5f) : code_type{0};
    }
    static constexpr float decode(code_type c) noexcept { return static_cast<float>(c) * 0.25f; }
    static constexpr float lowest() noexcept { return 0.0f; }
    static constexpr float max() noexcept { return 63.75f; }
};

/// A rule of the simple kind: a range that was agreed on.
struct agreed {
    static constexpr lb::value_range range(std::span<const float>) { return {-3.5f, 3.5f}; }
};

/// A rule of the other kind: the power of two, from a few, of least squared error.
struct power_of_two {
    template <class Quantizer>
    static constexpr lb::group_fit fit(const Quantizer& quantizer) {
        lb::group_fit best = quantizer.from_range({-8.0f, 7.0f});
        best.scale = 4.0f;
        float least = quantizer.error(best);
        for (lb::group_fit f = best; f.scale > 0.01f; f.scale *= 0.5f) {
            if (const float e = quantizer.error(f); e < least) least = e, best = f;
        }
        return best;
    }
};

/// A mask: a row keeps its best three.
struct best_three {
    static constexpr std::size_t rows = 1;
    static constexpr std::size_t cols = 1;
    static constexpr std::size_t kept(std::size_t bits) noexcept { return std::min<std::size_t>(bits, 3); }
};

/// A table of scales and minimums of 5 bits: those of group g take the bits 10 g to 10 g + 9.
struct five_bit_pairs {
    static constexpr std::size_t groups = 16;
    static constexpr std::size_t bytes = 20;
    static constexpr int scale_bits = 5;
    static constexpr int offset_bits = 5;
    static constexpr std::uint32_t load_scale(const std::byte* t, std::size_t g) noexcept { return lb::unpack_code(t, 2 * g, 5); }
    static constexpr std::uint32_t load_offset(const std::byte* t, std::size_t g) noexcept {
        return lb::unpack_code(t, 2 * g + 1, 5);
    }
    static constexpr void store_scale(std::byte* t, std::size_t g, std::uint32_t code) noexcept { store(t, 2 * g, code); }
    static constexpr void store_offset(std::byte* t, std::size_t g, std::uint32_t code) noexcept { store(t, 2 * g + 1, code); }

private:
    static constexpr void store(std::byte* t, std::size_t i, std::uint32_t code) noexcept {
        for (std::size_t bit = 5 * i; bit < 5 * i + 5; ++bit, code >>= 1) {
            const auto one = static_cast<std::byte>(1u << bit % 8);
            t[bit / 8] = (code & 1) != 0 ? t[bit / 8] | one : t[bit / 8] & ~one;
        }
    }
};
static_assert(lb::scale_table<five_bit_pairs> && lb::offset_table<five_bit_pairs>);

/// A K-quant: 3 bits in groups of 16, whose scales and minimums of 5 bits share two bfloat16 among 256 weights.
template <class... Layout>
using k3 = lb::policy<lb::uint3, lb::per_group<16>, lb::scale_as<lb::uint5>, lb::super_scale<lb::bfloat16, 16>,
                      lb::quantized_minimum<lb::uint5>, lb::super_minimum<lb::bfloat16, 16>, Layout...>;
using k3_blocks = k3<lb::bit_planes<2, lb::split_half<64>, lb::split_half<32>>,
                     lb::interleaved<16, lb::field::super_scale, five_bit_pairs, lb::field::high_codes, lb::field::super_minimum,
                                     lb::field::codes>>;

/// A rounding: always up.
struct upward {
    static constexpr float round(float x, std::uint64_t) noexcept {
        const auto down = static_cast<float>(static_cast<int>(x));
        return down < x ? down + 1.0f : down;
    }
};

} // namespace user

TEST_CASE("an own element") {
    using P = lb::policy<user::log4, lb::per_group<16>>;
    const auto w = noise(1).weights(3, 40);
    const auto q = lb::quantize<P>(w);
    CHECK(q.size_bytes() == 3 * (20 + 3 * 2));
    const auto back = lb::dequantize(q);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t k = 0; k < 40; ++k) {
            float reach = 0;
            for (std::size_t j = k / 16 * 16; j < std::min<std::size_t>(40, k / 16 * 16 + 16); ++j)
                reach = std::max(reach, std::fabs(w(i, j)));
            const float scale = float(lb::float16(reach));
            REQUIRE(back(i, k) == scale * user::log4::decode(user::log4::encode(w(i, k) / scale)));
        }
    }
    CHECK(lb::error_of(lb::quantize<lb::policy<user::log4, lb::per_group<16>, lb::scale_rule<lb::mse>>>(w), w).mse <
          lb::error_of(q, w).mse);
}

TEST_CASE("an own codebook and an own type of scales") {
    using P = lb::policy<lb::codebook<user::four_values>, lb::per_group<4>, lb::scale_as<user::quarters>, lb::high_first>;
    lb::matrix<float> w(1, 8);
    const std::array<float, 8> x{4.0f, -1.9f, 0.1f, 0.6f, -0.8f, 0.0f, 0.8f, 0.1f};
    std::ranges::copy(x, w.data());
    const auto q = lb::quantize<P>(w); // scales 2 and 0.4, which is stored as 0.5
    CHECK(q.size_bytes() == 2 + 2);
    CHECK(q.bytes()[0] == std::byte{0b11'01'00'10});
    CHECK(q.bytes()[1] == std::byte{0b01'00'11'10});
    CHECK(q.bytes()[2] == std::byte{8});
    CHECK(q.bytes()[3] == std::byte{2});
    const auto back = lb::dequantize(q);
    CHECK(std::ranges::equal(back.row(0), std::array{4.0f, -2.0f, 0.0f, 0.5f, -0.5f, 0.0f, 1.0f, 0.125f}));
}

TEST_CASE("an own K-quant, planar and in blocks with an own table of scales") {
    const auto w = noise(4).weights(3, 512);
    const auto plain = lb::quantize<user::k3<>>(w);
    const auto planes = lb::quantize<user::k3<lb::bit_planes<2, lb::sequential, lb::high_first>>>(w);
    const auto blocks = lb::quantize<user::k3_blocks>(w);
    CHECK(plain.size_bytes() == 3 * (512 * 3 / 8 + 32 + 32 + 2 * 2 + 2 * 2));
    CHECK(planes.size_bytes() == plain.size_bytes());
    CHECK(blocks.size_bytes() == 3 * 2 * (2 + 20 + 32 + 2 + 64));
    CHECK(blocks.bits_per_weight() == 3.75);
    const auto back = lb::dequantize(blocks);
    CHECK(lb::error_of(blocks, w).sqnr_db > 13);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::ranges::equal(lb::dequantize(plain).row(i), back.row(i)));
        CHECK(std::ranges::equal(lb::dequantize(planes).row(i), back.row(i)));
    }

    std::array<std::byte, 120> block{};
    block[1] = std::byte{0x40};                               // super-scale 2
    block[54] = std::byte{0x80}, block[55] = std::byte{0x3f}; // super-minimum 1
    block[2 + 10] = std::byte{0b101'00011};                   // of group 8 scale 3, minimum 5
    block[2 + 20 + 3] = std::byte{1 << 4};                    // code 131 is 4 and more
    block[56 + 3] = std::byte{0b00'10'01'11};                 // codes 3, 67, 131, 195: 3, 1, 2, 0
    const auto by_hand = lb::dequantize(lb::quantized_view<user::k3_blocks>{block.data(), 1, 256});
    CHECK(by_hand(0, 131) == 3 * 2.0f * 6 - 5 * 1.0f);
    CHECK(by_hand(0, 130) == -5.0f);
    CHECK(by_hand(0, 3) == 0.0f);
}

TEST_CASE("own scale rules, of both kinds") {
    const auto w = noise(2).weights(2, 64);
    using fixed = lb::policy<lb::int4, lb::per_channel, lb::scale_rule<user::agreed>>;
    const auto q = lb::quantize<fixed>(w);
    const auto back = lb::dequantize(q);
    for (std::size_t k = 0; k < 64; ++k) CHECK(back(0, k) == 0.5f * std::clamp(std::nearbyint(w(0, k) / 0.5f), -8.0f, 7.0f));

    using searched = lb::policy<lb::int4, lb::per_channel, lb::scale_rule<user::power_of_two>>;
    const auto e = lb::error_of(lb::quantize<searched>(w), w);
    CHECK(e.sqnr_db > 15);
    const auto values = lb::dequantize(lb::quantize<searched>(w));
    for (const float v : values.row(0)) CHECK(v * 128.0f == std::nearbyint(v * 128.0f));
    lowbit_test::each_level([&](lb::isa::level) { CHECK(lb::error_of(lb::quantize<searched>(w), w).mse == e.mse); });
}

TEST_CASE("an own rounding") {
    const auto w = noise(3).weights(2, 64);
    using up = lb::policy<lb::int8, lb::rounding<user::upward>>;
    const auto back = lb::dequantize(lb::quantize<up>(w));
    for (std::size_t k = 0; k < 64; ++k) CHECK(back(1, k) > w(1, k) - 1e-5f);
}

TEST_CASE("an own mask") {
    lb::matrix<float> w(1, 8);
    std::ranges::copy(std::array{1.0f, -7.0f, 2.0f, 3.0f, -4.0f, 0.5f, 5.0f, 2.5f}, w.data());
    const auto q = lb::quantize<lb::policy<lb::int4, lb::prune<user::best_three>>>(w); // the scale is 1
    CHECK(q.size_bytes() == 2 + 4 + 1);
    CHECK(std::ranges::equal(lb::dequantize(q).row(0), std::array{0.0f, -7.0f, 0.0f, 0.0f, -4.0f, 0.0f, 5.0f, 0.0f}));
}

TEST_CASE("stochastic rounding keeps the mean and repeats itself and the other roundings are what they say") {
    lb::matrix<float> w(1, 4001);
    for (float& x : w.row(0)) x = 0.3f;
    w(0, 4000) = 127.0f; // the scale is 1
    using random = lb::policy<lb::int8, lb::rounding<lb::stochastic>>;
    const auto back = lb::dequantize(lb::quantize<random>(w));
    double sum = 0;
    for (std::size_t k = 0; k < 4000; ++k) sum += static_cast<double>(back(0, k));
    CHECK(std::fabs(sum / 4000 - 0.3) < 0.03); // four standard deviations
    CHECK(std::ranges::equal(lb::quantize<random>(w).bytes(), lb::quantize<random>(w).bytes()));

    // a training loop rounds each step by a seed of its own
    const auto seeded = [&](std::uint64_t n) { return lb::quantize<random>(w, lb::with(lb::seed{n})); };
    CHECK(std::ranges::equal(seeded(1).bytes(), seeded(1).bytes()));
    CHECK_FALSE(std::ranges::equal(seeded(1).bytes(), seeded(2).bytes()));
    CHECK(std::ranges::equal(seeded(0).bytes(), lb::quantize<random>(w).bytes()));
    const auto first = lb::dequantize(seeded(1)), second = lb::dequantize(seeded(2));
    double mean = 0;
    std::size_t same = 0;
    for (std::size_t k = 0; k < 4000; ++k)
        mean += static_cast<double>(second(0, k)) / 4000, same += first(0, k) == second(0, k) ? 1u : 0u;
    CHECK(std::fabs(mean - 0.3) < 0.03);
    CHECK(std::fabs(static_cast<double>(same) / 4000 - 0.58) < 0.04); // 0.3^2 + 0.7^2, as of independent ones
    CHECK(first(0, 0) == lb::stochastic::round(0.3f, lb::stochastic::stream(1)));

    lb::matrix<float> ties(1, 5);
    std::ranges::copy(std::array{127.0f, 2.5f, -2.5f, 2.9f, 3.5f}, ties.data());
    const auto rounded = [&]<class R>(R) { return lb::dequantize(lb::quantize<lb::policy<lb::int8, lb::rounding<R>>>(ties)); };
    CHECK(std::ranges::equal(rounded(lb::nearest_even{}).row(0), std::array{127.0f, 2.0f, -2.0f, 3.0f, 4.0f}));
    CHECK(std::ranges::equal(rounded(lb::nearest_away{}).row(0), std::array{127.0f, 3.0f, -3.0f, 3.0f, 4.0f}));
    CHECK(std::ranges::equal(rounded(lb::toward_zero{}).row(0), std::array{127.0f, 2.0f, -2.0f, 2.0f, 3.0f}));
}

// ---- Constants ----

namespace {

constexpr std::array<float, 40> row = [] {
    std::array<float, 40> x{};
    for (std::size_t k = 0; k < 40; ++k) x[k] = static_cast<float>(static_cast<int>(k * 29 % 41) - 20) * 0.07f;
    return x;
}();
constexpr std::array<std::array<float, 40>, 3> rows = [] {
    std::array<std::array<float, 40>, 3> x{row, row, row};
    for (float& v : x[1]) v *= -0.5f;
    x[2][7] = 9.0f;
    return x;
}();

inline constexpr auto table = lb::quantize_constant<lb::presets::w4g32>(row);
static_assert(table.rows() == 1 && table.cols() == 40 && table.size_bytes() == 20 + 2 * 2);
static_assert(table.bytes().size() == table.size_bytes() && table.bits_per_weight() == 8.0 * 24 / 40);
static_assert((table.bytes()[0] & std::byte{15}) == std::byte{9}, "-1.4 is -7 in two's complement");

/// Decoded by the compiler too.
constexpr float decoded(std::size_t k) {
    lb::detail::row_reader<lb::presets::w4g32>::room room;
    std::array<float, 40> values{};
    lb::detail::row_reader<lb::presets::w4g32>(table.view()).values(lb::detail::reference_rows<>{}, 0, room, values);
    return values[k];
}
static_assert(decoded(0) < -1.39f && decoded(0) > -1.41f);

template <class P>
bool same_as_run() {
    static constexpr auto constant = lb::quantize_constant<P>(rows);
    const auto run = lb::quantize<P>(lb::matrix_view<const float>{rows[0].data(), 3, 40});
    return std::ranges::equal(constant.bytes(), run.bytes());
}

template <auto Constant>
constexpr std::size_t size_of_parameter = Constant.size_bytes();

} // namespace

TEST_CASE("constants are the bytes that a run makes") {
    CHECK(std::ranges::equal(table.bytes(),
                             lb::quantize<lb::presets::w4g32>(lb::matrix_view<const float>{row.data(), 1, 40}).bytes()));
    CHECK(same_as_run<lb::presets::q4_k>());
    CHECK(same_as_run<lb::presets::q6_k>());
    CHECK(same_as_run<lb::presets::tq1_0>());
    CHECK(same_as_run<lb::presets::nf4>());
    CHECK(same_as_run<lb::policy<lb::int6, lb::per_group<4>, lb::scale_as<lb::int8>, lb::super_scale<lb::float16, 2>,
                                 lb::scale_rule<lb::mse>, lb::prune<lb::unstructured<80>>>>()); // groups that keep nothing
    CHECK(same_as_run<lb::policy<lb::int8, lb::prune<lb::unstructured<40>>, lb::asymmetric>>());
    CHECK(same_as_run<lb::policy<lb::ternary, lb::per_tensor, lb::base3, lb::scale_rule<lb::abs_mean>>>());
    CHECK(same_as_run<
          lb::policy<lb::uint3, lb::per_block<2, 16>, lb::minimum_as<lb::float16>, lb::scale_rule<lb::percentile<90>>>>());
    using searched = lb::policy<lb::int4, lb::per_group<8>, lb::scale_rule<lb::mse>>;
    static constexpr auto small = lb::quantize_constant<searched>(std::array{0.1f, -0.5f, 1.0f, 0.25f, 3.0f, -2.0f, 0.0f, 1.5f});
    const std::array<float, 8> x{0.1f, -0.5f, 1.0f, 0.25f, 3.0f, -2.0f, 0.0f, 1.5f};
    CHECK(std::ranges::equal(small.bytes(), lb::quantize<searched>(lb::matrix_view<const float>{x.data(), 1, 8}).bytes()));
}

TEST_CASE("a constant is a view's memory, and may be a template's argument") {
    const auto back = lb::dequantize(table.view());
    for (std::size_t k = 0; k < 40; ++k) CHECK(back(0, k) == decoded(k));
    CHECK(lb::dequantize(lb::quantize_constant<lb::presets::w8>(rows).view()).rows() == 3);
    CHECK(size_of_parameter<lb::quantize_constant<lb::presets::w8>(std::array{1.0f, 2.0f})> == 2 + 4);
    CHECK(lb::quantize_constant<lb::presets::w8>(row).data() != nullptr); // and a run can make one
}
