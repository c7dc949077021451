// SPDX-License-Identifier: MIT
// A file above 4 GiB that nobody stores: written into a sink that counts, and read again as a file with a hole.
#pragma once

#include <doctest/doctest.h>

#include <lowbit/core/matrix.hpp>
#include <lowbit/io/tensor.hpp>

#include "memory_sink.hpp"
#include "temporary_file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <vector>

namespace lowbit_test {

/// A matrix of bytes whose size is 1024 to who counts in 32 bits.
inline constexpr std::array<std::uint64_t, 2> large_shape{(std::uint64_t{1} << 22) + 1, 1024};
inline constexpr std::uint64_t large_bytes = large_shape[0] * large_shape[1];

/// The tensors that a reader found.
template <class Reader>
std::vector<lowbit::io::tensor> tensors_of(const Reader& reader) {
    if constexpr (requires { reader.tensors(); })
        return {reader.tensors().begin(), reader.tensors().end()};
    else
        return {reader.array().value()};
}

/// Writes what begin(sink) has begun, whose first tensor is signed bytes of large_shape and whose last ends the data, and has
/// open(path) read it: all where size_t has 64 bits, else the answer is errc::io.
template <class Begin, class Open>
void check_large_file(Begin begin, Open open) {
    sink_state state;
    auto out = begin(memory_sink(state));
    REQUIRE(out.has_value());
    const std::uint64_t header_bytes = state.bytes.size();
    state.kept = state.bytes.size();
    const std::vector<std::byte> piece(std::size_t{1} << 20);
    CHECK(out->left() == large_bytes);
    while (!out->done()) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(out->left(), piece.size()));
        REQUIRE(out->append(std::span(piece).first(size)).has_value());
    }
    REQUIRE(out->commit().has_value());
    CHECK(state.written >= header_bytes + large_bytes);

    const temporary_file file(state.bytes);
    {
        std::fstream hole(file.path(), std::ios::binary | std::ios::in | std::ios::out);
        hole.seekp(static_cast<std::streamoff>(header_bytes + large_bytes - 1));
        hole.put('\x5a'); // the last byte of the large tensor, and the file's if there is no other
        hole.seekp(static_cast<std::streamoff>(state.written - 1));
        hole.put(state.written == header_bytes + large_bytes ? '\x5a' : '\0');
        hole.flush();
        if (!hole) {
            MESSAGE("skipped: no file above 4 GiB can be made here");
            return;
        }
    }
    const auto opened = open(file.path());
    if (sizeof(std::size_t) < sizeof(std::uint64_t)) {
        REQUIRE_FALSE(opened.has_value());
        CHECK(opened.error().code == lowbit::errc::io);
        return;
    }
    REQUIRE(opened.has_value());
    const auto tensors = tensors_of(*opened);
    const lowbit::io::tensor& large = tensors.front();
    CHECK(std::ranges::equal(large.shape, large_shape));
    REQUIRE(large.bytes.size() == large_bytes);
    for (std::size_t i = 1; i < tensors.size(); ++i)
        CHECK(tensors[i].bytes.data() >= tensors[i - 1].bytes.data() + tensors[i - 1].bytes.size());
    lowbit::matrix<float> row(1, 1024);
    REQUIRE(lowbit::io::read_rows(large, static_cast<std::size_t>(large_shape[0] - 1), row.view()).has_value());
    CHECK(row(0, 1022) == 0);
    CHECK(row(0, 1023) == 0x5a);
}

} // namespace lowbit_test
