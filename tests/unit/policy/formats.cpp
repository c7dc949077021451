// SPDX-License-Identifier: MIT
// The axes are enough: formats of other libraries, described by tags alone, decode to the bits their makers decode them to.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/constant.hpp>
#include <lowbit/quantize/error_report.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "support/noise.hpp"

namespace lb = lowbit;
namespace presets = lb::presets;
using byte_vector = std::vector<std::byte>;

namespace {

// ---- Sizes: exactly what the formats of the world take ----

template <class P>
constexpr std::size_t size(std::size_t rows, std::size_t cols) {
    using format = lb::format_of<P>;
    return lb::detail::layout_access<format>::bytes(lb::detail::shape_of<format>{rows, cols});
}

static_assert(size<presets::q1_0>(1, 128) == 18);
static_assert(size<presets::q2_0>(1, 64) == 18);
static_assert(size<presets::q4_0>(1, 32) == 18);
static_assert(size<presets::q4_1>(1, 32) == 20);
static_assert(size<presets::q5_0>(1, 32) == 22);
static_assert(size<presets::q5_1>(1, 32) == 24);
static_assert(size<presets::q8_0>(1, 32) == 34);
static_assert(size<presets::q2_k>(1, 256) == 84);
static_assert(size<presets::q3_k>(1, 256) == 110);
static_assert(size<presets::q4_k>(1, 256) == 144);
static_assert(size<presets::q5_k>(1, 256) == 176);
static_assert(size<presets::q6_k>(1, 256) == 210);
static_assert(size<presets::iq4_xs>(1, 256) == 136);
static_assert(size<presets::tq1_0>(1, 256) == 54);
static_assert(size<presets::ggml_nvfp4>(1, 64) == 36);
static_assert(size<presets::iq4_nl>(1, 32) == 18);
static_assert(size<presets::tq2_0>(1, 256) == 66);
static_assert(size<presets::mxfp4>(1, 32) == 17);
static_assert(size<presets::q4_0>(3, 96) == 3 * 3 * 18);
static_assert(size<presets::q4_k>(2, 257) == 2 * 2 * 144, "a row begins a block of its own");

static_assert(size<presets::ocp_mxfp4>(1, 32) == 17);
static_assert(size<presets::ocp_mxfp6_e2m3>(1, 32) == 25);
static_assert(size<presets::ocp_mxfp6_e3m2>(1, 32) == 25);
static_assert(size<presets::ocp_mxfp8_e4m3>(1, 32) == 33);
static_assert(size<presets::ocp_mxfp8_e5m2>(1, 32) == 33);
static_assert(size<presets::ocp_mxint8>(1, 32) == 33);
static_assert(size<presets::nf4>(1, 64) == 32 + 4);
static_assert(size<presets::nf4>(2, 100) == 2 * (50 + 8), "the last group is short, its scale is whole");
static_assert(size<presets::nvfp4>(1, 64) == 32 + 4 + 4);
static_assert(size<presets::nvfp4>(8, 64) == 8 * (32 + 4) + 4, "one scale for the tensor");
// words of 8 codes along k, f16 scales, zero points of 4 bits in words along n, the order
static_assert(size<presets::gptq4<32>>(8, 64) == 8 * 32 + 2 * 8 * 2 + 2 * 4 + 64 * 4);
static_assert(size<presets::gptq4<32>>(3, 33) == 5 * 3 * 4 + 2 * 3 * 2 + 2 * 4 + 33 * 4, "words are whole");

static_assert(size<presets::w8>(3, 5) == 3 * 5 + 3 * 4);
static_assert(size<presets::w4>(3, 5) == 3 * 3 + 3 * 4);
static_assert(size<presets::w4g32>(1, 33) == 17 + 2 * 2);
static_assert(size<presets::w158>(7, 9) == 7 * 3 + 4);
static_assert(size<lb::policy<lb::ternary, lb::per_tensor, lb::base3>>(2, 11) == 2 * 3 + 4);
static_assert(size<lb::policy<lb::ternary, lb::per_tensor, lb::split_base3<256, 32, 16, 4>>>(2, 257) == 2 * 2 * 52 + 4);
static_assert(size<lb::policy<lb::int3, lb::per_channel>>(2, 9) == 2 * 4 + 2 * 4);
static_assert(size<lb::policy<lb::int5, lb::bit_planes<4, lb::split_half<16>, lb::sequential>>>(2, 33) == 2 * (32 + 5) + 2 * 4,
              "two planes in each row");
static_assert(size<lb::policy<lb::int8, lb::per_block<4, 8>>>(5, 9) == 5 * 9 + 2 * 2 * 2);
static_assert(size<lb::policy<lb::int4, lb::per_group<64>, lb::asymmetric>>(2, 65) == 2 * 33 + 2 * 2 * 2 + 2 * 2);
static_assert(size<lb::policy<lb::int8, lb::prune<lb::n_of_m<2, 4>>>>(2, 10) == 2 * 6 + 2 * 4 + 2 * 2,
              "kept codes, scales, mask bits");
static_assert(size<lb::policy<lb::int8, lb::prune<lb::block_sparse<2, 4, 50>>>>(3, 16) == 3 * 8 + 3 * 4 + 2 * 1,
              "a mask bit for a block");
static_assert(size<lb::policy<lb::int8, lb::prune<lb::unstructured<90>>>>(64, 4096) == 64 * (410 + 4 + 512), "1.81 bits");
static_assert(size<lb::policy<lb::int8, lb::prune<lb::whole_rows<50>>>>(5, 16) == 3 * 16 + 5 * 4 + 1,
              "codes of kept rows, a mask bit for a row");
static_assert(size<lb::policy<lb::int8, lb::prune<lb::whole_columns<50>>>>(5, 16) == 5 * 8 + 5 * 4 + 2,
              "codes of kept columns, a mask bit for a column");
static_assert(lb::quantized_constant<presets::q4_0, 2, 64>::stored_bytes == 72);

// ---- ggml's blocks ----

struct vector {
    byte_vector block;
    std::vector<std::uint32_t> values;
};

std::uint32_t from_hex(const std::string& text) { return static_cast<std::uint32_t>(std::stoul(text, nullptr, 16)); }

std::map<std::string, std::vector<vector>> read_vectors() {
    std::ifstream file(LOWBIT_TEST_DATA "/ggml_blocks.txt");
    std::map<std::string, std::vector<vector>> all;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::string type, block, values;
        std::size_t count = 0;
        words >> type >> count >> block >> values;
        vector v;
        for (std::size_t i = 0; i < block.size(); i += 2) v.block.push_back(static_cast<std::byte>(from_hex(block.substr(i, 2))));
        for (std::size_t i = 0; i < values.size(); i += 8) v.values.push_back(from_hex(values.substr(i, 8)));
        REQUIRE(v.values.size() == count);
        all[type].push_back(v);
    }
    return all;
}

