// SPDX-License-Identifier: MIT
// write_gguf and what all writers share: bytes for bytes, padding, streaming, and disks that are full.
#include <doctest/doctest.h>

#include <lowbit/io/write_gguf.hpp>

#include "gguf_maker.hpp"
#include "hostile_gguf.hpp"
#include "large_file.hpp"
#include "memory_sink.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if __has_include(<sys/resource.h>)
#include <csignal>
#include <sys/resource.h>
#endif
#if defined(__GLIBC__)
#include <cerrno>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace lb = lowbit;
using lb::errc;
using lb::io::dtype;
using lb::io::gguf;
using lb::io::gguf_header;
using lb::io::tensor;
using lowbit_test::bytes;
using lowbit_test::gguf_maker;
using lowbit_test::memory_sink;
using lowbit_test::sink_state;

namespace {

using shape = std::vector<std::uint64_t>;

/// The file in memory, or the error.
lb::expected<bytes> written(std::span<const tensor> tensors, const gguf_header& header, const lb::io::limits& bounds = {}) {
    sink_state state;
    const auto done = lb::io::detail::write_all(lb::io::stream_gguf(memory_sink(state), tensors, header, bounds), tensors);
    CHECK(state.committed == done.has_value());
    if (!done) return lb::unexpected<lb::error>(done.error());
    return state.bytes;
}

errc refusal(std::span<const tensor> tensors, const gguf_header& header, const lb::io::limits& bounds = {}) {
    const auto file = written(tensors, header, bounds);
    REQUIRE_FALSE(file.has_value());
    return file.error().code;
}

std::vector<std::byte> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string held{std::istreambuf_iterator<char>(in), {}};
    const auto raw = std::as_bytes(std::span(held));
    return {raw.begin(), raw.end()};
}

/// How many files stand beside `path` with its name and more.
std::size_t left_overs(const std::filesystem::path& path) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(path.filename().string()) && name != path.filename().string()) ++count;
    }
    return count;
}

} // namespace

