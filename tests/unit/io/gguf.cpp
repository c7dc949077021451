// SPDX-License-Identifier: MIT
// gguf: what a file holds, what is refused with which answer, and what a refusal may cost.
#include <doctest/doctest.h>

#include <lowbit/io/gguf.hpp>

#include "counting_new.hpp"
#include "gguf_oracle.hpp"
#include "hostile_gguf.hpp"
#include "support/seed.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lb::io::gguf;
using lb::io::gguf_array;
using lowbit_test::bytes;
using lowbit_test::gguf_maker;
using lowbit_test::hostile_case;
using lowbit_test::word;

namespace {

static_assert(std::is_nothrow_move_constructible_v<gguf> && !std::is_copy_constructible_v<gguf>);

constexpr std::size_t mebibyte = 1024 * 1024;

/// What the reader says, in the words of a case.
std::optional<errc> answer_to(std::span<const std::byte> file, const lb::io::limits& bounds = {}) {
    const auto parsed = gguf::parse(file, bounds);
    if (parsed) return std::nullopt;
    CHECK(parsed.error().offset <= file.size());
    CHECK(std::string_view(parsed.error().message).size() > 10);
    return parsed.error().code;
}

std::uint64_t offset_of(const bytes& file) {
    const auto parsed = gguf::parse(file);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error().offset;
}

} // namespace