/// The bits of the decoded values.
template <class Q>
std::vector<std::uint32_t> decoded_bits(const Q& q) {
    const lb::matrix<float> back = lb::dequantize(q);
    std::vector<std::uint32_t> bits;
    for (std::size_t i = 0; i < back.rows(); ++i)
        for (const float x : back.row(i)) bits.push_back(std::bit_cast<std::uint32_t>(x));
    return bits;
}

/// All numbers of a matrix, read and written again, into other bytes.
template <class P>
byte_vector copied(const byte_vector& from, std::size_t rows, std::size_t cols) {
    using F = lb::format_of<P>;
    using access = lb::detail::layout_access<F>;
    const lb::detail::reference_rows<> operations;
    const lb::detail::shape_of<F> shape{rows, cols};
    byte_vector to(access::bytes(shape));
    const auto in = access::split(from.data(), shape);
    const auto out = access::split(to.data(), shape);
    std::vector<std::uint8_t> levels(cols);
    for (std::size_t row = 0; row < rows; ++row) {
        access::load_levels(operations, in, shape, row, levels);
        access::store_levels(operations, out, shape, row, levels);
        for (std::size_t g = 0; g < shape.groups(); ++g) {
            access::store_scale(out, shape, row, g, access::load_scale(in, shape, row, g));
            if constexpr (F::offset::kind != lb::offset_kind::none)
                access::store_offset(out, shape, row, g, access::load_offset(in, shape, row, g));
            if constexpr (F::super_scale::groups > 1)
                access::store_super_scale(out, shape, row, g, access::load_super_scale(in, shape, row, g));
            if constexpr (F::super_minimum::groups > 1)
                access::store_super_minimum(out, shape, row, g, access::load_super_minimum(in, shape, row, g));
        }
    }
    return to;
}

