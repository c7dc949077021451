// SPDX-License-Identifier: MIT
// Importers of packed checkpoints: tensors that do not fit each other or the policy are refused, each with its code and its name.
#include "checkpoint_layers.hpp"

#include <cmath>
#include <limits>
#include <string_view>

namespace presets = lowbit::presets;
using namespace lowbit_test;
using lb::errc;

namespace {

constexpr auto nan16 = std::uint16_t{0x7e00};

template <class Layer, class Part>
Layer with(Layer layer, Part Layer::* part, const spoilt& s) {
    layer.*part = s; // looks into s
    return layer;
}

/// Whether a layer is refused with that code, by a message that begins with that tensor's name.
template <class T>
bool names(const lb::expected<T>& answer, errc code, std::string_view tensor) {
    return !answer && answer.error().code == code && std::string_view(answer.error().message).starts_with(tensor);
}

} // namespace

TEST_CASE("a GPTQ layer whose tensors do not fit is refused") {
    using gptq = presets::gptq4<32>;
    using t = io::gptq_tensors;
    const t good = gptq_layer("gptq4");
    const auto read = [](const t& layer) { return io::from_gptq<gptq>(layer, io::gptq_zeros::less_one); };
    const t less_one = gptq_layer("gptq4_sym", true);
    REQUIRE(read(less_one).has_value());
    check_spoilt(less_one, {{&t::qweight, "qweight"}, {&t::qzeros, "qzeros"}, {&t::scales, "scales"}}, read);
    check_spoilt<t, std::optional<io::tensor>>(less_one, {{&t::g_idx, "g_idx"}}, read);

    CHECK(code_of(io::from_gptq<w8>(good, io::gptq_zeros::as_is)) == errc::shape_mismatch); // other bits
    CHECK(code_of(io::from_gptq<w3>(good, io::gptq_zeros::as_is)) == errc::shape_mismatch);
    CHECK(code_of(io::from_gptq<presets::gptq4<64>>(good, io::gptq_zeros::as_is)) == errc::shape_mismatch);
    CHECK(names(io::from_gptq<presets::w4g32>(good, io::gptq_zeros::as_is), errc::scale_range, "qzeros")); // P has none
    CHECK(names(io::from_gptq<presets::w4g128>(gptq_layer("gptq4_act"), io::gptq_zeros::as_is), errc::unsupported, "g_idx"));

    spoilt index(*less_one.g_idx);
    for (const std::int32_t group :
         {-1, 2, 1, std::numeric_limits<std::int32_t>::min()}) { // the last input of group 1 is one too many
        index.put(0, group);
        t bad = less_one;
        bad.g_idx = index;
        CHECK(code_of(read(bad)) == errc::malformed);
    }
    spoilt scale(less_one.scales);
    scale.put(3, nan16);
    CHECK(read(with(less_one, &t::scales, scale)).error() ==
          lb::error{errc::non_finite, "scales should be numbers [groups, N]", 3});
    CHECK(io::from_gptq<gptq>(with(less_one, &t::scales, scale), io::gptq_zeros::less_one, io::scales::trusted).has_value());
    scale.put(3, std::uint16_t{0x7c00}); // infinity: which float16 has
    const auto infinite = io::from_gptq<gptq>(with(less_one, &t::scales, scale), io::gptq_zeros::less_one, io::scales::trusted);
    REQUIRE(infinite.has_value());
    CHECK_FALSE(std::isfinite(lb::dequantize(*infinite)(3, 0)));
    CHECK(std::isfinite(lb::dequantize(*infinite)(2, 0)));

    spoilt zeros(less_one.qzeros);
    zeros.put(0, std::uint32_t{0xf}); // 15, which stands for 16
    CHECK(names(read(with(less_one, &t::qzeros, zeros)), errc::scale_range, "qzeros"));
    const auto wide = io::from_gptq<w4>(with(less_one, &t::qzeros, zeros), io::gptq_zeros::less_one);
    REQUIRE(wide.has_value());
    CHECK(lb::dequantize(*wide)(0, 0) == lb::dequantize(*io::from_gptq<w4>(less_one, io::gptq_zeros::less_one))(0, 0) -
                                             8 * io::to_matrix(less_one.scales).value()(0, 0));
}