TEST_CASE("gguf reads metadata of every type, in both byte orders") {
    for (const bool big : {false, true}) {
        CAPTURE(big);
        const bytes file = lowbit_test::small_gguf_file(3, big);
        const auto parsed = gguf::parse(file);
        REQUIRE(parsed.has_value());
        CHECK(parsed->version() == 3);
        CHECK(parsed->byte_order() == (big ? std::endian::big : std::endian::little));
        CHECK(parsed->alignment() == 32);
        REQUIRE(parsed->metadata().size() == 17);
        CHECK(parsed->metadata()[0].key == "general.architecture");
        CHECK(parsed->metadata()[16].key == "none");
        CHECK(parsed->get<std::string_view>("general.architecture").value() == "test");
        CHECK(parsed->get<std::uint8_t>("u8").value() == 200);
        CHECK(parsed->get<std::int8_t>("i8").value() == -3);
        CHECK(parsed->get<std::uint16_t>("u16").value() == 60'000);
        CHECK(parsed->get<std::int16_t>("i16").value() == -300);
        CHECK(parsed->get<std::uint32_t>("u32").value() == 4'000'000'000);
        CHECK(parsed->get<std::int32_t>("i32").value() == -70'000);
        CHECK(parsed->get<float>("f32").value() == 1.5f);
        CHECK(parsed->get<bool>("bool").value());
        CHECK(parsed->get<std::string_view>("string").value() == "gr\xC3\xBC\xC3\x9F");
        CHECK(parsed->get<std::uint64_t>("u64").value() == std::uint64_t{1} << 63);
        CHECK(parsed->get<std::int64_t>("i64").value() == -1);
        CHECK(parsed->get<double>("f64").value() == -0.25);

        const auto numbers = parsed->get<gguf_array<std::int32_t>>("numbers");
        REQUIRE(numbers.has_value());
        CHECK(std::ranges::equal(std::vector(numbers->begin(), numbers->end()), std::array{1, -2, 3}));
        CHECK((*numbers)[1] == -2);
        const auto flags = parsed->get<gguf_array<bool>>("flags").value();
        CHECK(std::vector(flags.begin(), flags.end()) == std::vector{true, false});
        const auto words = parsed->get<gguf_array<std::string_view>>("words").value();
        CHECK(std::vector(words.begin(), words.end()) == std::vector<std::string_view>{"x", "", "zz"});
        CHECK(parsed->get<gguf_array<float>>("none").value().empty());
        CHECK(parsed->value("words")->type() == lb::io::gguf_type::array);
        CHECK(parsed->value("words")->element_type() == lb::io::gguf_type::string);
        CHECK(parsed->value("words")->size() == 3);
    }
}

TEST_CASE("gguf reads tensors: dims slowest first, bytes where they stand, values in both byte orders") {
    for (const bool big : {false, true}) {
        const bytes file = lowbit_test::small_gguf_file(3, big);
        const auto parsed = gguf::parse(file);
        REQUIRE(parsed.has_value());
        REQUIRE(parsed->tensors().size() == 3);
        const lb::io::tensor& w = parsed->tensors()[0];
        CHECK(w.name == "w");
        CHECK(w.dtype == lb::io::dtype::f32);
        CHECK(std::ranges::equal(w.shape, std::array<std::uint64_t, 2>{3, 4}));
        CHECK(w.bytes.data() == file.data() + file.size() - 128);
        CHECK(w.bytes.size() == 48);
        CHECK(w.byte_order == parsed->byte_order());
        const auto values = to_matrix(w);
        REQUIRE(values.has_value());
        CHECK(values->rows() == 3);
        const std::uint32_t second = big ? 0x1d242b32 : 0x322b241d; // 4 * 7 + 1, 5 * 7 + 1, ...
        CHECK(std::bit_cast<std::uint32_t>(values->data()[1]) == second);

        const auto blocks = parsed->find("blocks");
        REQUIRE(blocks.has_value());
        CHECK(blocks->dtype == lb::io::dtype::q4_0);
        CHECK(blocks->bytes.data() == w.bytes.data() + 64);
        CHECK(blocks->bytes.size() == 36);
        CHECK(to_matrix(*blocks).error().code == errc::unsupported);
        CHECK(parsed->find("empty")->bytes.empty());
        for (const std::string_view name : {"", "W", "ww", "x"}) {
            const auto missing = parsed->find(name);
            REQUIRE_FALSE(missing.has_value());
            CHECK(missing.error().code == errc::not_found);
        }
    }
}

TEST_CASE("gguf's typed access refuses other types, and says where the value stands") {
    const bytes file = lowbit_test::small_gguf_file();
    const gguf parsed = gguf::parse(file).value();
    CHECK(parsed.get<std::uint32_t>("nothing").error().code == errc::not_found);
    const auto refused = [&](auto value) {
        REQUIRE_FALSE(value.has_value());
        CHECK(value.error().code == errc::malformed);
        return value.error().offset;
    };
    const auto place = static_cast<std::uint64_t>(parsed.value("u32")->bytes().data() - file.data());
    CHECK(refused(parsed.get<std::int32_t>("u32")) == place);
    CHECK(refused(parsed.get<std::uint64_t>("u32")) == place);
    CHECK(refused(parsed.get<float>("u32")) == place);
    CHECK(refused(parsed.get<std::string_view>("u32")) == place);
    CHECK(refused(parsed.get<gguf_array<std::uint32_t>>("u32")) == place);
    refused(parsed.get<std::int32_t>("numbers")); // an array is no number
    refused(parsed.get<gguf_array<std::uint32_t>>("numbers"));
    refused(parsed.get<gguf_array<std::string_view>>("numbers"));
    refused(parsed.get<gguf_array<std::int32_t>>("words"));
    refused(parsed.get<std::string_view>("words"));
    refused(parsed.get<std::uint8_t>("bool"));

    CHECK(parsed.get_count("u8").value() == 200);
    CHECK(parsed.get_count("u16").value() == 60'000);
    CHECK(parsed.get_count("u32").value() == 4'000'000'000);
    CHECK(parsed.get_count("u64").value() == std::uint64_t{1} << 63);
    for (const char* key : {"i8", "i16", "i32", "i64", "f32", "f64", "bool", "string", "numbers"}) refused(parsed.get_count(key));
    CHECK(parsed.get_count("nothing").error().code == errc::not_found);
}

TEST_CASE("gguf gives every small hostile file its answer") {
    const auto cases = lowbit_test::small_gguf_cases();
    CHECK(cases.size() > 150);
    for (const hostile_case& c : cases) {
        CAPTURE(c.name);
        CHECK(word(answer_to(c.file)) == word(c.answer));
        if (c.answer != errc::limit_exceeded) CHECK(lowbit_test::valid_gguf(c.file) == !c.answer);
    }
}

TEST_CASE("gguf answers every prefix of a valid file with truncated") {
    for (const auto& file :
         {lowbit_test::small_gguf_file(2), lowbit_test::small_gguf_file(3), lowbit_test::small_gguf_file(3, true)}) {
        for (std::size_t length = 0; length < file.size(); ++length) {
            CAPTURE(length);
            CHECK(word(answer_to(std::span(file).first(length))) == word(errc::truncated));
        }
        CHECK(word(answer_to(file)) == "valid");
    }
}

TEST_CASE("gguf says where it stopped") {
    CHECK(offset_of(bytes(3)) == 0);
    CHECK(offset_of(gguf_maker(0, 0, 9)) == 4);
    const std::size_t first = gguf_maker(1, 1).size();
    CHECK(offset_of(gguf_maker(0, 1).u64(99).zeros(50)) == first + 8);
    CHECK(offset_of(gguf_maker(0, 1).key("key", 13).u64(0)) == first + 11);
    CHECK(offset_of(gguf_maker(0, 1).array("key", 7, 3).u8(0).u8(3).u8(0)) == first + 11 + 16 + 1);
    CHECK(offset_of(gguf_maker(0, 1).pair_u32("general.alignment", 3)) == first + 8 + 17 + 4);
    CHECK(offset_of(gguf_maker(0, 2).pair_u32("key", 3).pair_u32("key", 4)) == first + 19 + 8);
    CHECK(offset_of(gguf_maker(1).tensor("t", {4}, 99, 0).data(4)) == first + 8 + 1 + 4 + 8);
    CHECK(offset_of(gguf_maker(1).tensor("t", {4}, 24, 32).data(4)) == first + 8 + 1 + 4 + 8 + 4);
    const gguf_maker whole = gguf_maker(1).tensor("t", {4}, 24, 0).data(4);
    CHECK(offset_of(gguf_maker(whole).zeros(9)) == whole.size());
}

TEST_CASE("gguf keeps to the caller's limits") {
    const bytes file = lowbit_test::small_gguf_file();
    const std::uint64_t header = file.size() - 128;
    CHECK(word(answer_to(file, {.header_bytes = header})) == "valid");
    CHECK(word(answer_to(file, {.header_bytes = header - 40})) == word(errc::limit_exceeded));
    const bytes cut = gguf_maker(1).tensor("t", {4000}, 24, 0).data(100); // the header fits
    CHECK(word(answer_to(cut, {.header_bytes = 64})) == word(errc::truncated));
    CHECK(word(answer_to(file, {.tensors = 3})) == "valid");
    CHECK(word(answer_to(file, {.tensors = 2})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.metadata = 17})) == "valid");
    CHECK(word(answer_to(file, {.metadata = 16})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.name_bytes = 20})) == "valid");
    CHECK(word(answer_to(file, {.name_bytes = 19})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.gguf_name_bytes = 6})) == "valid");
    CHECK(word(answer_to(file, {.gguf_name_bytes = 5})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.string_bytes = 6})) == "valid");
    CHECK(word(answer_to(file, {.string_bytes = 5})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.array_bytes = 27})) == "valid"); // three strings of three bytes, and their lengths
    CHECK(word(answer_to(file, {.array_bytes = 26})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.dims = 2})) == "valid");
    CHECK(word(answer_to(file, {.dims = 1})) == word(errc::limit_exceeded));
    const bytes wide = gguf_maker(1, 1).pair_u32("general.alignment", 1 << 17).tensor("t", {4}, 24, 0).data(4, 1 << 17);
    CHECK(word(answer_to(wide)) == word(errc::limit_exceeded));
    CHECK(word(answer_to(wide, {.alignment = 1 << 17})) == "valid");
}

