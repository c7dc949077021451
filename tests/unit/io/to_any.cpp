// SPDX-License-Identifier: MIT
// any_matrix and to_any: tensors of every block format out of a file decode as ggml decodes them, and what is refused.
#include <doctest/doctest.h>

#include <lowbit/io/gguf.hpp>
#include <lowbit/io/to_any.hpp>

#include "gguf_maker.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lb = lowbit;
using lb::any_matrix;
using lb::errc;
using lb::io::dtype;
using lb::io::tensor;
using lb::io::to_any;
using raw = lowbit_test::bytes;

namespace {

using shape = std::vector<std::uint64_t>;

/// Blocks of one type, and the bits of the floats that ggml decodes.
struct vectors {
    raw blocks;
    std::vector<std::uint32_t> floats;
};

std::map<std::string, vectors> golden() {
    std::map<std::string, vectors> all;
    std::ifstream in(LOWBIT_TEST_DATA "/ggml_blocks.txt");
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream fields(line);
        std::string type, blocks, floats;
        std::size_t count = 0;
        fields >> type >> count >> blocks >> floats;
        vectors& v = all[type];
        for (std::size_t i = 0; i < blocks.size(); i += 2) {
            v.blocks.push_back(static_cast<std::byte>(std::stoul(blocks.substr(i, 2), nullptr, 16)));
        }
        for (std::size_t i = 0; i < floats.size(); i += 8) {
            v.floats.push_back(static_cast<std::uint32_t>(std::stoul(floats.substr(i, 8), nullptr, 16)));
        }
    }
    return all;
}

std::uint32_t id_of(dtype type) { return static_cast<std::uint32_t>(lb::io::detail::row_of(type).ggml_id); }

/// A matrix, decoded once for the whole program: the compiler makes a decoder for each format.
lb::matrix<float> decoded(const any_matrix& m) { return lb::dequantize(m); }

} // namespace

TEST_CASE("to_any decodes every golden block out of a GGUF file as ggml does") {
    const auto all = golden();
    REQUIRE(all.size() == 18);
    for (const auto& entry : all) {
        const std::string& name = entry.first;
        const vectors& v = entry.second;
        CAPTURE(name);
        const dtype type = lb::io::dtype_of(name);
        REQUIRE(lb::io::is_quantized(type));
        const std::size_t cols = v.floats.size() / 2; // two vectors, two rows
        const raw start = lowbit_test::gguf_maker(1).tensor("w", {cols, 2}, id_of(type), 0).pad();
        raw file = start;
        file.insert(file.end(), v.blocks.begin(), v.blocks.end());
        file.resize((file.size() + 31) / 32 * 32);
        const auto parsed = lb::io::gguf::parse(file);
        REQUIRE(parsed.has_value());

        const auto any = to_any(parsed->tensors()[0]);
        REQUIRE(any.has_value());
        CHECK(any->rows() == 2);
        CHECK(any->cols() == cols);
        CHECK(any->size_bytes() == v.blocks.size());
        CHECK(any->bits_per_weight() == lb::io::bits_per_element(type));
        CHECK(lb::find_ggml_format(static_cast<int>(id_of(type))) == any->format());
        CHECK(lb::find_format(any->name()) == any->format());
        const auto values = decoded(*any);
        std::size_t different = 0;
        for (std::size_t i = 0; i < v.floats.size(); ++i) {
            different += std::bit_cast<std::uint32_t>(values.data()[i]) != v.floats[i];
        }
        CHECK(different == 0);
        CHECK(decoded(any_matrix(*any))(1, cols - 1) == values(1, cols - 1));
    }
}

