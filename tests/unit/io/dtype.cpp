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
        CHECK(io::bits(r.type) == r.bits);
    }
    CHECK(rows.size() + 1 == io::detail::dtype_table.size());
}

TEST_CASE("dtype keeps what it does not know as unknown") {
    for (const std::string_view text : {"", "f32", "F3", "F322", "unknown", "Q4_0", " F32"}) {
        CAPTURE(text);
        CHECK(io::dtype_of(text) == dtype::unknown);
    }
    CHECK(io::bits(dtype::unknown) == 0);
}
