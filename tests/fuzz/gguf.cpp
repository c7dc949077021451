// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as a GGUF file. The reader must agree with a second opinion, and what it hands out must hold.
#include <lowbit/io/gguf.hpp>

#include "../unit/io/gguf_oracle.hpp"
#include "no_matrix.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

namespace {

namespace lb = lowbit;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

/// Reads a value as every type there is; one way must succeed. Returns how many elements were met.
std::size_t read(const lb::io::gguf_value& value) {
    std::size_t met = 0;
    std::size_t ways = 0;
    const auto as = [&]<class T>(T) {
        if (value.get<T>()) ++ways, ++met;
        if (const auto array = value.get<lb::io::gguf_array<T>>()) {
            ++ways;
            for (const T& element : *array) {
                static_cast<void>(element);
                ++met;
            }
        }
    };
    as(std::uint8_t{}), as(std::int8_t{}), as(std::uint16_t{}), as(std::int16_t{}), as(std::uint32_t{}), as(std::int32_t{});
    as(std::uint64_t{}), as(std::int64_t{}), as(float{}), as(double{}), as(bool{}), as(std::string_view{});
    require(ways == 1, "a value is not of exactly one type");
    return met;
}

void check(std::span<const std::byte> file) {
    const auto parsed = lb::io::gguf::parse(file);
    if (parsed || parsed.error().code != lb::errc::limit_exceeded) {
        require(parsed.has_value() == lowbit_test::valid_gguf(file), "the reader and the second opinion disagree");
    }
    if (!parsed) {
        require(parsed.error().offset <= file.size(), "an error lies outside the file");
        return;
    }
    for (const auto& [key, value] : parsed->metadata()) {
        require(read(value) == value.size(), "an array is not as long as it says");
        const auto found = parsed->value(key);
        require(found && found->bytes().data() == value.bytes().data(), "value finds another");
    }
    const std::byte* end = file.data();
    for (const lb::io::tensor& t : parsed->tensors()) {
        require(t.bytes.empty() || t.bytes.data() >= end, "two tensors share bytes");
        end = t.bytes.data() + t.bytes.size();
        require(end <= file.data() + file.size(), "a tensor ends after the file");
        const auto found = parsed->find(t.name);
        require(found && found->shape.data() == t.shape.data(), "find finds another");
        const auto values = lb::io::to_matrix(t);
        if (values) {
            require(values->rows() * values->cols() * lb::io::block_of(t.dtype).bytes == t.bytes.size(),
                    "a matrix of another size");
        } else {
            require(lowbit_test::may_be_no_matrix(values.error().code, t.dtype), "a checked tensor is no matrix");
        }
    }
}

} // namespace

/// The bytes as they are, and again cut or padded to a multiple of 32: a file of the wrong length hides all other damage.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> file(size);
    std::transform(data, data + size, file.begin(), [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
    check(file);
    file.resize((size + 31) / 32 * 32);
    check(file);
    return 0;
}
