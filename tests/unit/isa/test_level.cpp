// SPDX-License-Identifier: MIT
// Names of levels, sets of levels, and the tag of the flags compiled with.
#include <doctest/doctest.h>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>

#include <algorithm>
#include <type_traits>

namespace isa = lowbit::isa;
using isa::level;

TEST_CASE("every level has a name that leads back to it") {
    for (const level l : {level::scalar, level::baseline, level::avx2, level::avxvnni, level::avx512, level::avx512vnni,
                          level::neon, level::dotprod, level::i8mm}) {
        REQUIRE(isa::parse(isa::name(l)).has_value());
        CHECK(*isa::parse(isa::name(l)) == l);
    }
    static_assert(isa::name(level::avx512vnni) == "avx512vnni");
    static_assert(isa::parse("i8mm") == level::i8mm);
}

TEST_CASE("what is no level's name is refused") {
    for (const char* text : {"", "avx", "AVX2", "avx2 ", " avx2", "avx512vnn", "avx512vnnii", "native"})
        CHECK_FALSE(isa::parse(text).has_value());
}

TEST_CASE("the levels of this architecture ascend and begin with the portable ones") {
    CHECK(std::is_sorted(isa::levels.begin(), isa::levels.end()));
    CHECK(std::adjacent_find(isa::levels.begin(), isa::levels.end()) == isa::levels.end());
    REQUIRE(isa::levels.size() >= 2);
    CHECK(isa::levels[0] == level::scalar);
    CHECK(isa::levels[1] == level::baseline);
}

TEST_CASE("a set holds what was put in") {
    isa::level_set set{level::scalar, level::i8mm};
    CHECK(set.contains(level::scalar));
    CHECK(set.contains(level::i8mm));
    CHECK_FALSE(set.contains(level::avx2));
    set.insert(level::avx2);
    CHECK(set == isa::level_set{level::avx2, level::i8mm, level::scalar});
    CHECK_FALSE(set == isa::level_set{});
}

TEST_CASE("the flags' bits follow the macros") {
    using lowbit::detail::flag_bits;
    static_assert(flag_bits({"__AVX2__", "__FMA__"}) == 0);
    static_assert(flag_bits({"1", "__FMA__", "1"}) == 0b101);
    static_assert(std::is_empty_v<isa::here>);
#if defined(__x86_64__) && !defined(__SSE3__)
    static_assert(std::is_same_v<isa::here, lowbit::flag_set<1>>, "plain x86-64 is SSE2 and nothing else");
#endif
#if defined(__AVX2__)
    static_assert(!std::is_same_v<isa::here, lowbit::flag_set<1>>);
#endif
}
