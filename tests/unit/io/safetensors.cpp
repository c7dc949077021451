// SPDX-License-Identifier: MIT
// safetensors: what a file holds, what is refused with which answer, and what a refusal may cost.
#include <doctest/doctest.h>

#include <lowbit/io/safetensors.hpp>

#include "counting_new.hpp"
#include "hostile_safetensors.hpp"
#include "safetensors_oracle.hpp"
#include "shared_data.hpp"
#include "support/seed.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lb::io::safetensors;
using lowbit_test::bytes;
using lowbit_test::safetensors_file;
using lowbit_test::word;

namespace {

static_assert(std::is_nothrow_move_constructible_v<safetensors> && !std::is_copy_constructible_v<safetensors>);

constexpr std::size_t mebibyte = 1024 * 1024;

/// What the reader says, in the words of a case.
std::optional<errc> answer_to(std::span<const std::byte> file, const lb::io::limits& bounds = {}) {
    const auto parsed = safetensors::parse(file, bounds);
    if (parsed) return std::nullopt;
    CHECK(parsed.error().offset <= file.size());
    CHECK(std::string_view(parsed.error().message).size() > 10);
    return parsed.error().code;
}

lb::error error_of(std::string_view header, std::size_t data_bytes) {
    const auto parsed = safetensors::parse(safetensors_file(header, data_bytes));
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

} // namespace

TEST_CASE("safetensors reads names, types, shapes, bytes and metadata") {
    const bytes file = lowbit_test::small_safetensors_file();
    const auto parsed = safetensors::parse(file);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->tensors().size() == 2);
    const lb::io::tensor& a = parsed->tensors()[0];
    CHECK(a.name == "a");
    CHECK(a.dtype == lb::io::dtype::f32);
    REQUIRE(a.shape.size() == 2);
    CHECK(a.shape[0] == 2);
    CHECK(a.shape[1] == 3);
    CHECK(a.bytes.data() == file.data() + file.size() - 32);
    CHECK(a.bytes.size() == 24);
    const auto b = parsed->find("b");
    REQUIRE(b.has_value());
    CHECK(b->dtype == lb::io::dtype::f16);
    CHECK(b->bytes.data() == a.bytes.data() + 24);
    CHECK(to_matrix(*b)->cols() == 4);
    REQUIRE(parsed->metadata().size() == 1);
    CHECK(parsed->metadata()[0].key == "format");
    CHECK(parsed->metadata()[0].value == "pt");
    for (const std::string_view name : {"", "A", "aa", "c", "__metadata__"}) {
        const auto missing = parsed->find(name);
        REQUIRE_FALSE(missing.has_value());
        CHECK(missing.error().code == errc::not_found);
    }
}

TEST_CASE("safetensors lists tensors by name and decodes escapes") {
    const auto file = safetensors_file(R"({"__metadata__":{"z":"\u00e4\n","\ta":"plain"},)" +
                                           lowbit_test::entry("z\\u0061\\ud83d\\ude00", "U8", "[1]", 0, 1) + "," +
                                           lowbit_test::entry("\\\"quoted\\\"", "U8", "[1]", 1, 2) + "," +
                                           lowbit_test::entry("m", "U8", "[1]", 2, 3) + "}",
                                       3);
    const auto parsed = safetensors::parse(file);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->tensors().size() == 3);
    CHECK(parsed->tensors()[0].name == "\"quoted\"");
    CHECK(parsed->tensors()[1].name == "m");
    CHECK(parsed->tensors()[2].name == "za\xF0\x9F\x98\x80");
    CHECK(parsed->find("\"quoted\"")->bytes.data() == file.data() + file.size() - 2);
    REQUIRE(parsed->metadata().size() == 2);
    CHECK(parsed->metadata()[0].key == "\ta");
    CHECK(parsed->metadata()[0].value == "plain");
    CHECK(parsed->metadata()[1].value == "\xC3\xA4\n");
}

