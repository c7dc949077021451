// SPDX-License-Identifier: MIT
// Importers of packed checkpoints: layers packed by another program decode to its floats, and what is refused.
#include <doctest/doctest.h>

#include <lowbit/io/checkpoint.hpp>
#include <lowbit/io/safetensors.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace lb = lowbit;
namespace io = lb::io;
using lb::errc;

namespace {

using w2 = lb::policy<lb::uint2, lb::per_group<32>, lb::asymmetric>;
using w3 = lb::policy<lb::uint3, lb::per_group<32>, lb::asymmetric>;
using w4 = lb::policy<lb::uint4, lb::per_group<32>, lb::asymmetric>;
using w8 = lb::policy<lb::uint8, lb::per_group<32>, lb::asymmetric>;
using gptq = lb::presets::gptq4<32>;

const io::safetensors& file() {
    static const auto opened = io::safetensors::open(LOWBIT_TEST_DATA "/checkpoint/layers.safetensors");
    REQUIRE(opened.has_value());
    return *opened;
}
io::tensor get(const std::string& name) {
    const auto t = file().find(name);
    REQUIRE_MESSAGE(t.has_value(), name);
    return *t;
}

/// A tensor with bytes and a shape of its own, to spoil.
struct spoilt {
    explicit spoilt(const io::tensor& t)
        : bytes(t.bytes.begin(), t.bytes.end()), shape(t.shape.begin(), t.shape.end()), dtype(t.dtype) {}
    operator io::tensor() const { return {"spoilt", dtype, shape, bytes}; }
    template <class T>
    void put(std::size_t i, T value) {
        std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    std::vector<std::byte> bytes;
    std::vector<std::uint64_t> shape;
    io::dtype dtype;
};

template <class P>
void check_floats(const lb::expected<lb::quantized_matrix<P>>& q, const std::string& layer) {
    CAPTURE(layer);
    REQUIRE_MESSAGE(q.has_value(), (q ? "" : q.error().message));
    const auto want = io::to_matrix(get(layer + ".float"));
    REQUIRE(want.has_value());
    REQUIRE(q->rows() == want->rows());
    REQUIRE(q->cols() == want->cols());
    const auto have = lb::dequantize(*q);
    std::size_t wrong = 0;
    for (std::size_t r = 0; r < have.rows(); ++r) {
        for (std::size_t c = 0; c < have.cols(); ++c) wrong += have.row(r)[c] == want->row(r)[c] ? 0u : 1u;
    }
    CHECK(wrong == 0);
}

template <class T>
errc code_of(const lb::expected<T>& e) {
    REQUIRE(!e.has_value());
    return e.error().code;
}

io::gptq_tensors gptq_layer(const std::string& layer, bool v1 = false) {
    return {get(layer + ".qweight"), get(layer + (v1 ? ".qzeros_v1" : ".qzeros")), get(layer + ".scales"), get(layer + ".g_idx")};
}
io::packed_tensors packed_layer(const std::string& layer) {
    return {get(layer + ".weight_packed"), get(layer + ".weight_scale"), get(layer + ".weight_shape")};
}

TEST_CASE("GPTQ layers decode to their floats") {
    using enum io::gptq_zeros;
    check_floats(io::from_gptq<w2>(gptq_layer("gptq2"), as_is), "gptq2");
    check_floats(io::from_gptq<w3>(gptq_layer("gptq3"), as_is), "gptq3");
    check_floats(io::from_gptq<w3>(gptq_layer("gptq3", true), less_one), "gptq3");
    check_floats(io::from_gptq<gptq>(gptq_layer("gptq4"), as_is), "gptq4");
    check_floats(io::from_gptq<gptq>(gptq_layer("gptq4_act", true), less_one), "gptq4_act");
    check_floats(io::from_gptq<w8>(gptq_layer("gptq8"), as_is), "gptq8");
    auto no_index = gptq_layer("gptq4");
    no_index.g_idx.reset();
    check_floats(io::from_gptq<w4>(no_index, as_is), "gptq4");
}

TEST_CASE("other packed layers decode to their floats") {
    check_floats(io::from_awq<w4>({get("awq.qweight"), get("awq.qzeros"), get("awq.scales")}), "awq");
    check_floats(io::from_packed<lb::presets::w4g32>(packed_layer("ct4_64")), "ct4_64");
    check_floats(io::from_packed<lb::presets::w8>(packed_layer("ct8_66")), "ct8_66");
    check_floats(io::from_packed<lb::presets::w4>(packed_layer("ct4_68")), "ct4_68");
    auto zeros = packed_layer("ct4_64_zero");
    zeros.zero_point = get("ct4_64_zero.weight_zero_point");
    check_floats(io::from_packed<w4>(zeros), "ct4_64_zero");
    check_floats(io::from_bnb<lb::presets::nf4>({get("nf4.weight"), get("nf4.absmax")}, 16, 128), "nf4");
}

TEST_CASE("a GPTQ layer whose tensors do not fit is refused") {
    const auto good = gptq_layer("gptq4");
    const auto refused = [](const io::gptq_tensors& t, io::gptq_zeros z = io::gptq_zeros::as_is) {
        return code_of(io::from_gptq<gptq>(t, z));
    };
    CHECK(code_of(io::from_gptq<w8>(good, io::gptq_zeros::as_is)) == errc::shape_mismatch); // other bits
    CHECK(code_of(io::from_gptq<w4>(gptq_layer("gptq4_act"), io::gptq_zeros::as_is)) == errc::unsupported);
    CHECK(code_of(io::from_gptq<lb::presets::gptq4<64>>(good, io::gptq_zeros::as_is)) == errc::shape_mismatch);

    for (const auto part : {&io::gptq_tensors::qweight, &io::gptq_tensors::qzeros, &io::gptq_tensors::scales}) {
        spoilt s(good.*part);
        auto bad = good;
        s.bytes.pop_back();
        bad.*part = s;
        CHECK(refused(bad) == errc::shape_mismatch);
        for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 33, ~std::uint64_t{0}}) {
            spoilt huge(good.*part);
            huge.shape[0] = size;
            bad.*part = huge;
            CHECK((refused(bad) == errc::shape_mismatch || refused(bad) == errc::limit_exceeded));
            if (size == 0) { // no weights, no bytes
                huge.bytes.clear();
                huge.shape[1] = std::uint64_t{1} << 60;
                bad.*part = huge;
                CHECK(refused(bad) == errc::shape_mismatch);
            }
        }
        spoilt flat(good.*part);
        flat.shape = {flat.shape[0] * flat.shape[1]};
        bad.*part = flat;
        CHECK(refused(bad) == errc::shape_mismatch);
    }

