// SPDX-License-Identifier: MIT
// Importers of packed checkpoints: what other projects have packed decodes to the floats that they decode it to.
#include "checkpoint_layers.hpp"

namespace presets = lowbit::presets;
using namespace lowbit_test;

TEST_CASE("GPTQ layers decode to their floats") {
    using enum io::gptq_zeros;
    check_floats(io::from_gptq<w2>(gptq_layer("gptq2"), as_is), "gptq2");
    check_floats(io::from_gptq<w3>(gptq_layer("gptq3"), as_is), "gptq3");
    check_floats(io::from_gptq<w3>(gptq_layer("gptq3", true), less_one), "gptq3");
    check_floats(io::from_gptq<w4>(gptq_layer("gptq4", true), less_one), "gptq4"); // a zero point of 16 among them
    check_floats(io::from_gptq<presets::w4g32>(gptq_layer("gptq4_sym", true), less_one), "gptq4_sym");
    check_floats(io::from_gptq<presets::gptq4<128>>(gptq_layer("gptq4_act", true), less_one), "gptq4_act");
    check_floats(io::from_gptq<presets::gptq4<128>>(gptq_layer("gptq4_act"), as_is), "gptq4_act");
    check_floats(io::from_gptq<w8>(gptq_layer("gptq8"), as_is), "gptq8");
    auto no_index = gptq_layer("gptq8", true);
    no_index.g_idx.reset();
    check_floats(io::from_gptq<w8>(no_index, less_one), "gptq8");
}

TEST_CASE("AWQ layers decode to their floats") { check_floats(io::from_awq<w4>(awq_layer()), "awq"); }

TEST_CASE("packed layers of compressed-tensors decode to their floats") {
    check_floats(io::from_packed<presets::w4g32>(packed_layer("ct4")), "ct4");
    check_floats(io::from_packed<w4>(packed_layer("ct4")), "ct4"); // the middle of the codes as zero points
    check_floats(io::from_packed<w4>(packed_layer("ct4_zero")), "ct4_zero");
    check_floats(io::from_packed<w8>(packed_layer("ct8_zero")), "ct8_zero");
    check_floats(io::from_packed<presets::w4>(packed_layer("ct4_68")), "ct4_68");
    check_floats(io::from_packed<presets::w8>(packed_layer("ct8_66")), "ct8_66");
    check_floats(io::from_packed<lb::policy<lb::int3, lb::per_channel>>(packed_layer("ct3_44")), "ct3_44");
    check_floats(io::from_packed<w4_act>(packed_layer("ct4_act")), "ct4_act");
}

TEST_CASE("layers of compressed-tensors with a code in each byte decode to their floats") {
    using fp8 = lb::policy<lb::float8_e4m3, lb::per_channel>;
    check_floats(io::from_quantized<presets::w8>(quantized_layer("int8")), "int8");
    check_floats(io::from_quantized<presets::w8>(quantized_layer("int8_tensor")), "int8_tensor");
    check_floats(io::from_quantized<lb::policy<lb::uint8, lb::per_channel, lb::asymmetric>>(quantized_layer("int8_zero")),
                 "int8_zero");
    check_floats(io::from_quantized<presets::w4g32>(quantized_layer("int4_group")), "int4_group");
    check_floats(io::from_quantized<fp8>(quantized_layer("fp8")), "fp8");
    check_floats(io::from_quantized<fp8>(quantized_layer("fp8_tensor")), "fp8_tensor");
    check_floats(
        io::from_quantized<lb::policy<lb::float8_e4m3, lb::per_block<4, 32>, lb::scale_as<float>>>(quantized_layer("fp8_block")),
        "fp8_block");
    check_floats(io::from_quantized<presets::ocp_mxfp8_e4m3>(quantized_layer("mxfp8")), "mxfp8");
}

TEST_CASE("packed floats of compressed-tensors decode to their floats") {
    check_floats(io::from_float_packed<presets::nvfp4_divisor>(float_packed_layer("nvfp4")), "nvfp4");
    check_floats(io::from_float_packed<presets::ocp_mxfp4>(float_packed_layer("mxfp4")), "mxfp4");
    check_floats(io::from_float_packed<presets::ocp_mxfp6_e2m3>(float_packed_layer("mxfp6")), "mxfp6");

    // ModelOpt's scale of the tensor multiplies where that of compressed-tensors divides.
    auto layer = float_packed_layer("nvfp4");
    spoilt whole(*layer.tensor_scale);
    const auto read = [&]<class P>(float scale) {
        whole.put(0, scale);
        layer.tensor_scale = whole;
        return lb::dequantize(io::from_float_packed<P>(layer).value());
    };
    const auto divided = read.template operator()<presets::nvfp4_divisor>(512);
    const auto multiplied = read.template operator()<presets::nvfp4>(1.0f / 512);
    CHECK(std::equal(divided.data(), divided.data() + divided.rows() * divided.cols(), multiplied.data()));
    CHECK(multiplied(0, 0) * 512 == read.template operator()<presets::nvfp4>(1)(0, 0));
    CHECK(std::any_of(divided.data(), divided.data() + divided.rows() * divided.cols(), [](float x) { return x != 0; }));
}

