// SPDX-License-Identifier: MIT
// The call sites that programs are written against, as the documentation spells them; those with Eigen are in tests/unit/eigen.
#include <array>
#include <cmath>
#include <cstring>
#include <sstream>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

namespace lb = lowbit;

using w4g32 = lb::policy<lb::int4, lb::per_group<32>, lb::symmetric, lb::scale_as<lb::float16>>;
using w8 = lb::policy<lb::int8, lb::per_channel>;
using w4z = lb::policy<lb::int4, lb::per_group<64>, lb::asymmetric>;
using w4s24 = lb::policy<lb::int4, lb::per_group<64>, lb::prune<lb::n_of_m<2, 4>, lb::by_magnitude>>;
using u50 = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::unstructured<50>, lb::by_magnitude>>;
using b75 = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::block_sparse<1, 16, 75>, lb::by_magnitude>>;
using b158 = lb::policy<lb::ternary, lb::per_tensor, lb::scale_rule<lb::abs_mean>>;

namespace {

constexpr std::size_t rows = 24, cols = 160;

std::vector<float> waves(std::size_t n) {
    std::vector<float> data(n);
    for (std::size_t i = 0; i < n; ++i) data[i] = std::sin(0.37f * static_cast<float>(i)) + 0.01f * static_cast<float>(i % 7);
    return data;
}

constexpr auto ramp = [] {
    std::array<float, 64> values{};
    for (std::size_t i = 0; i < 64; ++i) values[i] = static_cast<float>(i) - 30.0f;
    return values;
}();

struct my_pool {
    std::size_t concurrency() const { return 2; }
    template <class F>
    void parallel_for(std::size_t n, F&& f) const {
        std::thread other([&] {
            for (std::size_t i = 1; i < n; i += 2) f(i);
        });
        for (std::size_t i = 0; i < n; i += 2) f(i);
        other.join();
    }
};

template <class P>
double signal_to_noise(lb::matrix_view<const float> W) {
    return lb::error_of(lb::quantize<P>(W), W).sqnr_db;
}

} // namespace

inline constexpr auto table = lb::quantize_constant<w4g32>(ramp);
inline constexpr auto two_rows = lb::quantize_constant<w4g32>(std::array{ramp, ramp});

TEST_CASE("quantize") {
    const std::vector<float> weights = waves(rows * cols);
    const float* data = weights.data();
    lb::matrix_view<const float> W{data, rows, cols};
    CHECK(W.rows() == rows);
    CHECK(W.cols() == cols);
    CHECK(lb::matrix_view<const float>{data, rows, cols - 1, cols}.stride() == cols);

    auto q = lb::quantize<w4g32>(W);
    static_assert(std::is_same_v<decltype(q), lb::quantized_matrix<w4g32>>);
    my_pool pool;
    CHECK(std::memcmp(lb::quantize<w4g32>(lb::on(pool), W).data(), q.data(), q.size_bytes()) == 0);
    lb::matrix<float> owned(rows, cols);
    std::memcpy(owned.data(), data, rows * cols * sizeof(float));
    CHECK(std::memcmp(lb::quantize<w4g32>(owned).data(), q.data(), q.size_bytes()) == 0);
    lb::quantize_into(q, W);
    lb::quantize_into(lb::on(pool), q, W);
    auto t = lb::try_quantize<w4g32>(W);
    REQUIRE(t);
    CHECK(t->rows() == rows);
    owned(3, 4) = NAN;
    CHECK(!lb::try_quantize<w4g32>(owned));

    lb::matrix<float> scores(rows, cols);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < cols; ++j) scores(i, j) = j % 4 < 2 ? 1.0f : 0.0f;
    }
    auto r = lb::quantize<w4s24>(W, lb::with(scores));
    const lb::matrix<float> kept = lb::dequantize(r);
    CHECK(kept(0, 2) == 0.0f);
    CHECK(kept(0, 1) != 0.0f);

    lb::matrix<float> back = lb::dequantize(q);
    CHECK(back.rows() == rows);
    CHECK(back.cols() == cols);
    CHECK(back.data() == &back(0, 0));
    CHECK(std::fabs(back(1, 2) - W(1, 2)) < 0.1f);
    auto e = lb::error_of(q, W);
    CHECK(e.mse > 0);
    CHECK(e.max_abs < 0.2);
    CHECK(e.sqnr_db > 15);
    CHECK(e.cosine > 0.99);
    CHECK(q.rows() == rows);
    CHECK(q.cols() == cols);
    CHECK(q.size_bytes() == rows * (cols / 2 + cols / 32 * 2));
    CHECK(q.bits_per_weight() == doctest::Approx(4.5));
}

