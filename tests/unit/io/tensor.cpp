// SPDX-License-Identifier: MIT
// to_matrix: every element type at every alignment, the shapes, and what it refuses.
#include <doctest/doctest.h>

#include <lowbit/io/tensor.hpp>

#include "counting_new.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>
#include <vector>

namespace lb = lowbit;
using lb::io::dtype;
using lb::io::tensor;
using lb::io::to_matrix;

namespace {

using shape = std::vector<std::uint64_t>;

/// `values` as they lie in a little-endian file, at `misalignment` bytes from an aligned address.
template <class T>
std::vector<std::byte> stored(std::initializer_list<T> values, std::size_t misalignment) {
    std::vector<std::byte> bytes(misalignment);
    for (const T& value : values) {
        std::array<std::byte, sizeof(T)> raw;
        std::memcpy(raw.data(), &value, sizeof(T));
        if constexpr (std::endian::native == std::endian::big) std::reverse(raw.begin(), raw.end());
        bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
    return bytes;
}

/// Reads four values as 2 x 2 from every alignment and compares bits (any NaN equals any NaN).
template <class T>
void check_values(dtype type, std::initializer_list<T> values, std::array<float, 4> expected) {
    CAPTURE(lb::io::name(type));
    const shape square{2, 2};
    for (std::size_t misalignment = 0; misalignment < 8; ++misalignment) {
        const auto bytes = stored(values, misalignment);
        const auto read = to_matrix(tensor{"t", type, square, std::span(bytes).subspan(misalignment)});
        REQUIRE(read.has_value());
        REQUIRE(read->rows() == 2);
        REQUIRE(read->cols() == 2);
        for (std::size_t i = 0; i < 4; ++i) {
            const float got = read->data()[i];
            CHECK((std::isnan(expected[i]) ? std::isnan(got)
                                           : std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(expected[i])));
        }
    }
}

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

lb::error refusal(dtype type, const shape& dims, std::size_t bytes) {
    const std::vector<std::byte> data(bytes);
    const auto read = to_matrix(tensor{"t", type, dims, data});
    REQUIRE_FALSE(read.has_value());
    return read.error();
}

} // namespace

TEST_CASE("to_matrix reads every type that a float can take, at any address") {
    check_values<std::uint8_t>(dtype::boolean, {0, 1, 255, 2}, {0, 1, 1, 1});
    check_values<std::uint8_t>(dtype::u8, {0, 1, 128, 255}, {0, 1, 128, 255});
    check_values<std::int8_t>(dtype::i8, {0, 1, -128, 127}, {0, 1, -128, 127});
    check_values<std::uint16_t>(dtype::u16, {0, 1, 32768, 65535}, {0, 1, 32768, 65535});
    check_values<std::int16_t>(dtype::i16, {0, -1, -32768, 32767}, {0, -1, -32768, 32767});
    check_values<std::uint32_t>(dtype::u32, {0, 16777217, 16777219, 0xffffffff}, {0, 16777216.0f, 16777220.0f, 0x1p32f});
    check_values<std::int32_t>(dtype::i32, {-1, -16777217, std::numeric_limits<std::int32_t>::min(), 7},
                               {-1, -16777216.0f, -0x1p31f, 7});
    check_values<std::uint64_t>(dtype::u64, {0, 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}, {0, 1, 0x1p63f, 0x1p64f});
    check_values<std::int64_t>(dtype::i64, {0, -1, std::numeric_limits<std::int64_t>::min(), 5}, {0, -1, -0x1p63f, 5});
    check_values<float>(dtype::f32, {1.5f, -0.0f, infinity, 1e-45f}, {1.5f, -0.0f, infinity, 1e-45f});
    check_values<float>(dtype::f32, {not_a_number, -infinity, 3.4e38f, 0}, {not_a_number, -infinity, 3.4e38f, 0});
    check_values<double>(dtype::f64, {1.1, -0.0, -HUGE_VAL, 16777217}, {1.1f, -0.0f, -infinity, 16777216.0f});
    check_values<double>(dtype::f64, {std::numeric_limits<double>::quiet_NaN(), -1e-60, 2, 3}, {not_a_number, -0.0f, 2, 3});
    check_values<std::uint16_t>(dtype::f16, {0x3c00, 0x8001, 0x7c00, 0x7bff}, {1, -0x1p-24f, infinity, 65504});
    check_values<std::uint16_t>(dtype::bf16, {0x3f80, 0x8001, 0xff80, 0x7fc0}, {1, -0x1p-133f, -infinity, not_a_number});
    check_values<std::uint8_t>(dtype::f8_e4m3, {0x38, 0x7e, 0x81, 0x7f}, {1, 448, -0x1p-9f, not_a_number});
    check_values<std::uint8_t>(dtype::f8_e5m2, {0x3c, 0x7b, 0x7c, 0x81}, {1, 57344, infinity, -0x1p-16f});
    check_values<std::uint8_t>(dtype::f8_e4m3fnuz, {0x40, 0x7f, 0x80, 0x01}, {1, 240, not_a_number, 0x1p-10f});
    check_values<std::uint8_t>(dtype::f8_e5m2fnuz, {0x40, 0x7f, 0x80, 0x01}, {1, 57344, not_a_number, 0x1p-17f});
    check_values<std::uint8_t>(dtype::f8_e8m0, {127, 0, 254, 255}, {1, 0x1p-127f, 0x1p127f, not_a_number});
}

TEST_CASE("doubles beyond the floats are refused with their place, and none becomes infinite") {
    const shape dims{3, 2};
    for (const double last :
         {0x1.fffffep127, 0x1.fffffefffffffp127, -0x1.ffffffp127, 1e300}) { // FLT_MAX; the last that rounds to it
        const auto bytes = stored<double>({1, 2, 3, 4, 5, last}, 0);
        const tensor t{"t", dtype::f64, dims, bytes};
        const auto read = to_matrix(t);
        CAPTURE(last);
        REQUIRE(read.has_value() == (last > 0 && last < 1e300));
        if (read) {
            CHECK((*read)(2, 1) == std::numeric_limits<float>::max());
            continue;
        }
        CHECK(read.error() == lb::error{lb::errc::scale_range, "a number is too large for a float", 5});
        lb::matrix<float> row(1, 2);
        CHECK(lb::io::read_rows(t, 2, row.view()).error().offset == 5);
        CHECK(lb::io::read_rows(t, 1, row.view()).has_value());
    }
}

TEST_CASE("to_matrix takes the first dimension as rows and all others as columns") {
    const std::vector<std::byte> data(24);
    const auto sides = [&](const shape& dims, std::size_t bytes) {
        const auto read = to_matrix(tensor{"t", dtype::u8, dims, std::span(data).first(bytes)});
        REQUIRE(read.has_value());
        return std::array{read->rows(), read->cols()};
    };
    CHECK(sides({}, 1) == std::array<std::size_t, 2>{1, 1});
    CHECK(sides({5}, 5) == std::array<std::size_t, 2>{1, 5});
    CHECK(sides({6, 4}, 24) == std::array<std::size_t, 2>{6, 4});
    CHECK(sides({2, 3, 4}, 24) == std::array<std::size_t, 2>{2, 12});
    CHECK(sides({1, 2, 3, 1, 4}, 24) == std::array<std::size_t, 2>{1, 24});
    CHECK(sides({0}, 0) == std::array<std::size_t, 2>{1, 0});
    CHECK(sides({0, 4}, 0) == std::array<std::size_t, 2>{0, 4});
    CHECK(sides({3, 0, 2}, 0) == std::array<std::size_t, 2>{3, 0});
    constexpr std::size_t many = std::size_t{1} << (8 * sizeof(std::size_t) - 2); // rows of nothing take no time
    CHECK(sides({many, 0}, 0) == std::array<std::size_t, 2>{many, 0});
}

TEST_CASE("read_rows reads some rows of a tensor into memory that is there") {
    std::vector<std::byte> data(24);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i);
    const shape dims{4, 3, 2};
    const tensor t{"t", dtype::u8, dims, data};
    lb::matrix<float> room(5, 6);
    const auto read = [&](std::size_t first, std::size_t rows, std::size_t cols) {
        return lb::io::read_rows(t, first, lb::matrix_view<float>(room.data(), rows, cols, 6));
    };
    REQUIRE(read(1, 2, 6).has_value());
    for (std::size_t i = 0; i < 12; ++i) CHECK(room.data()[i] == static_cast<float>(6 + i));
    CHECK(room.data()[12] == 0);
    CHECK(read(4, 0, 6).has_value());
    CHECK(read(3, 2, 6).error().code == lb::errc::shape_mismatch);
    CHECK(read(5, 0, 6).error().code == lb::errc::shape_mismatch);
    CHECK(read(0, 1, 5).error().code == lb::errc::shape_mismatch);
    CHECK(read(~std::size_t{0}, 2, 6).error().code == lb::errc::shape_mismatch);
    lb::matrix<float> wide(2, 8); // rows with a stride
    REQUIRE(lb::io::read_rows(t, 2, lb::matrix_view<float>(wide.data(), 2, 6, 8)).has_value());
    CHECK(wide(1, 0) == 18);
    CHECK(wide(0, 6) == 0);
}

