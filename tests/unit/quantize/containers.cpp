// SPDX-License-Identifier: MIT
// Quantized matrices and views: values in memory of the caller's choice, over bytes at any address, from parts that are checked.
#include <doctest/doctest.h>

#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/error_report.hpp>
#include <lowbit/quantize/quantize.hpp>

#include "support/counting_resource.hpp"
#include "support/guarded.hpp"
#include "support/noise.hpp"
#include "support/raised.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lowbit_test::counting_resource;
using lowbit_test::noise;
using lowbit_test::raises;

namespace {

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
using w4 = lb::presets::w4g32;
using w8 = lb::presets::w8;
using blocks = lb::presets::q4_k;

// Planar, with every plane there is.
using full = lb::policy<lb::int4, lb::per_group<8>, lb::scale_as<lb::uint6>, lb::super_scale<lb::float16, 4>,
                        lb::zero_point_as<lb::uint4>, lb::permuted_columns, lb::prune<lb::n_of_m<2, 4>>, lb::tensor_scale>;
using minimums = lb::policy<lb::uint4, lb::per_group<8>, lb::scale_as<lb::uint6>, lb::super_scale<lb::float16, 4>,
                            lb::quantized_minimum<lb::uint6>, lb::super_minimum<lb::float16, 2>>;

bool same(const lb::matrix<float>& a, const lb::matrix<float>& b) {
    bool equal = a.rows() == b.rows() && a.cols() == b.cols();
    for (std::size_t i = 0; equal && i < a.rows(); ++i) equal = std::ranges::equal(a.row(i), b.row(i));
    return equal;
}
template <class A, class B>
bool same_bytes(const A& a, const B& b) {
    return std::ranges::equal(a.bytes(), b.bytes());
}

/// The planes of a matrix, cut out of its bytes by their sizes, in the order in which they stand.
lb::quantized_parts cut(std::span<const std::byte> bytes,
                        std::initializer_list<std::pair<std::span<const std::byte> lb::quantized_parts::*, std::size_t>> planes) {
    lb::quantized_parts parts;
    for (const auto& [plane, size] : planes) {
        parts.*plane = bytes.first(size);
        bytes = bytes.subspan(size);
    }
    return parts;
}
using parts = lb::quantized_parts;

} // namespace

TEST_CASE("memory comes from the given resource, once, and only as much as is stored") {
    const auto w = noise(1).weights(7, 100);
    counting_resource memory;
    {
        const auto q = lb::quantize<w4>(w, {}, &memory);
        CHECK(memory.total == 1);
        CHECK(memory.bytes == q.size_bytes());
        CHECK(q.bytes().size() == q.size_bytes());
        CHECK(q.resource() == &memory);
        CHECK(reinterpret_cast<std::uintptr_t>(q.data()) % lb::buffer_alignment == 0);
        CHECK(same_bytes(q, lb::quantize<w4>(w)));

        lb::quantized_matrix<w4> copy = q; // deep, in the same memory
        CHECK(memory.alive == 2);
        copy.bytes()[0] ^= std::byte{1};
        CHECK_FALSE(same_bytes(copy, q));
        copy = q;
        CHECK(same_bytes(copy, q));

        const auto tried = lb::try_quantize<w4>(w, {}, &memory);
        CHECK(tried->resource() == &memory);
        const lb::matrix<float> back = lb::dequantize(q, &memory);
        lb::matrix<float> into(back.rows(), back.cols());
        lb::dequantize_into(into.view(), q);
        CHECK(std::equal(back.data(), back.data() + back.rows() * back.cols(), into.data()));
        CHECK(raises(errc::shape_mismatch, [&] { lb::dequantize_into(lb::matrix_view<float>(into.data(), 1, 1), q); }, "1 x 1"));
        CHECK(memory.bytes == 3 * q.size_bytes() + 7 * 100 * sizeof(float));

        const std::size_t before = memory.total; // training loops: nothing new
        lb::quantize_into(copy, noise(2).weights(7, 100));
        CHECK(memory.total == before);
    }
    CHECK(memory.alive == 0);
}