TEST_CASE("the policies") {
    const std::vector<float> weights = waves(rows * cols);
    lb::matrix_view<const float> W{weights.data(), rows, cols};
    CHECK(signal_to_noise<w8>(W) > 35);
    CHECK(signal_to_noise<w4z>(W) > 15);
    CHECK(signal_to_noise<w4s24>(W) > 5);
    CHECK(signal_to_noise<u50>(W) > 5);
    CHECK(signal_to_noise<b75>(W) > 0.5);
    CHECK(signal_to_noise<b158>(W) > 5);
    CHECK(lb::quantize<lb::presets::nf4>(lb::transposed(W)).rows() == cols);
}

TEST_CASE("views over foreign bytes") {
    const std::vector<float> weights = waves(rows * cols);
    lb::matrix_view<const float> W{weights.data(), rows, cols};
    const auto blocks = lb::quantize<lb::format_of<lb::presets::q4_0>>(W); // its bytes, by the rule of w4g32 below
    std::vector<std::byte> file(blocks.size_bytes() + 1);
    std::memcpy(file.data() + 1, blocks.data(), blocks.size_bytes());
    const std::byte* bytes = file.data() + 1;
    lb::quantized_view<lb::presets::q4_0> v{bytes, rows, cols};
    CHECK(v.size_bytes() == rows * cols / 32 * 18);
    CHECK(lb::dequantize(v)(3, 5) == lb::dequantize(blocks)(3, 5));
    CHECK(lb::error_of(v, W).sqnr_db > 15);
    const lb::any_matrix any = v; // as one whose format a file would have named
    CHECK(any.name() == "q4_0");
    CHECK(visit(any, [](const auto& view) { return view.size_bytes(); }) == v.size_bytes());

    using P = w4g32;
    const auto q = lb::quantize<P>(W);
    const lb::quantized_parts parts{.codes = q.bytes().first(rows * cols / 2), .scales = q.bytes().subspan(rows * cols / 2)};
    auto u = lb::quantized_view<P>::from(parts, rows, cols);
    REQUIRE(u);
    CHECK(lb::dequantize(*u)(7, 9) == lb::dequantize(q)(7, 9));
    CHECK(!lb::quantized_view<P>::from(parts, rows + 1, cols));

    lb::matrix<float> X(2, cols), Y(2, rows), Z(2, rows);
    for (std::size_t i = 0; i < 2 * cols; ++i) X.data()[i] = static_cast<float>(i % 11) - 5.0f;
    lb::gemm(X, lb::pack(q), Y);
    lb::gemm(X, lb::pack(*u), Z);
    CHECK(std::memcmp(Y.data(), Z.data(), 2 * rows * sizeof(float)) == 0);
    lb::gemm(X, lb::pack(v), Z); // the same kernel: the same codes and scales
    CHECK(std::memcmp(Y.data(), Z.data(), 2 * rows * sizeof(float)) == 0);
}

TEST_CASE("products") {
    const std::vector<float> weights = waves(rows * cols), b = waves(rows);
    constexpr std::size_t M = 5;
    auto q = lb::quantize<w4g32>(lb::matrix_view<const float>{weights.data(), rows, cols});
    const std::vector<float> input = waves(M * cols);
    std::vector<float> output(M * rows);
    lb::matrix_view<const float> X{input.data(), M, cols};
    lb::matrix_view<float> Y{output.data(), M, rows};

    auto p = lb::pack(q);
    CHECK(p.data() != nullptr);
    CHECK(static_cast<double>(p.size_bytes()) <= 1.05 * static_cast<double>(q.size_bytes()));
    auto f = lb::pack<lb::activations<float>>(q);
    lb::gemm(X, p, Y);
    const float plain = Y(2, 3);
    lb::gemm(X, f, Y);
    CHECK(std::fabs(Y(2, 3) - plain) < 0.05f * static_cast<float>(cols));
    lb::gemm(X, p, Y, lb::epilogue(lb::add_bias(b), lb::relu));
    CHECK(Y(2, 3) == std::max(0.0f, plain + b[3]));

    my_pool pool;
    lb::gemm(lb::on(pool), X, p, Y);
    CHECK(Y(2, 3) == plain);
    std::vector<std::byte> memory(lb::workspace_bytes(p, M));
    std::span<std::byte> workspace = memory;
    const auto ep = lb::epilogue(lb::add_bias(b), lb::relu);
    lb::gemm(lb::on(pool), X, p, Y, ep, workspace);
    CHECK(Y(2, 3) == std::max(0.0f, plain + b[3]));

    lb::matrix<lb::float16> X16(M, cols), Y16(M, rows);
    lb::matrix<lb::bfloat16> Xb(M, cols), Yb(M, rows);
    lb::matrix<std::int8_t> Y8(M, rows);
    for (std::size_t i = 0; i < M * cols; ++i) X16.data()[i] = lb::float16(Xb.data()[i] = lb::bfloat16(input[i]));
    lb::gemm(X16, p, Y16);
    lb::gemm(Xb, p, Yb);
    CHECK(std::fabs(float(Y16(2, 3)) - float(Yb(2, 3))) <= 0.01f * std::fabs(float(Y16(2, 3))) + 0.01f);
    lb::gemm(X, p, Y8, lb::epilogue(lb::requantize(1.0f)));
    CHECK(int{Y8(2, 3)} == static_cast<int>(std::nearbyint(plain)));
}