TEST_CASE("formats have names of their own, and ggml's are those that files name") {
    std::size_t of_ggml = 0;
    for (std::size_t i = 0; i < lb::format_count; ++i) {
        CAPTURE(lb::format_name(i));
        CHECK(lb::find_format(lb::format_name(i)) == i);
        of_ggml += lb::formats.rows[i].ggml_id >= 0;
    }
    CHECK(lb::find_format("q4_K") == lb::format_count);
    CHECK(lb::find_ggml_format(-1) == lb::format_count);
    CHECK(lb::find_ggml_format(0) == lb::format_count); // float, no blocks
    std::size_t found = 0;
    for (std::uint32_t id = 0; id < 100; ++id) {
        const std::size_t at = lb::find_ggml_format(static_cast<int>(id));
        if (at == lb::format_count) continue;
        ++found;
        const dtype type = lb::io::dtype_of_ggml(id);
        REQUIRE(lb::io::is_quantized(type));
        const std::string_view name = lb::format_name(at);
        CHECK((name == "ggml_nvfp4" || lb::io::name(type).size() == name.size()));
        const auto block = lb::io::block_of(type);
        const std::size_t size = lb::with_format(
            at, [&]<class P>() { return lb::quantized_view<P>::over({}, {3, block.elements}, 1.0f).size_bytes(); });
        CHECK(size == 3 * block.bytes);
    }
    CHECK(found == of_ggml);
}

TEST_CASE("any_matrix is a view, or owns what it was given") {
    lb::matrix<float> w(4, 64);
    for (std::size_t i = 0; i < 256; ++i) w.data()[i] = static_cast<float>(i % 13) - 6.0f;
    auto q = lb::quantize<lb::presets::q8_0>(w);
    const lb::matrix<float> wanted = lb::dequantize(q);
    const any_matrix view(q.view());
    CHECK(view.name() == "q8_0");
    CHECK(view.size_bytes() == q.size_bytes());
    CHECK(visit(view, [](const auto& v) { return v.planes().codes; }) == q.view().planes().codes);
    const auto owner = [&] {
        any_matrix first{std::move(q)};
        return any_matrix(first);
    }();
    const auto values = decoded(owner);
    for (std::size_t i = 0; i < 256; ++i) CHECK(values.data()[i] == wanted.data()[i]);

    // A policy that differs in how it encodes has a name's format, too; and scales for a tensor go along.
    const auto searched = lb::quantize<lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>>>(w);
    CHECK(any_matrix(searched.view()).name() == "w4g32");
    const auto scaled = lb::quantize<lb::presets::nvfp4>(w);
    CHECK(decoded(any_matrix(scaled.view()))(3, 5) == lb::dequantize(scaled)(3, 5));
}

TEST_CASE("to_any takes the last dimension as columns") {
    const raw blocks(12 * 34);
    const auto sides = [&](const shape& dims, std::size_t size) {
        const auto any = to_any(tensor{"t", dtype::q8_0, dims, std::span(blocks).first(size)});
        REQUIRE(any.has_value());
        return std::pair(any->rows(), any->cols());
    };
    using pair = std::pair<std::size_t, std::size_t>;
    CHECK(sides({64}, 68) == pair(1, 64));
    CHECK(sides({3, 2, 64}, 12 * 34) == pair(6, 64));
    CHECK(sides({0, 64}, 0) == pair(0, 64));
    CHECK(sides({3, 0}, 0) == pair(3, 0));
    const shape nothing{~std::size_t{0} / 16, 0}; // rows of nothing take no time
    const auto any = to_any(tensor{"t", dtype::q8_0, nothing, {}});
    REQUIRE(any.has_value());
    CHECK(decoded(*any).rows() == nothing[0]);
}

TEST_CASE("to_any takes more weights than 32 bits count, where size_t has more") {
    const lowbit_test::temporary_file file;
    const shape dims{std::uint64_t{1} << 25, 128}; // in 576 MiB, which 32 bits count
    {
        std::ofstream hole(file.path(), std::ios::binary);
        hole.seekp(static_cast<std::streamoff>(dims[0] * 18 - 1));
        hole.put('\0');
    }
    const auto mapped = lb::io::mapped_file::open(file.path());
    if (!mapped) {
        MESSAGE("skipped: no file of 576 MiB can be mapped here");
        return;
    }
    const auto any = to_any(tensor{"t", dtype::q1_0, dims, mapped->bytes()}, lb::io::scales::trusted);
    CHECK(any.has_value() == (sizeof(std::size_t) > 4));
    if (!any) CHECK(any.error().code == errc::limit_exceeded);
}

