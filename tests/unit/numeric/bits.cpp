// SPDX-License-Identifier: MIT
// Dense packing of codes and base-3 digits, against bit-by-bit arithmetic; bits of masks; and the overflow helpers.
#include <doctest/doctest.h>

#include "support/seed.hpp"

#include <lowbit/core/bits.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace lb = lowbit;

namespace {

constexpr std::byte guard{0xa5};

/// Bit k of a stream, least significant first.
unsigned bit_of(const std::vector<std::byte>& stream, std::size_t k) {
    return std::to_integer<unsigned>(stream[k / 8]) >> (k % 8) & 1;
}

/// Packs into a buffer with guards on both sides, checks that only packed_bytes were written, and that each bit is where it
/// belongs.
std::vector<std::byte> pack(const std::vector<std::uint8_t>& codes, int bits) {
    const std::size_t bytes = (codes.size() * static_cast<std::size_t>(bits) + 7) / 8;
    REQUIRE(lb::packed_bytes(codes.size(), bits) == bytes);
    std::vector<std::byte> buffer(bytes + 32, guard);
    lb::pack_codes(codes, bits, buffer.data() + 16);
    for (std::size_t i = 0; i < 16; ++i) REQUIRE((buffer[i] == guard && buffer[buffer.size() - 1 - i] == guard));
    std::vector<std::byte> packed(buffer.begin() + 16, buffer.end() - 16); // a heap block of the exact size, for ASan's sake
    packed.shrink_to_fit();
    bool right = true;
    for (std::size_t k = 0; k < bytes * 8; ++k) {
        const std::size_t code = k / static_cast<std::size_t>(bits);
        const unsigned expected =
            code < codes.size() ? static_cast<unsigned>(codes[code]) >> (k % static_cast<std::size_t>(bits)) & 1u : 0u;
        right = right && bit_of(packed, k) == expected;
    }
    REQUIRE(right);
    return packed;
}

std::vector<std::uint8_t> unpack(const std::vector<std::byte>& packed, std::size_t first, std::size_t count, int bits) {
    std::vector<std::uint8_t> buffer(count + 32, 0xa5);
    lb::unpack_codes(packed.data(), first, std::span(buffer).subspan(16, count), bits);
    for (std::size_t i = 0; i < 16; ++i) REQUIRE((buffer[i] == 0xa5 && buffer[buffer.size() - 1 - i] == 0xa5));
    return {buffer.begin() + 16, buffer.end() - 16};
}

} // namespace

TEST_CASE("bits: every code in every lane") {
    for (int bits = 1; bits <= 8; ++bits) {
        const unsigned last = (1u << bits) - 1;
        for (std::size_t lane = 0; lane < 19; ++lane) {
            for (unsigned code = 0; code <= last; ++code) {
                for (const unsigned others : {0u, last}) {
                    std::vector<std::uint8_t> codes(19, static_cast<std::uint8_t>(others));
                    codes[lane] = static_cast<std::uint8_t>(code);
                    const auto packed = pack(codes, bits);
                    REQUIRE(unpack(packed, 0, 19, bits) == codes);
                    REQUIRE(lb::unpack_code(packed.data(), lane, bits) == code);
                }
            }
        }
    }
}

TEST_CASE("bits: every length, from every first code, never a byte too far") {
    std::mt19937_64 random(lowbit_test::seed());
    for (int bits = 1; bits <= 8; ++bits) {
        for (std::size_t count = 0; count <= 67; ++count) {
            std::vector<std::uint8_t> codes(count);
            for (auto& code : codes) code = static_cast<std::uint8_t>(random() & ((1u << bits) - 1));
            const auto packed = pack(codes, bits);
            for (std::size_t first = 0; first <= count; ++first) {
                const std::size_t rest = count - first;
                const std::vector<std::uint8_t> expected(codes.begin() + static_cast<std::ptrdiff_t>(first), codes.end());
                REQUIRE(unpack(packed, first, rest, bits) == expected);
                for (const std::size_t some : {rest / 2, rest / 3}) { // stops in the middle
                    const std::vector<std::uint8_t> part(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(some));
                    REQUIRE(unpack(packed, first, some, bits) == part);
                }
            }
        }
    }
}

TEST_CASE("bits: high bits of a code are dropped, so sign-extended integers can be packed as they are") {
    for (int bits = 1; bits <= 7; ++bits) {
        for (const std::size_t count : {3u, 8u, 21u}) {
            std::vector<std::uint8_t> clean(count);
            std::vector<std::uint8_t> dirty(count);
            for (std::size_t i = 0; i < count; ++i) {
                clean[i] = static_cast<std::uint8_t>((i * 37) & ((1u << bits) - 1));
                dirty[i] = static_cast<std::uint8_t>(clean[i] | ~((1u << bits) - 1));
            }
            std::vector<std::byte> a(lb::packed_bytes(count, bits));
            std::vector<std::byte> b(a.size());
            lb::pack_codes(clean, bits, a.data());
            lb::pack_codes(dirty, bits, b.data());
            CHECK(a == b);
        }
    }
}

TEST_CASE("bits: an unaligned buffer will do") {
    for (int bits = 1; bits <= 8; ++bits) {
        std::vector<std::uint8_t> codes(40);
        for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>((i * 11 + 5) & ((1u << bits) - 1));
        for (std::size_t offset = 0; offset < 64; ++offset) {
            std::vector<std::byte> buffer(offset + lb::packed_bytes(codes.size(), bits));
            lb::pack_codes(codes, bits, buffer.data() + offset);
            std::vector<std::uint8_t> back(codes.size());
            lb::unpack_codes(buffer.data() + offset, 0, back, bits);
            REQUIRE(back == codes);
        }
    }
}

