// SPDX-License-Identifier: MIT
// A corpus of safetensors files, hostile and merely odd, built in memory; each with the answer it must get.
#pragma once

#include "hostile_case.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowbit_test {

/// A file whose length field says `declared`, whatever the header's length is.
inline bytes safetensors_file(std::uint64_t declared, std::string_view header, std::size_t data_bytes) {
    bytes file;
    file.reserve(8 + header.size() + data_bytes);
    for (int i = 0; i < 8; ++i) file.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(declared >> (8 * i))));
    for (const char c : header) file.push_back(static_cast<std::byte>(c));
    for (std::size_t i = 0; i < data_bytes; ++i) file.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(i * 7 + 1)));
    return file;
}
inline bytes safetensors_file(std::string_view header, std::size_t data_bytes) {
    return safetensors_file(header.size(), header, data_bytes);
}

/// `"name":{...}` with all three fields.
inline std::string entry(std::string_view name, std::string_view dtype, std::string_view shape, std::uint64_t begin,
                         std::uint64_t end) {
    std::string text = "\"";
    text.append(name).append("\":{\"dtype\":\"").append(dtype).append("\",\"shape\":").append(shape);
    text.append(",\"data_offsets\":[").append(std::to_string(begin)).append(",").append(std::to_string(end)).append("]}");
    return text;
}

inline std::string repeat(std::string_view text, std::size_t times) {
    std::string result;
    result.reserve(text.size() * times);
    for (std::size_t i = 0; i < times; ++i) result += text;
    return result;
}

/// `count` valid tensors of one byte each, with names of `name_bytes` characters.
inline std::string many_entries(std::size_t count, std::size_t name_bytes) {
    std::string header = "{";
    for (std::size_t i = 0; i < count; ++i) {
        std::string name = std::to_string(i);
        name.insert(0, name_bytes - std::min(name_bytes, name.size()), 'n');
        header.append(i == 0 ? "" : ",").append(entry(name, "U8", "[1]", i, i + 1));
    }
    return header + "}";
}

/// A small valid file: two tensors, metadata, padding.
inline bytes small_safetensors_file() {
    return safetensors_file(R"({"__metadata__":{"format":"pt"},)" + entry("a", "F32", "[2,3]", 0, 24) + "," +
                                entry("b", "F16", "[4]", 24, 32) + "}  ",
                            32);
}

