// SPDX-License-Identifier: MIT
// Images of quantized matrices, their way back, and the kernels that read them, run on the host: against the CPU's decoder.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"
#include "support/raised.hpp"
#include "support/seed.hpp"

#include <lowbit/cuda/dequantize.hpp>
#include <lowbit/cuda/pack.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

namespace lb = lowbit;
namespace cuda = lowbit::cuda;

namespace {

lb::matrix<float> noise(std::size_t rows, std::size_t cols) {
    std::mt19937_64 random(lowbit_test::seed());
    std::normal_distribution<float> normal;
    lb::matrix<float> w(rows, cols);
    for (std::size_t i = 0; i < rows * cols; ++i) w.data()[i] = normal(random);
    return w;
}

/// What the dequantize kernel makes of q, against the CPU's floats rounded once. `extra`: columns between the rows of the result.
template <class T, class P>
bool dequantizes(const lb::quantized_matrix<P>& q, std::size_t extra) {
    using kind = cuda::kind_of<P>;
    const auto bytes = cuda::pack_image(q);
    const cuda::weights w = cuda::weight_image<kind>{q.rows(), q.cols()}.over(bytes.data());
    const std::size_t stride = q.cols() + extra;
    std::vector<cuda::words4> memory(q.rows() * stride / 8 + 1);
    auto* out = reinterpret_cast<std::uint16_t*>(memory.data());
    std::fill_n(out, q.rows() * stride, std::uint16_t{0x7e77});
    using block = cuda::dequantize_block<kind>;
    lowbit_test::emulate(2, 1, block::threads, block::shared_bytes, [&](auto lane, std::byte* shared) {
        cuda::dequantize_body<kind, T>(lane, w, out, stride, stride % 8 == 0, shared);
    });
    const lb::matrix<float> right = lb::dequantize(q);
    for (std::size_t i = 0; i < q.rows(); ++i) {
        for (std::size_t j = 0; j < stride; ++j) {
            const std::uint16_t expected = j < q.cols() ? T(right(i, j)).code() : std::uint16_t{0x7e77};
            if (out[i * stride + j] != expected) {
                MESSAGE("row ", i, ", column ", j, ": ", T::decode(out[i * stride + j]), " for ", right(i, j));
                return false;
            }
        }
    }
    return true;
}

template <class P>
bool comes_back(std::size_t rows, std::size_t cols) {
    const auto q = lb::quantize<P>(noise(rows, cols));
    const auto bytes = cuda::pack_image(q);
    const auto back = cuda::unpack_image<P>(bytes.span(), rows, cols);
    return std::ranges::equal(q.bytes(), back.bytes());
}

template <class... Tags>
using w = lb::policy<Tags...>;
using w8 = w<lb::int8, lb::per_channel>;
using w4g32 = lb::presets::w4g32;
using w4zg64 = lb::presets::w4zg64;
using w2g16 = w<lb::int2, lb::per_group<16>>;
using w3g20 = w<lb::int3, lb::per_group<20>>; // no multiple of a k-step
using w8z = w<lb::uint8, lb::per_group<32>, lb::asymmetric>;
using b158 = lb::presets::w158;
using s24 = w<lb::int4, lb::per_group<64>, lb::prune<lb::n_of_m<2, 4>>>;

} // namespace

TEST_CASE("an image unpacks to the bytes it was packed from") {
    CHECK(comes_back<w8>(70, 100));
    CHECK(comes_back<w4g32>(64, 256));
    CHECK(comes_back<w4zg64>(33, 190));
    CHECK(comes_back<w2g16>(65, 300));
    CHECK(comes_back<w3g20>(20, 90));
    CHECK(comes_back<b158>(130, 64));
    CHECK(comes_back<lb::presets::nf4>(17, 128));
    CHECK(comes_back<lb::presets::fp8>(17, 65));
    CHECK(comes_back<lb::presets::ocp_mxfp4>(64, 96));
    CHECK(comes_back<lb::presets::q4_0>(64, 96));
    CHECK(comes_back<s24>(70, 131)); // with which columns are kept
    CHECK(comes_back<s24>(64, 512));
}

