// SPDX-License-Identifier: MIT
// mapped_file: the same bytes both ways, and one error for whatever is no readable file.
#include <doctest/doctest.h>

#include <lowbit/io/mapped_file.hpp>

#include "counting_new.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<sys/stat.h>)
#include <sys/stat.h>
#endif

namespace lb = lowbit;
using lb::io::mapped_file;

namespace {

constexpr std::array both{lb::io::access::map, lb::io::access::read};

std::vector<std::byte> some_bytes(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(static_cast<unsigned char>(i * 31 + 7));
    return bytes;
}

} // namespace

TEST_CASE("mapped_file holds the bytes of the file, mapped or copied") {
    for (const std::size_t size : {std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{100'003}}) {
        const auto bytes = some_bytes(size);
        const lowbit_test::temporary_file file(bytes);
        for (const lb::io::access how : both) {
            const auto opened = mapped_file::open(file.path(), how);
            REQUIRE(opened.has_value());
            CHECK(std::ranges::equal(opened->bytes(), bytes));
        }
    }
}

TEST_CASE("mapped_file of an empty file has no bytes") {
    const lowbit_test::temporary_file file(std::span<const std::byte>{});
    for (const lb::io::access how : both) CHECK(mapped_file::open(file.path(), how).value().bytes().empty());
    CHECK(mapped_file().bytes().empty());
}

TEST_CASE("mapped_file moves its bytes, which stay where they are") {
    const auto bytes = some_bytes(1000);
    const lowbit_test::temporary_file file(bytes);
    for (const lb::io::access how : both) {
        mapped_file first = mapped_file::open(file.path(), how).value();
        const std::byte* const place = first.bytes().data();
        mapped_file second = std::move(first);
        CHECK(first.bytes().empty()); // NOLINT: what a moved-from file says is tested
        CHECK(second.bytes().data() == place);
        mapped_file third = mapped_file::open(file.path(), how).value();
        third = std::move(second);
        CHECK(third.bytes().data() == place);
        CHECK(std::ranges::equal(third.bytes(), bytes));
    }
}

TEST_CASE("mapped_file keeps its bytes whatever is said of their use") {
    const auto bytes = some_bytes(100'003);
    const lowbit_test::temporary_file file(bytes);
    for (const lb::io::access how : both) {
        const mapped_file opened = mapped_file::open(file.path(), how).value();
        const auto part = opened.bytes().subspan(5000, 60'000);
        opened.expect(part);
        opened.release(part);
        CHECK(std::ranges::equal(opened.bytes(), bytes));
        opened.release(opened.bytes());
        opened.release({});
        CHECK(std::ranges::equal(opened.bytes(), bytes));
    }
    mapped_file().release({});
}

TEST_CASE("mapped_file keeps a copy whatever becomes of the file") {
    const auto bytes = some_bytes(100'003);
    const lowbit_test::temporary_file file(bytes);
    const mapped_file copied = mapped_file::open(file.path(), lb::io::access::read).value();
    std::ofstream(file.path(), std::ios::binary) << "changed";
    CHECK(std::filesystem::file_size(file.path()) == 7);
    CHECK(std::ranges::equal(copied.bytes(), bytes));
}

#if defined(__linux__) && LOWBIT_HAS_MMAP // a copy has nothing to give back
TEST_CASE("mapped_file gives back memory that is not needed") {
    const std::size_t size = std::size_t{64} << 20;
    const lowbit_test::temporary_file file(some_bytes(size));
    const auto resident = [] { // pages, the second number
        std::ifstream in("/proc/self/statm");
        std::size_t pages = 0;
        in >> pages >> pages;
        return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    };
    const mapped_file opened = mapped_file::open(file.path()).value();
    const std::size_t before = resident();
    unsigned sum = 0;
    for (std::size_t at = 0; at < size; at += 4096) sum += std::to_integer<unsigned>(opened.bytes()[at]);
    CHECK(sum != 0);
    CHECK(resident() > before + size / 2);
    opened.release(opened.bytes());
    CHECK(resident() < before + size / 4);
}
#endif

TEST_CASE("mapped_file answers errc::io to what cannot be opened") {
    const lowbit_test::temporary_file nothing;
    for (const lb::io::access how : both) {
        for (const std::string& path :
             {nothing.path(), std::string(), std::filesystem::temp_directory_path().string(), nothing.path() + "/below"}) {
            CAPTURE(path);
            const auto opened = mapped_file::open(path, how);
            REQUIRE_FALSE(opened.has_value());
            CHECK(opened.error().code == lb::errc::io);
        }
    }
}

#if LOWBIT_HAS_MMAP
TEST_CASE("mapped_file refuses a pipe and does not wait for it") {
    const lowbit_test::temporary_file pipe;
    REQUIRE(::mkfifo(pipe.path().c_str(), 0600) == 0);
    for (const lb::io::access how : both) CHECK(mapped_file::open(pipe.path(), how).error().code == lb::errc::io);
}

TEST_CASE("mapped_file notices a file that has fewer bytes than it says") {
    // The kernel's own settings are such files: they claim a page and hold a line.
    const std::string path = "/sys/kernel/mm/transparent_hugepage/enabled";
    if (!std::filesystem::is_regular_file(path)) {
        MESSAGE("skipped: there is no " << path);
        return;
    }
    const auto copied = mapped_file::open(path, lb::io::access::read);
    REQUIRE_FALSE(copied.has_value());
    CHECK(copied.error().code == lb::errc::truncated);
    CHECK(copied.error().offset > 0);
    CHECK(mapped_file::open(path, lb::io::access::map).error().code == lb::errc::io);
}
#endif

TEST_CASE("mapped_file reports that there is no memory for a copy") {
    if (!lowbit_test::heap_watch::possible()) return;
    const lowbit_test::temporary_file file(some_bytes(1000));
    const std::string path = file.path();
    const lowbit_test::heap_watch watch(1);
    const auto opened = mapped_file::open(path, lb::io::access::read);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == lb::errc::io);
    CHECK(watch.live() == 0);
}
