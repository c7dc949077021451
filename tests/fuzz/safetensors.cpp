// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as a safetensors file. The reader must agree with a second opinion, and what it hands out must hold.
#include <lowbit/io/safetensors.hpp>

#include "../unit/io/safetensors_oracle.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace {

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace lb = lowbit;
    const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);

    const auto parsed = lb::io::safetensors::parse(file);
    if (parsed || parsed.error().code != lb::errc::limit_exceeded) {
        require(parsed.has_value() == lowbit_test::valid_safetensors(file), "the reader and the second opinion disagree");
    }
    if (!parsed) {
        require(parsed.error().offset <= size, "an error lies outside the file");
        return 0;
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
            require(values->rows() * values->cols() * lb::io::bits(t.dtype) / 8 == t.bytes.size(), "a matrix of another size");
        } else {
            require(values.error().code == lb::errc::unsupported || values.error().code == lb::errc::limit_exceeded,
                    "a checked tensor is no matrix");
        }
    }
    std::size_t text = 0;
    for (const auto& [key, value] : parsed->metadata()) text += key.size() + value.size();
    require(covered + text <= size, "more was handed out than there is");
    return 0;
}