TEST_CASE("more floats than caches keep, which may be stored past them, are the same floats") {
    constexpr std::size_t repeated = 16;
    const std::size_t all_cols[] = {4096, 4104}; // rows that start on cache lines, and some that do not
    for (const std::size_t cols : all_cols) {
        const std::size_t rows = (std::size_t{8} << 20) / cols + repeated;
        const lb::matrix<float> few = noise(11).weights(repeated, cols);
        lb::matrix<float> many(rows, cols);
        for (std::size_t r = 0; r < rows; ++r) std::ranges::copy(few.row(r % repeated), many.row(r).begin());
        const auto small = lb::dequantize(lb::quantize<lb::presets::w4g32>(few));
        const auto large = lb::dequantize(lb::quantize<lb::presets::w4g32>(many));
        std::size_t off = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            if (!std::ranges::equal(large.row(r), small.row(r % repeated))) ++off;
        }
        CHECK(off == 0);
    }
}

TEST_CASE("a moved-from matrix is 0 x 0 and can be used again") {
    auto a = lb::quantize<w4>(noise(3).weights(3, 40));
    const auto kept = a;
    auto b = std::move(a);
    CHECK(a.rows() == 0);
    CHECK(a.cols() == 0);
    CHECK(a.size_bytes() == 0);
    CHECK(a.bits_per_weight() == 0);
    CHECK(lb::dequantize(a).rows() == 0);
    CHECK(same_bytes(b, kept));
    a = std::move(b);
    CHECK(same_bytes(a, kept));
    CHECK(b.rows() == 0);
    auto& alias = a;
    a = alias;
    CHECK(same_bytes(a, kept));
    CHECK(std::is_nothrow_move_constructible_v<lb::quantized_matrix<w4>>);
    CHECK(std::is_nothrow_move_assignable_v<lb::quantized_matrix<w4>>);
}

#if defined(__cpp_exceptions)
TEST_CASE("an allocation that fails, at any place, leaves nothing behind") {
    const auto w = noise(4).weights(3, 40);
    counting_resource memory;
    memory.left = 0;
    CHECK_THROWS_AS(static_cast<void>(lb::quantize<w4>(w, {}, &memory)), std::bad_alloc);
    CHECK_THROWS_AS(static_cast<void>(lb::try_quantize<w4>(w, {}, &memory)), std::bad_alloc);
    memory.left = 1;
    const auto q = lb::quantize<w4>(w, {}, &memory);
    CHECK_THROWS_AS(lb::quantized_matrix<w4>{q}, std::bad_alloc);
    CHECK_THROWS_AS(static_cast<void>(lb::dequantize(q, &memory)), std::bad_alloc);
    CHECK(memory.alive == 1);
}
#endif

TEST_CASE("shapes that no memory can hold are refused") {
    counting_resource memory;
    const auto refused = [&]<class P>(P, std::size_t rows, std::size_t cols) {
        return raises(errc::invalid_argument, [&] { lb::quantized_matrix<P> q(rows, cols, &memory); }, "overflows");
    };
    for (const std::size_t few : {std::size_t{1}, std::size_t{3}, huge / 2, huge}) {
        CHECK(refused(w4{}, huge, few));
        CHECK(refused(w4{}, few, huge));
        CHECK(refused(blocks{}, huge, few));
    }
    CHECK(refused(w4{}, huge / 2, 3)); // rows x cols alone
    CHECK(refused(w4{}, std::size_t{1} << 32, std::size_t{1} << 32));
    CHECK(refused(blocks{}, std::size_t{1} << 57, 1)); // each weight takes a block of 144 bytes
    CHECK(memory.total == 0);

    const std::vector<std::byte> bytes(100);
    const lb::quantized_parts one{.codes = bytes, .scales = bytes};
    for (const std::size_t rows : {huge, huge / 2 + 1, huge / 4 + 1}) { // would wrap to few bytes
        const auto view = lb::quantized_view<w4>::from(one, rows, 8);
        REQUIRE_FALSE(view.has_value());
        CHECK(view.error().code == errc::limit_exceeded);
    }
}

TEST_CASE("empty matrices have a shape and no weights") {
    const auto check = []<class P>(P, std::size_t rows, std::size_t cols) {
        const auto q = lb::quantize<P>(lb::matrix<float>(rows, cols));
        CHECK(q.rows() == rows);
        CHECK(q.cols() == cols);
        CHECK(q.size_bytes() == q.bytes().size());
        CHECK(q.bits_per_weight() == 0);
        const auto back = lb::dequantize(q);
        CHECK(back.rows() == rows);
        CHECK(back.cols() == cols);
        const auto e = lb::error_of(q, lb::matrix<float>(rows, cols));
        CHECK(e.mse == 0);
        CHECK(e.cosine == 1);
        auto again = q;
        lb::quantize_into(again, lb::matrix<float>(rows, cols));
        CHECK(same_bytes(again, q));
    };
    for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{0, 0}, {0, 40}, {5, 0}}) {
        check(w4{}, rows, cols);
        check(full{}, rows, cols);
        check(blocks{}, rows, cols);
    }
}