TEST_CASE("to_any refuses what is no block, what does not fit, and scales that are no numbers") {
    raw blocks(2 * 34);
    const shape line{64}, square{32, 2}, scalar{}, large{std::uint64_t{1} << 40, std::uint64_t{1} << 40, 0};
    const auto answer = [&](dtype type, const shape& dims, std::size_t size, std::endian order = std::endian::little) {
        const auto any = to_any(tensor{"t", type, dims, std::span(blocks).first(size), order});
        REQUIRE_FALSE(any.has_value());
        return any.error();
    };
    for (const dtype type : {dtype::f32, dtype::unknown, dtype::boolean, dtype::iq2_xxs, dtype::q8_1, dtype::q8_k}) {
        CHECK(answer(type, line, 64).code == errc::unsupported);
    }
    CHECK(answer(dtype::q8_0, line, 68, std::endian::big).code == errc::unsupported);
    CHECK(answer(dtype::q8_0, line, 67).code == errc::shape_mismatch);
    CHECK(answer(dtype::q8_0, square, 68).code == errc::shape_mismatch); // rows of two
    CHECK(answer(dtype::q8_0, scalar, 34).code == errc::shape_mismatch);
    CHECK(answer(dtype::q8_0, large, 0).code == errc::shape_mismatch);

    const auto with_scale = [&](std::uint8_t low, std::uint8_t high) {
        blocks[34] = std::byte{low};
        blocks[35] = std::byte{high};
        const tensor t{"t", dtype::q8_0, line, blocks};
        CHECK(to_any(t, lb::io::scales::trusted).has_value());
        return to_any(t);
    };
    CHECK(with_scale(0x00, 0x3c).has_value());
    CHECK(with_scale(0x00, 0x80).has_value());                                                     // -0
    CHECK(with_scale(0x01, 0x00).has_value());                                                     // the smallest
    for (const std::uint8_t high : {std::uint8_t{0x7c}, std::uint8_t{0xfc}, std::uint8_t{0x7e}}) { // infinities, NaN
        const auto refused = with_scale(0x00, high);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == errc::non_finite);
        CHECK(refused.error().offset == 1);
    }
    raw exponent(17);
    exponent[0] = std::byte{255};
    const shape block{32};
    CHECK(to_any(tensor{"t", dtype::mxfp4, block, exponent}).error().code == errc::non_finite);
    raw minimums(20);
    minimums[3] = std::byte{0x7c};
    CHECK(to_any(tensor{"t", dtype::q4_1, block, minimums}).error().code == errc::non_finite);

    for (const auto& entry : golden()) { // whose scales are numbers; here the second row's are not, in whichever field they are
        CAPTURE(entry.first);
        const dtype type = lb::io::dtype_of(entry.first);
        raw rows = entry.second.blocks;
        const shape both{2, entry.second.floats.size() / 2};
        CHECK(to_any(tensor{"t", type, both, rows}).has_value());
        std::fill(rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2), rows.end(), std::byte{255});
        const auto refused = to_any(tensor{"t", type, both, rows});
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == errc::non_finite);
        CHECK(refused.error().offset > 0);
        CHECK(to_any(tensor{"t", type, both, rows}, lb::io::scales::trusted).has_value());
    }
}

TEST_CASE("a moved-from any_matrix is 0 x 0") {
    lb::matrix<float> w(2, 64);
    any_matrix a(lb::quantize<lb::presets::w4g32>(w));
    any_matrix b = std::move(a);
    CHECK(b.rows() == 2);
    a = std::move(b);
    CHECK(a.cols() == 64);
    CHECK(b.rows() == 0); // NOLINT: what is left is 0 x 0
    CHECK(b.cols() == 0);
    CHECK(b.size_bytes() == 0);
    CHECK(b.bits_per_weight() == 0.0);
    CHECK(visit(b, [](const auto& view) { return view.rows() == 0 && view.planes().codes == nullptr; }));
    any_matrix& same = a;
    a = std::move(same);
    CHECK(a.rows() == 2);
}
