// SPDX-License-Identifier: MIT
// Errors are small values for outside data, and reports with the numbers in them for a caller's mistake.
#include <doctest/doctest.h>

#include <lowbit/core/expected.hpp>

#include "support/raised.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;

TEST_CASE("every error code has a name of its own") {
    std::set<std::string> names;
    constexpr int codes = static_cast<int>(errc::device) + 1;
    for (int i = 0; i < codes; ++i) names.insert(std::string{lb::name(static_cast<errc>(i))});
    CHECK(names.size() == codes);
    CHECK(names.count("unknown") == 0);
    CHECK(lb::name(static_cast<errc>(200)) == "unknown");
}

TEST_CASE("an error is code, text and offset") {
    constexpr lb::error a{errc::truncated, "ends early", 7};
    static_assert(a == lb::error{errc::truncated, "ends early", 7});
    const std::string same = "ends early"; // equal text elsewhere in memory is equal
    CHECK(a == lb::error{errc::truncated, same.c_str(), 7});
    CHECK_FALSE(a == lb::error{errc::malformed, "ends early", 7});
    CHECK_FALSE(a == lb::error{errc::truncated, "ends late", 7});
    CHECK_FALSE(a == lb::error{errc::truncated, "ends early", 8});
    CHECK(std::is_trivially_copyable_v<lb::error>);
}

TEST_CASE("raise joins text and numbers") {
    CHECK(lowbit_test::raises(
        errc::shape_mismatch, [] { lb::raise(errc::shape_mismatch, "K is ", std::size_t{12}, ", not ", -3); },
        "K is 12, not -3"));
    const auto text = [](auto... parts) { return std::string{lb::detail::error_text{parts...}.c_str()}; };
    CHECK(text() == "");
    CHECK(text(0, ' ', 10u, ' ', std::uint64_t{18446744073709551615u}) == "0 10 18446744073709551615");
    CHECK(text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(text(std::int8_t{-128}, std::string_view{"|"}, std::uint8_t{255}) == "-128|255");
    CHECK(text(std::string(400, 'x').c_str()) == std::string(255, 'x')); // cut, not overrun
    CHECK(lowbit_test::raises(errc::io, [] { lb::raise(lb::error{errc::io, "no such file", 3}); }, "no such file", "3"));
}

TEST_CASE("raised hears nothing where nothing fails") { // or every test of errors were green
    CHECK_FALSE(lowbit_test::raised([] {}).has_value());
}

TEST_CASE("an expected holds a value or an error") {
    lb::expected<int> value = 5;
    CHECK(value.has_value());
    CHECK(static_cast<bool>(value));
    CHECK(*value == 5);
    CHECK(value.value() == 5);
    CHECK(std::as_const(value).value() == 5);
    CHECK(value.value_or(9) == 5);
    *value = 6;
    CHECK(*std::as_const(value) == 6);

    const lb::expected<int> none = lb::fail(errc::limit_exceeded, "too many", 4);
    CHECK_FALSE(none.has_value());
    CHECK(none.error() == lb::error{errc::limit_exceeded, "too many", 4});
    CHECK(none.value_or(9) == 9);
    CHECK(lb::expected<int>{}.has_value());

    lb::expected<int> other = none; // copies carry the error
    CHECK(other.error() == none.error());
    other = value;
    CHECK(*other == 6);
    static_assert([] { return *lb::expected<int>{3} + (lb::expected<int>{lb::fail(errc::io, "")}.has_value() ? 1 : 0); }() == 3);
}

TEST_CASE("an expected converts where its value does") {
    static_assert(std::is_convertible_v<const char*, lb::expected<std::string>>);
    static_assert(
        !std::is_convertible_v<int, lb::expected<std::vector<int>>>); // 5 is no vector, though a vector can be made of it
    CHECK(lb::expected<std::vector<int>>(5)->size() == 5);
    static_assert(!std::is_convertible_v<lb::unexpected<int>, lb::expected<int, std::vector<int>>>);
    CHECK(lb::expected<int, std::vector<int>>(lb::unexpected<int>(5)).error().size() == 5);
}

TEST_CASE("an expected moves what only moves") {
    lb::expected<std::unique_ptr<int>> pointer = std::make_unique<int>(3);
    CHECK(**pointer == 3);
    CHECK(*pointer->get() == 3);
    const std::unique_ptr<int> taken = *std::move(pointer);
    CHECK(*taken == 3);
    lb::expected<std::unique_ptr<int>> second = std::make_unique<int>(4);
    CHECK(*std::move(second).value() == 4);
    CHECK_FALSE(std::is_copy_constructible_v<lb::expected<std::unique_ptr<int>>>);
}

#if !defined(__cpp_lib_expected) // std::expected throws an exception of its own
TEST_CASE("the value of an error raises the error") {
    lb::expected<int> none = lb::fail(errc::malformed, "not a header", 17);
    CHECK(lowbit_test::raises(errc::malformed, [&] { static_cast<void>(none.value()); }, "not a header", "17"));
    CHECK(lowbit_test::raises(errc::malformed, [&] { static_cast<void>(std::as_const(none).value()); }));
    CHECK(lowbit_test::raises(errc::malformed, [&] { static_cast<void>(std::move(none).value()); }));
    const lb::expected<int, std::string> text = lb::unexpected<std::string>("own");
    CHECK(text.error() == "own");
    CHECK(lowbit_test::raises(errc::invalid_argument, [&] { static_cast<void>(text.value()); }));
}
#endif