/// Everything but the large ones; the numbers in the names group the cases by what they attack.
inline std::vector<hostile_case> small_safetensors_cases() {
    std::vector<hostile_case> cases;
    const auto add = [&](std::string name, bytes file, std::optional<errc> answer) {
        cases.push_back({std::move(name), std::move(file), answer});
    };
    const auto valid = std::optional<errc>{};
    const auto malformed = errc::malformed;
    const auto truncated = errc::truncated;
    const auto too_much = errc::limit_exceeded;
    // A header, then four bytes of data.
    const auto header = [&](std::string name, std::string text, std::optional<errc> answer) {
        add(std::move(name), safetensors_file(text, 4), answer);
    };
    // One tensor with the given fields, then four bytes of data.
    const auto fields = [&](std::string name, std::string text, std::optional<errc> answer) {
        header(std::move(name), R"({"t":{)" + std::move(text) + "}}", answer);
    };
    const auto shape = [&](std::string name, std::string text, std::optional<errc> answer) {
        fields(std::move(name), R"("dtype":"U8","shape":)" + std::move(text) + R"(,"data_offsets":[0,4])", answer);
    };
    const auto range = [&](std::string name, std::string text, std::optional<errc> answer) {
        fields(std::move(name), R"("dtype":"U8","shape":[4],"data_offsets":)" + std::move(text), answer);
    };
    const std::string t = entry("t", "U8", "[4]", 0, 4);
    const std::string good = "{" + t + "}";
    const std::string deep(100, '[');

    add("36_empty", {}, truncated);
    add("36_seven_bytes", bytes(7), truncated);
    add("37_length_0", safetensors_file(0, good, 4), malformed);
    add("37_length_0_alone", safetensors_file("", 0), malformed);
    add("37_length_1", safetensors_file(1, good, 4), malformed);
    add("37_length_2_64_minus_1", safetensors_file(~std::uint64_t{0}, good, 4), too_much);
    add("37_length_2_64_minus_8", safetensors_file(~std::uint64_t{7}, good, 4), too_much);
    add("37_length_2_63", safetensors_file(std::uint64_t{1} << 63, good, 4), too_much);
    add("37_length_2_32_wraps", safetensors_file((std::uint64_t{1} << 32) + good.size(), good, 4), too_much);
    add("37_length_100000001", safetensors_file(100'000'001, good, 4), too_much);
    add("37_length_100000000", safetensors_file(100'000'000, good, 4), truncated);
    add("37_length_past_the_end", safetensors_file(good.size() + 5, good, 4), truncated);
    add("37_length_one_short", safetensors_file(good.size() - 1, good, 4), malformed);
    add("37_length_takes_the_data", safetensors_file(good.size() + 4, good, 4), truncated);
    add("37_big_endian_length", safetensors_file(std::uint64_t{good.size()} << 56, good, 4), too_much);

    header("38_plain", good, valid);
    header("38_trailing_spaces", good + "     ", valid);
    header("38_spaces_inside", "{ " + t + " }", valid);
    header("38_leading_space", " " + good, malformed);
    header("38_array", "[" + good + "]", malformed);
    header("38_string", "\"" + t.substr(1), malformed);
    header("38_zero_padding", good + std::string(4, '\0'), malformed);
    header("38_zero_then_brace", good + std::string(1, '\0') + "}", malformed);
    header("38_second_object", good + "{}", malformed);
    header("38_comment", "{/* a comment */" + t + "}", malformed);
    header("38_trailing_comma", "{" + t + ",}", malformed);
    header("38_no_closing_brace", "{" + t, malformed);
    header("38_only_a_brace", "{", malformed);
    header("38_single_quotes", "{'t':{}}", malformed);
    add("38_no_tensors", safetensors_file("{}", 0), valid);
    header("38_no_tensors_but_data", "{}", malformed);

    header("39_byte_order_mark", "\xEF\xBB\xBF" + good, malformed);
    for (const auto& [what, text] :
         {std::pair{"continuation_alone", "\x80"}, std::pair{"cut_short", "\xE2\x82"}, std::pair{"overlong_slash", "\xC0\xAF"},
          std::pair{"overlong_3", "\xE0\x80\xAF"}, std::pair{"surrogate", "\xED\xA0\x80"},
          std::pair{"above_10ffff", "\xF4\x90\x80\x80"}, std::pair{"byte_fe", "\xFE"}, std::pair{"latin1", "\xE9t\xE9"},
          std::pair{"lone_high_escape", "\\uD800"}, std::pair{"lone_low_escape", "\\uDC00"},
          std::pair{"two_high_escapes", "\\uD800\\uD800"}, std::pair{"bad_escape", "\\x41"}, std::pair{"short_escape", "\\u12"},
          std::pair{"raw_tab", "\t"}, std::pair{"raw_newline", "\n"}, std::pair{"raw_escape", "\x1B[2J"}}) {
        header(std::string("39_name_") + what, "{" + entry(text, "U8", "[4]", 0, 4) + "}", malformed);
    }
    header("39_zero_byte_in_name", "{" + entry(std::string_view("a\0b", 3), "U8", "[4]", 0, 4) + "}", malformed);
    header("39_utf8_name", "{" + entry("gewicht\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "U8", "[4]", 0, 4) + "}", valid);
    header("39_surrogate_pair", "{" + entry("\\uD83D\\uDE00", "U8", "[4]", 0, 4) + "}", valid);
    fields("39_dtype_not_utf8", "\"dtype\":\"\xFF\",\"shape\":[4],\"data_offsets\":[0,4]", malformed);
    header("39_metadata_not_utf8", "{\"__metadata__\":{\"k\":\"\xFF\"}," + t + "}", malformed);

    header("40_deep_array_for_tensor", "{\"t\":" + deep, malformed);
    header("40_deep_objects", repeat("{\"a\":", 100), malformed);
    shape("40_deep_shape", deep, malformed);
    shape("40_nested_shape", "[[4]]", malformed);
    range("40_nested_offsets", "[[0,4]]", malformed);
    fields("40_object_for_shape", R"("shape":{})", malformed);
    fields("40_object_for_dtype", R"("dtype":{})", malformed);

    header("41_tensor_twice", "{" + t + "," + t + "}", malformed);
    header("41_tensor_twice_apart", "{" + entry("t", "U8", "[2]", 0, 2) + "," + entry("t", "U8", "[2]", 2, 4) + "}", malformed);
    header("41_tensor_twice_one_escaped", "{" + entry("t", "U8", "[2]", 0, 2) + "," + entry("\\u0074", "U8", "[2]", 2, 4) + "}",
           malformed);
    header("41_tensor_twice_both_escaped",
           "{" + entry("\\u0074", "U8", "[2]", 0, 2) + "," + entry("\\u0074", "U8", "[2]", 2, 4) + "}", malformed);
    fields("41_dtype_twice", R"("dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4])", malformed);
    fields("41_shape_twice", R"("dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,4])", malformed);
    fields("41_offsets_twice", R"("dtype":"U8","shape":[4],"data_offsets":[0,4],"data_offsets":[0,4])", malformed);
    header("41_metadata_twice", R"({"__metadata__":{},"__metadata__":{},)" + t + "}", malformed);
    header("41_metadata_key_twice", R"({"__metadata__":{"k":"1","k":"2"},)" + t + "}", malformed);

    header("42_metadata", R"({"__metadata__":{"format":"pt","k":""},)" + t + "}", valid);
    header("42_metadata_last", "{" + t + R"(,"__metadata__":{"format":"pt"}})", valid);
    header("42_metadata_empty", R"({"__metadata__":{},)" + t + "}", valid);
    for (const auto& [what, text] :
         {std::pair{"number", "1"}, std::pair{"null", "null"}, std::pair{"true", "true"}, std::pair{"float", "1.5"},
          std::pair{"negative", "-1"}, std::pair{"array", "[]"}, std::pair{"object", "{}"}}) {
        header(std::string("42_metadata_value_") + what, R"({"__metadata__":{"k":)" + std::string(text) + "}," + t + "}",
               malformed);
        header(std::string("42_metadata_is_") + what, R"({"__metadata__":)" + std::string(text) + "," + t + "}",
               text == std::string_view("{}") ? valid : malformed);
    }
    header("42_metadata_is_a_tensor", "{" + entry("__metadata__", "U8", "[4]", 0, 4) + "}", malformed);

    for (const auto& [what, text] :
         {std::pair{"minus_1", "-1"}, std::pair{"minus_0", "-0"}, std::pair{"fraction", "4.5"},
          std::pair{"whole_fraction", "4.0"}, std::pair{"exponent", "4e0"}, std::pair{"1e999", "1e999"},
          std::pair{"2_64", "18446744073709551616"}, std::pair{"leading_zero", "04"}, std::pair{"plus", "+4"},
          std::pair{"hex", "0x4"}, std::pair{"nan", "NaN"}, std::pair{"infinity", "Infinity"}, std::pair{"string", "\"4\""},
          std::pair{"null", "null"}, std::pair{"true", "true"}, std::pair{"nothing", ""}}) {
        shape(std::string("43_dimension_") + what, "[" + std::string(text) + ",1]", malformed);
        range(std::string("43_offset_") + what, "[0," + std::string(text) + "]", malformed);
    }
    shape("43_dimension_400_digits", "[" + std::string(400, '9') + "]", malformed);
    range("43_offset_400_digits", "[0," + std::string(400, '9') + "]", malformed);
    range("43_offset_400_zeros", "[0," + std::string(400, '0') + "]", malformed);

    range("44_begin_after_end", "[4,0]", malformed);
    range("44_begin_2_64_minus_4", "[18446744073709551612,0]", malformed);
    range("44_end_past_the_data", "[0,5]", truncated);
    range("44_end_2_64_minus_1", "[0,18446744073709551615]", truncated);
    range("44_begin_and_end_past_the_data", "[18446744073709551611,18446744073709551615]", truncated);
    range("44_one_offset", "[0]", malformed);
    range("44_three_offsets", "[0,4,4]", malformed);
    range("44_no_offsets", "[]", malformed);
    range("44_offsets_number", "4", malformed);

    const auto two = [&](std::string name, std::uint64_t a0, std::uint64_t a1, std::uint64_t b0, std::uint64_t b1) {
        header(std::move(name),
               "{" + entry("a", "U8", "[" + std::to_string(a1 - a0) + "]", a0, a1) + "," +
                   entry("b", "U8", "[" + std::to_string(b1 - b0) + "]", b0, b1) + "}",
               malformed);
    };
    two("45_overlap_by_one", 0, 3, 2, 4);
    two("45_same_range_twice", 0, 4, 0, 4);
    two("45_one_inside_another", 0, 4, 1, 2);
    two("45_empty_inside_another", 0, 4, 2, 2);
    two("45_hole_at_the_start", 1, 2, 2, 4);
    two("45_hole_in_the_middle", 0, 1, 2, 4);
    two("45_hole_at_the_end", 0, 1, 1, 3);
    header("45_out_of_order", "{" + entry("a", "U8", "[2]", 2, 4) + "," + entry("b", "U8", "[2]", 0, 2) + "}", valid);
    {
        bytes polyglot = safetensors_file(good, 4);
        for (const char c : {'P', 'K', '\5', '\6'}) polyglot.push_back(static_cast<std::byte>(c));
        add("45_archive_appended", std::move(polyglot), malformed);
    }

    shape("46_product_wraps_to_4", "[4611686018427387905,4]", malformed);
    shape("46_product_wraps_to_0", "[4294967296,4294967296]", malformed);
    shape("46_product_wraps_beside_0", "[0,9223372036854775808,2]", malformed);
    fields("46_bytes_wrap_to_4", R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4])", malformed);
    fields("46_bits_wrap_to_32", R"("dtype":"U8","shape":[2305843009213693956],"data_offsets":[0,4])", malformed);
    fields("46_f4_whole_bytes", R"("dtype":"F4","shape":[8],"data_offsets":[0,4])", valid);
    fields("46_f4_half_a_byte", R"("dtype":"F4","shape":[7],"data_offsets":[0,4])", malformed);
    fields("46_f6_whole_bytes", R"("dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3])", malformed); // then a hole of one
    fields("46_f6_broken_byte", R"("dtype":"F6_E3M2","shape":[5],"data_offsets":[0,4])", malformed);

    shape("47_shape_too_small", "[3]", malformed);
    shape("47_shape_too_large", "[5]", malformed);
    shape("47_scalar_of_4_bytes", "[]", malformed);
    fields("47_wrong_dtype", R"("dtype":"F16","shape":[4],"data_offsets":[0,4])", malformed);
    fields("47_empty_shape_with_bytes", R"("dtype":"U8","shape":[0],"data_offsets":[0,4])", malformed);

    fields("48_unknown_dtype", R"("dtype":"Q4_K","shape":[77],"data_offsets":[0,4])", valid);
    fields("48_lower_case_dtype", R"("dtype":"u8","shape":[4],"data_offsets":[0,4])", valid);
    fields("48_empty_dtype", R"("dtype":"","shape":[4],"data_offsets":[0,4])", valid);
    fields("48_unknown_dtype_outside", R"("dtype":"Q4_K","shape":[4],"data_offsets":[0,5])", truncated);
    fields("48_unknown_dtype_backwards", R"("dtype":"Q4_K","shape":[4],"data_offsets":[4,0])", malformed);
    fields("48_unknown_dtype_wraps", R"("dtype":"Q4_K","shape":[9223372036854775808,2],"data_offsets":[0,4])", malformed);
    fields("48_dtype_number", R"("dtype":8,"shape":[4],"data_offsets":[0,4])", malformed);
    fields("48_dtype_null", R"("dtype":null,"shape":[4],"data_offsets":[0,4])", malformed);

    fields("49_no_dtype", R"("shape":[4],"data_offsets":[0,4])", malformed);
    fields("49_no_shape", R"("dtype":"U8","data_offsets":[0,4])", malformed);
    fields("49_no_offsets", R"("dtype":"U8","shape":[4])", malformed);
    fields("49_no_fields", "", malformed);
    fields("49_extra_field", R"("dtype":"U8","shape":[4],"data_offsets":[0,4],"stride":[1])", malformed);
    fields("49_old_offsets_name", R"("dtype":"U8","shape":[4],"offsets":[0,4])", malformed);
    fields("49_fields_in_another_order", R"("data_offsets":[0,4],"shape":[4],"dtype":"U8")", valid);
    fields("49_escaped_field_name", R"("dtyp\u0065":"U8","shape":[4],"data_offsets":[0,4])", valid);
    header("49_tensor_is_null", R"({"t":null})", malformed);
    header("49_tensor_is_an_array", R"({"t":["U8",[4],[0,4]]})", malformed);
    header("49_tensor_is_a_string", R"({"t":"U8"})", malformed);

    fields("50_scalar", R"("dtype":"F32","shape":[],"data_offsets":[0,4])", valid);
    header("50_empty_tensor_first", "{" + entry("e", "F32", "[0]", 0, 0) + "," + t + "}", valid);
    header("50_empty_tensor_last", "{" + t + "," + entry("e", "F32", "[3,0,2]", 4, 4) + "}", valid);
    header("50_two_empty_tensors", "{" + entry("e", "F32", "[0]", 4, 4) + "," + t + "," + entry("f", "U8", "[0,5]", 4, 4) + "}",
           valid);
    header("50_empty_tensor_outside", "{" + t + "," + entry("e", "F32", "[0]", 5, 5) + "}", truncated);

    shape("51_dimensions_8", "[1,1,1,1,1,1,1,4]", valid);
    shape("51_dimensions_9", "[1,1,1,1,1,1,1,1,4]", too_much);

    for (const auto& [what, text] :
         {std::pair{"empty", ""}, std::pair{"quote", "\\\""}, std::pair{"backslash", "\\\\"}, std::pair{"newline", "\\n"},
          std::pair{"zero", "\\u0000"}, std::pair{"escape", "\\u001b[2J"}, std::pair{"proto", "__proto__"},
          std::pair{"path", "../../etc/passwd"}, std::pair{"brackets", "{[,:]}"}, std::pair{"slash", "\\/"}}) {
        header(std::string("52_name_") + what, "{" + entry(text, "U8", "[4]", 0, 4) + "}", valid);
    }

    add("53_data_cut_by_one", safetensors_file(good, 3), truncated);
    add("53_no_data", safetensors_file(good, 0), truncated);
    for (std::size_t pad = 0; pad < 8; ++pad) {
        add("54_data_at_any_address_" + std::to_string(pad),
            safetensors_file("{" + entry("w", "F64", "[2]", 0, 16) + "}" + std::string(pad, ' '), 16), valid);
    }
    shape("35_dimension_2_32_and_4", "[4294967300]", malformed); // 4 to who counts in 32 bits
    shape("35_dimensions_2_32_and_4", "[1073741825,4]", malformed);
    fields("35_bytes_2_32_and_4", R"("dtype":"F32","shape":[1073741825],"data_offsets":[0,4])", malformed);
    fields("35_bits_2_35_and_32", R"("dtype":"F4","shape":[8589934600],"data_offsets":[0,4])", malformed);
    range("35_end_2_32_and_4", "[0,4294967300]", truncated);
    range("35_range_at_2_32", "[4294967296,4294967300]", truncated);
    range("35_begin_2_32", "[4294967296,4]", malformed);
    fields("35_all_of_2_32_and_4", R"("dtype":"U8","shape":[4294967300],"data_offsets":[0,4294967300])", truncated);
    header("35_empty_tensor_at_2_32", "{" + t + "," + entry("e", "F32", "[0]", 4294967296, 4294967296) + "}", truncated);
    header("35_rows_2_32_of_nothing", "{" + t + R"(,"e":{"dtype":"F32","shape":[4294967296,0],"data_offsets":[4,4]}})", valid);

    add("00_small_file", small_safetensors_file(), valid);
    return cases;
}