TEST_CASE("an AWQ layer whose tensors do not fit is refused") {
    using t = io::awq_tensors;
    const t good = awq_layer();
    check_spoilt(good, {{&t::qweight, "qweight"}, {&t::qzeros, "qzeros"}, {&t::scales, "scales"}},
                 [](const t& layer) { return io::from_awq<w4>(layer); });
    CHECK(code_of(io::from_awq<presets::gptq4<64>>(good)) == errc::shape_mismatch); // other groups
    CHECK(names(io::from_awq<presets::w4g32>(good), errc::scale_range, "qzeros"));  // P has none
    spoilt scale(good.scales);
    scale.put(9, nan16);
    CHECK(code_of(io::from_awq<w4>(with(good, &t::scales, scale))) == errc::non_finite);
    t integers = good; // the same bytes under another name
    integers.scales.dtype = io::dtype::u16;
    CHECK(code_of(io::from_awq<w4>(integers)) == errc::shape_mismatch);
}

TEST_CASE("a packed layer of compressed-tensors whose tensors do not fit is refused") {
    using t = io::packed_tensors;
    const auto read = [](const t& layer) { return io::from_packed<w4>(layer); };
    const t good = packed_layer("ct4_zero");
    check_spoilt(good, {{&t::weight, "weight_packed"}, {&t::scale, "weight_scale"}, {&t::shape, "weight_shape"}}, read);
    check_spoilt<t, std::optional<io::tensor>>(good, {{&t::zero_point, "weight_zero_point"}}, read);
    CHECK(code_of(io::from_packed<w8>(good)) == errc::shape_mismatch);
    CHECK(names(io::from_packed<presets::w4g32>(good), errc::scale_range, "weight_zero_point")); // P has none
    for (const std::int64_t cols :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{56}, std::int64_t{65}, std::int64_t{1} << 62}) {
        for (const std::size_t side : {0u, 1u}) {
            spoilt shape(good.shape);
            shape.put(side, cols);
            CHECK(code_of(read(with(good, &t::shape, shape))) == errc::shape_mismatch);
        }
    }
    check_wide_sides(good, &t::shape, read);
    spoilt scale(good.scale);
    scale.dtype = io::dtype::f32;
    scale.bytes.resize(scale.bytes.size() * 2);
    for (std::size_t i = 0; i < 5; ++i) scale.put(i, 0.5f);
    scale.put(5, 0.1f); // which float16 does not hold
    CHECK(names(read(with(good, &t::scale, scale)), errc::scale_range, "weight_scale"));
    CHECK(read(with(good, &t::scale, scale)).error().offset == 5);
    scale.put(5, std::numeric_limits<float>::infinity());
    CHECK(code_of(read(with(good, &t::scale, scale))) == errc::non_finite);

    const t scattered = packed_layer("ct4_act");
    CHECK(names(io::from_packed<presets::w4g32>(scattered), errc::unsupported, "g_idx"));
    check_spoilt<t, std::optional<io::tensor>>(scattered, {{&t::g_idx, "weight_g_idx"}},
                                               [](const t& layer) { return io::from_packed<w4_act>(layer); });
    spoilt index(*scattered.g_idx);
    t bad = scattered;
    for (const std::int32_t group : {2, -2}) {
        index.put(7, group);
        bad.g_idx = index;
        CHECK(code_of(io::from_packed<w4_act>(bad)) == errc::malformed);
    }
    index.put(7, std::int32_t{-1}); // says nothing
    bad.g_idx = index;
    const auto in_order = io::from_packed<w4_act>(bad);
    bad.g_idx.reset();
    REQUIRE(in_order.has_value());
    CHECK(std::ranges::equal(in_order->bytes(), io::from_packed<w4_act>(bad)->bytes()));
}

