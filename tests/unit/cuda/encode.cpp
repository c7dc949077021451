// SPDX-License-Identifier: MIT
// The encoders, their very source run on the host with emulated warps: every byte against the image of what the CPU's encoder
// makes, and rows of activations against its row operations.
#include <doctest/doctest.h>

#include "emulated_gpu.hpp"
#include "support/seed.hpp"

#include <lowbit/cuda/encode.hpp>
#include <lowbit/cuda/pack.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

namespace lb = lowbit;
namespace cuda = lowbit::cuda;

namespace {

/// A matrix of T as a GPU has it, with NaN between the rows; and its numbers as floats.
template <class T>
struct source {
    std::vector<cuda::words4> memory;
    lb::matrix<float> numbers;
    std::size_t stride;

    source(lb::matrix<float> values, std::size_t extra) : numbers(std::move(values)), stride(numbers.cols() + extra) {
        memory.resize(numbers.rows() * stride * sizeof(T) / 16 + 1);
        std::memset(memory.data(), 0xff, memory.size() * 16);
        for (std::size_t i = 0; i < numbers.rows(); ++i) {
            for (std::size_t j = 0; j < numbers.cols(); ++j) {
                const T one(numbers(i, j));
                std::memcpy(reinterpret_cast<std::byte*>(memory.data()) + (i * stride + j) * sizeof(T), &one, sizeof(T));
                numbers(i, j) = static_cast<float>(one);
            }
        }
    }
    [[nodiscard]] cuda::dense_rows rows() const {
        return {memory.data(), stride, stride * sizeof(T) % 16 == 0, numbers.rows(), numbers.cols()};
    }
};

/// The image that the kernel makes of `x`, in memory that was garbage.
template <class P, int Compute = 16, class T>
std::vector<std::byte> encoded(const source<T>& x) {
    using encoder = cuda::weight_encoder<P, T, Compute>;
    const cuda::weight_image<cuda::kind_of<P>> image{x.numbers.rows(), x.numbers.cols()};
    std::vector<cuda::words4> memory(image.bytes() / 16 + 1);
    std::memset(memory.data(), 0xee, memory.size() * 16);
    auto* bytes = reinterpret_cast<std::byte*>(memory.data());
    const cuda::encoded_weights to = encoder::into(bytes, image.n, image.k);
    lowbit_test::emulate(2, 1, encoder::threads, encoder::shared_bytes,
                         [&](auto lane, std::byte* shared) { encoder::body(lane, x.rows(), to, shared); });
    return {bytes, bytes + image.bytes()};
}

enum class numbers { normal, hostile };

/// Normal numbers; or rows and groups of zeros, of denormal and of large numbers, ties, and zeros of either sign.
lb::matrix<float> made(std::size_t n, std::size_t k, numbers kind, float largest) {
    std::mt19937_64 random(lowbit_test::seed());
    std::normal_distribution<float> normal;
    lb::matrix<float> w(n, k);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < k; ++j) {
            float x = normal(random);
            if (kind == numbers::hostile) {
                switch ((i * 5 + (i % 4 == 3 ? 0 : j / (i % 2 == 0 ? 16 : 128))) % 9) { // some whole groups, some whole rows
                case 0: x = random() % 2 != 0 ? 0.0f : -0.0f; break;
                case 1: x *= 0x1p-140f; break;
                case 2: x = std::ldexp(x, -16 - static_cast<int>(random() % 14)); break; // around where float16 scales end
                case 3: x = std::clamp(x * largest, -largest, largest); break;
                case 4: x = static_cast<float>(static_cast<int>(random() % 511) - 255) * 0.5f; break; // halves
                case 5: x = -std::abs(x); break;
                case 6: x *= 0x1p-70f; break;
                default: break;
                }
            }
            w(i, j) = x;
        }
    }
    return w;
}

template <class P, class T, int Compute = 16>
bool same(std::size_t n, std::size_t k, std::size_t extra = 0, numbers kind = numbers::normal, float largest = 1e4f) {
    const source<T> x(made(n, k, kind, largest), extra);
    const auto right = cuda::pack_image<lb::isa::here, Compute>(lb::quantize<P>(x.numbers));
    const auto ours = encoded<P, Compute>(x);
    const cuda::weight_image<cuda::kind_of<P>> image{n, k};
    for (std::size_t i = 0; i < ours.size(); ++i) {
        if (ours[i] != right.data()[i]) {
            MESSAGE("byte ", i, " of ", ours.size(), ", scales at ", image.scales_at(), ", zero points at ", image.zeros_at(),
                    ": ", std::to_integer<int>(ours[i]), " for ", std::to_integer<int>(right.data()[i]));
            return false;
        }
    }
    return ours.size() == right.size();
}