TEST_CASE("the dequantize kernel, run on the host, equals the CPU's decoder, rounded once") {
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<w8>(noise(70, 100)), 0));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<w4g32>(noise(80, 200)), 0));
    CHECK(dequantizes<lb::float16>(lb::quantize<w4zg64>(noise(33, 190)), 3));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<w3g20>(noise(20, 90)), 6));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<w8z>(noise(20, 96)), 8));
    CHECK(dequantizes<lb::float16>(lb::quantize<b158>(noise(65, 130)), 0));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<lb::presets::nf4>(noise(17, 128)), 0));
    CHECK(dequantizes<lb::float16>(lb::quantize<lb::presets::fp8>(noise(17, 65)), 7));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<lb::presets::nvfp4>(noise(16, 64)), 0));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<s24>(noise(30, 128)), 0)); // pruned weights come out as zeros
    CHECK(dequantizes<lb::float16>(lb::quantize<s24>(noise(70, 333)), 3));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<lb::presets::q4_1>(noise(20, 96)), 0));
    CHECK(dequantizes<lb::bfloat16>(lb::quantize<lb::presets::q4_k>(noise(17, 256)), 0));
}

TEST_CASE("the relayout kernel, run on the host, goes to the other order and back") {
    std::mt19937_64 random(lowbit_test::seed());
    const auto both = [&]<int Bits>(std::integral_constant<int, Bits>) {
        using narrow = cuda::layout<Bits, 8>;
        using wide = cuda::layout<Bits, 16>;
        const std::size_t n = 128, k = 2 * wide::cols, tiles = 4;
        std::vector<cuda::words4> in(tiles * 128), middle(tiles * 128), out(tiles * 128);
        for (auto& four : in)
            for (auto& word : four.at) word = static_cast<std::uint32_t>(random());
        lowbit_test::emulate(3, 1, 128, 16, [&](auto lane, std::byte*) {
            cuda::relayout_body<Bits, 16, 8>(lane, in.data()->at, middle.data(), tiles);
        });
        lowbit_test::emulate(1, 1, 128, 16, [&](auto lane, std::byte*) {
            cuda::relayout_body<Bits, 8, 16>(lane, middle.data()->at, out.data(), tiles);
        });
        const auto word = [](const std::vector<cuda::words4>& from, std::size_t i) { return from[i / 4].at[i % 4]; };
        bool same = true;
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < k; ++j) {
                const auto a = wide::slot_of(i, j, 2);
                const auto b = narrow::slot_of(i, j, 2);
                same = same && ((word(in, a.word) >> a.shift ^ word(middle, b.word) >> b.shift) & wide::field_mask) == 0;
            }
        }
        for (std::size_t i = 0; i < in.size() * 4; ++i) same = same && word(in, i) == word(out, i);
        CHECK(same);
    };
    both(std::integral_constant<int, 2>{});
    both(std::integral_constant<int, 4>{});
    both(std::integral_constant<int, 8>{});
}

TEST_CASE("what a GPU cannot multiply is refused") {
    auto q = lb::quantize<lb::presets::fp8>(noise(3, 40));
    q.bytes()[45] = std::byte{0x7f}; // NaN
    const auto bad_code = lowbit_test::raised([&] { static_cast<void>(cuda::pack_image(q)); });
    REQUIRE(bad_code);
    CHECK(bad_code->code == lb::errc::non_finite);
    CHECK(bad_code->says("row 1, column 5"));

    auto z = lb::quantize<w4zg64>(noise(1, 64));
    z.bytes()[z.size_bytes() - 1] = std::byte{200};
    const auto bad_zero = lowbit_test::raised([&] { static_cast<void>(cuda::pack_image(z)); });
    REQUIRE(bad_zero);
    CHECK(bad_zero->code == lb::errc::unsupported);
    CHECK(bad_zero->says("200"));
}