TEST_CASE("a layer with a code in each byte whose tensors do not fit is refused") {
    using t = io::quantized_tensors;
    using asymmetric = lb::policy<lb::uint8, lb::per_channel, lb::asymmetric>;
    using fp8 = lb::policy<lb::float8_e4m3, lb::per_channel>;
    const t good = quantized_layer("int8_zero");
    const auto read = [](const t& layer) { return io::from_quantized<asymmetric>(layer); };
    check_spoilt(good, {{&t::weight, "weight"}, {&t::scale, "weight_scale"}}, read);
    check_spoilt<t, std::optional<io::tensor>>(good, {{&t::zero_point, "weight_zero_point"}}, read);
    CHECK(names(io::from_quantized<presets::w8>(good), errc::scale_range, "weight_zero_point"));
    spoilt turned(*good.zero_point);
    std::ranges::reverse(turned.shape); // as many bytes
    t sideways = good;
    sideways.zero_point = turned;
    CHECK(names(read(sideways), errc::shape_mismatch, "weight_zero_point"));
    CHECK(code_of(io::from_quantized<presets::w4>(quantized_layer("int8"))) == errc::malformed); // integers of 8 bits
    CHECK(code_of(io::from_quantized<fp8>(good)) == errc::unsupported);
    t floats = quantized_layer("fp8");
    CHECK(code_of(io::from_quantized<presets::w8>(floats)) == errc::unsupported);
    floats.zero_point = good.zero_point;
    CHECK(code_of(io::from_quantized<fp8>(floats)) == errc::shape_mismatch);
    floats.zero_point.reset();
    spoilt weight(floats.weight);
    weight.put(6, std::uint8_t{0xff});
    CHECK(io::from_quantized<fp8>(with(floats, &t::weight, weight)).error().offset == 6);
    CHECK(code_of(io::from_quantized<fp8>(with(floats, &t::weight, weight))) == errc::non_finite);
    CHECK(io::from_quantized<fp8>(with(floats, &t::weight, weight), io::scales::trusted).has_value());
    spoilt scale(quantized_layer("mxfp8").scale);
    scale.put(2, std::uint8_t{255}); // the NaN of E8M0
    CHECK(code_of(io::from_quantized<presets::ocp_mxfp8_e4m3>(with(quantized_layer("mxfp8"), &t::scale, scale))) ==
          errc::non_finite);
}

