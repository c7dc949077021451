// SPDX-License-Identifier: MIT
// A corpus of npy files, hostile and merely odd, built in memory; each with the answer it must get.
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

/// A file of that version whose length field says `declared`, whatever the header's length is.
inline bytes npy_file(unsigned major, std::uint64_t declared, std::string_view header, std::size_t data_bytes) {
    bytes file;
    const auto put = [&](std::uint64_t value) { file.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(value))); };
    for (const char c : std::string_view("\x93NUMPY")) put(static_cast<std::uint8_t>(c));
    put(major);
    put(0);
    for (unsigned i = 0; i < (major == 1 ? 2 : 4); ++i) put(declared >> 8 * i);
    for (const char c : header) put(static_cast<std::uint8_t>(c));
    for (std::size_t i = 0; i < data_bytes; ++i) put(i * 7 + 1);
    return file;
}
inline bytes npy_file(std::string_view header, std::size_t data_bytes) { return npy_file(1, header.size(), header, data_bytes); }

/// A header with all three keys, padded to 64 bytes.
inline std::string npy_header(std::string_view descr, std::string_view fortran_order, std::string_view shape) {
    std::string text = "{'descr': ";
    text.append(descr).append(", 'fortran_order': ").append(fortran_order).append(", 'shape': ").append(shape).append(", }");
    text.append((64 - (10 + text.size() + 1) % 64) % 64, ' ');
    return text + "\n";
}

inline bytes small_npy_file() { return npy_file(npy_header("'<f4'", "False", "(2, 3)"), 24); }

