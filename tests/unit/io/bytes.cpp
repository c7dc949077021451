// SPDX-License-Identifier: MIT
// cursor and load: nothing beyond the end, little-endian at any address.
#include <doctest/doctest.h>

#include <lowbit/io/bytes.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace lb = lowbit;
using lb::io::cursor;
using lb::io::load;

namespace {

constexpr std::array<std::byte, 9> counting{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},   std::byte{5},
                                            std::byte{6}, std::byte{7}, std::byte{8}, std::byte{0xff}};

} // namespace

TEST_CASE("load reads little-endian numbers at any address") {
    static_assert(load<std::uint16_t>(counting.data()) == 0x0201);
    static_assert(load<std::uint32_t>(counting.data() + 1) == 0x05040302);
    static_assert(load<std::int64_t>(counting.data() + 1) == static_cast<std::int64_t>(0xff08070605040302u));
    static_assert(load<std::int8_t>(counting.data() + 8) == -1);
    static_assert(load<bool>(counting.data()));
    constexpr std::array<std::byte, 4> one{std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x3f}};
    constexpr std::array<std::byte, 9> double_one{std::byte{9}, std::byte{0}, std::byte{0},    std::byte{0},   std::byte{0},
                                                  std::byte{0}, std::byte{0}, std::byte{0xf0}, std::byte{0x3f}};
    CHECK(load<float>(one.data()) == 1.0f);
    CHECK(load<double>(double_one.data() + 1) == 1.0);
    CHECK(static_cast<float>(load<lb::bfloat16>(one.data() + 2)) == 1.0f);
    constexpr std::array<std::byte, 2> half_one{std::byte{0}, std::byte{0x3c}};
    CHECK(static_cast<float>(load<lb::float16>(half_one.data())) == 1.0f);
}

TEST_CASE("cursor gives what is there and nothing more") {
    cursor at(counting);
    CHECK(at.offset() == 0);
    CHECK(at.remaining() == 9);
    REQUIRE(at.take<std::uint16_t>().has_value());
    CHECK(at.offset() == 2);
    const auto three = at.take(3);
    REQUIRE(three.has_value());
    CHECK(three->data() == counting.data() + 2);
    CHECK(three->size() == 3);
    CHECK(at.take(4)->size() == 4);
    CHECK(at.remaining() == 0);
    CHECK(at.take(0)->empty());
}

TEST_CASE("cursor refuses what would pass the end, and does not move") {
    cursor at(counting);
    REQUIRE(at.take(4).has_value());
    for (const std::uint64_t count : {std::uint64_t{6}, std::uint64_t{1} << 32, std::uint64_t{1} << 63,
                                      std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max() - 3}) {
        const auto refused = at.take(count);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == lb::errc::truncated);
        CHECK(refused.error().offset == 4);
        CHECK(at.offset() == 4);
    }
    const auto number = at.take<std::uint64_t>();
    REQUIRE_FALSE(number.has_value());
    CHECK(number.error().offset == 4);
    CHECK(at.take<std::uint32_t>().value() == 0x08070605);
}

TEST_CASE("cursor on no bytes") {
    cursor at({});
    CHECK(at.remaining() == 0);
    CHECK(at.take(0).has_value());
    CHECK(at.take<std::uint8_t>().error().code == lb::errc::truncated);
}
