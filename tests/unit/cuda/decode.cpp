// SPDX-License-Identifier: MIT
// Every decoder of the GPU, for every code at every place, against the numbers of numeric/.
#include <doctest/doctest.h>

#include <lowbit/cuda/decode.hpp>
#include <lowbit/numeric/codebook.hpp>
#include <lowbit/numeric/float4.hpp>
#include <lowbit/numeric/float6.hpp>
#include <lowbit/numeric/float8.hpp>
#include <lowbit/numeric/int_n.hpp>

#include <bit>
#include <cstdint>
#include <vector>

namespace lb = lowbit;
namespace cuda = lowbit::cuda;

namespace {

template <class T>
float low(std::uint32_t pair) {
    return T::decode(static_cast<std::uint16_t>(pair));
}
template <class T>
float high(std::uint32_t pair) {
    return T::decode(static_cast<std::uint16_t>(pair >> 16));
}
bool same(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// Calls check(code, other code, pair) for every pair of codes at every place, amid bits of other codes.
template <class Decoder, class Check>
void for_each_pair(const typename Decoder::side& side, Check check) {
    constexpr int bits = Decoder::bits;
    constexpr std::uint32_t codes = 1u << bits;
    for (int place = 0; place < 16 / bits; ++place) {
        for (std::uint32_t a = 0; a < codes; ++a) {
            for (std::uint32_t b = 0; b < codes; ++b) {
                const std::uint32_t mine = ((codes - 1) | (codes - 1) << 16) << (bits * place);
                for (const std::uint32_t others : {0u, 0xffff'ffffu, 0x5a3c'96e1u}) {
                    const std::uint32_t word = (others & ~mine) | (a | b << 16) << (bits * place);
                    check(a, b, Decoder::pair(word, place, side));
                }
            }
        }
    }
}

template <class E, class T>
bool counted_exact() {
    bool exact = true;
    const int last_zero = E::bits == 8 ? 255 : 1 << cuda::stored_bits<E>;
    using stored = cuda::decoder<E, T, true>;
    for (int zero = 0; zero <= last_zero; zero += E::bits == 8 ? 17 : 1) {
        for_each_pair<stored>(stored::side_of(zero), [&](std::uint32_t a, std::uint32_t b, std::uint32_t pair) {
            exact = exact && low<T>(pair) == static_cast<float>(static_cast<int>(a) - zero) &&
                    high<T>(pair) == static_cast<float>(static_cast<int>(b) - zero);
        });
    }
    // without zero points: the number of the element, whose code is its level with the top bit flipped where it has a sign
    using plain = cuda::decoder<E, T, false>;
    for_each_pair<plain>(plain::side_of(cuda::zero_level<E>), [&](std::uint32_t a, std::uint32_t b, std::uint32_t pair) {
        const auto number = [](std::uint32_t level) {
            std::uint32_t code = level;
            if constexpr (lb::integer_element<E>) code ^= static_cast<std::uint32_t>(cuda::zero_level<E>);
            return E::decode(static_cast<typename E::code_type>(code));
        };
        if ((a >> E::bits) == 0 && (b >> E::bits) == 0) // a code of 3 bits fills no nibble
            exact = exact && low<T>(pair) == number(a) && high<T>(pair) == number(b);
    });
    return exact;
}

template <class E, class T>
bool small_float_exact() {
    bool exact = true;
    using decoder = cuda::decoder<E, T, false>;
    for_each_pair<decoder>({}, [&](std::uint32_t a, std::uint32_t b, std::uint32_t pair) {
        const float left = E::decode(static_cast<std::uint8_t>(a)), right = E::decode(static_cast<std::uint8_t>(b));
        if ((a >> E::bits) == 0 && left - left == 0.0f) exact = exact && same(low<T>(pair), left);
        if ((b >> E::bits) == 0 && right - right == 0.0f) exact = exact && same(high<T>(pair), right);
    });
    return exact;
}

template <class E, class T>
bool table_nearest() {
    using decoder = cuda::decoder<E, T, false>;
    std::vector<std::uint32_t> table(std::size_t{decoder::entries} * decoder::copies);
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = decoder::entry(static_cast<int>(i) / decoder::copies) + (i % decoder::copies == 7 ? 0u : 1u);
    bool nearest = true;
    for_each_pair<decoder>({table.data() + 7}, [&](std::uint32_t a, std::uint32_t b, std::uint32_t pair) {
        nearest = nearest && same(low<T>(pair), T(E::decode(static_cast<std::uint8_t>(a)))) &&
                  same(high<T>(pair), T(E::decode(static_cast<std::uint8_t>(b))));
    });
    return nearest;
}

template <class E, bool Zeros = false>
bool bytes_exact(int zero = cuda::zero_level<E>) {
    using decoder = cuda::decoder<E, lb::int8, Zeros>;
    bool exact = true;
    for (int place = 0; place < 8 / decoder::bits; ++place) {
        for (std::uint32_t code = 0; code < 1u << decoder::bits; ++code) {
            for (int e = 0; e < 4; ++e) {
                const std::uint32_t mine = ((1u << decoder::bits) - 1) << (decoder::bits * place + 8 * e);
                const std::uint32_t word = (0x5a3c'96e1u & ~mine) | code << (decoder::bits * place + 8 * e);
                const auto number =
                    static_cast<std::int8_t>(decoder::pair(word, place, decoder::side_of(zero)) >> (8 * e) & 0xff);
                exact = exact && number == static_cast<int>(code) - zero;
            }
        }
    }
    return exact;
}

} // namespace

TEST_CASE_TEMPLATE("whole numbers decode exactly, with any zero point", T, lb::float16, lb::bfloat16) {
    CHECK(counted_exact<lb::int2, T>());
    CHECK(counted_exact<lb::uint2, T>());
    CHECK(counted_exact<lb::ternary, T>());
    CHECK(counted_exact<lb::int3, T>());
    CHECK(counted_exact<lb::int4, T>());
    CHECK(counted_exact<lb::uint4, T>());
    CHECK(counted_exact<lb::int8, T>());
    CHECK(counted_exact<lb::uint8, T>());
}

TEST_CASE_TEMPLATE("small floats decode exactly, subnormal numbers and zeros with their signs", T, lb::float16, lb::bfloat16) {
    CHECK(small_float_exact<lb::float4_e2m1, T>());
    CHECK(small_float_exact<lb::float6_e2m3, T>());
    CHECK(small_float_exact<lb::float6_e3m2, T>());
    CHECK(small_float_exact<lb::float8_e4m3, T>());
    CHECK(small_float_exact<lb::float8_e5m2, T>());
}

TEST_CASE_TEMPLATE("codebooks decode to the nearest number, from the lane's own table", T, lb::float16, lb::bfloat16) {
    CHECK(table_nearest<lb::nf4_codebook, T>());
    CHECK(table_nearest<lb::iq4_nl_codebook, T>());
    CHECK(table_nearest<lb::e2m1_ggml_codebook, T>());
}

TEST_CASE("whole numbers as bytes") {
    CHECK(bytes_exact<lb::int2>());
    CHECK(bytes_exact<lb::ternary>());
    CHECK(bytes_exact<lb::int4>());
    CHECK(bytes_exact<lb::int8>());
    for (int zero = 0; zero <= 16; ++zero) CHECK(bytes_exact<lb::uint4, true>(zero));
    for (int zero = 0; zero <= 4; ++zero) CHECK(bytes_exact<lb::uint2, true>(zero));
}
