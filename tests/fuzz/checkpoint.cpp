// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as the tensors of a packed layer of any dialect. What an importer accepts must decode, whatever the
// tensors say, and without touching a byte beside them.
#include <lowbit/io/checkpoint.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace {

namespace lb = lowbit;
namespace io = lb::io;

/// Takes an input apart: numbers of two bytes, and tensors, each in memory of exactly its size, for the sanitizer to guard. A
/// tensor is its type and number of dimensions (a byte each), its dimensions (65535 stands for 2^64 - 1) and its bytes with their
/// number.
class reader {
public:
    explicit reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    std::size_t byte() {
        if (rest_.empty()) return 0;
        const std::size_t first = rest_[0];
        rest_ = rest_.subspan(1);
        return first;
    }
    std::size_t number() {
        const std::size_t low = byte();
        return low + 256 * byte();
    }
    io::tensor tensor() {
        parts& p = kept_.emplace_back();
        const auto type = static_cast<io::dtype>(byte() % (static_cast<std::size_t>(io::dtype::c64) + 1));
        p.shape.resize(byte() % 4);
        for (std::uint64_t& size : p.shape) {
            size = number();
            if (size == 0xffff) size = ~std::uint64_t{0};
        }
        p.bytes.resize(std::min(number(), rest_.size()));
        if (!p.bytes.empty()) std::memcpy(p.bytes.data(), rest_.data(), p.bytes.size());
        rest_ = rest_.subspan(p.bytes.size());
        return {"", type, p.shape, p.bytes};
    }
    std::optional<io::tensor> perhaps() {
        if (byte() % 2 == 0) return std::nullopt;
        return tensor();
    }

private:
    struct parts {
        std::vector<std::uint64_t> shape;
        std::vector<std::byte> bytes;
    };
    std::span<const std::uint8_t> rest_;
    std::deque<parts> kept_;
};

template <class P>
void decode(const lb::expected<lb::quantized_matrix<P>>& q) {
    if (!q) return;
    const lb::matrix<float> values = lb::dequantize(*q);
    if (q->rows() == 0 || q->cols() == 0 || values.rows() != q->rows() || values.cols() != q->cols()) std::abort();
}

io::packed_tensors packed(reader& in) { return {in.tensor(), in.tensor(), in.tensor(), in.perhaps(), in.perhaps()}; }
io::quantized_tensors quantized(reader& in) { return {in.tensor(), in.tensor(), in.perhaps()}; }

void check_bnb(reader& in) {
    const auto state = io::read_bnb_state(in.tensor());
    const io::bnb_tensors layer{in.tensor(), in.tensor(), in.tensor(), in.perhaps(), in.perhaps()};
    if (state) decode(io::from_bnb<lb::presets::nf4>(layer, *state));
}

void check_bitmask(reader& in) {
    const io::bitmask_tensors layer{in.tensor(), in.tensor(), in.tensor(), in.perhaps()};
    const auto dense = io::from_bitmask(layer);
    std::uint64_t bytes = 0;
    if (dense && (!io::byte_size(dense->dtype, dense->shape, bytes) || bytes != dense->bytes.size())) std::abort();
    const auto sparse = io::from_bitmask<lb::policy<lb::int8, lb::per_channel, lb::prune<lb::n_of_m<2, 4>>>>(layer, in.tensor());
    if (sparse && !dense) std::abort();
    decode(sparse);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in({data, size});
    using w4 = lb::policy<lb::uint4, lb::per_group<32>, lb::asymmetric>;
    using scattered = lb::policy<lb::int4, lb::per_group<32>, lb::permuted_columns>;
    const std::size_t dialect = in.byte() % 9;
    switch (dialect) {
    case 0:
    case 1:
        decode(io::from_gptq<lb::presets::gptq4<32>>({in.tensor(), in.tensor(), in.tensor(), in.perhaps()},
                                                     static_cast<io::gptq_zeros>(dialect)));
        break;
    case 2: decode(io::from_awq<w4>({in.tensor(), in.tensor(), in.tensor()})); break;
    case 3: decode(io::from_packed<scattered>(packed(in))); break;
    case 4: decode(io::from_packed<lb::policy<lb::uint3, lb::per_channel, lb::asymmetric>>(packed(in))); break;
    case 5: decode(io::from_quantized<lb::policy<lb::uint8, lb::per_channel, lb::asymmetric>>(quantized(in))); break;
    case 6: decode(io::from_float_packed<lb::presets::nvfp4_divisor>({in.tensor(), in.tensor(), in.perhaps()})); break;
    case 7: check_bnb(in); break;
    default: check_bitmask(in); break;
    }
    return 0;
}
