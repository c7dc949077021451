// SPDX-License-Identifier: MIT
// The same bytes on every level, from the reference rows, on any executor, into used storage, and from every compiler and set of
// flags: the hashes below were made once, from weights that integers alone make.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/levels.hpp"
#include "support/noise.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

namespace lb = lowbit;
using lowbit_test::noise;
using byte_vector = std::vector<std::byte>;

namespace {

// ---- Weights that no libm and no rounding has touched ----

struct integers {
    std::uint64_t state = 0x2545f4914f6cdd1du;
    std::uint32_t next() {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>(state >> 40); // 24 bits
    }
    /// A sum of four: bell-shaped, exact in a float.
    float weight() {
        std::int32_t sum = 0;
        for (int i = 0; i < 4; ++i) sum += static_cast<std::int32_t>(next() >> 2) - (1 << 21);
        return static_cast<float>(sum) * 0x1p-21f;
    }
};

lb::matrix<float> fixed_weights(std::size_t rows, std::size_t cols) {
    integers from;
    lb::matrix<float> w(rows, cols);
    for (std::size_t i = 0; i < rows; ++i) {
        for (float& x : w.row(i)) x = from.weight();
        if (i % 5 == 1) w(i, from.next() % cols) *= 64.0f; // an outlier
        if (i % 5 == 2)
            for (float& x : w.row(i)) x *= 0x1p-12f; // small, down to f16's subnormal scales
        if (i % 5 == 3)
            for (float& x : w.row(i)) x = x < 0 ? -0.0f : x; // one side
    }
    return w;
}

std::vector<float> fixed_statistics(std::size_t cols) {
    integers from{7};
    std::vector<float> s(cols);
    for (float& x : s) x = static_cast<float>(from.next() >> 14) * 0x1p-7f;
    return s;
}

std::uint64_t hash(std::span<const std::byte> bytes) { // FNV-1a
    std::uint64_t h = 0xcbf29ce484222325u;
    for (const std::byte b : bytes) h = (h ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3u;
    return h;
}

// ---- Policies, forgotten once they have quantized ----

enum class way { level, reference };

template <class P>
byte_vector encode(const lb::matrix<float>& w, const lb::side_input& side, way how) {
    lb::quantized_matrix<P> q(w.rows(), w.cols());
    const auto source = lb::detail::rows_of(w);
    const auto here = lb::detail::here_and_now();
    const auto ok = how == way::level ? lb::detail::encode_into<P>(here, q, source, side, lb::detail::active_rows())
                                      : lb::detail::encode_into<P>(here, q, source, side, lb::detail::reference_rows<>{});
    REQUIRE(ok.has_value());
    return {q.bytes().begin(), q.bytes().end()};
}

struct subject {
    const char* name;
    byte_vector (*encode)(const lb::matrix<float>&, const lb::side_input&, way);
    bool weighted; ///< takes statistics
    std::uint64_t hash;
};

using min2 = lb::policy<lb::uint2, lb::per_group<128>, lb::minimum_as<lb::float16>, lb::scale_rule<lb::mse>>;
using pruned = lb::policy<lb::int8, lb::prune<lb::n_of_m<2, 4>>, lb::scale_rule<lb::mse>>;
using blocks = lb::policy<lb::int5, lb::asymmetric, lb::per_block<4, 24>, lb::scale_rule<lb::percentile<95>>>;
using random4 = lb::policy<lb::int4, lb::per_group<32>, lb::rounding<lb::stochastic>>;
using trits = lb::policy<lb::ternary, lb::per_tensor, lb::base3, lb::scale_rule<lb::abs_mean>>;
using nf4 = lb::policy<lb::nf4_codebook, lb::per_group<64>, lb::high_first, lb::scale_rule<lb::mse>>;
using mx = lb::policy<lb::float4_e2m1, lb::per_group<32>, lb::scale_as<lb::e8m0>, lb::scale_rule<lb::mse>>;
using min4k =
    lb::policy<lb::uint4, lb::per_group<32>, lb::scale_as<lb::uint6>, lb::super_scale<lb::float16, 8>,
               lb::quantized_minimum<lb::uint6>, lb::super_minimum<lb::float16, 8>, lb::split_half<32>, lb::scale_rule<lb::mse>,
               lb::interleaved<8, lb::field::super_scale, lb::field::super_minimum, lb::q4_k_scales, lb::field::codes>>;
using sym3k =
    lb::policy<lb::int3, lb::per_group<16>, lb::scale_as<lb::int6>, lb::super_scale<lb::float16, 4>, lb::scale_rule<lb::mse>>;
using book4k = lb::policy<lb::iq4_nl_codebook, lb::per_group<32>, lb::scale_as<lb::uint2>, lb::super_scale<lb::bfloat16, 3>,
                          lb::scale_rule<lb::mse>>;

const subject subjects[] = {
    {"int4 g32", &encode<lb::presets::w4g32>, false, 0x288ddbff51a47464},
    {"uint2 g128, minimum, mse, weighted", &encode<min2>, true, 0x220170445be96345},
    {"int8 rows, 2:4, mse, weighted", &encode<pruned>, true, 0x074ac20240b29449},
    {"int8 rows, 2:4, mse", &encode<pruned>, false, 0x0f950092ef66e750},
    {"int5 blocks, zero points, percentile", &encode<blocks>, false, 0xf7367bc7db0d02b4},
    {"int4 g32, stochastic", &encode<random4>, false, 0x82db427097228ad8},
    {"ternary, base 3, abs_mean", &encode<trits>, false, 0xfcbf598341290185},
    {"q4_0, signed_absmax", &encode<lb::presets::q4_0>, false, 0x099b5318cb93dc85},
    {"q5_1, signed_absmax over minimums", &encode<lb::presets::q5_1>, false, 0xce2ba876a56697da},
    {"mxfp4, ggml's blocks", &encode<lb::presets::mxfp4>, false, 0x58625864d042e6a3},
    {"nvfp4", &encode<lb::presets::nvfp4>, false, 0xc6f039e294cf3f69},
    {"nf4, mse", &encode<nf4>, false, 0x751293572f4a3d18},
    {"mxfp4, mse", &encode<mx>, false, 0x614bb0ec3ee8c3ae},
    {"q4_k, mse", &encode<min4k>, false, 0x3ae9933d93141efe},
    {"q4_k, mse, weighted", &encode<min4k>, true, 0xd25bd77dbf237dd7},
    {"int3 under two levels, mse, weighted", &encode<sym3k>, true, 0xd520b442b62e0f1c},
    {"codebook under two levels, mse", &encode<book4k>, false, 0x87717672ff944db6},
};

} // namespace

TEST_CASE("the hashes of encoded bytes never change") {
    const auto w = fixed_weights(21, 300);
    const auto statistics = fixed_statistics(300);
    for (const subject& s : subjects) {
        const std::uint64_t found = hash(s.encode(w, s.weighted ? lb::with(statistics) : lb::side_input{}, way::level));
        if (found != s.hash) std::printf("%s: 0x%016llx\n", s.name, static_cast<unsigned long long>(found));
        CHECK(found == s.hash);
    }
}

TEST_CASE("every level writes the bytes of the reference rows, whatever the weights") {
    noise random(5);
    for (int round = 0; round < 6; ++round) {
        const std::size_t rows = 1 + random.index(12), cols = 1 + random.index(90);
        auto w = round == 0 || round > 3 ? random.weights(rows, cols) : random.hostile(rows, cols, 5e4f);
        if (round > 3) { // far below what float16 scales reach
            for (std::size_t i = 0; i < rows * cols; ++i) w.data()[i] *= round == 4 ? 1e-26f : 1e-32f;
        }
        const auto statistics = fixed_statistics(cols);
        for (const subject& s : subjects) {
            CAPTURE(std::string{s.name});
            CAPTURE(rows);
            CAPTURE(cols);
            const lb::side_input side = s.weighted ? lb::with(statistics) : lb::side_input{};
            const byte_vector reference = s.encode(w, side, way::reference);
            lowbit_test::each_level([&](lb::isa::level) { REQUIRE(s.encode(w, side, way::level) == reference); });
        }
    }
}

TEST_CASE("the reference rows are what the kernels are") {
    using reference_rows = lb::detail::reference_rows<>;
    noise random(6);
    const auto bits = [](float x) { return std::bit_cast<std::uint32_t>(x); };
    for (int round = 0; round < 200; ++round) {
        const std::size_t n = random.index(100);
        const auto w = random.hostile(1, n, 1e38f);
        const float* x = w.data();
        const lb::kernel::code_grid grid{std::ldexp(random.normal(), static_cast<int>(random.index(40)) - 30),
                                         static_cast<int>(random.index(9)) - 4, -8, 7, 8};
        std::vector<std::uint8_t> codes(n), expected(n);
        reference_rows::encode(x, n, grid, expected.data());
        float low = 0, high = 0, lowest = 0, highest = 0;
        if (n != 0) reference_rows::minmax(x, n, &lowest, &highest);
        lowbit_test::each_level([&](lb::isa::level) {
            const auto rows = lb::detail::active_rows();
            REQUIRE(bits(rows.absmax(x, n)) == bits(reference_rows::absmax(x, n)));
            REQUIRE(bits(rows.sum_abs(x, n)) == bits(reference_rows::sum_abs(x, n)));
            REQUIRE(bits(rows.squared_error(x, n, grid)) == bits(reference_rows::squared_error(x, n, grid)));
            if (n != 0) rows.minmax(x, n, &low, &high);
            REQUIRE(bits(low) == bits(lowest));
            REQUIRE(bits(high) == bits(highest));
            rows.encode(x, n, grid, codes.data());
            REQUIRE(codes == expected);
        });
    }
}

namespace {

/// Threads of its own for each call, which run the last pieces first.
struct threads {
    std::size_t count;
    [[nodiscard]] std::size_t concurrency() const { return count; }
    template <class F>
    void parallel_for(std::size_t n, F&& f) const {
        std::vector<std::thread> running;
        for (std::size_t t = 0; t < count; ++t) {
            running.emplace_back([&f, n, t, this] {
                for (std::size_t i = n; i-- > 0;)
                    if (i % count == t) f(i);
            });
        }
        for (std::thread& t : running) t.join();
    }
};

template <class P>
void check_executors(const lb::matrix<float>& w) {
    const auto alone = lb::quantize<P>(w);
    lb::quantized_matrix<P> used = lb::quantize<P>(noise(7).weights(w.rows(), w.cols()));
    const std::byte* storage = used.data();
    lb::quantize_into(used, w);
    CHECK(used.data() == storage);
    CHECK(std::equal(used.bytes().begin(), used.bytes().end(), alone.bytes().begin()));
    for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{8}}) {
        const threads pool{count};
        const auto shared = lb::quantize<P>(lb::on(pool), w);
        CHECK(std::equal(shared.bytes().begin(), shared.bytes().end(), alone.bytes().begin()));
        lb::quantize_into(lb::on(pool), used, w);
        CHECK(std::equal(used.bytes().begin(), used.bytes().end(), alone.bytes().begin()));
    }
}

} // namespace