TEST_CASE("write_gguf writes what another program writes, to the byte") {
    for (const bool big : {false, true}) {
        CAPTURE(big);
        gguf_header header(3, big ? std::endian::big : std::endian::little);
        header.add("general.architecture", "test")
            .add("u8", std::uint8_t{200})
            .add("i8", std::int8_t{-3})
            .add("u16", std::uint16_t{60'000})
            .add("i16", std::int16_t{-300})
            .add("u32", std::uint32_t{4'000'000'000})
            .add("i32", std::int32_t{-70'000})
            .add("f32", 1.5f)
            .add("bool", true)
            .add("string", std::string("gr\xC3\xBC\xC3\x9F"))
            .add("u64", std::uint64_t{1} << 63)
            .add("i64", std::int64_t{-1})
            .add("f64", -0.25)
            .add("numbers", std::array<std::int32_t, 3>{1, -2, 3})
            .add("flags", std::vector<bool>{true, false})
            .add("words", std::vector<std::string>{"x", "", "zz"})
            .add("none", std::span<const float>());
        const bytes wanted = lowbit_test::small_gguf_file(3, big);
        const auto data = std::span(wanted).last(128);
        const shape w{3, 4}, blocks{2, 32}, empty{7, 0};
        const tensor tensors[] = {{"w", dtype::f32, w, data.first(48), header.byte_order()},
                                  {"blocks", dtype::q4_0, blocks, data.subspan(64, 36), header.byte_order()},
                                  {"empty", dtype::f16, empty, {}, header.byte_order()}};
        const auto file = written(tensors, header);
        REQUIRE(file.has_value());
        CHECK(*file == wanted);
        CHECK(*written(tensors, header) == *file); // and again
    }
}

TEST_CASE("write_gguf writes a file that was read to the same bytes") {
    std::size_t files = 0;
    for (const auto& c : lowbit_test::small_gguf_cases()) {
        if (c.answer || c.name == "00_no_tensors" || c.name == "14_string_to_the_end" || c.name == "19_dim_0") continue;
        CAPTURE(c.name);
        const auto parsed = gguf::parse(c.file);
        REQUIRE(parsed.has_value());
        const auto again = written(parsed->tensors(), gguf_header(*parsed));
        REQUIRE(again.has_value());
        CHECK(*again == c.file);
        ++files;
    }
    CHECK(files > 20);
    // Without a tensor, files end with their padding or before it; we write it.
    const bytes bare = gguf_maker();
    const bytes padded = gguf_maker().pad();
    CHECK(written({}, gguf_header(gguf::parse(bare).value())).value() == padded);
}

TEST_CASE("write_gguf turns metadata into the other byte order") {
    const bytes file = lowbit_test::small_gguf_file(3, true);
    const gguf big = gguf::parse(file).value();
    gguf_header header;
    for (const auto& [key, value] : big.metadata()) header.add(key, value);
    const bytes turned = written({}, header).value();
    const bytes little = lowbit_test::small_gguf_file();
    const gguf wanted = gguf::parse(little).value();
    const gguf got = gguf::parse(turned).value();
    REQUIRE(got.metadata().size() == wanted.metadata().size());
    for (std::size_t i = 0; i < got.metadata().size(); ++i) {
        CHECK(got.metadata()[i].key == wanted.metadata()[i].key);
        CHECK(got.metadata()[i].value.type() == wanted.metadata()[i].value.type());
        CHECK(std::ranges::equal(got.metadata()[i].value.bytes(), wanted.metadata()[i].value.bytes()));
    }
}

TEST_CASE("write_gguf keeps the bits of floats that are no numbers") {
    const float signalling = std::bit_cast<float>(0x7f800001u);
    const double negative = std::bit_cast<double>(0xfff0000000000123u);
    gguf_header header;
    header.add("f", std::array{signalling, -0.0f}).add("d", negative);
    const bytes file = written({}, header).value();
    const gguf read = gguf::parse(file).value();
    CHECK(lb::io::load<std::uint32_t>(read.value("f")->bytes().data()) == 0x7f800001u);
    CHECK(lb::io::load<std::uint64_t>(read.value("d")->bytes().data()) == 0xfff0000000000123u);
}

TEST_CASE("write_gguf takes a value that was never set for the byte 0") {
    gguf_header header;
    const bytes file = written({}, header.add("nothing", lb::io::gguf_value())).value();
    const gguf read = gguf::parse(file).value();
    CHECK(read.get<std::uint8_t>("nothing").value() == 0);
    CHECK(lb::io::gguf_value().get_count().value() == 0);
}

TEST_CASE("write_gguf refuses what it could not read again") {
    const bytes data(64);
    const shape four{4}, five(5, 1), row{31}, many(4, std::uint64_t{1} << 40);
    const auto one = [&](std::string_view name, dtype type, const shape& dims, std::size_t size) {
        return std::array{tensor{name, type, dims, std::span(data).first(size)}};
    };
    CHECK(written(one("t", dtype::i8, four, 4), gguf_header()).has_value());
    CHECK(refusal(one("", dtype::i8, four, 4), gguf_header()) == errc::malformed);
    CHECK(refusal(one("\xFF", dtype::i8, four, 4), gguf_header()) == errc::malformed);
    CHECK(refusal(one(std::string(64, 'n'), dtype::i8, four, 4), gguf_header()) == errc::limit_exceeded);
    CHECK(refusal(one("t", dtype::i8, five, 1), gguf_header()) == errc::limit_exceeded);
    CHECK(refusal(one("t", dtype::i8, four, 4), gguf_header(), {.header_bytes = 56}) == errc::limit_exceeded);
    CHECK(written(one("t", dtype::i8, four, 4), gguf_header(), {.header_bytes = 57}).has_value());
    CHECK(refusal(one("t", dtype::u8, four, 4), gguf_header()) == errc::unsupported);
    CHECK(refusal(one("t", dtype::unknown, four, 4), gguf_header()) == errc::unsupported);
    CHECK(refusal(one("t", dtype::q4_0, row, 18), gguf_header()) == errc::shape_mismatch);
    CHECK(refusal(one("t", dtype::i8, many, 4), gguf_header()) == errc::shape_mismatch);
    CHECK(refusal(one("t", dtype::i8, four, 3), gguf_header()) == errc::shape_mismatch);
    CHECK(refusal(one("t", dtype::i8, four, 5), gguf_header()) == errc::shape_mismatch);
    CHECK(refusal(one("t", dtype::i8, four, 4), gguf_header(3, std::endian::big)) == errc::unsupported);
    const tensor twice[] = {{"t", dtype::i8, four, std::span(data).first(4)}, {"t", dtype::i8, four, std::span(data).first(4)}};
    CHECK(refusal(twice, gguf_header()) == errc::malformed);

    CHECK(refusal({}, gguf_header(1)) == errc::unsupported);
    CHECK(refusal({}, gguf_header(4)) == errc::unsupported);
    CHECK(refusal({}, gguf_header(2, std::endian::big)) == errc::unsupported);
    CHECK(refusal({}, gguf_header().add("", 1.0f)) == errc::malformed);
    CHECK(refusal({}, gguf_header().add("k", 1.0f).add("k", 2.0f)) == errc::malformed);
    CHECK(refusal({}, gguf_header().add("general.alignment", std::uint32_t{12})) == errc::malformed);
    CHECK(refusal({}, gguf_header().add("general.alignment", std::uint64_t{32})) == errc::malformed);
    CHECK(refusal({}, gguf_header().add("k", 1.0f), {.metadata = 0}) == errc::limit_exceeded);
}

TEST_CASE("tensor_writer takes bytes in pieces, and only those that it asked for") {
    const shape five{5}, empty{0}, two{2};
    const tensor tensors[] = {{"e", dtype::i8, empty, {}}, {"a", dtype::i8, five, {}}, {"b", dtype::i16, two, {}}};
    bytes data(9);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i + 1);
    const auto piece = [&](std::size_t begin, std::size_t size) { return std::span(data).subspan(begin, size); };
    const auto begin = [&](sink_state& state) { return lb::io::stream_gguf(memory_sink(state), tensors, gguf_header()).value(); };

    sink_state state;
    auto out = begin(state);
    CHECK(out.order() == std::vector<std::size_t>{1, 2});
    CHECK(out.next() == 1);
    CHECK(out.left() == 5);
    CHECK(out.append(piece(0, 2)).has_value());
    CHECK(out.append({}).has_value());
    CHECK(out.left() == 3);
    CHECK(out.append(piece(2, 3)).has_value());
    CHECK(out.next() == 2);
    CHECK(out.order() == std::vector<std::size_t>{2});
    CHECK_FALSE(out.done());
    CHECK(out.append(piece(5, 4)).has_value());
    CHECK(out.done());
    CHECK(out.left() == 0);
    CHECK(out.commit().has_value());
    CHECK(state.committed);
    CHECK(state.bytes.size() % 32 == 0); // the last tensor is padded, too
    CHECK(std::ranges::equal(std::span(state.bytes).last(64).first(5), piece(0, 5)));
    CHECK(std::ranges::equal(std::span(state.bytes).last(32).first(4), piece(5, 4)));
    CHECK(std::ranges::all_of(std::span(state.bytes).last(28), [](std::byte b) { return b == std::byte{0}; }));
    CHECK(gguf::parse(state.bytes).has_value());
    CHECK(out.append(piece(0, 1)).error().code == errc::io); // there is no more file
    CHECK(out.commit().error().code == errc::io);

    sink_state early;
    auto unfinished = begin(early);
    CHECK(unfinished.append(piece(0, 5)).has_value());
    CHECK(unfinished.commit().error().code == errc::shape_mismatch);
    CHECK(unfinished.append(piece(5, 4)).error().code == errc::io);
    CHECK_FALSE(early.committed);

    sink_state crossed;
    auto too_long = begin(crossed);
    CHECK(too_long.append(piece(0, 6)).error().code == errc::shape_mismatch); // a piece stays within its tensor
    CHECK(too_long.commit().error().code == errc::io);
    CHECK_FALSE(crossed.committed);
}

TEST_CASE("writers report a full disk wherever it strikes, and make no file of it") {
    const bytes file = lowbit_test::small_gguf_file();
    const gguf parsed = gguf::parse(file).value();
    for (std::size_t room = 0; room < file.size(); ++room) {
        CAPTURE(room);
        sink_state state;
        state.room = room;
        const auto done = lb::io::detail::write_all(
            lb::io::stream_gguf(memory_sink(state), parsed.tensors(), gguf_header(parsed)), parsed.tensors());
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().code == errc::io);
        CHECK(state.writes_after_failure == 0);
        CHECK_FALSE(state.committed);
    }
    sink_state last;
    last.commit_fails = true;
    CHECK(
        lb::io::detail::write_all(lb::io::stream_gguf(memory_sink(last), parsed.tensors(), gguf_header(parsed)), parsed.tensors())
            .error()
            .code == errc::io);
}

TEST_CASE("file_writer makes a whole file or none, and takes nothing away before the end") {
    const bytes file = lowbit_test::small_gguf_file();
    const gguf parsed = gguf::parse(file).value();
    const lowbit_test::temporary_file target(std::span<const std::byte>(file).first(100));
    const bytes before = read_file(target.path());
    {
        auto abandoned = lb::io::file_writer::create(target.path());
        REQUIRE(abandoned.has_value());
        CHECK(abandoned->write(file).has_value());
        auto second = lb::io::file_writer::create(target.path()); // somebody else writes to the same name
        REQUIRE(second.has_value());
        CHECK(second->write(file).has_value());
        CHECK(left_overs(target.path()) == 2);
        auto moved = std::move(*second);
        CHECK(left_overs(target.path()) == 2);
    }
    CHECK(left_overs(target.path()) == 0);
    CHECK(read_file(target.path()) == before);

    CHECK(lb::io::write_gguf(target.path(), parsed.tensors(), gguf_header(parsed)).has_value());
    CHECK(read_file(target.path()) == file);
    CHECK(left_overs(target.path()) == 0);

    CHECK(lb::io::write_gguf(target.path() + "/below", {}, gguf_header()).error().code == errc::io);
    const shape four{4};
    const tensor wrong[] = {{"t", dtype::i8, four, std::span(file).first(3)}};
    CHECK(lb::io::write_gguf(target.path(), wrong, gguf_header()).error().code == errc::shape_mismatch);
    CHECK(read_file(target.path()) == file);
    CHECK(left_overs(target.path()) == 0);

    const lowbit_test::temporary_file folder;
    std::filesystem::create_directories(folder.path() + "/taken");
    CHECK(lb::io::write_gguf(folder.path() + "/taken", {}, gguf_header()).error().code == errc::io); // no file can stand there
    CHECK(left_overs(folder.path() + "/taken") == 0);
    std::filesystem::remove_all(folder.path());
}

TEST_CASE("write_gguf may replace the mapped file that it reads") {
    const bytes file = lowbit_test::small_gguf_file();
    const lowbit_test::temporary_file on_disk(file);
    const gguf mapped = gguf::open(on_disk.path(), lb::io::access::map).value();
    const auto two = mapped.tensors().first(2);
    REQUIRE(lb::io::write_gguf(on_disk.path(), two, gguf_header(mapped)).has_value());
    CHECK(std::ranges::equal(mapped.tensors()[0].bytes, std::span(file).last(128).first(48))); // still what it was
    const gguf replaced = gguf::open(on_disk.path()).value();
    CHECK(replaced.tensors().size() == 2);
    CHECK(std::ranges::equal(replaced.find("blocks")->bytes, mapped.find("blocks")->bytes));
}

TEST_CASE("file_writer leaves the system's reason in errno") {
    const lowbit_test::temporary_file target(bytes(10));
    auto out = lb::io::file_writer::create(target.path());
    REQUIRE(out.has_value());
    const std::string beside = target.path() + ".part0";
    std::filesystem::remove(beside);
    std::filesystem::create_directories(beside + "/kept"); // neither takes the place of a file, nor can it be removed
    CHECK(out->commit().error().code == errc::io);
    CHECK(errno == ENOTDIR); // and not ENOTEMPTY
    std::filesystem::remove_all(beside);
}

#if __has_include(<sys/resource.h>)
TEST_CASE("file_writer reports a file that the system cuts short") {
    const bytes file(100'000, std::byte{1});
    const lowbit_test::temporary_file target(std::span<const std::byte>(file).first(10));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN); // then writing fails as on a full disk
    for (const std::size_t room : {std::size_t{0}, std::size_t{1000}, std::size_t{99'999}}) {
        CAPTURE(room);
        auto out = lb::io::file_writer::create(target.path());
        REQUIRE(out.has_value());
        const rlimit small{room, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
        const auto put = out->write(file);
        const auto end = put ? out->commit() : put;
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
        REQUIRE_FALSE(end.has_value());
        CHECK(end.error().code == errc::io);
    }
    for (const std::size_t size : {std::size_t{1}, std::size_t{100}}) { // what a buffer holds back fails as late as commit
        auto out = lb::io::file_writer::create(target.path());
        const rlimit none{0, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
        CHECK(out->write(std::span(file).first(size)).has_value());
        const auto end = out->commit();
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
        CHECK(end.error().code == errc::io);
    }
    std::signal(SIGXFSZ, old_handler);
    CHECK(left_overs(target.path()) == 0);
    CHECK(read_file(target.path()).size() == 10);
}
#endif

#if defined(__GLIBC__)
namespace {
int fsync_calls = 0;
int fsync_answer = 0;
} // namespace
/// Stands before the system's own.
extern "C" int fsync(int descriptor) {
    ++fsync_calls;
    if (fsync_answer != 0) errno = EIO;
    return fsync_answer != 0 ? fsync_answer : static_cast<int>(::syscall(SYS_fsync, descriptor));
}

TEST_CASE("file_writer waits for the disk before it takes the place of a file, or where it is told not to does not") {
    const bytes file(1000, std::byte{1});
    const lowbit_test::temporary_file target(std::span<const std::byte>(file).first(10));
    const auto calls_of = [&](auto... how) {
        fsync_calls = 0;
        auto out = lb::io::file_writer::create(target.path(), how...);
        REQUIRE(out.has_value());
        CHECK(out->write(file).has_value());
        CHECK(fsync_calls == 0);
        CHECK(out->commit().has_value());
        CHECK(read_file(target.path()).size() == 1000);
        return fsync_calls;
    };
    CHECK(calls_of() == 1);
    CHECK(calls_of(lb::io::durability::system) == 0);

    fsync_answer = -1; // a disk that fails late
    auto out = lb::io::file_writer::create(target.path());
    REQUIRE(out.has_value());
    CHECK(out->write(std::span(file).first(500)).has_value());
    const auto end = out->commit();
    fsync_answer = 0;
    REQUIRE_FALSE(end.has_value());
    CHECK(end.error().code == errc::io);
    CHECK(read_file(target.path()).size() == 1000);
    CHECK(left_overs(target.path()) == 0);
}
#endif

TEST_CASE("write_gguf writes files above 4 GiB, and they are read") {
    const shape four{4};
    const tensor tensors[] = {{"a", dtype::i8, lowbit_test::large_shape, {}}, {"b", dtype::i8, four, {}}};
    lowbit_test::check_large_file([&](auto sink) { return lb::io::stream_gguf(std::move(sink), tensors, gguf_header()); },
                                  [](const std::string& path) { return gguf::open(path); });
}
