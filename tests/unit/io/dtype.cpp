// SPDX-License-Identifier: MIT
// dtype: names and sizes as files have them.
#include <doctest/doctest.h>

#include <lowbit/io/dtype.hpp>

#include <array>
#include <string_view>
#include <utility>

namespace io = lowbit::io;
using io::dtype;

TEST_CASE("dtype has the names and bits of the format") {
    struct row {
        dtype type;
        std::string_view name;
        unsigned bits;
    };
    constexpr std::array<row, 22> rows{{
        {dtype::boolean, "BOOL", 8},
        {dtype::u8, "U8", 8},
        {dtype::i8, "I8", 8},
        {dtype::f8_e5m2, "F8_E5M2", 8},
        {dtype::f8_e4m3, "F8_E4M3", 8},
        {dtype::i16, "I16", 16},
        {dtype::u16, "U16", 16},
        {dtype::f16, "F16", 16},
        {dtype::bf16, "BF16", 16},
        {dtype::i32, "I32", 32},
        {dtype::u32, "U32", 32},
        {dtype::f32, "F32", 32},
        {dtype::f64, "F64", 64},
        {dtype::i64, "I64", 64},
        {dtype::u64, "U64", 64},
        {dtype::f4, "F4", 4},
        {dtype::f6_e2m3, "F6_E2M3", 6},
        {dtype::f6_e3m2, "F6_E3M2", 6},
        {dtype::f8_e8m0, "F8_E8M0", 8},
        {dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
        {dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
        {dtype::c64, "C64", 64},
    }};
    for (const row& r : rows) {
        CAPTURE(r.name);
        CHECK(io::dtype_of(r.name) == r.type);
        CHECK(io::name(r.type) == r.name);
        CHECK(io::bits_per_element(r.type) == r.bits);
        CHECK_FALSE(io::is_quantized(r.type));
    }
    CHECK(rows.size() == static_cast<std::size_t>(dtype::c64));
}

TEST_CASE("dtype has ggml's numbers, names and blocks") {
    struct row {
        std::uint32_t id;
        std::string_view name;
        io::dtype_block block;
    };
    // Types as ggml numbers them; sizes from the fields of their blocks.
    constexpr std::array<row, 36> rows{{
        {0, "F32", {1, 4}},         {1, "F16", {1, 2}},         {2, "Q4_0", {32, 18}},      {3, "Q4_1", {32, 20}},
        {6, "Q5_0", {32, 22}},      {7, "Q5_1", {32, 24}},      {8, "Q8_0", {32, 34}},      {9, "Q8_1", {32, 36}},
        {10, "Q2_K", {256, 84}},    {11, "Q3_K", {256, 110}},   {12, "Q4_K", {256, 144}},   {13, "Q5_K", {256, 176}},
        {14, "Q6_K", {256, 210}},   {15, "Q8_K", {256, 292}},   {16, "IQ2_XXS", {256, 66}}, {17, "IQ2_XS", {256, 74}},
        {18, "IQ3_XXS", {256, 98}}, {19, "IQ1_S", {256, 50}},   {20, "IQ4_NL", {32, 18}},   {21, "IQ3_S", {256, 110}},
        {22, "IQ2_S", {256, 82}},   {23, "IQ4_XS", {256, 136}}, {24, "I8", {1, 1}},         {25, "I16", {1, 2}},
        {26, "I32", {1, 4}},        {27, "I64", {1, 8}},        {28, "F64", {1, 8}},        {29, "IQ1_M", {256, 56}},
        {30, "BF16", {1, 2}},       {34, "TQ1_0", {256, 54}},   {35, "TQ2_0", {256, 66}},   {39, "MXFP4", {32, 17}},
        {40, "NVFP4", {64, 36}},    {41, "Q1_0", {128, 18}},    {42, "Q2_0", {64, 18}},     {43, "unknown", {0, 0}},
    }};
    std::size_t next = 0;
    for (std::uint32_t id = 0; id < 300; ++id) {
        CAPTURE(id);
        const dtype type = io::dtype_of_ggml(id);
        if (next == rows.size() || id != rows[next].id) {
            CHECK(type == dtype::unknown);
            continue;
        }
        CHECK(io::name(type) == rows[next].name);
        CHECK(io::block_of(type) == rows[next].block);
        CHECK(io::is_quantized(type) == (rows[next].block.elements > 1));
        ++next;
    }
    CHECK(next == rows.size());
    CHECK(io::dtype_of_ggml(0xffffffff) == dtype::unknown);
    CHECK(io::bits_per_element(dtype::q4_0) == 4.5);
    CHECK(io::bits_per_element(dtype::q6_k) == 6.5625);
}

TEST_CASE("dtype counts bytes, and only whole blocks that fit") {
    std::uint64_t bytes = 7;
    CHECK(io::byte_size(dtype::q4_0, 64, bytes));
    CHECK(bytes == 36);
    CHECK(io::byte_size(dtype::f6_e3m2, 8, bytes));
    CHECK(bytes == 6);
    CHECK(io::byte_size(dtype::f32, 0, bytes));
    CHECK(bytes == 0);
    CHECK_FALSE(io::byte_size(dtype::q4_0, 48, bytes));
    CHECK_FALSE(io::byte_size(dtype::f4, 3, bytes));
    CHECK_FALSE(io::byte_size(dtype::f16, std::uint64_t{1} << 63, bytes));
    CHECK_FALSE(io::byte_size(dtype::unknown, 4, bytes));
}

TEST_CASE("dtype keeps what it does not know as unknown") {
    for (const std::string_view text : {"", "f32", "F3", "F322", "unknown", "Q4_X", " F32"}) {
        CAPTURE(text);
        CHECK(io::dtype_of(text) == dtype::unknown);
    }
    CHECK(io::bits_per_element(dtype::unknown) == 0);
}