TEST_CASE("any executor, in any order, and used storage give the same bytes") {
    noise random(8);
    const auto w = random.weights(301, 1000); // several pieces of at least 16384 weights, the last ones ragged
    check_executors<random4>(w);
    check_executors<blocks>(w);
    check_executors<pruned>(w);
}

namespace {

/// Runs one piece after the other, each into bytes that are all 0 and then all 1, and counts the bytes that two of them write.
struct watching {
    std::span<std::byte> bytes;
    std::size_t* shared;
    [[nodiscard]] static std::size_t concurrency() { return 3; }
    template <class F>
    void parallel_for(std::size_t n, F&& f) const {
        std::vector<bool> written(bytes.size());
        for (std::size_t i = 0; i < n; ++i) {
            std::vector<bool> mine(bytes.size());
            for (const std::byte filled : {std::byte{0}, std::byte{0xff}}) {
                std::fill(bytes.begin(), bytes.end(), filled);
                f(i);
                for (std::size_t b = 0; b < bytes.size(); ++b) mine[b] = mine[b] || bytes[b] != filled;
            }
            for (std::size_t b = 0; b < bytes.size(); ++b) *shared += written[b] && mine[b];
            for (std::size_t b = 0; b < bytes.size(); ++b) written[b] = written[b] || mine[b];
        }
    }
};

} // namespace