TEST_CASE("a matrix without weights takes no memory, and can be quantized into") {
    lb::quantized_matrix<lb::presets::nvfp4> q;
    CHECK(q.size_bytes() == 0);
    lb::quantize_into(q, lb::matrix_view<const float>{});
    CHECK(q.view().tensor_scale() == 1.0f);
    auto used = lb::quantize<lb::presets::nvfp4>(noise(10).weights(3, 40));
    q = std::move(used);
    CHECK(used.size_bytes() == 0);
    CHECK(used.bytes().empty());
    lb::quantize_into(used, lb::matrix<float>(0, 0));
    CHECK(q.size_bytes() == q.bytes().size());
}

TEST_CASE("whatever a view's bytes hold, nothing beyond them is touched") {
    const auto check = []<class P>(P, std::size_t rows, std::size_t cols) {
        const auto q = lb::quantize<P>(noise(11).weights(rows, cols));
        for (const auto side : lowbit_test::edges) {
            lowbit_test::guarded<std::byte> bytes(q.size_bytes(), side);
            for (const int fill : {0xff, 0x00, 0xaa}) {
                for (std::size_t from = 0; from < bytes.size();
                     from += 1 + bytes.size() / 7) { // mask and order alone, and all the rest too
                    std::ranges::copy(q.bytes(), bytes.begin());
                    std::fill(bytes.begin() + from, bytes.end(), static_cast<std::byte>(fill));
                    CHECK(lb::dequantize(lb::quantized_view<P>{bytes.data(), rows, cols}).rows() == rows);
                }
            }
        }
    };
    check(lb::policy<lb::int8, lb::prune<lb::unstructured<50>>>{}, 3, 4096);
    check(lb::policy<lb::int8, lb::prune<lb::block_sparse<2, 16, 75>>>{}, 5, 1000);
    check(lb::policy<lb::int8, lb::permuted_columns>{}, 3, 100);
    check(full{}, 3, 300);
}

TEST_CASE("1 x 1") {
    lb::matrix<float> one(1, 1);
    one(0, 0) = -2.5f;
    CHECK(std::fabs(lb::dequantize(lb::quantize<w4>(one))(0, 0) + 2.5f) < 2.5f / 2048);
    CHECK(std::fabs(lb::dequantize(lb::quantize<w8>(one))(0, 0) + 2.5f) < 1e-6f);
    CHECK(std::fabs(lb::dequantize(lb::quantize<blocks>(one))(0, 0) + 2.5f) < 0.01f);
    CHECK(std::fabs(lb::dequantize(lb::quantize<full>(one))(0, 0) + 2.5f) < 0.1f);
    CHECK(lb::quantize<w8>(one).size_bytes() == 5);
}

TEST_CASE("views read bytes at any address, under any policy of their format") {
    const auto w = noise(5).weights(3, 300);
    const auto check = [&]<class P>(P) {
        const auto q = lb::quantize<P>(w);
        const auto expected = lb::dequantize(q);
        std::vector<std::byte> room(q.size_bytes() + 8);
        for (std::size_t shift = 0; shift < 8; ++shift) {
            std::ranges::copy(q.bytes(), room.begin() + static_cast<std::ptrdiff_t>(shift));
            const lb::quantized_view<P> v{room.data() + shift, 3, 300};
            CHECK(same(lb::dequantize(v), expected));
            CHECK(v.size_bytes() == q.size_bytes());
            CHECK(v.bits_per_weight() == q.bits_per_weight());
            CHECK(lb::error_of(v, w).mse == lb::error_of(q, w).mse);
        }
        const lb::quantized_view<lb::format_of<P>> stripped = q;
        CHECK(same(lb::dequantize(stripped), expected));
        const lb::quantized_view<P> back = stripped;
        CHECK(same(lb::dequantize(back), expected));
    };
    check(w4{});
    check(full{});
    check(blocks{});
    check(lb::presets::gptq4<32>{});
    using searched = lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>>; // the same format, found in another way
    const lb::quantized_view<w4> view = lb::quantized_view<searched>(lb::quantize<w4>(w));
    CHECK(view.rows() == 3);
    CHECK_FALSE(std::is_convertible_v<lb::quantized_matrix<w4>, lb::quantized_view<w8>>);
}