TEST_CASE("gguf allocates at most twice the file and 1 MiB, and answers bombs at once") {
    if (!lowbit_test::heap_watch::possible()) return;
    auto cases = lowbit_test::large_gguf_cases();
    for (auto& c : lowbit_test::small_gguf_cases()) cases.push_back(std::move(c));
    for (const hostile_case& c : cases) {
        CAPTURE(c.name);
        const auto start = std::chrono::steady_clock::now();
        std::size_t peak = 0;
        std::optional<errc> answer;
        {
            const lowbit_test::heap_watch watch;
            const auto parsed = gguf::parse(c.file);
            peak = watch.peak();
            if (!parsed) answer = parsed.error().code;
        }
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        CHECK(word(answer) == word(c.answer));
        CHECK(peak <= c.file.size() + mebibyte); // the other size of the file is for a copy of it
        CHECK(seconds.count() < 60);             // milliseconds; more in an emulator on a busy machine
        if (peak > c.file.size() / 2 + mebibyte / 2 || seconds.count() > 0.2) {
            std::printf("  %s: %zu bytes, %zu allocated, %.3f s\n", c.name.c_str(), c.file.size(), peak, seconds.count());
        }
    }
}

TEST_CASE("gguf reads four million keys where the limits allow it") {
    const bytes file = lowbit_test::many_keys(4'000'000);
    const auto start = std::chrono::steady_clock::now();
    const auto parsed = gguf::parse(file, {.header_bytes = file.size(), .metadata = 4'000'000});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    REQUIRE(parsed.has_value());
    CHECK(parsed->metadata().size() == 4'000'000);
    CHECK(parsed->value(std::string(41, 'k') + "1234567").has_value());
    CHECK(seconds.count() < 300); // seconds, in an emulator tens; each key compared with each would take hours
    std::printf("  4000000 keys, %zu bytes: %.3f s\n", file.size(), seconds.count());
}