TEST_CASE("read_rows reads long rows of halves as it reads each of them, at any address and in either byte order") {
    constexpr std::size_t cols = 1103; // longer than what is converted at once
    const shape row{cols};
    for (const dtype type : {dtype::f16, dtype::bf16}) {
        for (const std::endian order : {std::endian::little, std::endian::big}) {
            for (const std::size_t misalignment : {std::size_t{0}, std::size_t{1}}) {
                std::vector<std::byte> data(2 * cols + misalignment);
                std::uint32_t state = 7;
                for (std::byte& b : data) b = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
                const auto bytes = std::span<const std::byte>(data).subspan(misalignment);
                const auto whole = to_matrix(tensor{"t", type, row, bytes, order});
                REQUIRE(whole.has_value());
                std::size_t wrong = 0;
                for (std::size_t i = 0; i < cols; ++i) {
                    const auto bits = lb::io::load<std::uint16_t>(bytes.data() + 2 * i, order);
                    const float value = type == dtype::f16 ? static_cast<float>(std::bit_cast<lb::float16>(bits))
                                                           : static_cast<float>(std::bit_cast<lb::bfloat16>(bits));
                    const float got = whole->data()[i];
                    if (!(got == value && std::signbit(got) == std::signbit(value)) && !(std::isnan(got) && std::isnan(value)))
                        ++wrong;
                }
                CHECK(wrong == 0);
            }
        }
    }
}

