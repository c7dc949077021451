// SPDX-License-Identifier: MIT
// Pruned weights: their products, and what they take packed and unpacked.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "guarded_memory.hpp"
#include "make_product.hpp"
#include "support/levels.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

using half_of_int8 = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::unstructured<50>, lb::by_magnitude>>;
using tenth_of_int8 = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::unstructured<90>>>;
using int4_2_of_4 = lb::policy<lb::int4, lb::per_group<64>, lb::prune<lb::n_of_m<2, 4>>>;
using int7_in_blocks = lb::policy<lb::int7, lb::per_channel, lb::prune<lb::block_sparse<1, 16, 75>>>;

TEST_CASE("pruned: half of int8") { check_values(make_product<half_of_int8>); }
TEST_CASE("pruned: int4 in groups of 64, 2 of 4") { check_values(make_product<int4_2_of_4>); }
TEST_CASE("pruned: int7, blocks of 16") { check_values(make_product<int7_in_blocks>); }
TEST_CASE("pruned: uint8 with zero points in groups of 20, 3 of 7") {
    check_values(make_product<lb::policy<lb::uint8, lb::per_group<20>, lb::asymmetric, lb::prune<lb::n_of_m<3, 7>>>>);
}
TEST_CASE("pruned: E4M3, columns in another order, 1 of 8") {
    check_values(make_product<lb::policy<lb::float8_e4m3, lb::permuted_columns, lb::prune<lb::n_of_m<1, 8>>>>);
}
TEST_CASE("pruned: a tenth of int8, in lists and not") { check_values(make_product<tenth_of_int8>); }
TEST_CASE("contract: half of int8, int8 rows") { check_contract(make_product<half_of_int8>); }
TEST_CASE("guard pages: half of int8") { check_guarded(make_product<half_of_int8>); }
TEST_CASE("guard pages: int4, 2 of 4") { check_guarded(make_product<int4_2_of_4>); }

namespace {
template <class P>
void check_one_row(std::size_t n, std::size_t k) {
    const auto packed = lb::pack(lb::quantize<P>(noise(4).weights(n, k)));
    const auto x = noise(5).weights(2, k);
    each_level([&](lb::isa::level) {
        lb::matrix<float> both(2, n), one(1, n);
        lb::gemm(x, packed, both);
        lb::gemm(lb::matrix_view<const float>(x.data(), 1, k), packed, one);
        for (std::size_t j = 0; j < n; ++j) {
            if (std::memcmp(&one(0, j), &both(0, j), sizeof(float)) != 0) FAIL(j, ": ", one(0, j), " is not ", both(0, j));
        }
    });
}
} // namespace

TEST_CASE("one row, which meets several panels at once, has the bits of a row of many") {
    check_one_row<half_of_int8>(4 * 64 + 2 * 64 + 5, 300);
    check_one_row<tenth_of_int8>(4 * 64, 1024);
}

namespace {
bool packs_lists() { return lb::isa::active() == lb::isa::level::avx512vnni; }
} // namespace

TEST_CASE("pruned weights take what their mask and their kept codes take") {
    const auto w = noise(1).weights(64, 4096);
    const auto bits = [&](const auto& q) { return static_cast<double>(q.size_bytes()) * 8 / (64.0 * 4096); };
    const auto half = lb::quantize<half_of_int8>(w);
    CHECK(bits(half) <= 5.1);
    CHECK(bits(lb::pack(half)) <= 5.1);
    const auto pairs = lb::quantize<int4_2_of_4>(w);
    CHECK(bits(pairs) <= 3.3);
    CHECK(lb::pack(pairs).size_bytes() * 8 == 3 * 64 * 4096 + 64 * 8); // 2 for codes, 0.75 for patterns, 0.25 for scales
    const auto tenth = lb::quantize<tenth_of_int8>(w);
    CHECK(bits(tenth) <= 1.9);
    const auto lists = lb::pack(tenth);
    CHECK(bits(lists) <= 1.9);
    const std::size_t steps = lists.layout().list_steps;
    CHECK((steps != 0) == packs_lists());
    if (steps == 0) return;
    CHECK(steps * 4 >= 410);                                                                          // four codes of each column
    CHECK(lists.size_bytes() == 64 * (4 + 4) + (2 * steps + 63) / 64 * 64 + 64 * steps * 8 + 64);     // and 64 that nothing reads
    CHECK(lb::pack(lb::quantize<tenth_of_int8>(noise(1).weights(64, 255))).layout().list_steps == 0); // shorter than a window
}