TEST_CASE("no two threads write to one byte") {
    const auto check = [&]<class P>(P) {
        lb::quantized_matrix<P> q(301, 256);
        std::size_t shared = 0;
        const watching pool{q.bytes(), &shared};
        lb::quantize_into(lb::on(pool), q, noise(10).weights(301, 256));
        CHECK(shared == 0);
    };
    check(lb::presets::gptq4<64>{}); // two rows share the bytes of their zero points
    check(lb::policy<lb::uint2, lb::per_group<16>, lb::zero_point_as<lb::uint2>, lb::planar_transposed>{}); // four
    check(lb::presets::q4_k{});
    check(lb::policy<lb::int5, lb::per_block<3, 32>>{});
    check(pruned{});
}

TEST_CASE("a last block of fewer rows, searched with statistics, is as it would be alone") {
    using P = lb::policy<lb::int4, lb::per_block<4, 32>, lb::scale_as<lb::uint6>, lb::super_scale<lb::float16, 1>,
                         lb::scale_rule<lb::mse>>;
    const auto w = noise(11).weights(6, 20);
    const auto statistics = fixed_statistics(20);
    const auto whole = lb::dequantize(lb::quantize<P>(w, lb::with(statistics)));
    const auto end = lb::dequantize(lb::quantize<P>(lb::matrix_view<const float>(w.row(4).data(), 2, 20), lb::with(statistics)));
    CHECK(std::equal(end.data(), end.data() + 40, whole.row(4).data()));
}

TEST_CASE("of many errors the first in row order is reported, whoever meets it first") {
    noise random(9);
    auto w = random.weights(300, 1000);
    for (const std::size_t row : {37u, 38u, 250u, 299u}) w(row, row) = std::numeric_limits<float>::infinity();
    for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{8}}) {
        const threads pool{count};
        const auto q = lb::try_quantize<random4>(lb::on(pool), w);
        REQUIRE_FALSE(q.has_value());
        CHECK(q.error() == lb::error{lb::errc::non_finite, "a weight is NaN or infinite", 37 * 1000 + 37});
    }
}
