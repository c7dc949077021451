// SPDX-License-Identifier: MIT
// npy and write_npy: every element type, both orders of bytes and of dimensions, and what is refused with which answer.
#include <doctest/doctest.h>

#include <lowbit/io/npy.hpp>
#include <lowbit/io/write_npy.hpp>

#include "counting_new.hpp"
#include "hostile_npy.hpp"
#include "large_file.hpp"
#include "memory_sink.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lb::io::dtype;
using lb::io::npy;
using lowbit_test::bytes;
using lowbit_test::hostile_case;
using lowbit_test::npy_file;
using lowbit_test::npy_header;
using lowbit_test::word;

namespace {

using shape = std::vector<std::uint64_t>;

std::optional<errc> answer_to(std::span<const std::byte> file, const lb::io::limits& bounds = {}) {
    const auto parsed = npy::parse(file, bounds);
    if (parsed) return std::nullopt;
    CHECK(parsed.error().offset <= file.size());
    CHECK(std::string_view(parsed.error().message).size() > 10);
    return parsed.error().code;
}

/// The file in memory, or the error.
lb::expected<bytes> written(const lb::io::tensor& array) {
    lowbit_test::sink_state state;
    const auto done = lb::io::detail::write_all(lb::io::stream_npy(lowbit_test::memory_sink(state), array), {&array, 1});
    if (!done) return lb::unexpected<lb::error>(done.error());
    return state.bytes;
}

} // namespace

TEST_CASE("npy reads type, shape and bytes") {
    const bytes file = lowbit_test::small_npy_file();
    const auto parsed = npy::parse(file);
    REQUIRE(parsed.has_value());
    const auto array = parsed->array();
    REQUIRE(array.has_value());
    CHECK(array->name.empty());
    CHECK(array->dtype == dtype::f32);
    CHECK(std::ranges::equal(array->shape, std::array<std::uint64_t, 2>{2, 3}));
    CHECK(array->bytes.data() == file.data() + 128);
    CHECK(array->bytes.size() == 24);
    CHECK(array->byte_order == std::endian::little);
    CHECK_FALSE(parsed->fortran_order());
}

TEST_CASE("npy gives every small hostile file its answer") {
    const auto cases = lowbit_test::small_npy_cases();
    CHECK(cases.size() > 130);
    for (const hostile_case& c : cases) {
        CAPTURE(c.name);
        CHECK(word(answer_to(c.file)) == word(c.answer));
    }
    lb::io::limits more;
    more.npy_header_bytes = 10'000'000;
    for (const hostile_case& c : lowbit_test::large_npy_cases()) {
        CAPTURE(c.name);
        CHECK(word(answer_to(c.file)) == word(errc::limit_exceeded));
        CHECK(word(answer_to(c.file, more)) == word(c.answer));
    }
    more.dims = 100; // NumPy's own limit stays
    for (const std::size_t count : {std::size_t{32}, std::size_t{33}, std::size_t{64}}) {
        std::string ones;
        for (std::size_t i = 0; i < count; ++i) ones += "1, ";
        const auto file = npy_file(npy_header("'|u1'", "False", "(" + ones + ")"), 1);
        CHECK(word(answer_to(file, more)) == (count == 32 ? "valid" : word(errc::limit_exceeded)));
    }
}

TEST_CASE("npy answers every prefix of a valid file with truncated") {
    const bytes file = lowbit_test::small_npy_file();
    for (std::size_t length = 0; length < file.size(); ++length) {
        CAPTURE(length);
        CHECK(word(answer_to(std::span(file).first(length))) == word(errc::truncated));
    }
}

TEST_CASE("npy says where it stopped") {
    const std::string text = "{'descr': '|u1', 'fortran_order': True, 'shape': (4.5,)}\n";
    CHECK(npy::parse(npy_file(text, 4)).error().offset == 10 + text.find('.'));
    CHECK(npy::parse(npy_file(9, text.size(), text, 4)).error().offset == 6);
    const bytes longer = npy_file(npy_header("'|u1'", "False", "(4,)"), 9);
    CHECK(npy::parse(longer).error().offset == longer.size() - 5);
}

