// SPDX-License-Identifier: MIT
// N of M as values and indices: every pattern there and back, PyTorch's padding, CUTLASS's metadata, and what is refused.
#include <doctest/doctest.h>

#include <lowbit/prune/semi_structured.hpp>

#include "support/noise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lowbit_test::noise;

namespace {

template <class Result>
lb::error refused(const Result& result) {
    return result ? lb::error{errc::not_found, "accepted"} : result.error();
}

template <class T>
bool same(const lb::matrix<T>& a, const lb::matrix<T>& b) {
    return a.rows() == b.rows() && a.cols() == b.cols() && std::equal(a.data(), a.data() + a.rows() * a.cols(), b.data());
}

/// A row for each pattern of M with at most N values; then the values and indices, one by one, are what the pattern says.
template <std::size_t N, std::size_t M>
void check_patterns() {
    using mask = lb::n_of_m<N, M>;
    for (std::uint32_t pattern = 0; pattern < 1u << M; ++pattern) {
        lb::matrix<std::int8_t> dense(1, 2 * M); // the second run has the pattern, the first its values at the front
        const auto count = static_cast<std::size_t>(std::popcount(pattern));
        for (std::size_t i = 0; i < std::min(N, count); ++i) dense(0, i) = -1;
        for (std::size_t i = 0; i < M; ++i)
            if ((pattern >> i & 1) != 0) dense(0, M + i) = static_cast<std::int8_t>(i + 1);
        const auto made = lb::compress<mask>(dense);
        if (count > N) {
            REQUIRE(refused(made) == lb::error{errc::invalid_argument, "a run of M holds more than N values", M});
            continue;
        }
        REQUIRE(made->values.cols() == 2 * N);
        constexpr auto bits = static_cast<std::size_t>(std::bit_width(M - 1));
        REQUIRE(made->indices.cols() == (2 * N * bits + 7) / 8);
        // the chosen places: the pattern's, and of the others the highest
        std::set<std::size_t> places;
        for (std::size_t i = 0; i < M; ++i)
            if ((pattern >> i & 1) != 0) places.insert(i);
        for (std::size_t i = M; i-- > 0 && places.size() < N;) places.insert(i);
        std::size_t at = N;
        for (const std::size_t place : places) {
            std::size_t index = 0;
            for (std::size_t b = 0; b < bits; ++b) {
                const std::size_t bit = at * bits + b;
                index |= std::size_t{made->indices(0, bit / 8) >> bit % 8 & 1u} << b;
            }
            REQUIRE(index == place);
            REQUIRE(made->values(0, at) == dense(0, M + place));
            ++at;
        }
        REQUIRE(same(lb::decompress<mask>(*made).value(), dense));
    }
}

/// The dense matrices of the golden file.
lb::matrix<std::int8_t> golden_dense(std::size_t rows, std::size_t cols) {
    lb::matrix<std::int8_t> dense(rows, cols);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t g = 0; g < cols / 4; ++g) {
            std::uint32_t hash = static_cast<std::uint32_t>(i) * 2654435761u + static_cast<std::uint32_t>(g) * 40503u + 12345u;
            hash = (hash ^ hash >> 15) * 2246822519u;
            std::uint32_t pattern = (hash ^ hash >> 13) & 15u;
            while (std::popcount(pattern) > 2) pattern &= pattern - 1;
            for (std::size_t b = 0; b < 4; ++b)
                if ((pattern >> b & 1u) != 0)
                    dense(i, 4 * g + b) = static_cast<std::int8_t>(1 + (i * 31 + (4 * g + b) * 17) % 100);
        }
    }
    return dense;
}

template <class Word>
void check_golden(std::istream& file, std::size_t rows, std::size_t cols, const std::string& values) {
    const auto made = lb::compress<lb::sparse_2_4>(golden_dense(rows, cols)).value();
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (std::size_t i = 0; i < rows * cols / 2; ++i)
        hash = (hash ^ static_cast<std::uint64_t>(made.values.data()[i])) * 0x100000001b3u;
    CHECK(hash == std::stoull(values, nullptr, 16));
    const auto metadata = lb::sm80_metadata<Word>(made.indices).value();
    REQUIRE(metadata.rows() * metadata.cols() == rows * cols / 8 / sizeof(Word));
    std::string word;
    for (std::size_t i = 0; i < metadata.rows() * metadata.cols(); ++i) {
        REQUIRE(bool(file >> word));
        CHECK(metadata.data()[i] == std::stoul(word, nullptr, 16));
    }
    CHECK(same(lb::sm80_indices(metadata).value(), made.indices));
}

} // namespace

TEST_CASE("every pattern of N of M comes back") {
    check_patterns<2, 4>();
    check_patterns<1, 4>();
    check_patterns<4, 8>();
    check_patterns<2, 8>();
    check_patterns<1, 2>();
    check_patterns<3, 7>();
    check_patterns<5, 12>();
}