TEST_CASE("gguf survives an allocation that fails, whichever it is") {
    if (!lowbit_test::heap_watch::possible()) return;
    const bytes file = lowbit_test::small_gguf_file();
    for (std::size_t n = 1; n <= 5; ++n) { // one for each table
        const lowbit_test::heap_watch watch(n);
        const auto parsed = gguf::parse(file);
        CHECK(watch.live() == 0);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().code == errc::io);
    }
    const lowbit_test::heap_watch watch(6);
    CHECK(gguf::parse(file).has_value());
}

TEST_CASE("gguf opens files mapped and copied, and its views survive moves") {
    const bytes file = lowbit_test::small_gguf_file();
    const lowbit_test::temporary_file on_disk(file);
    for (const lb::io::access how : {lb::io::access::map, lb::io::access::read}) {
        auto opened = gguf::open(on_disk.path(), how);
        REQUIRE(opened.has_value());
        const lb::io::tensor before = opened->find("w").value();
        const gguf moved = std::move(*opened);
        const lb::io::tensor after = moved.find("w").value();
        CHECK(after.bytes.data() == before.bytes.data());
        CHECK(after.name == "w");
        CHECK(std::ranges::equal(after.bytes, std::span(file).last(128).first(48)));
        CHECK(moved.get<std::string_view>("general.architecture").value() == "test");
    }
    const lowbit_test::temporary_file nothing;
    CHECK(gguf::open(nothing.path()).error().code == errc::io);
    const lowbit_test::temporary_file broken(std::span<const std::byte>(file).first(400));
    CHECK(gguf::open(broken.path(), lb::io::access::read).error().code == errc::truncated);
    CHECK(gguf::open(on_disk.path(), lb::io::access::map, {.tensors = 1}).error().code == errc::limit_exceeded);
}

TEST_CASE("gguf and a second opinion agree on damaged files") {
    std::mt19937_64 random(lowbit_test::seed());
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto seeds = lowbit_test::small_gguf_cases();
    constexpr std::array<std::uint8_t, 12> favourites{0, 1, 2, 4, 7, 8, 9, 13, 32, 64, 128, 255};
    std::size_t valid = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 40'000; ++round) {
        const hostile_case& seed = seeds[below(seeds.size())];
        if (seed.file.size() < 33 || (seed.answer && below(8) != 0)) continue;
        bytes file = seed.file;
        for (std::size_t changes = below(3); changes > 0; --changes) {
            const std::size_t at = below(file.size());
            const auto value = static_cast<std::byte>(below(2) == 0 ? favourites[below(favourites.size())] : below(256));
            const auto place = file.begin() + static_cast<std::ptrdiff_t>(at);
            switch (below(6)) {
            case 0: file.insert(place, value); break;
            case 1: file.erase(place); break;
            default: *place = value;
            }
        }
        const auto answer = answer_to(file);
        if (answer == errc::limit_exceeded) continue;
        CAPTURE(seed.name);
        CHECK(!answer == lowbit_test::valid_gguf(file));
        ++(answer ? refused : valid);
    }
    CHECK(valid > 1000); // else the damage is so heavy, or so light, that nothing is compared
    CHECK(refused > 1000);
}

TEST_CASE("gguf fuzzing starts from these cases") { lowbit_test::check_corpus("gguf", lowbit_test::small_gguf_cases()); }