/// Everything but the large ones; the numbers in the names group the cases by what they attack.
inline std::vector<hostile_case> small_npy_cases() {
    std::vector<hostile_case> cases;
    const auto add = [&](std::string name, bytes file, std::optional<errc> answer) {
        cases.push_back({std::move(name), std::move(file), answer});
    };
    const auto valid = std::optional<errc>{};
    const auto malformed = errc::malformed;
    const auto truncated = errc::truncated;
    const auto unsupported = errc::unsupported;
    const auto too_much = errc::limit_exceeded;
    const std::string good = npy_header("'|u1'", "False", "(4,)");
    const auto header = [&](std::string name, std::string_view text, std::optional<errc> answer) {
        add(std::move(name), npy_file(text, 4), answer);
    };
    const auto descr = [&](std::string name, std::string_view text, std::size_t size, std::optional<errc> answer) {
        add(std::move(name), npy_file(npy_header(text, "False", "(2,)"), 2 * size), answer);
    };
    const auto order = [&](std::string name, std::string_view text, std::optional<errc> answer) {
        header(std::move(name), npy_header("'|u1'", text, "(2, 2)"), answer);
    };
    const auto shape = [&](std::string name, std::string_view text, std::optional<errc> answer) {
        header(std::move(name), npy_header("'|u1'", "False", text), answer);
    };

    add("00_small_file", small_npy_file(), valid);
    header("00_plain", good, valid);
    add("55_empty", {}, truncated);
    {
        bytes file = npy_file(good, 4);
        file[5] = std::byte{'X'};
        add("55_magic_NUMPX", std::move(file), malformed);
    }
    for (const unsigned major : {0u, 4u, 255u})
        add("55_version_" + std::to_string(major), npy_file(major, good.size(), good, 4), unsupported);
    for (const unsigned major : {2u, 3u})
        add("55_version_" + std::to_string(major), npy_file(major, good.size(), good, 4), valid);
    {
        bytes file = npy_file(good, 4);
        file[7] = std::byte{1};
        add("55_version_1_1", std::move(file), unsupported);
    }
    add("56_length_65535", npy_file(1, 65'535, good, 4), too_much);
    add("56_length_2_32_minus_1", npy_file(2, 0xffffffff, good, 4), too_much);
    add("56_length_2_31", npy_file(3, std::uint64_t{1} << 31, good, 4), too_much);
    add("56_length_10000", npy_file(1, 10'000, good, 4), truncated);
    add("56_length_10001", npy_file(1, 10'001, good, 4), too_much);
    add("56_length_0", npy_file(1, 0, good, 4), malformed);
    add("56_length_one_short", npy_file(1, good.size() - 1, good, 4), malformed);
    add("56_length_one_long", npy_file(1, good.size() + 1, good, 4), malformed);
    add("56_length_takes_the_data", npy_file(1, good.size() + 4, good, 4), malformed);
    header("57_no_newline", good.substr(0, good.size() - 1), malformed);
    header("57_not_padded", "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}\n", valid);
    header("57_spaces_everywhere", " { 'descr' : '|u1' , 'fortran_order' : False , 'shape' : ( 4 , ) , }  \n", valid);
    header("57_no_spaces", "{'descr':'|u1','fortran_order':False,'shape':(4,)}\n", valid);
    header("57_other_quotes", "{\"descr\": \"|u1\", \"fortran_order\": False, \"shape\": (4,)}\n", valid);
    header("57_another_order", "{'shape': (4,), 'fortran_order': False, 'descr': '|u1'}\n", valid);
    header("57_two_newlines", good + "\n", malformed);
    header("57_newline_inside", "{'descr': '|u1',\n'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("57_tab", "{'descr':\t'|u1', 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("57_zero_padding", good.substr(0, good.size() - 2) + std::string(1, '\0') + "\n", malformed);

    for (const auto& [what, text] : {std::pair{"negative", "(-4,)"},
                                     std::pair{"no_comma", "(4)"},
                                     std::pair{"long", "(4L,)"},
                                     std::pair{"only_comma", "(,)"},
                                     std::pair{"two_commas", "(4,,)"},
                                     std::pair{"number", "4"},
                                     std::pair{"list", "[4]"},
                                     std::pair{"plus", "(+4,)"},
                                     std::pair{"fraction", "(4.0,)"},
                                     std::pair{"hex", "(0x4,)"},
                                     std::pair{"underscore", "(0_4,)"},
                                     std::pair{"leading_zero", "(04,)"},
                                     std::pair{"product", "(2*2,)"},
                                     std::pair{"nested", "((4,),)"},
                                     std::pair{"string", "('4',)"},
                                     std::pair{"none", "(None,)"},
                                     std::pair{"unclosed", "(4, "},
                                     std::pair{"nothing", ""},
                                     std::pair{"2_64", "(18446744073709551616,)"},
                                     std::pair{"2_64_and_4", "(18446744073709551620,)"},
                                     std::pair{"wraps_to_4", "(4611686018427387905, 4)"},
                                     std::pair{"wraps_to_0", "(4294967296, 4294967296)"},
                                     std::pair{"wraps_beside_0", "(0, 9223372036854775808, 2)"}}) {
        shape(std::string("58_shape_") + what, text, malformed);
    }
    shape("58_shape_2_64_minus_1", "(18446744073709551615,)", truncated);
    shape("58_shape_400_digits", "(" + std::string(400, '9') + ",)", malformed);
    shape("58_shape_400_zeros", "(" + std::string(400, '0') + ",)", malformed);
    shape("58_shape_scalar", "()", malformed); // then three bytes are left over
    add("58_shape_scalar_of_1", npy_file(npy_header("'|u1'", "False", "()"), 1), valid);
    add("58_shape_empty", npy_file(npy_header("'|u1'", "False", "(0,)"), 0), valid);
    add("58_shape_empty_matrix", npy_file(npy_header("'|u1'", "False", "(3, 0)"), 0), valid);
    shape("58_shape_comma_at_the_end", "(2, 2,)", valid);
    shape("58_shape_dims_8", "(1, 1, 1, 1, 1, 1, 1, 4)", valid);
    shape("58_shape_dims_9", "(1, 1, 1, 1, 1, 1, 1, 1, 4)", too_much);
    std::string dims_33 = "(";
    for (int i = 0; i < 33; ++i) dims_33 += "1, ";
    shape("58_shape_dims_33", dims_33 + ")", too_much);
    add("58_bytes_wrap", npy_file(npy_header("'<f4'", "False", "(4611686018427387905,)"), 4), malformed);

    for (const auto& [what, size] :
         {std::pair{"f2", 2u}, std::pair{"f4", 4u}, std::pair{"f8", 8u}, std::pair{"i2", 2u}, std::pair{"i4", 4u},
          std::pair{"i8", 8u}, std::pair{"u2", 2u}, std::pair{"u4", 4u}, std::pair{"u8", 8u}, std::pair{"c8", 8u}}) {
        descr(std::string("59_little_") + what, "'<" + std::string(what) + "'", size, valid);
        descr(std::string("59_big_") + what, "'>" + std::string(what) + "'", size, valid);
        descr(std::string("59_no_order_") + what, "'|" + std::string(what) + "'", size, unsupported);
    }
    for (const char* what : {"i1", "u1", "b1"}) {
        for (const auto& [word, sign] : {std::pair{"little", '<'}, std::pair{"big", '>'}, std::pair{"none", '|'}}) {
            descr(std::string("59_bytes_") + word + "_" + what, std::string("'") + sign + what + "'", 1, valid);
        }
    }
    descr("59_bfloat16", "'<V2'", 2, valid);
    for (const auto& [what, text] :
         {std::pair{"objects", "'|O'"}, std::pair{"objects_8", "'|O8'"}, std::pair{"f3", "'<f3'"}, std::pair{"f16", "'<f16'"},
          std::pair{"text", "'<U99999999'"}, std::pair{"text_bytes", "'|S1'"},
          std::pair{"records", "[('a', '<f4'), ('b', '|u1')]"}, std::pair{"sub_array", "('<f4', (2,))"},
          std::pair{"raw_no_order", "'|V2'"}, std::pair{"raw_big", "'>V2'"}, std::pair{"raw_3", "'<V3'"},
          std::pair{"native", "'=f4'"}, std::pair{"time", "'<M8[ns]'"}, std::pair{"c16", "'<c16'"},
          std::pair{"order_only", "'<'"}, std::pair{"name", "'float32'"}, std::pair{"upper", "'<F4'"},
          std::pair{"unclosed", "'<f4"}}) {
        descr(std::string("59_descr_") + what, text, 4, unsupported);
    }
    for (const auto& [what, text] :
         {std::pair{"empty", "''"}, std::pair{"none", "None"}, std::pair{"number", "4"}, std::pair{"escape", "'\\x3cf4'"},
          std::pair{"prefix", "u'<f4'"}, std::pair{"call", "dtype('<f4')"}}) {
        descr(std::string("59_descr_") + what, text, 4, malformed);
    }

    order("60_order_True", "True", valid);
    for (const auto& [what, text] :
         {std::pair{"true", "true"}, std::pair{"1", "1"}, std::pair{"none", "None"}, std::pair{"string", "'True'"},
          std::pair{"Truely", "Truely"}, std::pair{"not", "not False"}, std::pair{"empty", ""}}) {
        order(std::string("60_order_") + what, text, malformed);
    }
    header("60_order_missing", "{'descr': '|u1', 'shape': (4,)}\n", malformed);
    header("60_descr_missing", "{'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("60_shape_missing", "{'descr': '|u1', 'fortran_order': False}\n", malformed);
    header("60_nothing", "{}\n", malformed);

    header("61_key_twice", "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_extra_key", "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), 'x': 1}\n", malformed);
    header("61_python", "__import__('os').system('true')\n", malformed);
    header("61_python_value", "{'descr': __import__('os'), 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_python_key", "{str('descr'): '|u1', 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_comment", "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)} # ok\n", malformed);
    header("61_joined_strings", "{'descr': '|u1' '', 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_list", "['|u1', False, (4,)]\n", malformed);
    header("61_unquoted_key", "{descr: '|u1', 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_no_colon", "{'descr' '|u1', 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_no_comma", "{'descr': '|u1' 'fortran_order': False, 'shape': (4,)}\n", malformed);
    header("61_no_brace", "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)\n", malformed);
    header("61_only_a_brace", "{", malformed);
    header("61_byte_order_mark", "\xEF\xBB\xBF" + good, malformed);
    header("61_parentheses", "{'descr': '|u1', 'fortran_order': False, 'shape': " + std::string(1000, '(') + "}\n", malformed);

    add("62_data_cut_by_one", npy_file(good, 3), truncated);
    add("62_no_data", npy_file(good, 0), truncated);
    add("62_one_byte_more", npy_file(good, 5), malformed);
    bytes archive = npy_file(good, 4); // npz, which is not read
    for (std::size_t i = 0; i < 4; ++i) archive[i] = static_cast<std::byte>("PK\3\4"[i]);
    add("63_archive", std::move(archive), malformed);

    shape("35_shape_2_32_and_4", "(4294967300,)", truncated); // 4 to who counts in 32 bits
    shape("35_shape_2_16_each_and_1", "(65537, 65537)", truncated);
    add("35_shape_2_16_each", npy_file(npy_header("'|u1'", "False", "(65536, 65536)"), 0), truncated);
    add("35_bytes_2_32_and_4", npy_file(npy_header("'<f4'", "False", "(1073741825,)"), 4), truncated);
    add("35_rows_2_32_of_nothing", npy_file(npy_header("'|u1'", "False", "(4294967296, 0)"), 0), valid);
    return cases;
}

/// Bombs: headers that cost time or memory out of proportion in a careless reader. Only who raises the limit reads on.
inline std::vector<hostile_case> large_npy_cases() {
    std::vector<hostile_case> cases;
    const auto add = [&](std::string name, std::string_view header, std::optional<errc> answer) {
        cases.push_back({std::move(name), npy_file(2, header.size(), header, 4), answer});
    };
    const std::optional<errc> valid;
    add("61_spaces_1_MB", "{" + std::string(1'000'000, ' ') + npy_header("'|u1'", "False", "(4,)").substr(1), valid);
    add("61_parentheses_1_MB", "{'shape': " + std::string(1'000'000, '('), errc::malformed);
    add("61_string_1_MB", "{'" + std::string(1'000'000, 'd') + "': 1}\n", errc::malformed);
    add("58_digits_1_MB", "{'shape': (" + std::string(1'000'000, '1') + ",)}\n", errc::malformed);
    return cases;
}

} // namespace lowbit_test
