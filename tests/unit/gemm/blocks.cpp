// SPDX-License-Identifier: MIT
// Block-sparse weights: what every product has to keep, the bits of the dense product, the bytes, and what is packed densely.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "make_product.hpp"
#include "support/levels.hpp"
#include "support/noise.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

template <class Mask, class... Tags>
using pruned = lb::policy<lb::int8, lb::per_channel, lb::prune<Mask>, Tags...>;
template <std::size_t Rows, std::size_t Cols, std::size_t Percent>
using blocks = pruned<lb::block_sparse<Rows, Cols, Percent>>;

// units of 1, 2 and 4 rows; atoms of 16, 8 and 4; rows of blocks of several units; codes of fewer bits
using row16 = blocks<1, 16, 75>;
using quad32 = blocks<4, 32, 50>;
using pair8 = blocks<2, 8, 60>;
using eight4 = lb::policy<lb::int5, lb::per_tensor, lb::scale_as<lb::float16>, lb::prune<lb::block_sparse<8, 4, 70>>>;

static_assert(lb::packed_matrix<row16>::blocks && lb::packed_matrix<quad32>::blocks && lb::packed_matrix<pair8>::blocks &&
              lb::packed_matrix<eight4>::blocks);

lb::matrix<float> run(const lb::matrix<float>& x, const auto& packed) {
    lb::matrix<float> y(x.rows(), packed.rows());
    lb::gemm(x, packed, y);
    return y;
}

/// The product of q has the bits of the product of the same codes under a mask that is packed in another way.
template <class P>
void check_same_codes(const lb::quantized_matrix<P>& q, const lb::matrix<float>& w, std::size_t m) {
    CAPTURE(w.rows());
    CAPTURE(w.cols());
    CAPTURE(m);
    const auto back = lb::dequantize(q);
    lb::matrix<std::uint8_t> kept(w.rows(), w.cols());
    for (std::size_t i = 0; i < w.rows() * w.cols(); ++i) kept.data()[i] = back.data()[i] != 0.0f;
    const auto same = lb::quantize<pruned<lb::unstructured<0>>>(w, lb::with(kept));
    REQUIRE(same_bits(lb::dequantize(same), back));
    const auto packed = lb::pack(q);
    const auto other = lb::pack(same);
    const auto x = noise(m + w.cols()).weights(m, w.cols());
    each_level([&](lb::isa::level level) {
        const bool same_roundings =
            is_fused(level) || w.cols() <= lb::kernel::longest_group; // several sums of K are added as floats
        if (same_roundings) CHECK(same_bits(run(x, packed), run(x, other)));
    });
}
template <class P>
void check_same_codes(std::size_t n, std::size_t k, std::size_t m) {
    const auto w = noise(n * k).weights(n, k);
    check_same_codes(lb::quantize<P>(w), w, m);
}

} // namespace

TEST_CASE("blocks of 1 x 16") { check_values(make_product<row16>); }
TEST_CASE("blocks of 4 x 32") { check_values(make_product<quad32>); }
TEST_CASE("blocks of 2 x 8") { check_values(make_product<pair8>); }
TEST_CASE("blocks of 8 x 4, 5 bits, one scale") { check_values(make_product<eight4>); }
TEST_CASE("contract: blocks of 1 x 16") { check_contract(make_product<row16>); }
TEST_CASE("contract: blocks of 4 x 32") { check_contract(make_product<quad32>); }
TEST_CASE("contract: blocks of 8 x 4, 5 bits, one scale") { check_contract(make_product<eight4>); }
TEST_CASE("guard pages: blocks of 1 x 16") { check_guarded(make_product<row16>); }
TEST_CASE("guard pages: blocks of 4 x 32") { check_guarded(make_product<quad32>); }
TEST_CASE("guard pages: blocks of 2 x 8") { check_guarded(make_product<pair8>); }

TEST_CASE("blocks multiply as the same codes do in another packing, to the bit") {
    for (const std::size_t m : {1u, 7u, 40u, 64u}) {
        check_same_codes<row16>(66, 1000, m);
        check_same_codes<quad32>(66, 1000, m);
    }
    check_same_codes<row16>(5, 4500, 3); // two spans of indices
    check_same_codes<pair8>(5, 4500, 20);
    check_same_codes<row16>(2, 140000, 2); // three sums of K
    check_same_codes<pair8>(2, 140000, 2);
}

TEST_CASE("a given mask may keep fewer blocks, none, or parts of some") {
    const std::size_t n = 9, k = 5000;
    const auto w = noise(3).weights(n, k);
    lb::matrix<std::uint8_t> mask(n, k);
    noise random(4);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t block = 0; block < k / 16; block += i == 0 ? 1000000 : 4 + i) { // row 0 has one block, some end early
            for (std::size_t j = 0; j < 16 && block * 16 < k * i; ++j) mask(i, block * 16 + j) = random.index(3) != 0;
        }
    }
    for (std::size_t m : {3u, 20u}) check_same_codes(lb::quantize<row16>(w, lb::with(mask)), w, m);
    std::fill_n(mask.data(), n * k, std::uint8_t{0});
    const auto none = lb::pack(lb::quantize<row16>(w, lb::with(mask)));
    const auto y = run(noise(5).weights(2, k), none);
    CHECK(std::all_of(y.data(), y.data() + 2 * n, [](float v) { return v == 0.0f; }));
}