TEST_CASE("safetensors gives every small hostile file its answer") {
    const auto cases = lowbit_test::small_safetensors_cases();
    CHECK(cases.size() > 200);
    for (const lowbit_test::hostile_case& c : cases) {
        CAPTURE(c.name);
        CHECK(word(answer_to(c.file)) == word(c.answer));
        if (c.answer != errc::limit_exceeded) CHECK(lowbit_test::valid_safetensors(c.file) == !c.answer);
    }
}

TEST_CASE("safetensors answers every prefix of a valid file with truncated") {
    const bytes file = lowbit_test::small_safetensors_file();
    for (std::size_t length = 0; length < file.size(); ++length) {
        CAPTURE(length);
        CHECK(word(answer_to(std::span(file).first(length))) == word(errc::truncated));
    }
    CHECK(word(answer_to(file)) == "valid");
    for (const char* golden : {"layers", "sparse"}) {
        CAPTURE(golden);
        const auto path = std::string(LOWBIT_TEST_DATA "/checkpoint/") + golden + ".safetensors";
        const auto whole = lb::io::mapped_file::open(path, lb::io::access::read);
        REQUIRE(whole.has_value());
        std::size_t other = 0;
        for (std::size_t length = 0; length < whole->bytes().size(); ++length) {
            const auto parsed = safetensors::parse(whole->bytes().first(length));
            other += parsed || parsed.error().code != errc::truncated;
        }
        CHECK(other == 0);
        CHECK(safetensors::parse(whole->bytes()).has_value());
    }
}

TEST_CASE("safetensors says where it stopped") {
    const std::string t = lowbit_test::entry("t", "U8", "[4]", 0, 4);
    const auto place = [](std::string_view header, std::string_view text) { return 8 + header.find(text); };
    CHECK(safetensors::parse(bytes(5)).error().offset == 0);
    CHECK(safetensors::parse(safetensors_file(99, "{}", 0)).error().offset == 8);
    CHECK(error_of(" {}", 0).offset == 8);

    const std::string lone = "{" + t + ",x}";
    CHECK(error_of(lone, 4).offset == place(lone, "x"));
    const std::string twice = R"({"t":{"dtype":"U8","dtype":"U8"}})";
    CHECK(error_of(twice, 4).offset == 8 + twice.rfind("dtype") + 5);
    const std::string mismatch = "{" + lowbit_test::entry("t", "U8", "[5]", 0, 4) + "}";
    CHECK(error_of(mismatch, 4).offset == place(mismatch, "}}"));
    const std::string same_name =
        "{" + lowbit_test::entry("t", "U8", "[2]", 0, 2) + "," + lowbit_test::entry("t", "U8", "[2]", 2, 4) + "}";
    CHECK(error_of(same_name, 4).offset == 8 + same_name.rfind("\"t\"") + 1);

    const std::string hole =
        "{" + lowbit_test::entry("a", "U8", "[1]", 0, 1) + "," + lowbit_test::entry("b", "U8", "[2]", 2, 4) + "}";
    CHECK(error_of(hole, 4).offset == 8 + hole.size() + 1);
    const std::string tail = "{" + t + "}";
    CHECK(error_of(tail, 9).offset == 8 + tail.size() + 4);
}

TEST_CASE("safetensors keeps to the caller's limits") {
    const bytes file = lowbit_test::small_safetensors_file();
    const std::uint64_t header_bytes = std::to_integer<std::uint64_t>(file[0]);
    CHECK(word(answer_to(file, {.header_bytes = header_bytes})) == "valid");
    CHECK(word(answer_to(file, {.header_bytes = header_bytes - 1})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.tensors = 2})) == "valid");
    CHECK(word(answer_to(file, {.tensors = 1})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.dims = 2})) == "valid");
    CHECK(word(answer_to(file, {.dims = 1})) == word(errc::limit_exceeded));
    CHECK(word(answer_to(file, {.name_bytes = 12})) == "valid"); // __metadata__ is a name too
    CHECK(word(answer_to(file, {.name_bytes = 5})) == word(errc::limit_exceeded));
    lb::io::limits more;
    more.dims = 9;
    const auto nine = safetensors_file(R"({"t":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,4]}})", 4);
    CHECK(word(answer_to(nine, more)) == "valid");
}