TEST_CASE("the plain product of integers") {
    const std::vector<std::int8_t> x8(2 * 6, 3), w8_(4 * 6, -2);
    std::vector<std::int32_t> y32(2 * 4);
    lb::matrix_view<const std::int8_t> X8{x8.data(), 2, 6}, W8{w8_.data(), 4, 6};
    lb::matrix_view<std::int32_t> Y32{y32.data(), 2, 4};
    lb::gemm(X8, W8, Y32);
    CHECK(Y32(1, 3) == -36);
}

TEST_CASE("constants") {
    static_assert(table.rows() == 1 && table.cols() == 64);
    static_assert(two_rows.rows() == 2 && two_rows.size_bytes() == 2 * table.size_bytes());
    const auto q = lb::quantize<w4g32>(lb::matrix_view<const float>{ramp.data(), 1, 64});
    CHECK(std::memcmp(q.data(), table.data(), q.size_bytes()) == 0);
    lb::matrix<float> X(1, 64), Y(1, 1);
    X(0, 5) = 1.0f;
    lb::gemm(X, lb::pack(table), Y);
    CHECK(Y(0, 0) == doctest::Approx(lb::dequantize(table)(0, 5)));
}

TEST_CASE("levels") {
    const lb::isa::level before = lb::isa::active();
    std::ostringstream out;
    lb::isa::explain(out);
    CHECK(out.str().find("active: " + std::string(lb::isa::name(before))) != std::string::npos);
    CHECK(out.str().find("gemm_f32_qd8_w4g32_") != std::string::npos);
    {
        lb::isa::scoped_level force{lb::isa::level::baseline};
        CHECK(lb::isa::active() == lb::isa::level::baseline);
        std::ostringstream mine;
        lb::isa::explain(
            mine, lb::kernels_of<w8, w4z, lb::policy<lb::uint3, lb::symmetric, lb::per_block<16, 32>, lb::activations<float>>,
                                 lb::presets::nf4,
                                 lb::policy<lb::int4, lb::per_group<64>, lb::minimum_as<lb::float16>,
                                            lb::activations<lb::int8, lb::per_group<32>>>>{});
        const auto lists = [&](const char* first, const char* last) {
            const std::size_t at = mine.str().find(first);
            return at != std::string::npos && mine.str().find(last, at) < mine.str().find('\n', at);
        };
        CHECK(lists("gemm_f32_qd8_w8_", "_baseline"));
        CHECK(lists("gemm_f32_qd8_w4g64z_", "_baseline"));
        CHECK(lists("gemm_f32_f32_u3b16x32_", "_baseline"));
        CHECK(lists("gemm_f32_f32_nf4g64_", "_baseline"));
        CHECK(lists("gemm_f32_qd8g32_w4g64m_", "_baseline"));
    }
    CHECK(lb::isa::active() == before);
    const auto p = lb::pack(lb::quantize<w8>(lb::matrix<float>(1, 1)));
    CHECK(lb::kernel_name(p).starts_with("gemm_f32_qd8_w8_"));
    CHECK(lb::kernel_name<lb::float16>(p).starts_with("gemm_f32_f32_w8_"));
    const lb::isa::scoped_level force{lb::isa::level::baseline};
    CHECK(lb::kernel_name(p).ends_with("_baseline"));
}
