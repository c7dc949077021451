// SPDX-License-Identifier: MIT
// write_safetensors: the order of tensors, names that need escapes, and what it refuses.
#include <doctest/doctest.h>

#include <lowbit/io/write_safetensors.hpp>

#include "hostile_safetensors.hpp"
#include "large_file.hpp"
#include "memory_sink.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::errc;
using lb::io::attribute;
using lb::io::dtype;
using lb::io::safetensors;
using lb::io::tensor;
using lowbit_test::bytes;
using lowbit_test::memory_sink;
using lowbit_test::sink_state;

namespace {

using shape = std::vector<std::uint64_t>;

/// The file in memory, or the error.
lb::expected<bytes> written(std::span<const tensor> tensors, std::span<const attribute> metadata = {},
                            const lb::io::limits& bounds = {}) {
    sink_state state;
    const auto done =
        lb::io::detail::write_all(lb::io::stream_safetensors(memory_sink(state), tensors, metadata, bounds), tensors);
    CHECK(state.committed == done.has_value());
    if (!done) return lb::unexpected<lb::error>(done.error());
    return state.bytes;
}

std::string header_of(const bytes& file) {
    const auto size = static_cast<std::size_t>(lb::io::load<std::uint64_t>(file.data()));
    return {reinterpret_cast<const char*>(file.data()) + 8, size};
}

bytes counting(std::size_t size) {
    bytes data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(static_cast<std::uint8_t>(i * 7 + 1));
    return data;
}

} // namespace

TEST_CASE("write_safetensors orders tensors by alignment and name, and aligns the data") {
    const bytes data = counting(64);
    const shape two{2}, three{3}, four{4}, matrix{2, 3}, scalar{}, empty{0};
    const auto part = [&](std::size_t size) { return std::span(data).first(size); };
    const tensor tensors[] = {{"b", dtype::f16, three, part(6)},        {"a", dtype::f16, two, part(4)},
                              {"bytes", dtype::u8, three, part(3)},     {"f4", dtype::f4, two, part(1)},
                              {"matrix", dtype::f32, matrix, part(24)}, {"scalar", dtype::f64, scalar, part(8)},
                              {"empty", dtype::i64, empty, {}},         {"six", dtype::f6_e2m3, four, part(3)}};
    std::vector<tensor> list(std::begin(tensors), std::end(tensors));
    const bytes file = written(list).value();
    CHECK(header_of(file).substr(0, header_of(file).find_last_of('}') + 1) ==
          R"({"empty":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},)"
          R"("scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
          R"("matrix":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},)"
          R"("a":{"dtype":"F16","shape":[2],"data_offsets":[32,36]},)"
          R"("b":{"dtype":"F16","shape":[3],"data_offsets":[36,42]},)"
          R"("six":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[42,45]},)"
          R"("f4":{"dtype":"F4","shape":[2],"data_offsets":[45,46]},)"
          R"("bytes":{"dtype":"U8","shape":[3],"data_offsets":[46,49]}})");
    CHECK((file.size() - 49) % 8 == 0);
    const auto read = safetensors::parse(file);
    REQUIRE(read.has_value());
    REQUIRE(read->tensors().size() == list.size());
    for (const tensor& t : list) {
        CAPTURE(t.name);
        const auto found = read->find(t.name);
        REQUIRE(found.has_value());
        CHECK(found->dtype == t.dtype);
        CHECK(std::ranges::equal(found->shape, t.shape));
        CHECK(std::ranges::equal(found->bytes, t.bytes));
    }
    std::ranges::reverse(list);
    CHECK(written(list).value() == file); // the caller's order does not matter
}