TEST_CASE("bits: packed by the compiler") {
    static constexpr auto packed = [] {
        constexpr std::array<std::uint8_t, 11> codes{1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3};
        std::array<std::byte, lb::packed_bytes(11, 3)> out{};
        lb::pack_codes(codes, 3, out.data());
        return out;
    }();
    static_assert(packed.size() == 5 && packed[0] == std::byte{0b11'010'001});
    static_assert(lb::unpack_code(packed.data(), 10, 3) == 3);
    constexpr auto sum = [] {
        std::array<std::uint8_t, 9> codes{};
        lb::unpack_codes(packed.data(), 2, codes, 3);
        int total = 0;
        for (const int code : codes) total += code;
        return total;
    }();
    static_assert(sum == 3 + 4 + 5 + 6 + 7 + 0 + 1 + 2 + 3);
}

TEST_CASE("trits: every byte, every length, from every first digit") {
    for (int value = 0; value < 243; ++value) {
        const std::vector<std::uint8_t> digits{static_cast<std::uint8_t>(value / 81), static_cast<std::uint8_t>(value / 27 % 3),
                                               static_cast<std::uint8_t>(value / 9 % 3), static_cast<std::uint8_t>(value / 3 % 3),
                                               static_cast<std::uint8_t>(value % 3)};
        std::array<std::byte, 3> out{guard, guard, guard};
        lb::pack_trits(digits, out.data() + 1);
        REQUIRE((out[0] == guard && out[2] == guard));
        for (int i = 0; i < 5; ++i) REQUIRE(lb::unpack_trit(out[1], i) == digits[static_cast<std::size_t>(i)]);
    }
    CHECK(lb::packed_trit_bytes(0) == 0);
    CHECK(lb::packed_trit_bytes(std::numeric_limits<std::size_t>::max()) == std::numeric_limits<std::size_t>::max() / 5);
    std::mt19937_64 random(lowbit_test::seed());
    for (std::size_t count = 0; count <= 67; ++count) {
        std::vector<std::uint8_t> trits(count);
        for (auto& trit : trits) trit = static_cast<std::uint8_t>(random() % 3);
        std::vector<std::byte> packed((count + 4) / 5 + 1, guard);
        lb::pack_trits(trits, packed.data());
        REQUIRE(packed.back() == guard);
        packed.pop_back();
        packed.shrink_to_fit();
        for (std::size_t first = 0; first <= count; ++first) {
            std::vector<std::uint8_t> back(count - first + 1, 0xa5);
            lb::unpack_trits(packed.data(), first, std::span(back).first(count - first));
            REQUIRE(back.back() == 0xa5);
            REQUIRE(std::equal(back.begin(), back.end() - 1, trits.begin() + static_cast<std::ptrdiff_t>(first)));
        }
    }
    static constexpr std::array<std::uint8_t, 5> ones{1, 1, 1, 1, 1};
    constexpr auto byte = [] {
        std::byte out{};
        lb::pack_trits(ones, &out);
        return out;
    }();
    static_assert(byte == std::byte{128}); // 121 / 243 of 256, rounded up: TQ1_0's code of five zeros
}

TEST_CASE("masks: bits are read, set and found") {
    constexpr std::size_t count = 61;
    std::vector<std::byte> mask(8);
    mask[7] = std::byte{0xf0}; // bits behind the last, which are nobody's
    for (const std::size_t i : {3u, 4u, 31u, 32u, 60u}) lb::detail::set_mask_bit(mask.data(), i);
    for (std::size_t i = 0; i < count; ++i) CHECK(lb::detail::mask_bit(mask.data(), i) == (bit_of(mask, i) != 0));
    for (const std::size_t end : {std::size_t{0}, std::size_t{3}, std::size_t{40}, std::size_t{59}, count}) {
        for (std::size_t i = 0; i <= end; ++i) {
            std::size_t next = i;
            while (next < end && bit_of(mask, next) == 0) ++next;
            CHECK(lb::detail::next_mask_bit(mask.data(), i, end) == next);
        }
    }
}

TEST_CASE("sizes: overflow is noticed exactly") {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    std::size_t result = 42;
    CHECK(lb::mul_overflow<std::size_t>(most / 3 + 1, 3, result));
    CHECK(result == 42); // untouched by a refusal
    CHECK_FALSE(lb::mul_overflow<std::size_t>(most / 3, 3, result));
    CHECK(result == most / 3 * 3);
    CHECK_FALSE(lb::mul_overflow<std::size_t>(most, 0, result));
    CHECK(result == 0);
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            std::uint8_t small = 7;
            REQUIRE(lb::mul_overflow(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), small) == (a * b > 255));
            REQUIRE(small == (a * b > 255 ? 7 : a * b));
        }
    }
    static_assert(lb::round_up(0, 64) == 0 && lb::round_up(1, 64) == 64 && lb::round_up(64, 64) == 64);
    static_assert(lb::ceil_div(7, 3) == 3 && lb::ceil_div(0, 3) == 0 && lb::ceil_div(most, 1) == most);
    static_assert(lb::packed_bytes(most, 8) == most && lb::packed_bytes(most, 1) == most / 8 + 1);
}
