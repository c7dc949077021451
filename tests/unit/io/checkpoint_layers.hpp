// SPDX-License-Identifier: MIT
// The layers of tests/golden/checkpoint, and tensors to spoil.
#pragma once

#include <doctest/doctest.h>

#include <lowbit/io/checkpoint.hpp>
#include <lowbit/io/safetensors.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lowbit_test {

namespace lb = lowbit;
namespace io = lb::io;

using w2 = lb::policy<lb::uint2, lb::per_group<32>, lb::asymmetric>;
using w3 = lb::policy<lb::uint3, lb::per_group<32>, lb::asymmetric>;
using w4 = lb::policy<lb::uint4, lb::per_group<32>, lb::asymmetric>;
using w8 = lb::policy<lb::uint8, lb::per_group<32>, lb::asymmetric>;
using w4_act = lb::policy<lb::int4, lb::per_group<32>, lb::permuted_columns>;
using fp4_of_32 = lb::policy<lb::fp4_bnb_codebook, lb::per_group<32>, lb::scale_as<float>, lb::high_first>;

/// The tensor, of a file that was made by today's programs, or by an older one.
inline std::optional<io::tensor> find(const std::string& name) {
    static const auto layers = io::safetensors::open(LOWBIT_TEST_DATA "/checkpoint/layers.safetensors");
    static const auto sparse = io::safetensors::open(LOWBIT_TEST_DATA "/checkpoint/sparse.safetensors");
    REQUIRE(layers.has_value());
    REQUIRE(sparse.has_value());
    for (const auto* file : {&*layers, &*sparse}) {
        if (const auto t = file->find(name)) return *t;
    }
    return std::nullopt;
}
inline io::tensor get(const std::string& name) {
    const auto t = find(name);
    REQUIRE_MESSAGE(t.has_value(), name);
    return *t;
}

inline io::gptq_tensors gptq_layer(const std::string& l, bool v1 = false) {
    return {get(l + ".qweight"), get(l + (v1 ? ".qzeros_v1" : ".qzeros")), get(l + ".scales"), get(l + ".g_idx")};
}
inline io::awq_tensors awq_layer() { return {get("awq.qweight"), get("awq.qzeros"), get("awq.scales")}; }
inline io::packed_tensors packed_layer(const std::string& l) {
    return {get(l + ".weight_packed"), get(l + ".weight_scale"), get(l + ".weight_shape"), find(l + ".weight_zero_point"),
            find(l + ".weight_g_idx")};
}
inline io::quantized_tensors quantized_layer(const std::string& l) {
    return {get(l + ".weight"), get(l + ".weight_scale"), find(l + ".weight_zero_point")};
}
inline io::float_packed_tensors float_packed_layer(const std::string& l) {
    return {get(l + ".weight_packed"), get(l + ".weight_scale"), find(l + ".weight_global_scale")};
}
inline io::bnb_tensors bnb_layer(const std::string& l) {
    return {get(l + ".weight"), get(l + ".absmax"), get(l + ".quant_map"), find(l + ".nested_absmax"),
            find(l + ".nested_quant_map")};
}
inline io::tensor quant_state(const std::string& l) { return get(l + ".quant_state.bitsandbytes__" + l.substr(0, 3)); }
inline io::bnb_state bnb_state(const std::string& l) {
    const auto state = io::read_bnb_state(quant_state(l));
    REQUIRE(state.has_value());
    return *state;
}
inline io::bitmask_tensors bitmask_layer(const std::string& l) {
    return {get(l + ".compressed"), get(l + ".bitmask"), get(l + ".shape"), find(l + ".row_offsets")};
}

/// Checks that the floats are, to the bit, those that the layer's own project decoded.
inline void check_floats(const lb::matrix<float>& have, const std::string& layer) {
    CAPTURE(layer);
    const io::tensor decoded = get(layer + ".decoded"); // rows, columns, and a hash
    const auto number = [&](std::size_t i) { return io::load<std::uint64_t>(decoded.bytes.data() + 8 * i); };
    REQUIRE(have.rows() == number(0));
    REQUIRE(have.cols() == number(1));
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::size_t r = 0; r < have.rows(); ++r) {
        for (std::size_t c = 0; c < have.cols(); ++c) {
            for (const std::byte byte : io::stored(have.row(r)[c]))
                hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
        }
    }
    CHECK(hash == number(2));
}
template <class Q>
void check_floats(const lb::expected<Q>& q, const std::string& layer) {
    REQUIRE_MESSAGE(q.has_value(), layer, ": ", (q ? "" : q.error().message));
    check_floats(lb::dequantize(*q), layer);
}