TEST_CASE("write_safetensors escapes names, and they come back") {
    const bytes data = counting(4);
    const shape one{1};
    const std::string control = []() {
        std::string all;
        for (char c = 0; c < 0x20; ++c) all += c;
        return all + "\x7f";
    }();
    const std::vector<std::string> names{
        "",       "\"quoted\"", "back\\slash", control,     "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80",
        "{[,:]}", "a/b",        "../../etc",   "__proto__", std::string(65'536, 'n')};
    std::vector<tensor> tensors;
    std::vector<attribute> metadata;
    for (const std::string& name : names) {
        tensors.push_back({name, dtype::i8, one, std::span(data).first(1)});
        metadata.push_back({name, name});
    }
    const bytes file = written(tensors, metadata).value();
    const auto read = safetensors::parse(file);
    REQUIRE(read.has_value());
    CHECK(read->tensors().size() == names.size());
    for (const std::string& name : names) CHECK(read->find(name).has_value());
    REQUIRE(read->metadata().size() == names.size());
    for (const attribute& a : read->metadata()) CHECK(a.key == a.value);
    CHECK(header_of(file).starts_with("{\"__metadata__\":{\"\":\"\",\"\\\"quoted\\\"\":"));
    CHECK(written(tensors, metadata).value() == file);
}

TEST_CASE("write_safetensors refuses what it could not read again") {
    const bytes data = counting(64);
    const shape four{4}, three{3}, nine(9, 1), large(2, std::uint64_t{1} << 32);
    const auto refusal = [&](std::string_view name, dtype type, const shape& dims, std::size_t size,
                             const lb::io::limits& bounds = {}) {
        const tensor t[] = {{name, type, dims, std::span(data).first(size)}};
        const auto file = written(t, {}, bounds);
        REQUIRE_FALSE(file.has_value());
        return file.error().code;
    };
    CHECK(refusal("__metadata__", dtype::i8, four, 4) == errc::malformed);
    CHECK(refusal("\xFF", dtype::i8, four, 4) == errc::malformed);
    CHECK(refusal("t", dtype::q4_0, shape{32}, 18) == errc::unsupported);
    CHECK(refusal("t", dtype::unknown, four, 4) == errc::unsupported);
    CHECK(refusal("t", dtype::f4, three, 2) == errc::shape_mismatch);
    CHECK(refusal("t", dtype::i8, four, 3) == errc::shape_mismatch);
    CHECK(refusal("t", dtype::i8, large, 4) == errc::shape_mismatch);
    CHECK(refusal("t", dtype::i8, nine, 1) == errc::limit_exceeded);
    CHECK(refusal("long", dtype::i8, four, 4, {.name_bytes = 3}) == errc::limit_exceeded);
    CHECK(refusal("t", dtype::i8, four, 4, {.header_bytes = 10}) == errc::limit_exceeded);
    CHECK(refusal("t", dtype::i8, four, 4, {.tensors = 0}) == errc::limit_exceeded);
    const tensor big[] = {{"t", dtype::i8, four, std::span(data).first(4), std::endian::big}};
    CHECK(written(big).error().code == errc::unsupported);
    const tensor twice[] = {{"t", dtype::i8, four, std::span(data).first(4)}, {"t", dtype::f64, four, std::span(data).first(32)}};
    CHECK(written(twice).error().code == errc::malformed);
    const tensor thrice[] = {{"a", dtype::i8, four, std::span(data).first(4)}, twice[0], twice[1], twice[0]};
    CHECK(written(thrice).error().offset == 2);
    const attribute long_key[] = {{"long", "value"}};
    CHECK(written({}, long_key, {.name_bytes = 3}).error().code == errc::limit_exceeded);
    const shape half{std::uint64_t{1} << 63};
    const tensor wraps[] = {{"a", dtype::i8, half, {}}, {"b", dtype::i8, half, {}}};
    sink_state state;
    CHECK(lb::io::stream_safetensors(memory_sink(state), wraps).error().code == errc::shape_mismatch);

    const attribute keys[] = {{"k", "1"}, {"k", "2"}};
    CHECK(written({}, keys).error().code == errc::malformed);
    const attribute bad[] = {{"k", "\xC3"}};
    CHECK(written({}, bad).error().code == errc::malformed);
}

TEST_CASE("write_safetensors writes files that open, and every valid case again with the same content") {
    const lowbit_test::temporary_file on_disk;
    std::size_t files = 0;
    for (const auto& c : lowbit_test::small_safetensors_cases()) {
        if (c.answer) continue;
        CAPTURE(c.name);
        const auto parsed = safetensors::parse(c.file);
        REQUIRE(parsed.has_value());
        const bool known = std::ranges::none_of(parsed->tensors(), [](const tensor& t) { return t.dtype == dtype::unknown; });
        const auto done = lb::io::write_safetensors(on_disk.path(), parsed->tensors(), parsed->metadata());
        CHECK(done.has_value() == known);
        if (!known) continue;
        const auto again = safetensors::open(on_disk.path());
        REQUIRE(again.has_value());
        CHECK(std::ranges::equal(again->tensors(), parsed->tensors(), [](const tensor& a, const tensor& b) {
            return a.name == b.name && a.dtype == b.dtype && std::ranges::equal(a.shape, b.shape) &&
                   std::ranges::equal(a.bytes, b.bytes);
        }));
        CHECK(std::ranges::equal(again->metadata(), parsed->metadata(),
                                 [](const auto& a, const auto& b) { return a.key == b.key && a.value == b.value; }));
        ++files;
    }
    CHECK(files > 30);
}

TEST_CASE("write_safetensors writes files above 4 GiB, and they are read") {
    const shape four{4};
    const tensor tensors[] = {{"b", dtype::i8, four, {}}, {"a", dtype::i8, lowbit_test::large_shape, {}}};
    lowbit_test::check_large_file([&](auto sink) { return lb::io::stream_safetensors(std::move(sink), tensors); },
                                  [](const std::string& path) { return safetensors::open(path); });
}