TEST_CASE("packed floats whose tensors do not fit are refused") {
    using t = io::float_packed_tensors;
    const auto read = [](const t& layer) { return io::from_float_packed<presets::nvfp4_divisor>(layer); };
    const t good = float_packed_layer("nvfp4");
    check_spoilt(good, {{&t::weight, "weight_packed"}, {&t::scale, "weight_scale"}}, read);
    check_spoilt<t, std::optional<io::tensor>>(good, {{&t::tensor_scale, "weight_global_scale"}}, read);
    CHECK(code_of(io::from_float_packed<presets::ocp_mxfp6_e2m3>(float_packed_layer("mxfp4"))) == errc::shape_mismatch);
    CHECK(code_of(io::from_float_packed<presets::ocp_mxfp4>(good)) == errc::shape_mismatch); // other groups
    CHECK(code_of(read(float_packed_layer("mxfp4"))) == errc::shape_mismatch);
    t bad = good;
    bad.tensor_scale.reset();
    CHECK(names(read(bad), errc::unsupported, "weight_global_scale"));
    spoilt whole(*good.tensor_scale);
    for (const float value : {0.0f, 1e-45f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        whole.put(0, value);
        bad.tensor_scale = whole;
        CHECK(code_of(read(bad)) == errc::non_finite);
    }
    spoilt scale(good.scale);
    scale.put(1, std::uint8_t{0x7f});
    CHECK(code_of(read(with(good, &t::scale, scale))) == errc::non_finite);
}

TEST_CASE("a layer of bitsandbytes whose tensors do not fit is refused") {
    using t = io::bnb_tensors;
    const t good = bnb_layer("fp4_nested");
    const io::bnb_state state = bnb_state("fp4_nested");
    const auto read = [&](const t& layer) { return io::from_bnb<fp4_of_32>(layer, state); };
    check_spoilt(good, {{&t::absmax, "absmax"}, {&t::quant_map, "quant_map"}}, read);
    check_spoilt<t, std::optional<io::tensor>>(
        good, {{&t::nested_absmax, "nested_absmax"}, {&t::nested_quant_map, "nested_quant_map"}}, read);
    t bad = good;
    bad.weight.bytes = bad.weight.bytes.first(bad.weight.bytes.size() - 1);
    CHECK(code_of(read(bad)) == errc::shape_mismatch);
    bad = good;
    bad.nested_quant_map.reset();
    CHECK(code_of(read(bad)) == errc::shape_mismatch);
    bad = good;
    bad.nested_absmax.reset();
    CHECK(read(bad).has_value() == false); // codes are no scales: a quantized absmax alone is not taken
    bad = good;
    bad.quant_map = get("nf4.quant_map");
    CHECK(code_of(read(bad)) == errc::unsupported);

    const auto shaped = [&](std::size_t rows, std::size_t cols, std::size_t block = 32) {
        io::bnb_state s = state;
        s.rows = rows, s.cols = cols, s.block = block;
        return code_of(io::from_bnb<fp4_of_32>(good, s));
    };
    CHECK(shaped(33, 255) == errc::shape_mismatch);
    CHECK(shaped(528, 16) == errc::shape_mismatch); // half blocks
    CHECK(shaped(~std::size_t{0}, 2) == errc::shape_mismatch);
    CHECK(shaped(~std::size_t{0} / 256 + 34, 256) == errc::shape_mismatch); // wraps to 33 rows
    CHECK(shaped(0, 256) == errc::shape_mismatch);
    CHECK(shaped(33, 0) == errc::shape_mismatch);
    CHECK(shaped(33, 256, 64) == errc::shape_mismatch);
    io::bnb_state no_blocks = state;
    no_blocks.nested_block = 0;
    CHECK(code_of(io::from_bnb<fp4_of_32>(good, no_blocks)) == errc::shape_mismatch);

    const spoilt nested(*good.nested_absmax);
    spoilt infinite = nested;
    infinite.put(1, std::numeric_limits<float>::infinity());
    bad = good;
    bad.nested_absmax = infinite;
    CHECK(code_of(read(bad)) == errc::non_finite);
    io::bnb_state far = state; // finite numbers, and their sum is not
    far.nested_offset = std::numeric_limits<float>::max();
    spoilt large = nested;
    large.put(0, std::numeric_limits<float>::max());
    bad.nested_absmax = large;
    CHECK(code_of(io::from_bnb<fp4_of_32>(bad, far)) == errc::non_finite);
}

TEST_CASE("a quant_state that says no sizes is refused") {
    const auto code = [](const std::string& text) {
        const auto state = io::read_bnb_state(text_of(text));
        return state ? errc{} : state.error().code; // errc{} is invalid_argument, which it never gives
    };
    const auto flat = io::read_bnb_state(text_of(R"({"shape": [6], "blocksize": 128})"));
    REQUIRE(flat.has_value());
    CHECK((flat->rows == 1 && flat->cols == 6 && flat->block == 128));
    CHECK(io::read_bnb_state(text_of(R"({"shape": [2, 3, 4]})"))->cols == 12);
    for (const char* text : {"",
                             "[]",
                             "null",
                             "{",
                             R"({"shape": null})",
                             R"({"shape": []})",
                             R"({"shape": 4})",
                             R"({"shape": [-1, 4]})",
                             R"({"shape": [1.5]})",
                             R"({"shape": ["4"]})",
                             R"({"shape": [[4]]})",
                             R"({"blocksize": 64})",
                             R"({"shape": [4], "blocksize": 0})",
                             R"({"shape": [4], "blocksize": -64})",
                             R"({"shape": [4], "nested_blocksize": "256"})",
                             R"({"shape": [4], "nested_offset": NaN})",
                             R"({"shape": [4], "nested_offset": 1e39})",
                             R"({"shape": [4], "nested_offset": 1e999})",
                             R"({"shape": [4], "nested_offset": null})",
                             R"({"shape": [4]} {})",
                             R"({"shape": [99999999999999999999]})",
                             "{\"shape\": [4], \"\xff\": 1}"}) {
        CAPTURE(text);
        CHECK(code(text) == errc::malformed);
    }
    CHECK(code(R"({"shape": [4294967296, 4294967296, 4294967296]})") == errc::limit_exceeded);
    constexpr errc wide = sizeof(std::size_t) > 4 ? errc{} : errc::limit_exceeded; // not 33, 256 and 32, nor 0
    CHECK(code(R"({"shape": [4294967329, 256]})") == wide);
    CHECK(code(R"({"shape": [33, 4294967552]})") == wide);
    CHECK(code(R"({"shape": [2, 65536, 65536]})") == wide);
    CHECK(code(R"({"shape": [33, 256], "blocksize": 4294967296})") == wide);
    CHECK(code(R"({"shape": [33, 256], "blocksize": 4294967328})") == wide);
    CHECK(code(R"({"shape": [33, 256], "nested_blocksize": 4294967296})") == wide);
    CHECK(code(R"({"shape": [4])" + std::string(5000, ' ') + "}") == errc::limit_exceeded);
    CHECK(code(std::string(4000, '[')) == errc::malformed);
    spoilt other = text_of(R"({"shape": [4]})");
    other.dtype = io::dtype::i8;
    CHECK(code_of(io::read_bnb_state(other)) == errc::malformed);
    const std::string whole = R"({"shape": [4, 2], "blocksize": 64, "nested_offset": 1.5})";
    for (std::size_t size = 0; size < whole.size(); ++size) CHECK(code(whole.substr(0, size)) == errc::malformed);
}

TEST_CASE("sparse tensors that do not fit are refused") {
    using t = io::bitmask_tensors;
    const auto spread = [](const t& layer) { return io::from_bitmask(layer); };
    for (const char* name : {"sparse24_f16", "bitmask"}) {
        const t good = bitmask_layer(name);
        check_spoilt(good, {{&t::bitmask, "bitmask"}, {&t::shape, "shape"}}, spread);
        check_wide_sides(good, &t::shape, spread);
        t bad = good;
        bad.compressed.dtype = io::dtype::f4;
        CHECK(code_of(io::from_bitmask(bad)) == errc::unsupported);
        for (const std::size_t size : {std::size_t{0}, good.compressed.bytes.size() - 4, good.compressed.bytes.size() + 4}) {
            spoilt values(good.compressed);
            values.bytes.resize(size);
            CHECK(code_of(io::from_bitmask(with(good, &t::compressed, values))) == errc::shape_mismatch);
            values.shape = {size / io::block_of(values.dtype).bytes}; // a whole tensor of too few or too many
            CHECK(code_of(io::from_bitmask(with(good, &t::compressed, values))) == errc::shape_mismatch);
        }
        for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40, std::int64_t{32}}) {
            for (const std::size_t side : {0u, 1u}) {
                spoilt shape(good.shape);
                shape.put(side, size);
                CHECK(code_of(io::from_bitmask(with(good, &t::shape, shape))) == errc::shape_mismatch);
            }
        }
    }
    const t pairs = bitmask_layer("sparse24_f16");
    spoilt mask(pairs.bitmask);
    mask.put(1, std::uint8_t{0x7c});
    CHECK(code_of(io::from_bitmask(with(pairs, &t::bitmask, mask))) == errc::malformed);
    const t rows = bitmask_layer("bitmask"); // 21 columns, three bits over
    check_spoilt<t, std::optional<io::tensor>>(rows, {{&t::row_offsets, "row_offsets"}}, spread);
    mask = spoilt(rows.bitmask);
    mask.put(2, static_cast<std::uint8_t>(std::to_integer<unsigned>(rows.bitmask.bytes[2]) | 0x20u));
    CHECK(code_of(io::from_bitmask(with(rows, &t::bitmask, mask))) == errc::malformed);
    spoilt offsets(*rows.row_offsets);
    for (const std::int64_t offset : {std::int64_t{-1}, std::int64_t{1} << 62, std::int64_t{0}}) {
        offsets.put(1, offset);
        t bad = rows;
        bad.row_offsets = offsets;
        CHECK(code_of(io::from_bitmask(bad)) == errc::malformed);
    }
}