/// What is added to a size that must not be taken for the size itself where size_t has 32 bits.
inline constexpr std::uint64_t beyond_32_bits = std::uint64_t{1} << 32;

/// A tensor with bytes and a shape of its own, to spoil.
struct spoilt {
    explicit spoilt(const io::tensor& t)
        : bytes(t.bytes.begin(), t.bytes.end()), shape(t.shape.begin(), t.shape.end()), dtype(t.dtype) {}
    operator io::tensor() const { return {"spoilt", dtype, shape, bytes}; }
    template <class T>
    void put(std::size_t i, T value) {
        REQUIRE((i + 1) * sizeof(T) <= bytes.size());
        std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    std::vector<std::byte> bytes;
    std::vector<std::uint64_t> shape;
    io::dtype dtype;
};

/// Checks that a layer is refused whose tensor of two sides, N and K, says a side that differs from its own by 2^32.
template <class Layer, class Read>
void check_wide_sides(const Layer& good, io::tensor Layer::* sides, Read read) {
    for (const std::size_t side : {0u, 1u}) {
        const spoilt whole(good.*sides);
        spoilt wide = whole;
        wide.put(side, io::load<std::uint64_t>(whole.bytes.data() + 8 * side) + beyond_32_bits);
        Layer bad = good;
        bad.*sides = wide;
        const auto result = read(bad);
        REQUIRE(!result.has_value());
        CHECK(result.error().code == lb::errc::shape_mismatch);
    }
}

/// A text as a tensor of bytes.
inline spoilt text_of(const std::string& text) {
    spoilt t(io::tensor{"text", io::dtype::u8, {}, {}});
    t.shape = {text.size()};
    const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
    t.bytes.assign(bytes, bytes + text.size());
    return t;
}

/// Checks that `read` (of a layer, gives an expected) refuses every layer that differs from `good` in one of the `parts`, which
/// is cut, empty, huge, of another type or of other dimensions, and that the message begins with the tensor's name.
template <class Layer, class Part = io::tensor, class Read>
void check_spoilt(const Layer& good, std::type_identity_t<std::initializer_list<std::pair<Part Layer::*, const char*>>> parts,
                  Read read) {
    for (const auto& entry : parts) { // clang 14 captures no structured binding
        const auto part = entry.first;
        const char* const name = entry.second;
        CAPTURE(name);
        const auto check = [&](const io::tensor& t) {
            Layer bad = good;
            bad.*part = t;
            const auto result = read(bad);
            REQUIRE(!result.has_value());
            const lb::errc code = result.error().code;
            CHECK((code == lb::errc::shape_mismatch || code == lb::errc::limit_exceeded || code == lb::errc::unsupported));
            CHECK_MESSAGE((code == lb::errc::limit_exceeded || std::string(result.error().message).starts_with(name)),
                          result.error().message);
        };
        const io::tensor whole = [&]() -> io::tensor {
            if constexpr (std::is_same_v<Part, io::tensor>)
                return good.*part;
            else
                return *(good.*part);
        }();
        for (const std::size_t size : {std::size_t{0}, whole.bytes.size() / 2, whole.bytes.size() - 1}) {
            io::tensor t = whole;
            t.bytes = t.bytes.first(size);
            check(t);
        }
        spoilt longer(whole);
        longer.bytes.resize(longer.bytes.size() + 1);
        check(longer);
        for (std::size_t axis = 0; axis < whole.shape.size(); ++axis) {
            for (const std::uint64_t size : {std::uint64_t{0}, whole.shape[axis] + 1, whole.shape[axis] + beyond_32_bits,
                                             std::uint64_t{1} << 33, std::uint64_t{1} << 61, ~std::uint64_t{0}}) {
                spoilt t(whole);
                t.shape[axis] = size;
                check(t);
                if (size == 0) { // no elements and no bytes, whatever the other sides say
                    t.bytes.clear();
                    t.shape[t.shape.size() - 1 - axis] = axis == 0 && t.shape.size() == 1 ? 0 : std::uint64_t{1} << 60;
                    check(t);
                }
            }
        }
        spoilt other(whole);
        other.dtype = io::dtype::c64;
        check(other);
        spoilt deeper(whole);
        deeper.shape.insert(deeper.shape.end(), {3, 5, 7});
        check(deeper);
    }
}

template <class T>
lb::errc code_of(const lb::expected<T>& e) {
    REQUIRE(!e.has_value());
    return e.error().code;
}

} // namespace lowbit_test