TEST_CASE("layers of bitsandbytes decode to their floats") {
    check_floats(io::from_bnb<presets::nf4>(bnb_layer("nf4"), bnb_state("nf4")), "nf4");
    check_floats(io::from_bnb<presets::fp4_bnb>(bnb_layer("fp4"), bnb_state("fp4")), "fp4");
    check_floats(io::from_bnb<presets::nf4>(bnb_layer("nf4_nested"), bnb_state("nf4_nested")), "nf4_nested");
    check_floats(io::from_bnb<fp4_of_32>(bnb_layer("fp4_nested"), bnb_state("fp4_nested")), "fp4_nested"); // 264 blocks
}

TEST_CASE("sparse tensors are spread out to their floats") {
    for (const char* name : {"sparse24_f16", "sparse24_fp8", "sparse24_int8", "bitmask"}) {
        const auto dense = io::from_bitmask(bitmask_layer(name));
        REQUIRE(dense.has_value());
        check_floats(io::to_matrix(*dense).value(), name);
    }
    // codes go on as the weights of a layer
    const auto dense = io::from_bitmask(bitmask_layer("sparse24_int8"));
    const auto scale = get("int8.weight_scale");
    const auto q = io::from_quantized<presets::w8>({*dense, scale});
    REQUIRE(q.has_value());
    CHECK(lb::dequantize(*q)(3, 5) == io::to_matrix(*dense).value()(3, 5) * io::to_matrix(scale).value()(3, 0));
}

TEST_CASE("sparse layers become pruned matrices without a dense one between") {
    using pairs = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::n_of_m<2, 4>, lb::by_magnitude>>;
    using half = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::unstructured<50>, lb::by_magnitude>>;
    using small = lb::policy<lb::float8_e4m3, lb::per_channel, lb::prune<lb::n_of_m<2, 4>, lb::by_magnitude>>;
    const auto same = [](const auto& sparse, const auto& dense) {
        REQUIRE(sparse.has_value());
        REQUIRE(dense.has_value());
        const auto a = lb::dequantize(*sparse), b = lb::dequantize(*dense);
        REQUIRE((a.rows() == b.rows() && a.cols() == b.cols()));
        CHECK(std::equal(a.data(), a.data() + a.rows() * a.cols(), b.data()));
    };
    const auto integers = bitmask_layer("sparse24_int8"), floats = bitmask_layer("sparse24_fp8");
    const auto scale = get("int8.weight_scale");
    const auto dense_integers = io::from_bitmask(integers), dense_floats = io::from_bitmask(floats);
    same(io::from_bitmask<pairs>(integers, scale), io::from_quantized<presets::w8>({*dense_integers, scale}));
    const std::vector<float> one{0.5f};
    const std::vector<std::uint64_t> alone{1};
    const io::tensor whole{"scale", io::dtype::f32, alone, std::as_bytes(std::span(one))};
    same(io::from_bitmask<small>(floats, whole), io::from_quantized<presets::fp8>({*dense_floats, whole}));
    const auto q = io::from_bitmask<pairs>(integers, whole);
    lowbit_test::check_wide_sides(integers, &io::bitmask_tensors::shape,
                                  [&](const io::bitmask_tensors& t) { return io::from_bitmask<pairs>(t, whole); });
    const std::size_t weights = q->rows() * q->cols();
    CHECK(q->size_bytes() == weights / 2 + weights / 8 + 4 * q->rows()); // kept values, mask, scales

    // masks of 2 x 8: what each row keeps decides
    const auto read = [&]<class P>(std::vector<std::uint8_t> mask, std::int64_t of_first) {
        std::vector<std::int8_t> values{1, -2, 3, -4, 5, -6, 7, -128};
        const std::vector<std::int64_t> sides{2, 8}, starts{0, of_first};
        const std::vector<std::uint64_t> eight{8}, two{2}, rows{2, 1};
        const io::bitmask_tensors t{{"", io::dtype::i8, eight, std::as_bytes(std::span(values))},
                                    {"", io::dtype::u8, rows, std::as_bytes(std::span(mask))},
                                    {"", io::dtype::i64, two, std::as_bytes(std::span(sides))},
                                    io::tensor{"", io::dtype::i64, two, std::as_bytes(std::span(starts))}};
        const auto made = io::from_bitmask<P>(t, whole);
        const auto dense = io::from_bitmask(t);
        if (made) same(made, io::from_quantized<presets::w8>({*dense, whole}));
        return made ? lb::error{lb::errc::invalid_argument, "", 0} : made.error();
    };
    CHECK(read.template operator()<half>({0x0f, 0xa5}, 4).code == lb::errc::invalid_argument); // read
    CHECK(read.template operator()<pairs>({0x33, 0xa5}, 4).code == lb::errc::invalid_argument);
    const lb::error other{lb::errc::malformed, "bitmask should keep in each row what the policy keeps", 1};
    CHECK(read.template operator()<pairs>({0x33, 0xa3}, 4).code == lb::errc::invalid_argument);
    CHECK(read.template operator()<pairs>({0x33, 0xe1}, 4) == other); // three of the last four
    CHECK(read.template operator()<half>({0x1f, 0x07}, 5).offset == 0);
    CHECK(read.template operator()<half>({0x1f, 0x07}, 5).code == lb::errc::malformed);
    CHECK(code_of(io::from_bitmask<small>(integers, whole)) == lb::errc::unsupported);
}