/// What the kernel makes of rows of activations, against right(row, codes): fills in the codes and returns the scale.
template <class E, class T, class Right>
bool same_rows(const source<T>& x, Right right) {
    using encoder = cuda::row_encoder<E, T>;
    const std::size_t m = x.numbers.rows(), k = x.numbers.cols(), stride = cuda::byte_rows::stride_of(k);
    std::vector<std::uint32_t> memory(m * stride / 4 + 1, 0xeeee'eeee);
    auto* codes = reinterpret_cast<std::uint8_t*>(memory.data());
    std::vector<float> scales(m, -1.0f);
    lowbit_test::emulate(2, 1, encoder::threads, encoder::shared_bytes,
                         [&](auto lane, std::byte* shared) { encoder::body(lane, x.rows(), codes, scales.data(), shared); });
    std::vector<std::uint8_t> expected(stride);
    for (std::size_t r = 0; r < m; ++r) {
        std::fill(expected.begin(), expected.end(), std::uint8_t{0});
        const float scale = right(r, expected.data());
        if (std::memcmp(&scale, &scales[r], 4) != 0 && !(std::isnan(scale) && std::isnan(scales[r]))) {
            MESSAGE("row ", r, ": scale ", scales[r], " for ", scale);
            return false;
        }
        for (std::size_t j = 0; j < stride; ++j) {
            if (codes[r * stride + j] != expected[j]) {
                MESSAGE("row ", r, ", column ", j, " (", j < k ? x.numbers(r, j) : 0.0f, "): ", int{codes[r * stride + j]},
                        " for ", int{expected[j]});
                return false;
            }
        }
    }
    return true;
}
template <class T>
bool same_int8_rows(const source<T>& x) {
    const std::size_t k = x.numbers.cols();
    return same_rows<lb::int8>(x, [&](std::size_t r, std::uint8_t* codes) {
        return lb::kernel::rows(lb::isa::active())
            .f32.quantize(&x.numbers(r, 0), k, {k, 1}, reinterpret_cast<std::int8_t*>(codes), nullptr);
    });
}
template <class T>
bool same_fp8_rows(const source<T>& x) {
    return same_rows<lb::float8_e4m3>(x, [&](std::size_t r, std::uint8_t* codes) {
        const lb::matrix_view<const float> row(&x.numbers(r, 0), 1, x.numbers.cols());
        const auto q = lb::try_quantize<lb::presets::fp8>(row);
        if (!q) return std::numeric_limits<float>::quiet_NaN();
        std::memcpy(codes, q->bytes().data(), row.cols());
        float scale;
        std::memcpy(&scale, q->bytes().data() + q->bytes().size() - 4, 4);
        return scale;
    });
}

template <class... Tags>
using w = lb::policy<Tags...>;
using w8 = w<lb::int8, lb::per_channel>;
using lb::presets::ocp_mxfp4, lb::presets::q4_0, lb::presets::w4g128, lb::presets::w4g32, lb::presets::w4zg64;
using w8g64b = w<lb::int8, lb::per_group<64>, lb::scale_as<lb::bfloat16>>;
using w2g32 = w<lb::int2, lb::per_group<32>>;
using w8z = w<lb::uint8, lb::per_channel, lb::asymmetric>;
using e4m3 = lb::presets::fp8;
using e5m2g128 = w<lb::float8_e5m2, lb::per_group<128>, lb::scale_as<lb::bfloat16>>;

} // namespace

TEST_CASE("weights: codes, scales and zero points are the CPU's bytes") {
    CHECK(same<w8, float>(70, 100));
    CHECK(same<w8, float>(17, 1700, 4)); // more than the registers of a block hold
    CHECK(same<w8, float>(1, 1));
    CHECK(same<w8, float>(3, 0));
    CHECK(same<w4g32, lb::bfloat16>(3, 0));
    CHECK(same<w4g32, lb::bfloat16>(64, 256));
    CHECK(same<w4g32, lb::bfloat16>(130, 200, 3));
    CHECK(same<w4g128, float>(33, 300, 1));
    CHECK(same<w8g64b, float>(20, 97));
    CHECK(same<w2g32, lb::bfloat16>(65, 130));
    CHECK(same<w4zg64, lb::bfloat16>(40, 129));
    CHECK(same<w8z, float>(18, 136));
    CHECK(same<e4m3, lb::bfloat16>(34, 200));
    CHECK(same<e5m2g128, lb::float16>(34, 200));
    CHECK(same<ocp_mxfp4, lb::bfloat16>(17, 64));
    CHECK(same<q4_0, lb::bfloat16>(17, 64));
}

TEST_CASE("weights: so they are in the order for products in 8 bits") {
    CHECK(same<w8, float, 8>(70, 100));
    CHECK(same<w4g32, lb::bfloat16, 8>(33, 200));
    CHECK(same<w2g32, lb::bfloat16, 8>(65, 130));
    CHECK(same<w8g64b, float, 8>(20, 97));
}