/// Bombs: headers that cost time or memory out of proportion in a careless reader.
inline std::vector<hostile_case> large_safetensors_cases() {
    std::vector<hostile_case> cases;
    const auto add = [&](std::string name, std::string_view header, std::size_t data_bytes, std::optional<errc> answer) {
        cases.push_back({std::move(name), safetensors_file(header, data_bytes), answer});
    };
    const std::optional<errc> valid;
    const std::size_t many = 100'000;
    const std::string t = entry("t", "U8", "[4]", 0, 4);
    const auto named = [](const std::string& name) { return "{" + entry(name, "U8", "[4]", 0, 4) + "}"; };

    add("40_depth_100000_tensor", "{\"t\":" + std::string(many, '['), 4, errc::malformed);
    add("40_depth_100000_objects", repeat("{\"a\":", many), 4, errc::malformed);
    add("40_depth_100000_shape", R"({"t":{"dtype":"U8","shape":)" + std::string(many, '['), 4, errc::malformed);
    add("40_depth_100000_metadata", R"({"__metadata__":{"k":)" + std::string(many, '['), 4, errc::malformed);
    add("43_digits_10000000", R"({"t":{"dtype":"U8","shape":[)" + std::string(10'000'000, '1') + "]}}", 4, errc::limit_exceeded);
    add("43_digits_50000", R"({"t":{"dtype":"U8","shape":[)" + std::string(50'000, '1') + "]}}", 4, errc::malformed);
    add("51_dimensions_1000000", R"({"t":{"dtype":"U8","shape":[)" + repeat("1,", 1'000'000) + "1]}}", 4, errc::limit_exceeded);
    add(
        "51_tensors_without_data",
        [] {
            std::string header = "{";
            for (std::size_t i = 0; i < 100'000; ++i) {
                header.append(i == 0 ? "" : ",").append(entry(std::to_string(i), "", "[0,0,0,0,0,0,0,0]", 0, 0));
            }
            return header + "}";
        }(),
        0, errc::limit_exceeded);
    add("52_name_64_KiB", named(std::string(65'536, 'n')), 4, valid);
    add("52_name_64_KiB_and_1", named(std::string(65'537, 'n')), 4, errc::limit_exceeded);
    add("52_name_64_KiB_of_escapes", named(repeat("\\n", 32'768)), 4, valid);
    add("52_name_10_MB", named(std::string(10'000'000, 'n')), 4, errc::limit_exceeded);
    add("52_name_10_MB_unclosed", "{\"" + std::string(10'000'000, 'n'), 4, errc::limit_exceeded);
    add("52_metadata_value_10_MB", R"({"__metadata__":{"k":")" + std::string(10'000'000, 'v') + "\"}," + t + "}", 4,
        errc::limit_exceeded);
    add("52_metadata_value_80_kB", R"({"__metadata__":{"k":")" + std::string(80'000, 'v') + "\"}," + t + "}", 4, valid);
    add("52_metadata_value_80_kB_broken", R"({"__metadata__":{"k":")" + std::string(80'000, 'v') + "\t\"}," + t + "}", 4,
        errc::malformed);
    add(
        "52_metadata_keys_400000",
        [&] {
            std::string header = R"({"__metadata__":{)";
            for (std::size_t i = 0; i < 400'000; ++i)
                header.append(i == 0 ? "\"" : ",\"").append(std::to_string(i)).append("\":\"\"");
            return header + "}," + t + "}";
        }(),
        4, errc::limit_exceeded);
    add(
        "52_names_alike_of_60_kB", // comparing them must not cost names x names
        [] {
            std::string header = "{";
            for (std::size_t i = 0; i < 100; ++i) {
                header.append(i == 0 ? "" : ",")
                    .append(entry(std::string(60'000, 'n') + std::to_string(i), "U8", "[1]", i, i + 1));
            }
            return header + "}";
        }(),
        100, valid);
    add("38_spaces_10_MB", "{" + std::string(10'000'000, ' ') + t + "}", 4, valid);
    add("38_newlines_10_MB_then_error", "{" + std::string(10'000'000, '\n') + "x" + t + "}", 4, errc::malformed);
    add("38_padding_10_MB", "{" + t + "}" + std::string(10'000'000, ' '), 4, valid);
    add("38_commas_1_MB", "{" + std::string(1'000'000, ','), 4, errc::malformed);
    return cases;
}

} // namespace lowbit_test