TEST_CASE("indices of 2:4 are the nibbles that devices read") {
    // of each pattern with at most two values: as PyTorch padded them in 2023
    const std::array<std::array<int, 2>, 11> nibbles{{{0b0000, 14},
                                                      {0b0001, 12},
                                                      {0b0010, 13},
                                                      {0b0100, 14},
                                                      {0b1000, 14},
                                                      {0b0011, 4},
                                                      {0b0101, 8},
                                                      {0b1001, 12},
                                                      {0b0110, 9},
                                                      {0b1010, 13},
                                                      {0b1100, 14}}};
    for (const auto& [pattern, nibble] : nibbles) {
        lb::matrix<float> dense(1, 8);
        for (std::size_t i = 0; i < 4; ++i)
            if ((pattern >> i & 1) != 0) dense(0, i) = dense(0, 4 + i) = 0.5f;
        CHECK(lb::compress<lb::sparse_2_4>(dense)->indices(0, 0) == nibble * 17);
    }
}

TEST_CASE("doubles that are no floats count, too") {
    lb::matrix<double> dense(1, 4);
    dense(0, 0) = 1e-50;
    dense(0, 1) = dense(0, 2) = 1;
    CHECK_FALSE(lb::compress<lb::sparse_2_4>(dense).has_value());
    dense(0, 1) = 0;
    const auto made = lb::compress<lb::sparse_2_4>(dense).value();
    CHECK(made.values(0, 0) == 1e-50);
    CHECK(made.values(0, 1) == 1);
}

TEST_CASE("metadata stands where CUTLASS and PyTorch have it") {
    std::ifstream file(LOWBIT_TEST_DATA "/semi_structured.txt");
    std::string type, line;
    std::size_t cases = 0;
    while (file >> type) {
        if (type[0] == '#') {
            std::getline(file, line);
            continue;
        }
        std::size_t rows = 0, cols = 0;
        std::string values;
        REQUIRE(bool(file >> rows >> cols >> values));
        CAPTURE(type);
        CAPTURE(rows);
        type == "u16" ? check_golden<std::uint16_t>(file, rows, cols, values)
                      : check_golden<std::uint32_t>(file, rows, cols, values);
        ++cases;
    }
    CHECK(cases == 4);
    // each word has a place of its own, in any shape
    const auto places = []<class Word>(Word) {
        for (std::size_t rows = 32; rows <= 128; rows += 32) {
            for (std::size_t words = 2; words <= 12; words += 2) {
                std::vector<bool> taken(rows * words);
                for (std::size_t i = 0; i < rows * words; ++i) {
                    const std::size_t place = lb::sm80_place<Word>(i / words, i % words, rows);
                    REQUIRE(place < taken.size());
                    REQUIRE_FALSE(taken[place]);
                    taken[place] = true;
                }
            }
        }
    };
    places(std::uint16_t{});
    places(std::uint32_t{});
    // and comes back
    noise random(4);
    lb::matrix<std::uint8_t> indices(64, 24);
    for (std::size_t i = 0; i < 64 * 24; ++i) indices.data()[i] = static_cast<std::uint8_t>(random.index(256));
    CHECK(same(lb::sm80_indices(lb::sm80_metadata<std::uint16_t>(indices).value()).value(), indices));
    CHECK(same(lb::sm80_indices(lb::sm80_metadata<std::uint32_t>(indices).value()).value(), indices));
}

TEST_CASE("shapes and indices that no device reads are refused") {
    CHECK(refused(lb::compress<lb::sparse_2_4>(lb::matrix<float>(2, 6))).code == errc::shape_mismatch);
    CHECK(lb::compress<lb::sparse_2_4>(lb::matrix<float>(0, 8)).has_value());
    CHECK(lb::compress<lb::sparse_2_4>(lb::matrix<float>(3, 0))->values.cols() == 0);
    CHECK(refused(lb::sm80_metadata<std::uint16_t>(lb::matrix<std::uint8_t>(31, 4))).code == errc::shape_mismatch);
    CHECK(refused(lb::sm80_metadata<std::uint16_t>(lb::matrix<std::uint8_t>(32, 2))).code == errc::shape_mismatch); // one word
    CHECK(refused(lb::sm80_metadata<std::uint16_t>(lb::matrix<std::uint8_t>(32, 5))).code == errc::shape_mismatch);
    CHECK(lb::sm80_metadata<std::uint32_t>(lb::matrix<std::uint8_t>(16, 8)).has_value());
    CHECK(refused(lb::sm80_indices(lb::matrix<std::uint32_t>(8, 2))).code == errc::shape_mismatch);
    lb::semi_structured<float> bad{lb::matrix<float>(2, 4), lb::matrix<std::uint8_t>(2, 1)};
    CHECK(refused(lb::decompress<lb::sparse_2_4>(bad)) == lb::error{errc::malformed, "the indices of a run do not rise", 0});
    bad.indices(0, 0) = 0x44;
    bad.indices(1, 0) = 0x4e;
    CHECK(lb::decompress<lb::sparse_2_4>(bad).has_value());
    bad.indices(1, 0) = 0x41; // 1, 0
    CHECK(refused(lb::decompress<lb::sparse_2_4>(bad)).offset == 1);
    CHECK(refused(lb::decompress<lb::n_of_m<2, 8>>(bad)).code == errc::shape_mismatch); // of 2:8 an index has three bits
    lb::semi_structured<float> seven{lb::matrix<float>(1, 1), lb::matrix<std::uint8_t>(1, 1)};
    seven.indices(0, 0) = 7;
    CHECK(refused(lb::decompress<lb::n_of_m<1, 7>>(seven)).code == errc::malformed); // places 0 to 6
}