/// Bytes that nobody wrote are copied whole: no bit is lost or read at another place than it is written to. Not for base 3, where
/// 13 of 256 bytes stand for digits of another.
template <class P>
void check_copied(const char* name) {
    CAPTURE(name);
    constexpr std::size_t cols = 512;
    lowbit_test::noise random(7);
    byte_vector bytes(size<P>(3, cols));
    for (std::byte& b : bytes) b = static_cast<std::byte>(random.index(256));
    CHECK((copied<P>(bytes, 3, cols) == bytes));
}

template <class P>
void check_vectors(const std::string& type) {
    CAPTURE(type);
    static const auto all = read_vectors();
    REQUIRE(all.count(type) == 1);
    const auto& vectors = all.at(type);
    REQUIRE(vectors.size() == 2);
    // one row of two blocks, and two rows of one, at an address that nothing is aligned to
    byte_vector both(1);
    std::vector<std::uint32_t> values;
    for (const vector& v : vectors) {
        CHECK(v.block.size() == size<P>(1, v.values.size()));
        both.insert(both.end(), v.block.begin(), v.block.end());
        values.insert(values.end(), v.values.begin(), v.values.end());
    }
    CHECK(decoded_bits(lb::quantized_view<P>{both.data() + 1, 1, values.size()}) == values);
    CHECK(decoded_bits(lb::quantized_view<P>{both.data() + 1, 2, values.size() / 2}) == values);
    byte_vector blocks{both.begin() + 1, both.end()};
    if constexpr (std::same_as<P, presets::tq1_0>) blocks = copied<P>(blocks, 2, values.size() / 2); // as an encoder writes them
    CHECK((copied<P>(blocks, 2, values.size() / 2) == blocks));
    CHECK(decoded_bits(lb::quantized_view<P>{blocks.data(), 1, values.size()}) == values);
    // from() takes the blocks as the plane of codes
    const auto view = lb::quantized_view<P>::from({.codes = std::span{both}.subspan(1)}, 2, values.size() / 2);
    REQUIRE(view.has_value());
    CHECK(decoded_bits(*view) == values);
}

byte_vector of(std::initializer_list<int> values) {
    byte_vector b;
    for (const int v : values) b.push_back(static_cast<std::byte>(v));
    return b;
}

} // namespace

TEST_CASE("ggml's blocks decode to ggml's bits") {
    check_vectors<presets::q1_0>("Q1_0");
    check_vectors<presets::q2_0>("Q2_0");
    check_vectors<presets::q4_0>("Q4_0");
    check_vectors<presets::q4_1>("Q4_1");
    check_vectors<presets::q5_0>("Q5_0");
    check_vectors<presets::q5_1>("Q5_1");
    check_vectors<presets::q8_0>("Q8_0");
    check_vectors<presets::q2_k>("Q2_K");
    check_vectors<presets::q3_k>("Q3_K");
    check_vectors<presets::q4_k>("Q4_K");
    check_vectors<presets::q5_k>("Q5_K");
    check_vectors<presets::q6_k>("Q6_K");
    check_vectors<presets::iq4_xs>("IQ4_XS");
    check_vectors<presets::iq4_nl>("IQ4_NL");
    check_vectors<presets::tq1_0>("TQ1_0");
    check_vectors<presets::tq2_0>("TQ2_0");
    check_vectors<presets::mxfp4>("MXFP4");
    check_vectors<presets::ggml_nvfp4>("NVFP4");
}

TEST_CASE("what is read from a block and written again is the same block") {
    check_copied<presets::q1_0>("q1_0");
    check_copied<presets::q4_1>("q4_1");
    check_copied<presets::q5_0>("q5_0");
    check_copied<presets::q5_1>("q5_1");
    check_copied<presets::q8_0>("q8_0");
    check_copied<presets::q2_k>("q2_k");
    check_copied<presets::q3_k>("q3_k");
    check_copied<presets::q4_k>("q4_k");
    check_copied<presets::q5_k>("q5_k");
    check_copied<presets::q6_k>("q6_k");
    check_copied<presets::iq4_xs>("iq4_xs");
    check_copied<presets::tq2_0>("tq2_0");
    check_copied<presets::ggml_nvfp4>("ggml_nvfp4");
    check_copied<presets::nf4>("nf4");
    check_copied<presets::ocp_mxfp6_e2m3>("ocp_mxfp6_e2m3");
}