TEST_CASE("npy maps NumPy's types, and numbers read the same in both byte orders") {
    const std::pair<std::string_view, dtype> types[] = {
        {"b1", dtype::boolean}, {"i1", dtype::i8},  {"u1", dtype::u8},  {"i2", dtype::i16},
        {"u2", dtype::u16},     {"f2", dtype::f16}, {"i4", dtype::i32}, {"u4", dtype::u32},
        {"f4", dtype::f32},     {"i8", dtype::i64}, {"u8", dtype::u64}, {"f8", dtype::f64},
    };
    const bytes raw{std::byte{1}, std::byte{0x3c}, std::byte{0x55}, std::byte{0x40},
                    std::byte{7}, std::byte{0x3d}, std::byte{0x56}, std::byte{0x41}};
    for (const auto& pair : types) {
        const std::string name(pair.first);
        const dtype type = pair.second;
        CAPTURE(name);
        const auto size = static_cast<std::ptrdiff_t>(lb::io::block_of(type).bytes);
        const auto file = [&](char order) {
            bytes whole = npy_file(npy_header(std::string("'") + order + name + "'", "False", "(1,)"), 0);
            whole.insert(whole.end(), raw.begin(), raw.begin() + size);
            if (order == '>') std::reverse(whole.end() - size, whole.end());
            return whole;
        };
        const bytes little = file('<'), big = file('>');
        const auto a = npy::parse(little), b = npy::parse(big);
        REQUIRE(a.has_value());
        REQUIRE(b.has_value());
        CHECK(a->array()->dtype == type);
        CHECK(b->array()->byte_order == std::endian::big);
        CHECK((*to_matrix(*a))(0, 0) == (*to_matrix(*b))(0, 0));
        CHECK((*to_matrix(*a))(0, 0) > 0);
    }
    bytes brain = npy_file(npy_header("'<V2'", "False", "(1,)"), 0);
    brain.push_back(std::byte{0x80});
    brain.push_back(std::byte{0x3f});
    CHECK(npy::parse(brain)->array()->dtype == dtype::bf16);
    CHECK((*to_matrix(*npy::parse(brain)))(0, 0) == 1.0f);
}

TEST_CASE("npy reads matrices in Fortran order as what they are") {
    const bytes file = npy_file(npy_header("'|u1'", "True", "(2, 3)"), 6); // 1, 8, 15, ... down the columns
    const auto parsed = npy::parse(file);
    REQUIRE(parsed.has_value());
    CHECK(parsed->fortran_order());
    CHECK(parsed->array().error().code == errc::unsupported);
    const auto values = to_matrix(*parsed);
    REQUIRE(values.has_value());
    REQUIRE(values->rows() == 2);
    REQUIRE(values->cols() == 3);
    for (std::size_t r = 0; r < 2; ++r) {
        for (std::size_t c = 0; c < 3; ++c) CHECK((*values)(r, c) == static_cast<float>((c * 2 + r) * 7 + 1));
    }
    const bytes line = npy_file(npy_header("'|u1'", "True", "(3,)"), 3);
    CHECK(npy::parse(line)->array().has_value());
    CHECK((*to_matrix(*npy::parse(line)))(0, 2) == 15);
    const std::string many = std::to_string(~std::size_t{0} / 16); // rows of nothing take no time
    const bytes nothing = npy_file(npy_header("'|u1'", "True", "(" + many + ", 0)"), 0);
    CHECK(to_matrix(*npy::parse(nothing))->rows() == ~std::size_t{0} / 16);
    const bytes cube = npy_file(npy_header("'|u1'", "True", "(2, 1, 3)"), 6);
    CHECK(to_matrix(*npy::parse(cube)).error().code == errc::unsupported);
}

