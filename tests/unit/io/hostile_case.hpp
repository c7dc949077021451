// SPDX-License-Identifier: MIT
// A file, hostile or merely odd, and the answer it must get; and the folder of such files that fuzzing starts from.
#pragma once

#include <doctest/doctest.h>

#include <lowbit/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lowbit_test {

using lowbit::errc;

using bytes = std::vector<std::byte>;

/// A file and what the reader must say to it: an error, or nothing for a file that is valid.
struct hostile_case {
    std::string name;
    bytes file;
    std::optional<errc> answer;
};

inline std::string word(std::optional<errc> answer) { return answer ? std::string(lowbit::name(*answer)) : "valid"; }

/// The committed corpus of a fuzz target is what these cases say; LOWBIT_WRITE_CORPUS=1 writes it anew.
inline void check_corpus(const std::string& target, const std::vector<hostile_case>& cases) {
    const auto folder = (std::filesystem::path(LOWBIT_TEST_DATA) / "../fuzz/corpus" / target).lexically_normal();
    const bool write = std::getenv("LOWBIT_WRITE_CORPUS") != nullptr;
    if (write) {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
    }
    REQUIRE(std::filesystem::is_directory(folder));
    std::size_t total = 0;
    for (const hostile_case& c : cases) {
        CAPTURE(c.name);
        const auto path = folder / c.name;
        if (write) {
            std::ofstream out(path, std::ios::binary);
            out.write(reinterpret_cast<const char*>(c.file.data()), static_cast<std::streamsize>(c.file.size()));
        }
        std::ifstream in(path, std::ios::binary);
        const std::string held{std::istreambuf_iterator<char>(in), {}};
        CHECK(std::ranges::equal(std::as_bytes(std::span(held)), c.file));
        total += held.size();
    }
    const auto there = std::distance(std::filesystem::directory_iterator(folder), {});
    CHECK(static_cast<std::size_t>(there) == cases.size());
    CHECK(total < 100'000);
}

} // namespace lowbit_test
