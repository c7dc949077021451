// SPDX-License-Identifier: MIT
// The active level: the environment variable, forced levels and their threads, and what explain prints.
#include <doctest/doctest.h>

#include <lowbit/isa/active.hpp>

#include "support/levels.hpp"

#include <sstream>
#include <string>
#include <thread>
#include <type_traits>

namespace isa = lowbit::isa;
using isa::level;

namespace {

#if defined(__cpp_exceptions) // without them a refusal ends the program
#define REFUSALS_CAN_BE_SEEN 1
level missing_level() {
    for (const level l : {level::avx2, level::avxvnni, level::avx512, level::avx512vnni, level::neon, level::dotprod})
        if (!isa::supported(l)) return l;
    return level::scalar; // cannot be: no CPU has the levels of two architectures
}

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const lowbit::exception& e) {
        CHECK(e.code() == lowbit::errc::unsupported);
        return e.what();
    }
    return "";
}
#endif

} // namespace

TEST_CASE("without a wish the best level runs") {
    const level best = isa::detail::choose_level(nullptr);
    CHECK(isa::detail::choose_level("") == best);
    CHECK(isa::supported(best));
    for (const level l : isa::levels)
        if (isa::supported(l)) CHECK(l <= best);
}

#if defined(REFUSALS_CAN_BE_SEEN)
TEST_CASE("LOWBIT_ISA is taken at its word or refused, with the word in the text") {
    lowbit_test::each_level([](level l) { CHECK(isa::detail::choose_level(std::string{isa::name(l)}.c_str()) == l); });
    CHECK(message_of([] { isa::detail::choose_level("sse9"); }).find("sse9") != std::string::npos);
    const std::string name{isa::name(missing_level())};
    CHECK(message_of([&] { isa::detail::choose_level(name.c_str()); }).find(name) != std::string::npos);
}
#endif

TEST_CASE("the environment variable decides what is active") {
    const char* wish = std::getenv("LOWBIT_ISA");
    CHECK(isa::active() == isa::detail::choose_level(wish));
    CHECK(isa::active() == isa::active());
}

TEST_CASE("a forced level nests and ends with its scope") {
    const level before = isa::active();
    {
        const isa::scoped_level outer{level::scalar};
        CHECK(isa::active() == level::scalar);
        {
            const isa::scoped_level inner{level::baseline};
            CHECK(isa::active() == level::baseline);
        }
        CHECK(isa::active() == level::scalar);
    }
    CHECK(isa::active() == before);
    static_assert(!std::is_copy_constructible_v<isa::scoped_level> && !std::is_copy_assignable_v<isa::scoped_level>);
}

TEST_CASE("a forced level is the thread's own") {
    const isa::scoped_level force{level::scalar};
    level elsewhere = level::scalar;
    std::thread([&] {
        elsewhere = isa::active();
        const isa::scoped_level other{level::baseline};
    }).join();
    CHECK(elsewhere == isa::detail::choose_level(std::getenv("LOWBIT_ISA")));
    CHECK(isa::active() == level::scalar);
}

#if defined(REFUSALS_CAN_BE_SEEN)
TEST_CASE("a level this machine lacks is refused and changes nothing") {
    const level before = isa::active();
    const level missing = missing_level();
    REQUIRE(missing != level::scalar);
    CHECK(message_of([&] { const isa::scoped_level force{missing}; }).find(isa::name(missing)) != std::string::npos);
    CHECK(isa::active() == before);
}
#endif

TEST_CASE("explain names what is supported and active, and lets tables add lines") {
    const isa::scoped_level force{level::baseline};
    std::ostringstream out;
    isa::explain(out, [](std::ostream& o) { o << "gemm: none\n"; });
    const std::string text = out.str();
    CHECK(text.starts_with("supported: scalar baseline"));
    CHECK(text.find("\nactive: baseline\n") != std::string::npos);
    CHECK(text.ends_with("gemm: none\n"));
    for (const level l : isa::levels) {
        const std::string first_line = text.substr(0, text.find('\n')) + ' ';
        CHECK((first_line.find(' ' + std::string{isa::name(l)} + ' ') != std::string::npos) == isa::supported(l));
    }
}