TEST_CASE("npy opens files mapped and copied, allocates the shape alone, and its views survive moves") {
    const bytes file = lowbit_test::small_npy_file();
    const lowbit_test::temporary_file on_disk(file);
    for (const lb::io::access how : {lb::io::access::map, lb::io::access::read}) {
        auto opened = npy::open(on_disk.path(), how);
        REQUIRE(opened.has_value());
        const npy moved = std::move(*opened);
        CHECK(std::ranges::equal(moved.array()->shape, std::array<std::uint64_t, 2>{2, 3}));
        CHECK(std::ranges::equal(moved.array()->bytes, std::span(file).last(24)));
    }
    CHECK(npy::open(on_disk.path() + "x").error().code == errc::io);
    if (!lowbit_test::heap_watch::possible()) return;
    {
        const lowbit_test::heap_watch watch;
        const auto parsed = npy::parse(file);
        CHECK(watch.peak() == 16);
    }
    const lowbit_test::heap_watch watch(1);
    CHECK(npy::parse(file).error().code == errc::io);
}

TEST_CASE("write_npy writes what the reader reads, padded as NumPy pads") {
    const bytes data(64, std::byte{3});
    for (const std::endian order : {std::endian::little, std::endian::big}) {
        for (const dtype type : {dtype::boolean, dtype::i8, dtype::u8, dtype::i16, dtype::u16, dtype::f16, dtype::bf16,
                                 dtype::i32, dtype::u32, dtype::f32, dtype::i64, dtype::u64, dtype::f64, dtype::c64}) {
            for (const shape& dims : {shape{}, shape{2}, shape{1, 2}, shape{2, 0, 3}, shape{1, 1, 1, 1, 1, 1, 1, 1}}) {
                CAPTURE(lb::io::name(type));
                CAPTURE(dims.size());
                std::uint64_t size = 0;
                REQUIRE(lb::io::byte_size(type, dims, size));
                const lb::io::tensor array{"n", type, dims, std::span(data).first(static_cast<std::size_t>(size)), order};
                const auto file = written(array);
                if (type == dtype::bf16 && order == std::endian::big) {
                    CHECK(file.error().code == errc::unsupported);
                    continue;
                }
                REQUIRE(file.has_value());
                CHECK((file->size() - size) % 64 == 0);
                const auto read = npy::parse(*file);
                REQUIRE(read.has_value());
                CHECK(read->array()->dtype == type);
                CHECK(std::ranges::equal(read->array()->shape, dims));
                CHECK(std::ranges::equal(read->array()->bytes, array.bytes));
                CHECK((lb::io::block_of(type).bytes == 1 || read->array()->byte_order == order));
            }
        }
    }
    const shape one{1}, large{std::uint64_t{1} << 62};
    for (const dtype type : {dtype::unknown, dtype::f8_e4m3, dtype::f4, dtype::q8_0}) {
        CHECK(written({"", type, one, std::span(data).first(1)}).error().code == errc::unsupported);
    }
    CHECK(written({"", dtype::f32, large, {}}).error().code == errc::shape_mismatch);
    CHECK(written({"", dtype::f32, one, std::span(data).first(5)}).error().code == errc::shape_mismatch);

    const lowbit_test::temporary_file target;
    const shape two{2};
    REQUIRE(lb::io::write_npy(target.path(), {"", dtype::f16, two, std::span(data).first(4)}).has_value());
    CHECK(npy::open(target.path())->array()->dtype == dtype::f16);
    CHECK(lb::io::write_npy(target.path() + "/below", {"", dtype::f16, two, std::span(data).first(4)}).error().code == errc::io);
}

TEST_CASE("write_npy writes files above 4 GiB, and they are read") {
    const lb::io::tensor array{"", dtype::i8, lowbit_test::large_shape, {}};
    lowbit_test::check_large_file([&](auto sink) { return lb::io::stream_npy(std::move(sink), array); },
                                  [](const std::string& path) { return npy::open(path); });
}

TEST_CASE("npy fuzzing starts from these cases") { lowbit_test::check_corpus("npy", lowbit_test::small_npy_cases()); }