    auto bad = good;
    spoilt index(*good.g_idx);
    for (const std::int32_t group : {-1, 2, 1}) { // the last is one too many for group 1
        index.put(0, group);
        bad.g_idx = index;
        CHECK(refused(bad) == errc::malformed);
    }
    bad = good;
    spoilt scale(good.scales);
    scale.put(3, std::uint16_t{0x7e00});
    bad.scales = scale;
    CHECK(refused(bad) == errc::non_finite);
    CHECK(io::from_gptq<gptq>(bad, io::gptq_zeros::as_is, io::scales::trusted).has_value());

    bad = good;
    spoilt zeros(good.qzeros);
    zeros.put(0, std::uint32_t{0xf});
    bad.qzeros = zeros;
    CHECK(refused(bad, io::gptq_zeros::less_one) == errc::scale_range); // 16 in four bits
    CHECK(io::from_gptq<w4>(bad, io::gptq_zeros::less_one).has_value());
}

TEST_CASE("other layers whose tensors do not fit are refused") {
    const auto good = packed_layer("ct4_64");
    for (const std::int64_t cols :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{56}, std::int64_t{65}, std::int64_t{1} << 62}) {
        auto bad = good;
        spoilt shape(good.shape);
        shape.put(1, cols);
        bad.shape = shape;
        CHECK(code_of(io::from_packed<lb::presets::w4g32>(bad)) == errc::shape_mismatch);
    }
    CHECK(code_of(io::from_packed<w4>(good)) == errc::unsupported); // no zero points
    auto bad = good;
    spoilt scale(get("nf4.absmax"));
    scale.shape = {16, 2};
    bad.scale = scale; // floats that float16 does not hold
    CHECK(code_of(io::from_packed<lb::presets::w4g32>(bad)) == errc::scale_range);

    const io::bnb_tensors nf4{get("nf4.weight"), get("nf4.absmax")};
    const auto refused = [&](std::size_t rows, std::size_t cols) {
        return code_of(io::from_bnb<lb::presets::nf4>(nf4, rows, cols));
    };
    CHECK(refused(16, 127) == errc::shape_mismatch);
    CHECK(refused(64, 32) == errc::shape_mismatch); // half blocks
    CHECK(refused(~std::size_t{0}, 2) == errc::shape_mismatch);
    CHECK(refused(0, 128) == errc::shape_mismatch);
    CHECK(code_of(io::from_awq<w4>({get("awq.qweight"), get("awq.qzeros"), get("awq.qzeros")})) == errc::shape_mismatch);
}

} // namespace
