// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as a safetensors file. The reader must agree with a second opinion, and what it hands out must hold.
#include <lowbit/io/safetensors.hpp>

#include "../unit/io/safetensors_oracle.hpp"
#include "no_matrix.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void check(std::span<const std::byte> file) {
    namespace lb = lowbit;
    const auto parsed = lb::io::safetensors::parse(file);
    if (parsed || parsed.error().code != lb::errc::limit_exceeded) {
        require(parsed.has_value() == lowbit_test::valid_safetensors(file), "the reader and the second opinion disagree");
    }
    if (!parsed) {
        require(parsed.error().offset <= file.size(), "an error lies outside the file");
        return;
    }

    std::size_t covered = 0;
    const lb::io::tensor* before = nullptr;
    for (const lb::io::tensor& t : parsed->tensors()) {
        require(before == nullptr || before->name < t.name, "names are not in order");
        before = &t;
        covered += t.bytes.size();
        const auto found = parsed->find(t.name);
        require(found && found->bytes.data() == t.bytes.data() && found->shape.data() == t.shape.data(), "find finds another");
        const auto values = lb::io::to_matrix(t);
        if (values) {
            require(values->rows() * values->cols() * lb::io::block_of(t.dtype).bytes == t.bytes.size(),
                    "a matrix of another size");
        } else {
            require(lowbit_test::may_be_no_matrix(values.error().code, t.dtype), "a checked tensor is no matrix");
        }
    }
    std::size_t text = 0;
    for (const auto& [key, value] : parsed->metadata()) text += key.size() + value.size();
    require(covered + text <= file.size(), "more was handed out than there is");
}

} // namespace

/// The bytes as they are, and again with a header length that ends at the last brace: damage to the header's length hides
/// all other damage.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> file(size);
    std::transform(data, data + size, file.begin(), [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
    check(file);
    const auto brace = std::find(file.rbegin(), file.rend(), std::byte{'}'});
    const auto end = static_cast<std::size_t>(file.rend() - brace);
    if (end > 8) {
        for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<std::byte>(static_cast<std::uint8_t>((end - 8) >> (8 * i)));
        check(file);
    }
    return 0;
}