TEST_CASE("weights: so they are of zeros, denormal and large numbers, and ties") {
    using kind = numbers;
    CHECK(same<w8, float>(40, 300, 0, kind::hostile, 3e38f));
    CHECK(same<w4g32, lb::bfloat16>(64, 256, 0, kind::hostile));
    CHECK(same<w4g128, float>(40, 700, 0, kind::hostile, 4e5f)); // float16 scales up to their largest
    CHECK(same<w8g64b, float>(40, 500, 0, kind::hostile, 1e38f));
    CHECK(same<w2g32, lb::bfloat16>(40, 500, 0, kind::hostile));
    CHECK(same<w4zg64, lb::bfloat16>(40, 500, 0, kind::hostile));
    CHECK(same<w8z, float>(40, 500, 0, kind::hostile, 1e38f));
    CHECK(same<e4m3, lb::bfloat16>(40, 500, 0, kind::hostile, 3e38f));
    CHECK(same<e5m2g128, lb::float16>(40, 500, 0, kind::hostile));
    CHECK(same<ocp_mxfp4, lb::bfloat16>(40, 500, 0, kind::hostile, 1e38f));
    CHECK(same<q4_0, lb::bfloat16>(40, 512, 0, kind::hostile));
}

TEST_CASE("weights: a group that the CPU refuses has a scale of NaN and codes of 0, and no other changes") {
    const auto check = [](auto policy, std::size_t row, std::size_t col, float bad) {
        using P = decltype(policy);
        lb::matrix<float> values = made(20, 130, numbers::normal, 1);
        constexpr std::size_t group = cuda::kind_of<P>::group;
        const std::size_t first = group == 0 ? 0 : col / std::max<std::size_t>(group, 1) * group;
        const std::size_t last = group == 0 ? values.cols() : std::min(first + group, values.cols());
        values(row, col) = bad;
        REQUIRE(!lb::try_quantize<P>(values));
        const auto ours = encoded<P>(source<float>(values, 0));
        for (std::size_t j = first; j < last; ++j) values(row, j) = 0.0f;
        auto right = cuda::pack_image(lb::quantize<P>(values));
        using kind = cuda::kind_of<P>;
        cuda::detail::store_scale<typename kind::scale_type>(
            right.data() + cuda::weight_image<kind>{20, 130}.scales_at(),
            cuda::scale_slot(row, group == 0 ? 0 : first / std::max<std::size_t>(group, 1), kind::groups(130)),
            std::numeric_limits<float>::quiet_NaN());
        return std::memcmp(ours.data(), right.data(), right.size()) == 0;
    };
    constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(check(w4g32{}, 3, 40, inf));
    CHECK(check(w4g32{}, 11, 129, -nan));
    CHECK(check(w4g32{}, 0, 0, 7 * 65519.0f * 1.0001f)); // a scale that float16 does not hold
    CHECK(check(w4zg64{}, 19, 70, -inf));
    CHECK(check(w4zg64{}, 18, 3, nan));
    CHECK(check(w8{}, 17, 127, nan));
    CHECK(check(w8{}, 2, 1, -std::numeric_limits<float>::max())); // the lowest code would be infinite
}

TEST_CASE("activations: codes and scales are the CPU's bytes") {
    for (const std::size_t m : {1u, 2u, 5u}) {
        CHECK(same_int8_rows(source<lb::bfloat16>(made(m, 1000, numbers::normal, 1), 0)));
        CHECK(same_fp8_rows(source<lb::float16>(made(m, 1000, numbers::normal, 1), 0)));
    }
    CHECK(same_int8_rows(source<lb::bfloat16>(made(3, 77, numbers::hostile, 1e4f), 0)));
    CHECK(same_int8_rows(source<float>(made(3, 9001, numbers::hostile, 3e38f), 3))); // more than the registers of a block hold
    CHECK(same_fp8_rows(source<float>(made(3, 9001, numbers::hostile, 3e38f), 3)));
    CHECK(same_fp8_rows(source<lb::float16>(made(3, 1, numbers::normal, 1), 5)));

    lb::matrix<float> rows = made(12, 40, numbers::normal, 1);
    for (std::size_t j = 0; j < 40; ++j) {
        rows(0, j) = 0.0f;
        rows(1, j) *= 0x1p-100f;
        rows(2, j) *= 0x1p-147f;
        rows(3, j) = j == 7 ? -0x1p-149f : 0.0f; // a scale of 0
        rows(4, j) *= 0x1p125f;
        rows(8, j) *= 0x1p-136f; // a scale whose inverse is infinite
        rows(5, j) = static_cast<float>(static_cast<int>(j) - 20) * 0.5f + (j == 39 ? 120.5f : 0.0f);
    }
    rows(6, 3) = std::numeric_limits<float>::infinity();
    rows(7, 39) = -std::numeric_limits<float>::quiet_NaN();
    CHECK(same_int8_rows(source<float>(rows, 0)));
    CHECK(same_fp8_rows(source<float>(rows, 0)));
}