TEST_CASE("safetensors allocates at most twice the file and 1 MiB, and answers bombs at once") {
    if (!lowbit_test::heap_watch::possible()) return;
    auto cases = lowbit_test::large_safetensors_cases();
    for (auto& c : lowbit_test::small_safetensors_cases()) cases.push_back(std::move(c));
    for (const lowbit_test::hostile_case& c : cases) {
        CAPTURE(c.name);
        const auto start = std::chrono::steady_clock::now();
        std::size_t peak = 0;
        std::optional<errc> answer;
        {
            const lowbit_test::heap_watch watch;
            const auto parsed = safetensors::parse(c.file);
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

TEST_CASE("safetensors keeps its memory bound for strings of every length") {
    if (!lowbit_test::heap_watch::possible()) return;
    // The engine's buffers double, so the worst length is just above a power of two.
    for (std::size_t length = 1024; length <= 1 << 17; length *= 2) {
        for (const std::size_t more : {std::size_t{0}, std::size_t{1}, std::size_t{2}, length / 3}) {
            for (const std::string_view ending : {"\"}}", "", "\t\"}}", "\xFF"}) {
                for (const std::string_view letter : {"v", "\\n", "\xC3\xA4"}) {
                    std::string header = R"({"__metadata__":{"k":")";
                    while (header.size() < length + more) header += letter;
                    header += ending;
                    const bytes file = safetensors_file(header, 0);
                    const lowbit_test::heap_watch watch;
                    const auto parsed = safetensors::parse(file);
                    CAPTURE(header.size());
                    CHECK(watch.peak() <= file.size() + mebibyte);
                    CHECK(parsed.has_value() == (ending == "\"}}" && length + more < 90'000));
                }
            }
        }
    }
}

TEST_CASE("safetensors reads 1 000 000 tensors and refuses one more") {
    const auto parse = [](std::size_t count) {
        const bytes file = safetensors_file(lowbit_test::many_entries(count, 24), count);
        const auto start = std::chrono::steady_clock::now();
        const lowbit_test::heap_watch watch;
        const auto parsed = safetensors::parse(file);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        CHECK(watch.peak() <= file.size() + mebibyte);
        CHECK(word(parsed ? std::optional<errc>{} : std::optional(parsed.error().code)) ==
              word(count > 1'000'000 ? std::optional(errc::limit_exceeded) : std::nullopt));
        std::printf("  %zu tensors, %zu bytes: %zu allocated, %.2f s\n", count, file.size(), watch.peak(), seconds.count());
        return seconds.count();
    };
    if (parse(20'000) > 0.2) {
        MESSAGE("skipped: a million tensors take too long in this build");
        return;
    }
    CHECK(parse(1'000'000) < 60);
    CHECK(parse(1'000'001) < 60);
}

#if defined(__cpp_exceptions)
TEST_CASE("safetensors survives an allocation that fails, whichever it is") {
    if (!lowbit_test::heap_watch::possible()) return;
    const auto file = safetensors_file(R"({"__metadata__":{"a long key, so that it is on the heap":"\u00e4"},)" +
                                           lowbit_test::entry("t", "U8", "[4]", 0, 4) + "}",
                                       4);
    std::size_t allocations = 0;
    {
        const lowbit_test::heap_watch watch;
        CHECK(safetensors::parse(file).has_value());
        allocations = watch.allocations();
    }
    CHECK(allocations > 6);
    std::size_t refused = 0;
    for (std::size_t n = 1; n <= allocations; ++n) {
        std::optional<lb::error> answer;
        bool threw = false;
        const lowbit_test::heap_watch watch(n);
        try {
            const auto parsed = safetensors::parse(file);
            if (!parsed) answer = parsed.error();
        } catch (const std::bad_alloc&) { // out of the JSON engine's own buffers
            threw = true;
        }
        CHECK(watch.live() == 0);
        CHECK(threw != answer.has_value());
        if (answer) {
            CHECK(answer->code == errc::io);
            ++refused;
        }
    }
    CHECK(refused == 4); // one for each table
}
#endif

TEST_CASE("safetensors opens files mapped and copied, and its views survive moves") {
    const bytes file = lowbit_test::small_safetensors_file();
    const lowbit_test::temporary_file on_disk(file);
    for (const lb::io::access how : {lb::io::access::map, lb::io::access::read}) {
        auto opened = safetensors::open(on_disk.path(), how);
        REQUIRE(opened.has_value());
        const lb::io::tensor before = opened->find("a").value();
        const safetensors moved = std::move(*opened);
        const lb::io::tensor after = moved.find("a").value();
        CHECK(after.bytes.data() == before.bytes.data());
        CHECK(after.name == "a");
        CHECK(std::ranges::equal(after.bytes, std::span(file).last(32).first(24)));
        CHECK(moved.metadata()[0].value == "pt");
    }
    const lowbit_test::temporary_file nothing;
    CHECK(safetensors::open(nothing.path()).error().code == errc::io);
    const lowbit_test::temporary_file empty(std::span<const std::byte>{});
    CHECK(safetensors::open(empty.path()).error().code == errc::truncated);
    const lowbit_test::temporary_file broken(std::span<const std::byte>(file).first(40));
    CHECK(safetensors::open(broken.path(), lb::io::access::read).error().code == errc::truncated);
    CHECK(safetensors::open(on_disk.path(), lb::io::access::map, {.tensors = 1}).error().code == errc::limit_exceeded);
}

TEST_CASE("safetensors copies a file within its memory bound") {
    if (!lowbit_test::heap_watch::possible()) return;
    for (const auto& c : lowbit_test::large_safetensors_cases()) {
        CAPTURE(c.name);
        const lowbit_test::temporary_file on_disk(c.file);
        const std::string path = on_disk.path();
        const lowbit_test::heap_watch watch;
        const auto opened = safetensors::open(path, lb::io::access::read);
        CHECK(watch.peak() <= 2 * c.file.size() + mebibyte);
        CHECK(word(opened ? std::optional<errc>{} : std::optional(opened.error().code)) == word(c.answer));
    }
}

TEST_CASE("safetensors and a second opinion agree on damaged headers") {
    std::mt19937_64 random(lowbit_test::seed());
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    const auto seeds = lowbit_test::small_safetensors_cases();
    constexpr std::string_view pieces[] = {"\"",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           ":",
                                           "0",
                                           "1",
                                           "4",
                                           "-",
                                           ".",
                                           "e",
                                           " ",
                                           "\\",
                                           "null",
                                           "\"dtype\":\"U8\"",
                                           "\"shape\":[4]",
                                           "\"data_offsets\":[0,4]",
                                           "\"t\":",
                                           "\"F4\"",
                                           "18446744073709551615",
                                           "\\u0000",
                                           "\xC3",
                                           "\"__metadata__\":{},",
                                           "\n"};
    std::size_t valid = 0;
    for (int round = 0; round < 20'000; ++round) {
        const auto& [name, seed, seed_answer] = seeds[below(seeds.size())];
        if (seed.size() < 9 || (seed_answer && below(8) != 0)) continue;
        const std::size_t data_bytes = below(4) == 0 ? below(8) : 4;
        std::string header(reinterpret_cast<const char*>(seed.data()) + 8, seed.size() - 8);
        header.resize(header.size() - std::min<std::size_t>(4, header.size() - 1));
        for (std::size_t changes = below(3); changes > 0; --changes) {
            const std::size_t at = below(header.size());
            switch (below(4)) {
            case 0: header[at] = static_cast<char>(static_cast<unsigned char>(below(256))); break;
            case 1: header.insert(at, pieces[below(std::size(pieces))]); break;
            case 2: header.erase(at, 1 + below(12)); break;
            default: header.insert(below(header.size()), header.substr(at, below(40)));
            }
            if (header.empty()) header = "{";
        }
        const bytes file = safetensors_file(header, data_bytes);
        const auto answer = answer_to(file);
        if (answer == errc::limit_exceeded) continue;
        CAPTURE(header);
        CHECK(!answer == lowbit_test::valid_safetensors(file));
        if (!answer) ++valid;
    }
    CHECK(valid > 200); // else the damage is so heavy that nothing is compared
}

TEST_CASE("safetensors reads a real model, and reads what it writes again the same") {
    const std::string path = lowbit_test::shared_data("silero_vad_16k.safetensors");
    if (!std::filesystem::exists(path)) {
        MESSAGE("skipped: there is no " << path << " (LOWBIT_SHARED_DATA names another folder)");
        return;
    }
    const auto mapped = safetensors::open(path, lb::io::access::map);
    const auto copied = safetensors::open(path, lb::io::access::read);
    REQUIRE(mapped.has_value());
    REQUIRE(copied.has_value());
    REQUIRE(mapped->tensors().size() == 15);
    REQUIRE(copied->tensors().size() == 15);
    const auto shape_is = [&](std::string_view name, std::initializer_list<std::uint64_t> dims) {
        CAPTURE(name);
        CHECK(std::ranges::equal(mapped->find(name).value().shape, dims));
    };
    shape_is("stft_conv.weight", {258, 1, 256});
    shape_is("conv1.weight", {128, 129, 3});
    shape_is("lstm_cell.weight_hh", {512, 128});
    shape_is("final_conv.bias", {1});

    std::string header;
    std::vector<std::byte> data;
    for (std::size_t i = 0; i < 15; ++i) {
        const lb::io::tensor& t = mapped->tensors()[i];
        CAPTURE(t.name);
        CHECK(t.name == copied->tensors()[i].name);
        CHECK(std::ranges::equal(t.bytes, copied->tensors()[i].bytes));
        CHECK(t.dtype == lb::io::dtype::f32);
        const auto values = to_matrix(t);
        REQUIRE(values.has_value());
        CHECK(values->rows() * values->cols() * 4 == t.bytes.size());
        double sum = 0;
        for (std::size_t k = 0; k < values->rows() * values->cols(); ++k) sum += std::abs(double{values->data()[k]});
        CHECK(std::isfinite(sum));
        CHECK(sum > 0);

        std::string dims;
        for (const std::uint64_t d : t.shape) dims.append(dims.empty() ? "[" : ",").append(std::to_string(d));
        header.append(header.empty() ? "{" : ",")
            .append(lowbit_test::entry(t.name, lb::io::name(t.dtype), dims + "]", data.size(), data.size() + t.bytes.size()));
        data.insert(data.end(), t.bytes.begin(), t.bytes.end());
    }
    bytes again = safetensors_file(header + "}", 0);
    again.insert(again.end(), data.begin(), data.end());
    const auto reread = safetensors::parse(again);
    REQUIRE(reread.has_value());
    CHECK(std::ranges::equal(reread->tensors(), mapped->tensors(), [](const auto& a, const auto& b) {
        return a.name == b.name && a.dtype == b.dtype && std::ranges::equal(a.shape, b.shape) &&
               std::ranges::equal(a.bytes, b.bytes);
    }));
}

TEST_CASE("safetensors fuzzing starts from these cases") {
    lowbit_test::check_corpus("safetensors", lowbit_test::small_safetensors_cases());
}
