// SPDX-License-Identifier: MIT
// Every operand at its end: K so long that sums of int8 products would leave int32, which is why a group is cut; and the code +2.
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "product.hpp"
#include "support/levels.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

std::array<std::byte, 12> float_bytes(float a, float b, float c) {
    return std::bit_cast<std::array<std::byte, 12>>(std::array{a, b, c});
}

/// Two rows of codes -128 and 127 times 3 rows of weights, each of one value: exact, since the sums have few significant bits.
template <class Packed>
void check(const Packed& p, std::size_t k, std::array<double, 3> weights) {
    lb::matrix<std::int8_t> codes(2, k);
    for (std::size_t i = 0; i < k; ++i) {
        codes(0, i) = -128;
        codes(1, i) = 127;
    }
    const std::vector<float> scales{0.5f, 0.25f};
    each_level([&](lb::isa::level) {
        lb::matrix<float> y(2, 3);
        lb::gemm(lb::quantized_rows(codes.view(), scales), p, y);
        for (std::size_t c = 0; c < 3; ++c) {
            const double row0 = 0.5 * -128.0 * static_cast<double>(k) * weights[c];
            const double row1 = 0.25 * 127.0 * static_cast<double>(k) * weights[c];
            CHECK(std::fabs(static_cast<double>(y(0, c)) - row0) <= 0x1p-22 * std::fabs(row0));
            CHECK(std::fabs(static_cast<double>(y(1, c)) - row1) <= 0x1p-22 * std::fabs(row1));
        }
    });
}

} // namespace

TEST_CASE("long K: int8 per channel") {
    using P = lb::policy<lb::int8>;
    for (const std::size_t k : {std::size_t{65536}, std::size_t{65537}, std::size_t{70000}, std::size_t{140000}}) {
        CAPTURE(k);
        std::vector<std::byte> codes(3 * k);
        for (std::size_t i = 0; i < k; ++i) {
            codes[i] = std::byte{0x80};
            codes[k + i] = std::byte{0x7f};
            codes[2 * k + i] = std::byte{0xff};
        }
        const auto scales = float_bytes(1.0f, 2.0f, 0.5f);
        const auto q = lb::quantized_view<P>::from({.codes = codes, .scales = scales}, 3, k);
        REQUIRE(q);
        check(lb::pack(*q), k, {-128.0, 254.0, -0.5});
    }
}

TEST_CASE("long K: groups longer than the longest, without a small divisor") {
    using P = lb::policy<lb::int8, lb::per_group<65537>, lb::scale_as<float>>;
    constexpr std::size_t k = 2 * 65537;
    std::vector<std::byte> codes(3 * k);
    for (std::size_t i = 0; i < k; ++i) {
        codes[i] = std::byte{1};
        codes[k + i] = std::byte{2};
        codes[2 * k + i] = std::byte{0xff};
    }
    const std::vector<float> scales{1.0f, 1.0f, 0.5f, 0.5f, 4.0f, 4.0f};
    const auto q = lb::quantized_view<P>::from({.codes = codes, .scales = std::as_bytes(std::span(scales))}, 3, k);
    REQUIRE(q);
    check(lb::pack(*q), k, {1.0, 1.0, -4.0});
}

TEST_CASE("long K: uint8 with zero points, the largest products there are") {
    using P = lb::policy<lb::uint8, lb::asymmetric>;
    for (const std::size_t k : {std::size_t{65536}, std::size_t{70000}, std::size_t{140000}}) {
        CAPTURE(k);
        std::vector<std::byte> codes(3 * k);
        for (std::size_t i = 0; i < k; ++i) {
            codes[i] = std::byte{0};
            codes[k + i] = std::byte{255};
            codes[2 * k + i] = std::byte{128};
        }
        const auto scales = float_bytes(1.0f, 1.0f, 1.0f);
        const std::array<std::byte, 3> zeros{std::byte{255}, std::byte{0}, std::byte{0}};
        const auto q = lb::quantized_view<P>::from({.codes = codes, .scales = scales, .offsets = zeros}, 3, k);
        REQUIRE(q);
        check(lb::pack(*q), k, {-255.0, 255.0, 128.0});
    }
}

TEST_CASE("codebooks times int8: entries become multiples of the largest / 127") {
    // NF4 codes in groups of 64 under float scales, the first code of a byte in the high bits
    using P = lb::presets::nf4;
    constexpr std::size_t n = 70, k = 100;
    std::vector<std::byte> codes(n * k / 2);
    std::vector<float> scales(n * 2);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(i * 37 + i / 7);
    for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = 0.5f + static_cast<float>(i % 5);
    const auto q = lb::quantized_view<P>::from({.codes = codes, .scales = std::as_bytes(std::span<const float>(scales))}, n, k);
    REQUIRE(q);

    const auto p = lb::pack<lb::activations<lb::int8>>(*q);
    lb::matrix<float> x(3, k);
    for (std::size_t i = 0; i < 3 * k; ++i) x.data()[i] = static_cast<float>(i * 29 % 61) - 30.0f;
    std::vector<std::vector<double>> rows;
    for (std::size_t r = 0; r < 3; ++r) rows.push_back(quantized({x.row(r).begin(), x.row(r).end()}, k));
    each_level([&](lb::isa::level) {
        lb::matrix<float> y(3, n);
        lb::gemm(x, p, y);
        for (std::size_t r = 0; r < 3; ++r) {
            for (std::size_t c = 0; c < n; ++c) {
                double sum = 0, size = 0;
                for (std::size_t i = 0; i < k; ++i) {
                    const auto byte = std::to_integer<unsigned>(codes[(c * k + i) / 2]);
                    const float value = lb::nf4_codebook::decode(static_cast<std::uint8_t>(i % 2 == 0 ? byte >> 4 : byte & 15));
                    const double rounded = std::nearbyint(static_cast<double>(value) * 127.0) / 127.0; // the largest entry is 1
                    const double term = rows[r][i] * rounded * static_cast<double>(scales[c * 2 + i / 64]);
                    sum += term;
                    size += std::fabs(term);
                }
                CHECK(std::fabs(static_cast<double>(y(r, c)) - sum) <= 16 * 0x1p-24 * size);
            }
        }
    });
}

TEST_CASE("Q2_0 multiplies by +2, which ggml's encoder never writes") {
    constexpr std::size_t k = 128;
    std::vector<std::byte> blocks; // of 64: float16 1, then 64 times the same code
    for (const std::uint8_t codes : {std::uint8_t{0xff}, std::uint8_t{0xaa}, std::uint8_t{0x00}}) {
        for (std::size_t block = 0; block < k / 64; ++block) {
            blocks.insert(blocks.end(), {std::byte{0x00}, std::byte{0x3c}});
            blocks.insert(blocks.end(), 16, std::byte{codes});
        }
    }
    check(lb::pack(lb::quantized_view<lb::presets::q2_0>(blocks.data(), 3, k)), k, {2, 1, -1});
}