TEST_CASE("a view of parts is the view of the whole, and every part is checked to the byte") {
    // full, 5 x 21: 11 codes of 4 bits, 3 groups, 1 super-scale, 21 mask bits a row; the order and the tensor scale once
    const auto w = noise(6).weights(5, 21);
    std::vector<std::uint32_t> order(21);
    for (std::uint32_t k = 0; k < 21; ++k) order[k] = k * 5 % 21;
    const auto q = lb::quantize<full>(w, lb::with(order));
    parts p = cut(q.bytes(), {{&parts::codes, 5 * 6},
                              {&parts::scales, 5 * 3},
                              {&parts::offsets, 5 * 3},
                              {&parts::super_scales, 5 * 2},
                              {&parts::mask, 5 * 3},
                              {&parts::order, 21 * 4}});
    CHECK(q.size_bytes() == 30 + 15 + 15 + 10 + 15 + 84 + 4);
    p.tensor_scale = q.view().tensor_scale();
    const auto view = lb::quantized_view<full>::from(p, 5, 21);
    REQUIRE(view.has_value());
    CHECK(same(lb::dequantize(*view), lb::dequantize(q)));

    for (const auto plane : {&parts::codes, &parts::scales, &parts::offsets, &parts::super_scales, &parts::mask, &parts::order}) {
        parts cut_short = p;
        cut_short.*plane = (p.*plane).first((p.*plane).size() - 1);
        const auto refused = lb::quantized_view<full>::from(cut_short, 5, 21);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == errc::truncated);
        CHECK(refused.error().offset == (p.*plane).size() - 1);
        cut_short.*plane = {};
        CHECK_FALSE(lb::quantized_view<full>::from(cut_short, 5, 21).has_value());
    }

    std::vector<std::byte> wrong(p.order.begin(), p.order.end());
    wrong[4 * 9] = std::byte{21};
    parts other = p;
    other.order = wrong;
    CHECK(lb::quantized_view<full>::from(other, 5, 21).error() ==
          lb::error{errc::malformed, "the order is not a permutation of the columns", 9});
    wrong[4 * 9] = wrong[4 * 3]; // twice
    CHECK(lb::quantized_view<full>::from(other, 5, 21).error() ==
          lb::error{errc::malformed, "the order is not a permutation of the columns", 9});

    other = p;
    for (const float t : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        other.tensor_scale = t;
        CHECK(lb::quantized_view<full>::from(other, 5, 21).error().code == errc::non_finite);
    }
    other.tensor_scale = 0.0f; // makes zeros, where it does not divide
    CHECK(lb::quantized_view<full>::from(other, 5, 21).has_value());
    using divided = lb::presets::nvfp4_divisor;
    const auto d = lb::quantize<divided>(w);
    other = cut(d.bytes(), {{&parts::codes, 5 * 11}, {&parts::scales, 5 * 2}});
    other.tensor_scale = d.view().tensor_scale();
    REQUIRE(lb::quantized_view<divided>::from(other, 5, 21).has_value());
    other.tensor_scale = 0.0f;
    CHECK(lb::quantized_view<divided>::from(other, 5, 21).error().code == errc::non_finite);

    std::vector<std::byte> mask(p.mask.begin(), p.mask.end());
    mask[3 * 2] ^= std::byte{4}; // row 2 keeps one more or less
    other = p;
    other.mask = mask;
    CHECK(lb::quantized_view<full>::from(other, 5, 21).error().code == errc::malformed);
    CHECK(lb::quantized_view<full>::from(other, 5, 21).error().offset == 2);
    mask[3 * 2] = std::byte{0x17}; // three of the first four of row 2 and one of the next: as many in all
    CHECK(lb::quantized_view<full>::from(other, 5, 21).error() ==
          lb::error{errc::malformed, "a run of a mask keeps more weights than the policy", 2});

    const auto m = lb::quantize<minimums>(w);
    const parts five = cut(m.bytes(), {{&parts::codes, 5 * 11},
                                       {&parts::scales, 5 * 3},
                                       {&parts::offsets, 5 * 3},
                                       {&parts::super_scales, 5 * 2},
                                       {&parts::super_minimums, 5 * 2 * 2}});
    CHECK(m.size_bytes() == 55 + 15 + 15 + 10 + 20);
    REQUIRE(lb::quantized_view<minimums>::from(five, 5, 21).has_value());
    CHECK(same(lb::dequantize(*lb::quantized_view<minimums>::from(five, 5, 21)), lb::dequantize(m)));
    CHECK(lb::error_of(m, w).sqnr_db > 18);
    parts cut_short = five;
    cut_short.super_minimums = five.super_minimums.first(19);
    CHECK(lb::quantized_view<minimums>::from(cut_short, 5, 21).error().code == errc::truncated);

    // interleaved: one part
    const auto k = lb::quantize<blocks>(w);
    REQUIRE(lb::quantized_view<blocks>::from({.codes = k.bytes()}, 5, 21).has_value());
    CHECK(lb::quantized_view<blocks>::from({.codes = k.bytes().first(5 * 144 - 1)}, 5, 21).error().code == errc::truncated);
    CHECK(lb::quantized_view<w4>::from({}, 0, 100).has_value()); // nothing is needed for nothing
}

