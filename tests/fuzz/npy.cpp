// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as an npy file. What the reader hands out must hold, and comes back the same when it is written.
#include <lowbit/io/npy.hpp>
#include <lowbit/io/write_npy.hpp>

#include "../unit/io/memory_sink.hpp"
#include "no_matrix.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

namespace lb = lowbit;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void check(std::span<const std::byte> file) {
    const auto parsed = lb::io::npy::parse(file);
    if (!parsed) {
        require(parsed.error().offset <= file.size(), "an error lies outside the file");
        return;
    }
    const auto values = to_matrix(*parsed);
    const auto array = parsed->array();
    require(values || !array || lowbit_test::may_be_no_matrix(values.error().code, array->dtype), "a checked array is no matrix");
    if (!array) return;
    std::uint64_t size = 0;
    require(lb::io::byte_size(array->dtype, array->shape, size) && size == array->bytes.size(), "an array of another size");
    require(array->bytes.data() + size == file.data() + file.size(), "an array that does not end with the file");

    lowbit_test::sink_state state;
    require(lb::io::detail::write_all(lb::io::stream_npy(lowbit_test::memory_sink(state), *array), {&*array, 1}).has_value(),
            "what was read cannot be written");
    const auto again = lb::io::npy::parse(state.bytes);
    require(again && again->array() && std::ranges::equal(again->array()->shape, array->shape) &&
                again->array()->dtype == array->dtype && std::ranges::equal(again->array()->bytes, array->bytes),
            "what was written reads differently");
}

} // namespace

/// The bytes as they are, and again with a header length that ends at the first newline and data as long as it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> file(size);
    std::transform(data, data + size, file.begin(), [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
    check(file);
    const auto newline = std::find(file.begin(), file.end(), std::byte{'\n'});
    const auto end = static_cast<std::size_t>(newline - file.begin()) + 1;
    if (newline != file.end() && end > 10) {
        file[8] = static_cast<std::byte>(static_cast<std::uint8_t>(end - 10));
        file[9] = static_cast<std::byte>(static_cast<std::uint8_t>((end - 10) >> 8));
        check(file);
    }
    return 0;
}