TEST_CASE("Q4_0 and Q5_0 as ggml encodes them: the largest magnitude is the lowest code, whatever its sign") {
    lowbit_test::noise random(13);
    auto w = random.weights(2, 64);
    for (std::size_t k = 0; k < 64; ++k) w(1, k) = -w(0, k); // both signs are the largest once
    const auto many = random.weights(16, 512);
    const auto check = [&]<class P>(P) {
        const auto q = lb::quantize<P>(w);
        constexpr float lowest = P::element_type::lowest();
        for (std::size_t block = 0; block < 4; ++block) {
            const auto values = w.row(block / 2).subspan(block % 2 * 32, 32);
            const float most =
                *std::max_element(values.begin(), values.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
            const std::byte* at = q.bytes().data() + block * size<P>(1, 32);
            CHECK(lb::detail::load_le<2>(at) == lb::float16::encode(most / lowest));
            const auto back = lb::dequantize(lb::quantized_view<P>{at, 1, 32});
            const auto k = static_cast<std::size_t>(std::find(values.begin(), values.end(), most) - values.begin());
            CHECK(back(0, k) == float(lb::float16(most / lowest)) * lowest);
        }
        using plain = lb::policy<typename P::element_type, lb::per_group<32>>;
        CHECK(lb::error_of(lb::quantize<P>(many), many).mse < lb::error_of(lb::quantize<plain>(many), many).mse);
    };
    check(presets::q4_0{});
    check(presets::q5_0{});
    // with an offset, or where scales have no sign, it is absmax
    CHECK(std::ranges::equal(
        lb::quantize<lb::policy<lb::uint4, lb::per_group<32>, lb::asymmetric, lb::scale_rule<lb::signed_absmax>>>(w).bytes(),
        lb::quantize<lb::policy<lb::uint4, lb::per_group<32>, lb::asymmetric>>(w).bytes()));
    CHECK(std::ranges::equal(
        lb::quantize<lb::policy<lb::int4, lb::per_group<32>, lb::scale_as<lb::e8m0>, lb::scale_rule<lb::signed_absmax>>>(w)
            .bytes(),
        lb::quantize<lb::policy<lb::int4, lb::per_group<32>, lb::scale_as<lb::e8m0>>>(w).bytes()));
}

TEST_CASE("NF4 as bitsandbytes packs it: the first of two codes in the high nibble, a float for 64") {
    byte_vector b(2 * (50 + 8));
    b[0] = std::byte{0x0f};                                     // codes 0 and 15
    b[1] = std::byte{0x78};                                     // codes 7 and 8
    b[31] = std::byte{0x1e};                                    // 62 and 63 of the first group
    b[32] = std::byte{0x2d};                                    // 64 and 65, the second group
    b[50 + 49] = std::byte{0xf0};                               // the end of the second row
    const std::array<float, 4> scales{2.0f, 0.5f, 1.0f, -3.0f}; // row by row
    for (std::size_t i = 0; i < 4; ++i)
        lb::detail::store_scalar<float>(b.data() + 100 + 4 * i, std::bit_cast<std::uint32_t>(scales[i]));
    const auto back = lb::dequantize(lb::quantized_view<presets::nf4>{b.data(), 2, 100});
    CHECK(back(0, 0) == -2.0f);
    CHECK(back(0, 1) == 2.0f);
    CHECK(back(0, 2) == 0.0f);
    CHECK(back(0, 3) == 2 * 0.07958029955625534f);
    CHECK(back(0, 62) == 2 * -0.6961928009986877f);
    CHECK(back(0, 63) == 2 * 0.7229568362236023f);
    CHECK(back(0, 64) == 0.5f * -0.5250730514526367f);
    CHECK(back(0, 65) == 0.5f * 0.5626170039176941f);
    CHECK(back(1, 98) == -3.0f);
    CHECK(back(1, 99) == 3.0f);
}

TEST_CASE("NVFP4: E4M3 scales for 16 weights under one float, the first of two codes in the low nibble") {
    // 2 x 32: codes, scales row by row, the tensor scale
    byte_vector codes(2 * 16), scales = of({0x38, 0x40, 0x30, 0x7e}); // 1, 2, 0.5, 448
    codes[0] = std::byte{0x21};                                       // 0.5 and 1
    codes[7] = std::byte{0xf7};                                       // 6 and -6, the end of the first group
    codes[8] = std::byte{0x97};                                       // 6 and -0.5 under scale 2
    codes[16] = std::byte{0x05};                                      // 3 and 0
    codes[31] = std::byte{0x63};                                      // 1.5 and 4
    const auto view = lb::quantized_view<presets::nvfp4>::from({.codes = codes, .scales = scales, .tensor_scale = 0.25f}, 2, 32);
    REQUIRE(view.has_value());
    CHECK(view->size_bytes() == 32 + 4 + 4);
    const auto back = lb::dequantize(*view);
    CHECK(back(0, 0) == 0.125f);
    CHECK(back(0, 1) == 0.25f);
    CHECK(back(0, 14) == 1.5f);
    CHECK(back(0, 15) == -1.5f);
    CHECK(back(0, 16) == 3.0f);
    CHECK(back(0, 17) == -0.25f);
    CHECK(back(1, 0) == 0.375f);
    CHECK(back(1, 1) == 0.0f);
    CHECK(back(1, 30) == 168.0f);
    CHECK(back(1, 31) == 448.0f);

    // the same bytes in one piece: codes, scales, tensor scale
    byte_vector whole = codes;
    whole.insert(whole.end(), scales.begin(), scales.end());
    const byte_vector quarter = of({0x00, 0x00, 0x80, 0x3e});
    whole.insert(whole.end(), quarter.begin(), quarter.end());
    CHECK(decoded_bits(lb::quantized_view<presets::nvfp4>{whole.data(), 2, 32}) == decoded_bits(*view));
}

TEST_CASE("NVFP4 in its two conventions: a tensor scale that multiplies, or one that divides") {
    lowbit_test::noise random(11);
    const auto w = random.weights(4, 48);
    const auto by_multiplier = lb::quantize<presets::nvfp4>(w);
    const auto by_divisor = lb::quantize<presets::nvfp4_divisor>(w);
    float amax = 0.0f;
    for (std::size_t i = 0; i < 4; ++i)
        for (const float x : w.row(i)) amax = std::max(amax, std::fabs(x));
    CHECK(by_multiplier.view().tensor_scale() == amax / 2688.0f);
    CHECK(by_divisor.view().tensor_scale() == 2688.0f / amax);
    CHECK(lb::error_of(by_divisor, w).sqnr_db > 18);
    // scales of the divisor's kind are quotients, not products by the inverse
    const auto back = lb::dequantize(by_divisor);
    const std::byte* scales = by_divisor.view().planes().scales;
    for (std::size_t k = 0; k < 48; ++k) {
        const auto code = lb::unpack_code(by_divisor.bytes().data(), k, 4);
        const float scale = lb::float8_e4m3::decode(std::to_integer<std::uint8_t>(scales[k / 16]));
        REQUIRE(back(0, k) == scale / by_divisor.view().tensor_scale() * lb::float4_e2m1::decode(code));
    }
    // a view reads the same bytes either way, which is what mixing up the conventions costs
    lb::quantized_parts parts{
        .codes = by_divisor.bytes().first(4 * 24), .scales = {by_divisor.view().planes().scales, 4 * 3}, .tensor_scale = 0.25f};
    const auto quarter = lb::dequantize(*lb::quantized_view<presets::nvfp4>::from(parts, 4, 48));
    const auto fourfold = lb::dequantize(*lb::quantized_view<presets::nvfp4_divisor>::from(parts, 4, 48));
    for (std::size_t k = 0; k < 48; ++k) CHECK(fourfold(3, k) == 16 * quarter(3, k));

    for (const float x : {0.0f, 1e-45f, 3.4e38f}) { // no scale is infinite or 0
        lb::matrix<float> extreme(1, 16);
        extreme(0, 3) = x;
        const auto q = lb::quantize<presets::nvfp4_divisor>(extreme);
        CHECK(q.view().tensor_scale() > 0.0f);
        CHECK(q.view().tensor_scale() < std::numeric_limits<float>::infinity());
        if (x != 1e-45f) CHECK(std::fabs(lb::dequantize(q)(0, 3) - x) <= x * 1e-6f);
    }
}

TEST_CASE("FP4 as bitsandbytes packs it, over the flattened tensor") {
    // 3 x 33 weights are 2 blocks of 64, of which the second is short: the blocks and bytes go on across rows
    byte_vector codes(50);
    codes[0] = std::byte{0x3b};  // 1 and -1
    codes[16] = std::byte{0x14}; // weights 32 and 33: the end of row 0 and the start of row 1
    codes[32] = std::byte{0x25}; // 64 and 65, of the second block
    codes[49] = std::byte{0xf0}; // the last weight, and half a byte
    const std::array<float, 2> scales{2.0f, 3.0f};
    const auto view =
        lb::quantized_view<presets::fp4_bnb>::from({.codes = codes, .scales = std::as_bytes(std::span{scales})}, 1, 99);
    REQUIRE(view.has_value());
    const auto flat = lb::dequantize(*view);
    const lb::matrix_view<const float> back{flat.data(), 3, 33};
    CHECK(back(0, 0) == 2.0f);
    CHECK(back(0, 1) == -2.0f);
    CHECK(back(0, 32) == 2 * 0.00520833333f);
    CHECK(back(1, 0) == 2 * 0.33333333f);
    CHECK(back(1, 31) == 3 * 0.66666667f);
    CHECK(back(1, 32) == 3 * 0.5f);
    CHECK(back(2, 32) == 3 * -0.25f);
}

TEST_CASE("OCP MX: an E8M0 scale for 32 weights, elements in order from the low bits") {
    byte_vector b(25);
    b[0] = std::byte{0xc1}; // code 0 = 000001 (0.125), code 1 starts with 11
    b[1] = std::byte{0x07}; // and goes on with 0111: 011111 (7.5); code 2 = 0000..
    b[24] = std::byte{128}; // 2
    const auto six = lb::dequantize(lb::quantized_view<presets::ocp_mxfp6_e2m3>{b.data(), 1, 32});
    CHECK(six(0, 0) == 0.25f);
    CHECK(six(0, 1) == 15.0f);
    CHECK(six(0, 2) == 0.0f);

    byte_vector e(33);
    e[3] = std::byte{0x80}; // -128 / 64
    e[4] = std::byte{64};
    e[32] = std::byte{127}; // 1
    const auto eight = lb::dequantize(lb::quantized_view<presets::ocp_mxint8>{e.data(), 1, 32});
    CHECK(eight(0, 3) == -2.0f);
    CHECK(eight(0, 4) == 1.0f);
    e[3] = std::byte{0x7e}; // 448
    e[32] = std::byte{121}; // 2^-6
    CHECK(lb::dequantize(lb::quantized_view<presets::ocp_mxfp8_e4m3>{e.data(), 1, 32})(0, 3) == 7.0f);
}

TEST_CASE("OCP MX: the scale byte is floor(log2(amax)) - emax + 127, down to the smallest floats") {
    lb::matrix<float> w(1, 32);
    const auto scale_byte = [&]<class P>(P) { return std::to_integer<int>(lb::quantize<P>(w).bytes().back()); };
    const float below_2 = std::nextafter(2.0f, 0.0f);
    for (const float amax : {1.0f, below_2, 2.0f, 0.3f, 0x1.8p126f, 0x1p-118f * below_2, 0x1p-120f, 0x1p-126f,
                             0x1p-126f * below_2, 0x1.fffffcp-127f, 0x1p-130f, 1e-45f}) {
        w(0, 5) = -amax;
        CAPTURE(amax);
        const auto wanted = [&](int emax) { return std::max(0, std::ilogb(amax) - emax + 127); };
        CHECK(scale_byte(presets::ocp_mxint8{}) == wanted(0));
        CHECK(scale_byte(presets::ocp_mxfp8_e4m3{}) == wanted(8));
        CHECK(scale_byte(presets::ocp_mxfp4{}) == wanted(2));
    }
    w(0, 5) = 1.0f;
    CHECK(lb::quantize<presets::ocp_mxint8>(w).bytes()[5] == std::byte{64});
}

TEST_CASE("GPTQ: words of 8 codes along k for each n, zero points in words along n, scales by group, sorted columns") {
    // W is 9 x 16 in groups of 8: 2 word rows of 9 words, 2 groups, zero points of 9 columns take 2 words a group
    using format = presets::gptq4<8>;
    constexpr std::size_t n = 9, k = 16;
    std::vector<std::uint32_t> qweight(2 * n), qzeros(2 * 2);
    std::vector<std::uint16_t> scales(2 * n);
    std::vector<std::uint32_t> order(k);
    const auto code = [](std::size_t row, std::size_t column) {
        return static_cast<std::uint32_t>((row * 5 + column * 3 + row * column) % 16);
    };
    const auto zero = [](std::size_t row, std::size_t group) { return static_cast<std::uint32_t>((row + 7 * group + 1) % 16); };
    const auto scale = [](std::size_t row, std::size_t group) {
        return 0.5f + 0.25f * static_cast<float>(row) + 4.0f * static_cast<float>(group);
    };
    for (std::size_t row = 0; row < n; ++row) {
        for (std::size_t stored = 0; stored < k; ++stored)
            qweight[stored / 8 * n + row] |= code(row, stored) << (4 * (stored % 8));
        for (std::size_t group = 0; group < 2; ++group) {
            qzeros[group * 2 + row / 8] |= zero(row, group) << (4 * (row % 8));
            scales[group * n + row] = lb::float16::encode(scale(row, group));
        }
    }
    for (std::size_t stored = 0; stored < k; ++stored)
        order[stored] = static_cast<std::uint32_t>((stored * 5 + 3) % k); // act-order
    const auto view = lb::quantized_view<format>::from({.codes = std::as_bytes(std::span{qweight}),
                                                        .scales = std::as_bytes(std::span{scales}),
                                                        .offsets = std::as_bytes(std::span{qzeros}),
                                                        .order = std::as_bytes(std::span{order})},
                                                       n, k);
    REQUIRE(view.has_value());
    const auto back = lb::dequantize(*view);
    for (std::size_t row = 0; row < n; ++row) {
        for (std::size_t stored = 0; stored < k; ++stored) {
            const std::size_t group = stored / 8;
            const float value =
                scale(row, group) * static_cast<float>(static_cast<int>(code(row, stored)) - static_cast<int>(zero(row, group)));
            CAPTURE(row);
            CAPTURE(stored);
            CHECK(back(row, order[stored]) == value);
        }
    }
}

TEST_CASE("every code order and layout holds every code in every place, tails included") {
    const auto round_trip = []<class P>(P, std::size_t cols) {
        using access = lb::detail::layout_access<lb::format_of<P>>;
        constexpr std::size_t values = std::same_as<typename P::element_type, lb::ternary> ? 3 : std::size_t{1} << P::bits;
        const lb::detail::reference_rows<> rows;
        const lb::detail::shape_of<lb::format_of<P>> shape{2, cols};
        const std::size_t total = access::bytes(shape);
        byte_vector b(total + 1, std::byte{0});
        b[total] = std::byte{0xa5}; // a sentinel behind the last plane
        const auto to = access::split(b.data(), shape);
        std::vector<std::uint8_t> codes(cols), back(cols);
        for (std::size_t row = 2; row-- > 0;) {
            for (std::size_t i = 0; i < cols; ++i) codes[i] = static_cast<std::uint8_t>((i * 7 + row) % values);
            access::store_levels(rows, to, shape, row, codes);
        }
        CAPTURE(cols);
        CHECK(b[total] == std::byte{0xa5});
        for (std::size_t row = 0; row < 2; ++row) {
            access::load_levels(rows, to, shape, row, back);
            for (std::size_t i = 0; i < cols; ++i) REQUIRE(int{back[i]} == static_cast<int>((i * 7 + row) % values));
        }
    };
    for (std::size_t cols = 0; cols < 70; ++cols) {
        round_trip(lb::policy<lb::ternary, lb::base3>{}, cols);
        round_trip(lb::policy<lb::ternary, lb::split_base3<24, 4, 1>>{}, cols);
        round_trip(lb::policy<lb::int3>{}, cols);
        round_trip(lb::policy<lb::int3, lb::bit_planes<2, lb::split_half<8>, lb::sequential>>{}, cols);
        round_trip(lb::policy<lb::int3, lb::bit_planes<1, lb::split_half<3>, lb::high_first>>{}, cols);
        round_trip(lb::policy<lb::int8, lb::bit_planes<6, lb::sequential, lb::split_half<16>>>{}, cols);
        round_trip(lb::policy<lb::int4, lb::split_half<16>>{}, cols);
        round_trip(lb::policy<lb::int2, lb::split_half<4>>{}, cols);
        round_trip(lb::policy<lb::int2, lb::high_first>{}, cols);
        round_trip(lb::policy<lb::int2, lb::planar_transposed>{}, cols);
        round_trip(lb::policy<lb::int6, lb::per_group<8>, lb::interleaved<2, lb::field::scales, lb::field::codes>>{}, cols);
    }
}