namespace {
/// The weights as products with unit rows read them: exact but for the rounding of 127 * (1 / 127).
template <class P>
void check_unit_rows(const lb::quantized_matrix<P>& q) {
    const auto decoded = lb::dequantize(q);
    const auto packed = lb::pack(q);
    lb::matrix<float> x(q.cols(), q.cols()), y(q.cols(), q.rows());
    for (std::size_t k = 0; k < q.cols(); ++k) x(k, k) = 1;
    lb::gemm(x, packed, y);
    std::size_t zeros = 0;
    for (std::size_t n = 0; n < q.rows(); ++n) {
        for (std::size_t k = 0; k < q.cols(); ++k) {
            if (decoded(n, k) == 0) ++zeros;
            if (!(std::abs(y(k, n) - decoded(n, k)) <= std::abs(decoded(n, k)) * 1e-6f)) FAIL(y(k, n), " is not ", decoded(n, k));
        }
    }
    CHECK(zeros >= q.rows() * (q.cols() / 2));
}
} // namespace

TEST_CASE("what is packed comes back, also under masks that keep less than their policy") {
    const auto w = noise(2).weights(70, 133);
    const auto long_rows = lb::quantize<tenth_of_int8>(noise(2).weights(70, 1022)); // in lists
    REQUIRE((lb::pack(long_rows).layout().list_steps != 0) == packs_lists());
    lb::matrix<std::uint8_t> mask(70, 133);
    for (std::size_t i = 0; i < 70 * 133; ++i) mask.data()[i] = i % 5 == 0 && i % 133 > 40 ? 1 : 0;
    each_level([&](lb::isa::level) {
        check_unit_rows(lb::quantize<half_of_int8>(w));
        check_unit_rows(lb::quantize<half_of_int8>(w, lb::with(lb::matrix_view<const std::uint8_t>(mask))));
        check_unit_rows(lb::quantize<int4_2_of_4>(w, lb::with(lb::matrix_view<const std::uint8_t>(mask))));
        check_unit_rows(lb::quantize<tenth_of_int8>(w));
        check_unit_rows(long_rows);
    });
}

TEST_CASE("2 of 4 comes back from rows of any length, as pairs where these are not much longer than masks") {
    const auto in_pairs = [](std::size_t k) {
        const auto q = lb::quantize<int4_2_of_4>(noise(6).weights(66, k));
        each_level([&](lb::isa::level) { check_unit_rows(q); });
        return lb::pack(q).layout().pairs;
    };
    for (std::size_t k = 4; k <= 100; k += 4) {
        CAPTURE(k);
        CHECK(in_pairs(k) == ((32 - k % 32) % 32 * 7 <= k)); // what fills it up is at most a seventh
    }
    CHECK(in_pairs(31));
    guarded_memory memory(edge::back); // the last mask ends where the memory does
    const auto packed = lb::pack(lb::quantize<int4_2_of_4>(noise(6).weights(64, 1000), lb::side_input{}, &memory));
    CHECK(packed.size_bytes() * 8 == 3 * 64 * 1024 + 64 * 8); // 1000 is filled up to 1024
}

namespace {
template <class P>
void check_foreign_masks() {
    const std::size_t n = 65, k = 600; // what the last row claims beyond its room is more than kernels read ahead
    auto q = lb::quantize<P>(noise(3).weights(n, k));
    std::vector<std::byte> all(n * k / 8, std::byte{0xff});
    std::vector<std::byte> bytes(q.data(), q.data() + q.size_bytes());
    std::copy(all.begin(), all.end(), bytes.end() - static_cast<std::ptrdiff_t>(all.size())); // masks stand last
    const lb::quantized_view<P> view(bytes.data(), n, k);
    for (const edge side : edges) {
        guarded_memory memory(side);
        const auto packed = lb::pack(view, &memory);
        lb::matrix<float> x(3, k);
        std::fill(x.data(), x.data() + 3 * k, 1.0f);
        lb::matrix<float> y(3, n);
        lb::gemm(x, packed, y);
        CHECK(std::isfinite(y(2, 64))); // some number; the guard pages see the rest
    }
}
} // namespace

TEST_CASE("foreign masks that claim too much stay in their room") {
    check_foreign_masks<half_of_int8>();
    check_foreign_masks<tenth_of_int8>();
}