TEST_CASE("weights come from any view") {
    const auto w = noise(7).weights(5, 70);
    const auto expected = lb::quantize<w4>(w);
    lb::matrix<float> wide(5, 83), turned(70, 5);
    lb::matrix<double> doubles(5, 70);
    for (std::size_t i = 0; i < 5; ++i) {
        for (std::size_t k = 0; k < 70; ++k) {
            wide(i, k + 3) = w(i, k);
            turned(k, i) = w(i, k);
            doubles(i, k) = static_cast<double>(w(i, k));
        }
    }
    CHECK(same_bytes(lb::quantize<w4>(lb::matrix_view<const float>{wide.data() + 3, 5, 70, 83}), expected));
    CHECK(same_bytes(lb::quantize<w4>(lb::transposed(std::as_const(turned).view())), expected));
    CHECK(same_bytes(lb::quantize<w4>(doubles), expected));
    CHECK(lb::error_of(expected, lb::transposed(turned.view())).mse == lb::error_of(expected, w).mse);

    lb::matrix<lb::float16> halves(5, 70);
    lb::matrix<float> rounded(5, 70);
    for (std::size_t i = 0; i < 5; ++i)
        for (std::size_t k = 0; k < 70; ++k) halves(i, k) = lb::float16(w(i, k)), rounded(i, k) = float(halves(i, k));
    CHECK(same_bytes(lb::quantize<w4>(halves), lb::quantize<w4>(rounded)));
}

TEST_CASE("quantize_into wants storage of the same shape") {
    lb::quantized_matrix<w4> q(3, 40);
    CHECK(raises(errc::shape_mismatch, [&] { lb::quantize_into(q, lb::matrix<float>(3, 41)); }, "3 x 40", "3 x 41"));
    CHECK(raises(errc::shape_mismatch, [&] { lb::quantize_into(q, lb::matrix<float>(2, 40)); }, "2 x 40"));
}

TEST_CASE("error_of is what it says") {
    const auto w = noise(8).weights(9, 50);
    const auto q = lb::quantize<w4>(w);
    const auto back = lb::dequantize(q);
    double noise_power = 0, signal = 0, decoded = 0, both = 0, largest = 0;
    for (std::size_t i = 0; i < 9; ++i) {
        for (std::size_t k = 0; k < 50; ++k) {
            const double a = static_cast<double>(w(i, k)), b = static_cast<double>(back(i, k));
            noise_power += (a - b) * (a - b), signal += a * a, decoded += b * b, both += a * b;
            largest = std::max(largest, std::fabs(a - b));
        }
    }
    const auto e = lb::error_of(q, w);
    CHECK(e.mse == doctest::Approx(noise_power / 450).epsilon(1e-12));
    CHECK(e.max_abs == largest);
    CHECK(e.sqnr_db == doctest::Approx(10 * std::log10(signal / noise_power)).epsilon(1e-12));
    CHECK(e.cosine == doctest::Approx(both / std::sqrt(signal * decoded)).epsilon(1e-12));

    const auto exact = lb::error_of(q, back);
    CHECK(exact.mse == 0);
    CHECK(exact.sqnr_db == std::numeric_limits<double>::infinity());
    CHECK(exact.cosine == doctest::Approx(1));
    CHECK(lb::error_of(lb::quantize<w4>(lb::matrix<float>(9, 50)), w).cosine == 0); // nothing against something
    CHECK(
        raises(errc::shape_mismatch, [&] { static_cast<void>(lb::error_of(q, lb::matrix<float>(9, 51))); }, "9 x 50", "9 x 51"));
}