TEST_CASE("blocks take their kept codes, a byte for each 16 of them, and 8 bytes a row") {
    const auto size = []<class P>(P, std::size_t n, std::size_t k) {
        return lb::pack(lb::quantize<P>(noise(1).weights(n, k))).size_bytes();
    };
    CHECK(size(row16{}, 64, 4096) == 64 * (1024 + 64 + 8));
    CHECK(size(quad32{}, 64, 4096) == 64 * 2048 + 16 * 128 + 64 * 8);
    CHECK(size(pair8{}, 7, 100) == 4 * (2 * 6 * 8 + 6) + 7 * 8);   // of 13 blocks 6 stay
    CHECK(size(row16{}, 3, 8192) == 3 * (2048 + 128 + 2 * 4 + 8)); // and the ends of two spans
    CHECK(size(blocks<1, 16, 100>{}, 10, 64) == 10 * 8);
    CHECK(size(row16{}, 3, 0) == 0);
    CHECK(lb::packed_matrix<row16>::layout_tag() == "blocks_n64/2");
    CHECK(lb::kernel_name(lb::packed_matrix<quad32>()).starts_with("gemm_f32_qd8_w8s4x32_"));
    const lb::isa::scoped_level force{lb::isa::level::baseline};
    CHECK(lb::kernel_name(lb::packed_matrix<quad32>()) == "gemm_f32_qd8_w8s4x32_8x4_scalar");
}

TEST_CASE("nothing kept, everything kept") {
    const auto w = noise(6).weights(5, 100);
    const auto x = noise(7).weights(3, 100);
    const auto none = run(x, lb::pack(lb::quantize<blocks<1, 16, 100>>(w)));
    CHECK(std::all_of(none.data(), none.data() + 15, [](float v) { return v == 0.0f; }));
    CHECK(same_bits(run(x, lb::pack(lb::quantize<blocks<1, 16, 0>>(w))), run(x, lb::pack(lb::quantize<lb::presets::w8>(w)))));
}

TEST_CASE("activations of 16 bits meet blocks as floats, as they meet dense weights") {
    const auto w = noise(8).weights(70, 300);
    const auto wide = noise(9).weights(70, 300);
    lb::matrix<lb::bfloat16> x(70, 300);
    for (std::size_t i = 0; i < 70 * 300; ++i) x.data()[i] = lb::bfloat16(wide.data()[i]);
    const auto q = lb::quantize<quad32>(w);
    const auto packed = lb::pack(q);
    const auto dense = lb::pack<lb::activations<float>>(q);
    static_assert(!decltype(dense)::blocks);
    each_level([&](lb::isa::level level) {
        if (!is_fused(level)) return; // other bits
        for (const std::size_t m : {1u, 9u, 70u}) {
            lb::matrix<float> y(m, 70), expected(m, 70);
            const lb::matrix_view<const lb::bfloat16> some{x.data(), m, 300};
            lb::gemm(some, packed, y);
            lb::gemm(some, dense, expected);
            CHECK(same_bits(y, expected));
        }
    });
}

TEST_CASE("epilogues and int8 results come after blocks, too") {
    const auto w = noise(10).weights(66, 128);
    const auto x = noise(11).weights(10, 128);
    const auto packed = lb::pack(lb::quantize<quad32>(w));
    const auto plain = run(x, packed);
    const std::vector<float> bias(66, 0.25f);
    lb::matrix<float> y(10, 66);
    lb::gemm(x, packed, y, lb::epilogue(lb::add_bias(bias), lb::relu));
    lb::matrix<std::int8_t> narrow(10, 66);
    lb::gemm(x, packed, narrow, lb::epilogue(lb::requantize(0.5f)));
    for (std::size_t i = 0; i < 10 * 66; ++i) {
        CHECK(y.data()[i] == std::max(0.0f, plain.data()[i] + 0.25f));
        CHECK(narrow.data()[i] == static_cast<std::int8_t>(std::clamp(std::nearbyint(plain.data()[i] / 0.5f), -128.0f, 127.0f)));
    }
}

TEST_CASE("what no kernel of blocks reads is packed densely") {
    CHECK_FALSE(lb::packed_matrix<blocks<3, 16, 75>>::blocks); // do not tile a panel
    CHECK_FALSE(lb::packed_matrix<blocks<1, 6, 75>>::blocks);  // no whole quads of k
    CHECK_FALSE(lb::packed_matrix<pruned<lb::whole_rows<75>>>::blocks);
    CHECK_FALSE(lb::packed_matrix<pruned<lb::whole_columns<75>>>::blocks);
    CHECK_FALSE(lb::packed_matrix<blocks<1, 16, 0>>::blocks); // would be larger
    CHECK_FALSE(lb::packed_matrix<lb::policy<lb::int4, lb::per_group<32>, lb::prune<lb::block_sparse<1, 16, 75>>>>::blocks);
    CHECK_FALSE(lb::packed_matrix<lb::policy<lb::int8, lb::asymmetric, lb::prune<lb::block_sparse<1, 16, 75>>>>::blocks);
    CHECK_FALSE(lb::packed_matrix<lb::policy<lb::nf4_codebook, lb::per_channel, lb::prune<lb::block_sparse<1, 16, 75>>>>::blocks);
}
