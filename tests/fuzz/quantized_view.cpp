// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as a shape and the planes of a quantized matrix, and as one that stands in a buffer as quantized_matrix
// keeps it. What is accepted must decode without touching a byte beside it.
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace {

namespace lb = lowbit;

/// Takes an input apart: bytes are numbers, or memory of exactly its size, for the sanitizer to guard.
class reader {
public:
    explicit reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    std::size_t number() {
        if (rest_.empty()) return 0;
        const std::size_t first = rest_[0];
        rest_ = rest_.subspan(1);
        return first;
    }
    std::vector<std::byte> bytes(std::size_t size) {
        std::vector<std::byte> taken(std::min(size, rest_.size()));
        if (!taken.empty()) std::memcpy(taken.data(), rest_.data(), taken.size());
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    [[nodiscard]] std::size_t size() const { return rest_.size(); }

private:
    std::span<const std::uint8_t> rest_;
};

template <class Q>
void decode(const Q& q) {
    const lb::matrix<float> values = lb::dequantize(q);
    if (values.rows() != q.rows() || values.cols() != q.cols()) std::abort();
}

template <class P>
void check(reader in) {
    const std::size_t rows = in.number() % 8;
    const std::size_t cols = in.number() + in.number() % 4 * 256;
    reader again = in;
    std::vector<std::byte> planes[7];
    for (auto& plane : planes) {
        const std::size_t size = in.number() + in.number() * 256;
        plane = in.bytes(size);
    }
    const auto parts = lb::quantized_view<P>::from(
        {planes[0], planes[1], planes[2], planes[3], planes[4], planes[5], planes[6], static_cast<float>(in.number())}, rows,
        cols);
    if (parts) decode(*parts);

    const std::size_t size = lb::quantized_view<P>::over({}, {rows, cols}, 1.0f).size_bytes();
    if (again.size() < size) return;
    const std::vector<std::byte> whole = again.bytes(size);
    decode(lb::quantized_view<P>(whole.data(), rows, cols));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in({data, size});
    switch (in.number() % 5) {
    case 0: check<lb::policy<lb::int4, lb::per_group<32>, lb::prune<lb::n_of_m<2, 4>>>>(in); break;
    case 1: check<lb::policy<lb::int8, lb::per_group<16>, lb::asymmetric, lb::permuted_columns>>(in); break;
    case 2: check<lb::presets::nvfp4>(in); break;
    case 4: check<lb::policy<lb::int4, lb::per_channel, lb::prune<lb::block_sparse<2, 0, 50>>>>(in); break;
    default: check<lb::presets::q4_k>(in); break;
    }
    return 0;
}