TEST_CASE("layers of bits and groups known at run time become any_matrix") {
    const auto gptq = [](const char* layer, std::size_t group, int bits = 4) {
        return io::to_any(gptq_layer(layer, true), io::gptq_zeros::less_one, io::packing{bits, group});
    };
    const auto check = [](const lb::expected<lb::any_matrix>& m, const char* layer, std::string_view format) {
        check_floats(m, layer);
        CHECK(m->name() == format);
    };
    check(gptq("gptq4_sym", 32), "gptq4_sym", "w4g32"); // whose zero points are all the middle
    check(gptq("gptq4", 32), "gptq4", "w4zg32");
    check(gptq("gptq4_act", 128), "gptq4_act", "gptq4_g128");
    check(io::to_any(awq_layer(), io::packing{4, 32}), "awq", "w4zg32");
    check(io::to_any(packed_layer("ct4"), io::packing{4, 32}), "ct4", "w4g32");
    check(io::to_any(packed_layer("ct4_zero"), io::packing{4, 32}), "ct4_zero", "w4zg32");
    check(io::to_any(packed_layer("ct8_66"), io::packing{8, 0}), "ct8_66", "w8");
    check(io::to_any(quantized_layer("int8_tensor"), io::packing{8, 0}), "int8_tensor", "w8");
    check(io::to_any(quantized_layer("fp8"), io::packing{8, 0}), "fp8", "fp8");
    check(io::to_any(quantized_layer("mxfp8"), io::packing{8, 32}), "mxfp8", "ocp_mxfp8_e4m3");
    check(io::to_any(float_packed_layer("nvfp4"), io::packing{4, 16}), "nvfp4", "nvfp4_divisor");
    check(io::to_any(float_packed_layer("mxfp4"), io::packing{4, 32}), "mxfp4", "ocp_mxfp4");
    check(io::to_any(float_packed_layer("mxfp6"), io::packing{6, 32}), "mxfp6", "ocp_mxfp6_e2m3");
    check(io::to_any(bnb_layer("nf4_nested"), bnb_state("nf4_nested")), "nf4_nested", "nf4");
    check(io::to_any(bnb_layer("fp4"), bnb_state("fp4")), "fp4", "fp4_bnb");

    CHECK(code_of(gptq("gptq4", 48)) == errc::unsupported);    // no such format
    CHECK(code_of(gptq("gptq4", 32, 5)) == errc::unsupported); // nor that
    CHECK(code_of(gptq("gptq4", 64)) == errc::shape_mismatch); // not the layer's
    CHECK(code_of(gptq("gptq4", 32, 8)) == errc::shape_mismatch);
    CHECK(code_of(io::to_any(bnb_layer("fp4_nested"), bnb_state("fp4_nested"))) == errc::unsupported); // blocks of 32
    CHECK(code_of(io::to_any(float_packed_layer("nvfp4"), io::packing{4, 32})) == errc::shape_mismatch);
}