TEST_CASE("to_matrix refuses types that are no floats") {
    for (const dtype type : {dtype::unknown, dtype::c64, dtype::f4, dtype::f6_e2m3, dtype::f6_e3m2}) {
        CHECK(refusal(type, {8}, 8).code == lb::errc::unsupported);
    }
}

TEST_CASE("to_matrix refuses bytes that are not those of the shape") {
    CHECK(refusal(dtype::f32, {2, 2}, 15).code == lb::errc::shape_mismatch);
    CHECK(refusal(dtype::f32, {2, 2}, 17).code == lb::errc::shape_mismatch);
    CHECK(refusal(dtype::f32, {2, 2}, 20).code == lb::errc::shape_mismatch);
    CHECK(refusal(dtype::u8, {}, 0).code == lb::errc::shape_mismatch);
    CHECK(refusal(dtype::u8, {std::uint64_t{1} << 40}, 4).code ==
          (sizeof(std::size_t) > 4 ? lb::errc::shape_mismatch : lb::errc::limit_exceeded));
}

TEST_CASE("to_matrix refuses sizes that do not fit") {
    const std::uint64_t large = std::uint64_t{1} << 62;
    CHECK(refusal(dtype::u8, {large, 4}, 4).code == lb::errc::limit_exceeded);
    CHECK(refusal(dtype::u8, {large, 2, 2}, 4).code == lb::errc::limit_exceeded);
    CHECK(refusal(dtype::u8, {2, large, 2}, 4).code == lb::errc::limit_exceeded);
    CHECK(refusal(dtype::u8, {large}, 4).code == lb::errc::limit_exceeded); // as floats
    CHECK(refusal(dtype::u8, {1, large + 1, 4}, 4).code == lb::errc::limit_exceeded);
}

TEST_CASE("to_matrix asks for memory before it takes it") {
    if (!lowbit_test::heap_watch::possible()) return;
    const std::vector<std::byte> data(4000);
    const shape dims{1000};
    const lowbit_test::heap_watch watch(1);
    const auto read = to_matrix(tensor{"t", dtype::f32, dims, data});
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == lb::errc::limit_exceeded);
}
