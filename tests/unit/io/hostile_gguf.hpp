// SPDX-License-Identifier: MIT
// A corpus of GGUF files, hostile and merely odd, built in memory; each with the answer it must get.
#pragma once

#include "gguf_maker.hpp"
#include "hostile_case.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowbit_test {

/// A small valid file: metadata of every type, an array of each kind, three tensors of which one is blocks and one is empty.
inline bytes small_gguf_file(std::uint32_t version = 3, bool big = false) {
    gguf_maker m(3, 17, version, big);
    m.pair_text("general.architecture", "test");
    m.key("u8", 0).u8(200).key("i8", 1).u8(0xfd).key("u16", 2).u16(60'000).key("i16", 3).u16(0xfed4);
    m.pair_u32("u32", 4'000'000'000).key("i32", 5).u32(0xfffeee90).key("f32", 6).u32(0x3fc00000).key("bool", 7).u8(1);
    m.pair_text("string", "gr\xC3\xBC\xC3\x9F").key("u64", 10).u64(std::uint64_t{1} << 63).key("i64", 11).u64(~std::uint64_t{0});
    m.key("f64", 12).u64(0xbfd0000000000000);
    m.array("numbers", 5, 3).u32(1).u32(0xfffffffe).u32(3).array("flags", 7, 2).u8(1).u8(0);
    m.array("words", 8, 3).text("x").text("").text("zz").array("none", 6, 0);
    m.tensor("w", {4, 3}, 0, 0).tensor("blocks", {32, 2}, 2, 64).tensor("empty", {0, 7}, 1, 128);
    return m.data(48).data(36);
}

/// Everything but the large ones; the numbers in the names group the cases by what they attack.
inline std::vector<hostile_case> small_gguf_cases() {
    std::vector<hostile_case> cases;
    const auto add = [&](std::string name, bytes file, std::optional<errc> answer) {
        cases.push_back({std::move(name), std::move(file), answer});
    };
    const auto valid = std::optional<errc>{};
    const auto malformed = errc::malformed;
    const auto truncated = errc::truncated;
    const auto unsupported = errc::unsupported;
    const auto too_much = errc::limit_exceeded;
    using numbers = std::initializer_list<std::uint64_t>;
    constexpr std::uint64_t most = ~std::uint64_t{0};
    constexpr std::uint64_t half = std::uint64_t{1} << 63;
    // One byte of data for one tensor, after whatever the case does.
    const auto one_tensor = [](std::uint64_t pairs = 0) { return gguf_maker(1, pairs); };
    const auto good = [](gguf_maker m) { return bytes(m.tensor("t", {4}, 24, 0).data(4)); };

    add("00_small_file", small_gguf_file(), valid);
    add("00_small_file_version_2", small_gguf_file(2), valid);
    add("00_small_file_big_endian", small_gguf_file(3, true), valid);
    add("00_no_tensors", gguf_maker(), valid);
    add("00_no_tensors_padded", gguf_maker().pad(), valid);
    add("00_one_tensor", good(one_tensor()), valid);
    add("01_empty", {}, truncated);
    add("01_one_byte", bytes(1, std::byte{'G'}), truncated);
    add("01_only_magic", bytes{std::byte{'G'}, std::byte{'G'}, std::byte{'U'}, std::byte{'F'}}, truncated);
    for (const char* magic : {"GGUX", "FUGG", "GGML", "gguf"}) {
        bytes file = good(one_tensor());
        for (std::size_t i = 0; i < 4; ++i) file[i] = static_cast<std::byte>(magic[i]);
        add(std::string("02_magic_") + magic, std::move(file), malformed);
    }
    add("03_version_0", good(gguf_maker(1, 0, 0)), malformed);
    add("03_version_1", good(gguf_maker(1, 0, 1)), unsupported);
    add("03_version_2", good(gguf_maker(1, 0, 2)), valid);
    add("03_version_4", good(gguf_maker(1, 0, 4)), unsupported);
    add("03_version_2_32_minus_1", good(gguf_maker(1, 0, 0xffffffff)), unsupported);
    add("03_big_endian_version_2", good(gguf_maker(1, 0, 2, true)), unsupported);
    add("03_big_endian_version_3", good(gguf_maker(1, 0, 3, true)), valid);
    add("03_big_endian_version_only", good(gguf_maker(1, 0, 3u << 24)), too_much); // then one tensor reads as 2^56
    add("03_version_65536", good(gguf_maker(1, 0, 65'536)), unsupported);

    const std::pair<const char*, std::uint64_t> counts[] = {
        {"2_64_minus_1", most}, {"2_63", half}, {"2_32", std::uint64_t{1} << 32}, {"limit_and_1", 1'000'001}};
    for (const auto& [what, count] : counts) {
        add(std::string("04_tensors_") + what, good(gguf_maker(count, 0)), too_much);
        add(std::string("05_pairs_") + what, good(gguf_maker(1, count)), too_much);
    }
    add("04_tensors_1000", good(gguf_maker(1000, 0)), truncated);
    add("04_tensors_2", good(gguf_maker(2, 0)), truncated);
    add("04_tensors_0", good(gguf_maker(0, 0)), malformed);
    add("05_pairs_1000", good(gguf_maker(1, 1000)), truncated);
    add("05_pairs_1", good(gguf_maker(1, 1)), truncated);

    // A pair whose key has the declared length.
    const auto key_length = [&](std::uint64_t length) { return good(one_tensor(1).u64(length).raw("k").u32(4).u32(1)); };
    add("06_key_length_2_64_minus_1", key_length(most), truncated);
    add("06_key_length_2_64_minus_8", key_length(most - 7), truncated);
    add("06_key_length_2_63", key_length(half), truncated);
    {
        const std::size_t rest = key_length(1).size() - 32; // after magic, version, two counts and the length itself
        add("06_key_length_remaining", key_length(rest), malformed);
        add("06_key_length_remaining_and_1", key_length(rest + 1), truncated);
    }
    const auto key = [&](std::string name, std::string_view text, std::optional<errc> answer) {
        add(std::move(name), good(one_tensor(1).pair_u32(text, 1)), answer);
    };
    key("07_key_empty", "", malformed);
    key("08_key_zero_byte", std::string_view("a\0b", 3), malformed);
    key("08_key_only_zero_byte", std::string_view("\0", 1), malformed);
    key("08_key_utf8", "k\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", valid);
    for (const auto& [what, text] :
         {std::pair{"continuation_alone", "\x80"}, std::pair{"cut_short", "\xE2\x82"}, std::pair{"overlong_2", "\xC0\xAF"},
          std::pair{"overlong_3", "\xE0\x80\xAF"}, std::pair{"overlong_4", "\xF0\x80\x80\xAF"},
          std::pair{"surrogate", "\xED\xA0\x80"}, std::pair{"above_10ffff", "\xF4\x90\x80\x80"}, std::pair{"byte_fe", "\xFE"},
          std::pair{"byte_f5", "\xF5\x80\x80\x80"}, std::pair{"latin1", "\xE9t\xE9"}}) {
        key(std::string("08_key_") + what, text, malformed);
        add(std::string("17_name_") + what, one_tensor().tensor(text, {4}, 24, 0).data(4), malformed);
    }
    key("08_key_path", "../../etc/passwd", valid); // a key is no path
    add("09_key_twice", good(one_tensor(2).pair_u32("k", 1).pair_u32("k", 2)), malformed);
    add("09_key_twice_apart", good(one_tensor(3).pair_u32("k", 1).pair_u32("j", 2).pair_text("k", "")), malformed);

    for (const auto& [what, type] : {std::pair{"13", std::uint64_t{13}}, std::pair{"2_32_minus_1", std::uint64_t{0xffffffff}},
                                     std::pair{"2_31", std::uint64_t{1} << 31}}) {
        add(std::string("10_value_type_") + what, good(one_tensor(1).key("k", type).u64(0)), malformed);
        add(std::string("10_element_type_") + what, good(one_tensor(1).array("k", type, 1).u64(0)), malformed);
    }
    add("11_array_of_array", good(one_tensor(1).array("k", 9, 1).u32(4).u64(1).u32(7)), malformed);
    {
        gguf_maker m(1, 1);
        m.key("k", 9);
        for (int depth = 0; depth < 100; ++depth) m.u32(9).u64(1);
        add("11_array_depth_100", good(m.u32(4).u64(0)), malformed);
    }
    for (const auto& [what, count] :
         {std::pair{"2_61", std::uint64_t{1} << 61}, std::pair{"2_61_and_1", (std::uint64_t{1} << 61) + 1},
          std::pair{"2_63", half}, std::pair{"2_64_minus_1", most}}) {
        for (const std::uint64_t type : numbers{0, 7, 8, 10}) {
            add("12_array_count_" + std::string(what) + "_of_type_" + std::to_string(type),
                good(one_tensor(1).array("k", type, count).u64(0)), truncated);
        }
    }
    add("12_array_one_too_many", one_tensor(1).array("k", 0, 5).u32(0), truncated);
    add("13_string_length_2_64_minus_1", good(one_tensor(1).array("k", 8, 2).text("a").u64(most)), truncated);
    add("13_string_length_2_63", good(one_tensor(1).array("k", 8, 1).u64(half)), truncated);
    add("13_strings_not_utf8", good(one_tensor(1).array("k", 8, 2).text("\xFF").text(std::string_view("\0", 1))), valid);
    add("14_string_past_the_end_by_1", gguf_maker(0, 1).key("k", 8).u64(5).raw("four"), truncated);
    add("14_string_to_one_before_the_end", gguf_maker(0, 1).key("k", 8).u64(3).raw("four"), truncated); // then padding is missing
    add("14_string_to_the_end", gguf_maker(0, 1).key("k", 8).u64(4).raw("four"), valid);
    for (const std::uint64_t value : numbers{0, 1, 2, 255}) {
        const auto answer = value < 2 ? valid : malformed;
        add("15_bool_" + std::to_string(value), good(one_tensor(1).key("k", 7).u8(value)), answer);
        add("15_bool_in_array_" + std::to_string(value), good(one_tensor(1).array("k", 7, 3).u8(1).u8(0).u8(value)), answer);
    }

    const auto aligned = [&](std::string name, std::uint64_t alignment, std::optional<errc> answer) {
        gguf_maker m = one_tensor(1).pair_u32("general.alignment", alignment).tensor("t", {4}, 24, 0);
        add(std::move(name), m.data(4, alignment != 0 && alignment <= 1024 ? static_cast<std::size_t>(alignment) : 32), answer);
    };
    for (const std::uint64_t alignment : numbers{0, 1, 2, 3, 4, 7, 13, 24, 48})
        aligned("16_alignment_" + std::to_string(alignment), alignment, malformed);
    for (const std::uint64_t alignment : numbers{8, 16, 32, 64, 1024})
        aligned("16_alignment_" + std::to_string(alignment), alignment, valid);
    aligned("16_alignment_2_17", std::uint64_t{1} << 17, too_much);
    aligned("16_alignment_2_30", std::uint64_t{1} << 30, too_much);
    aligned("16_alignment_2_31", std::uint64_t{1} << 31, too_much);
    aligned("16_alignment_2_32_minus_1", 0xffffffff, malformed);
    add("16_alignment_i32", good(one_tensor(1).key("general.alignment", 5).u32(32)), malformed);
    add("16_alignment_u64", good(one_tensor(1).key("general.alignment", 10).u64(32)), malformed);
    add("16_alignment_text", good(one_tensor(1).pair_text("general.alignment", "32")), malformed);
    add("16_alignment_array", good(one_tensor(1).array("general.alignment", 4, 1).u32(32)), malformed);
    add("16_alignment_twice", good(one_tensor(2).pair_u32("general.alignment", 32).pair_u32("general.alignment", 64)), malformed);
    add("16_alignment_64_but_padded_to_32", good(one_tensor(1).pair_u32("general.alignment", 64)), truncated);

    const auto named = [&](std::string name, std::string_view text, std::optional<errc> answer) {
        add(std::move(name), one_tensor().tensor(text, {4}, 24, 0).data(4), answer);
    };
    named("17_name_empty", "", malformed);
    named("17_name_63_bytes", std::string(63, 'n'), valid);
    named("17_name_64_bytes", std::string(64, 'n'), too_much);
    named("17_name_1000_bytes", std::string(1000, 'n'), too_much);
    named("17_name_zero_byte", std::string_view("a\0b", 3), malformed);
    named("17_name_path", "../../etc/passwd", valid); // a name is no path
    add("17_name_twice", gguf_maker(2).tensor("t", {4}, 24, 0).tensor("t", {4}, 24, 32).data(4).data(4), malformed);
    add("17_name_length_2_64_minus_1", one_tensor().u64(most).raw("t").u32(1).u64(4).u32(24).u64(0).data(4), truncated);

    const auto dims_said = [&](std::uint64_t count) {
        return one_tensor().text("t").u32(count).u64(4).u64(1).u64(1).u64(1).u64(1).u32(24).u64(0).data(4);
    };
    for (const auto& [what, count] :
         {std::pair{"5", std::uint64_t{5}}, std::pair{"9", std::uint64_t{9}}, std::pair{"2_31", std::uint64_t{1} << 31},
          std::pair{"2_32_minus_1", std::uint64_t{0xffffffff}}}) {
        add(std::string("18_dims_") + what, dims_said(count), too_much);
    }
    const auto sized = [&](std::string name, const std::vector<std::uint64_t>& dims, std::uint64_t type, std::size_t data,
                           std::optional<errc> answer) {
        add(std::move(name), one_tensor().tensor("t", dims, type, 0).data(data), answer);
    };
    sized("18_dims_0", {}, 24, 1, valid); // a scalar, as ggml has it
    sized("18_dims_0_of_blocks", {}, 2, 18, malformed);
    sized("18_dims_4", {2, 1, 2, 1}, 24, 4, valid);
    sized("19_dim_0", {0}, 24, 0, valid); // an empty tensor, as ggml has it
    sized("19_dim_0_of_blocks", {0, 5}, 12, 0, valid);
    sized("19_rows_of_nothing", {0, std::uint64_t{1} << 62}, 0, 0, valid);
    sized("19_dim_0_but_data", {0, 4}, 24, 4, malformed);
    sized("19_dim_2_63", {half}, 24, 4, malformed);
    sized("19_dim_2_64_minus_1", {most}, 24, 4, malformed);
    sized("19_dim_2_63_beside_0", {half, 0}, 24, 0, malformed);
    sized("20_product_wraps", {(std::uint64_t{1} << 42) + 1, std::uint64_t{1} << 22}, 24, 4, malformed);
    sized("20_product_wraps_to_0", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 24, 0, malformed);
    sized("20_product_wraps_beside_0", {std::uint64_t{1} << 62, 4, 0}, 24, 0, malformed);
    sized("20_product_wraps_to_4", {(std::uint64_t{1} << 62) + 1, 4}, 24, 4, malformed);
    sized("20_bytes_wrap_to_4", {(std::uint64_t{1} << 62) + 1}, 0, 4, malformed);
    sized("20_blocks_wrap", {half / 2, 64}, 2, 0, malformed);
    for (const std::uint64_t type : numbers{4, 5, 31, 32, 33, 36, 37, 38, 43, 44, 255}) {
        sized("21_type_" + std::to_string(type), {256}, type, 256, unsupported);
    }
    sized("21_type_2_31", {256}, std::uint64_t{1} << 31, 256, unsupported);
    sized("21_type_2_32_minus_1", {256}, 0xffffffff, 256, unsupported);
    sized("22_row_of_31_in_blocks_of_32", {31}, 2, 18, malformed);
    sized("22_row_of_16_times_2_in_blocks_of_32", {16, 2}, 2, 18, malformed);
    sized("22_row_of_128_in_blocks_of_256", {128, 2}, 12, 144, malformed);
    sized("22_row_of_32_in_blocks_of_32", {32, 2}, 2, 36, valid);
    sized("22_row_of_256_in_blocks_of_256", {256}, 12, 144, valid);

    const auto offset = [&](std::string name, std::uint64_t first, std::uint64_t second, std::optional<errc> answer) {
        add(std::move(name), gguf_maker(2).tensor("a", {4}, 24, first).tensor("b", {4}, 24, second).data(4).data(4), answer);
    };
    offset("23_offset_right", 0, 32, valid);
    offset("23_offset_not_aligned", 0, 33, malformed);
    offset("23_offset_tight", 0, 4, malformed);
    offset("24_offset_after_a_hole", 0, 64, malformed);
    offset("24_offset_of_first", 32, 64, malformed);
    offset("25_offset_same", 0, 0, malformed);
    offset("25_offset_swapped", 32, 0, malformed);
    offset("26_offset_2_64_minus_32", 0, most - 31, malformed);
    offset("26_offset_of_first_2_64_minus_32", most - 31, 32, malformed);
    offset("27_offset_past_the_end", 0, 4096, malformed);
    const auto without = [&](std::size_t count) {
        bytes file = good(one_tensor());
        file.resize(file.size() - count);
        return file;
    };
    add("28_last_byte_of_padding_missing", without(1), truncated);
    add("28_padding_missing", without(28), truncated);
    add("28_last_byte_missing", without(29), truncated);
    add("28_no_data", without(32), truncated);
    {
        const auto size = half - 64; // two of them padded make 2^64 - 128, with a third they wrap
        gguf_maker m(3);
        m.tensor("a", {size}, 24, 0).tensor("b", {size}, 24, size).tensor("c", {size}, 24, most - 127);
        add("29_sum_wraps", m.data(4), truncated);
    }
    {
        gguf_maker m(1);
        add("29_padding_wraps", m.tensor("a", {half - 1, 2}, 24, 0).data(4), truncated); // 2^64 - 2, and no multiple of 32 above
    }
    {
        gguf_maker trailing(1);
        trailing.tensor("t", {4}, 24, 0).data(4);
        add("30_one_byte_appended", gguf_maker(trailing).u8(0), malformed);
        add("30_archive_appended", gguf_maker(trailing).raw("PK\5\6"), malformed);
        add("30_bytes_after_no_tensors", gguf_maker().pad().u8(0), malformed);
        add("30_less_than_the_padding", gguf_maker().u8(0), truncated);
    }

    constexpr std::uint64_t wide = std::uint64_t{1} << 32; // what 32 bits take for 0
    add("35_key_length_2_32_and_1", key_length(wide + 1), truncated);
    add("35_string_length_2_32_and_4", gguf_maker(0, 1).key("k", 8).u64(wide + 4).raw("four"), truncated);
    add("35_string_in_array_2_32_and_1", good(one_tensor(1).array("k", 8, 1).u64(wide + 1).raw("s")), truncated);
    add("35_array_count_2_32_and_4", good(one_tensor(1).array("k", 0, wide + 4).u32(0)), truncated);
    add("35_array_count_2_29_and_1_of_u64", good(one_tensor(1).array("k", 10, wide / 8 + 1).u64(0)), truncated);
    add("35_array_count_2_32_and_1_of_strings", good(one_tensor(1).array("k", 8, wide + 1).text("s")), truncated);
    add("35_tensors_2_32_and_1", good(gguf_maker(wide + 1)), too_much);
    add("35_pairs_2_32", good(gguf_maker(1, wide)), too_much);
    add("35_name_length_2_32_and_1", one_tensor().u64(wide + 1).raw("t").u32(1).u64(4).u32(24).u64(0).data(4), truncated);
    sized("35_dim_2_32_and_4", {wide + 4}, 24, 4, truncated);
    sized("35_dims_2_16_each", {wide >> 16, wide >> 16}, 24, 0, truncated);
    sized("35_rows_2_32_and_1", {4, wide + 1}, 24, 4, truncated);
    sized("35_bytes_2_32_and_4", {wide / 4 + 1}, 0, 4, truncated);
    sized("35_bytes_of_blocks_2_32_and_128", {32 * (wide / 18 + 8)}, 2, 18 * 8 - wide % 18, truncated);
    sized("35_rows_2_32_of_nothing", {0, wide}, 24, 0, valid);
    offset("35_offset_2_32", 0, wide, malformed);
    offset("35_offset_2_32_and_32", 0, wide + 32, malformed);
    offset("35_offset_of_first_2_32", wide, 32, malformed);
    {
        gguf_maker m(2); // together they wrap to 4 and its padding
        add("35_sum_2_32_and_4", m.tensor("a", {wide}, 24, 0).tensor("b", {4}, 24, wide).data(4), truncated);
    }
    return cases;
}

/// A file of that many pairs of 61 bytes, whose keys are alike but for a number.
inline bytes many_keys(std::size_t count) {
    const bytes one = gguf_maker(0, 1).key(std::string(48, 'k'), 7).u8(1);
    constexpr std::size_t start = 24, key_end = start + 8 + 48;
    bytes file = gguf_maker(0, count);
    file.reserve(start + count * (one.size() - start));
    for (std::size_t i = 0; i < count; ++i) {
        file.insert(file.end(), one.begin() + start, one.end());
        std::byte* digit = file.data() + file.size() - (one.size() - key_end);
        for (std::size_t rest = i; rest != 0; rest /= 10) *--digit = static_cast<std::byte>('0' + rest % 10);
    }
    return file;
}

/// Bombs: files that cost time or memory out of proportion in a careless reader.
inline std::vector<hostile_case> large_gguf_cases() {
    std::vector<hostile_case> cases;
    const auto add = [&](std::string name, bytes file, std::optional<errc> answer) {
        cases.push_back({std::move(name), std::move(file), answer});
    };
    const std::optional<errc> valid;
    const auto pairs = [](std::size_t count, std::size_t key_bytes) {
        gguf_maker m(0, count);
        for (std::size_t i = 0; i < count; ++i) {
            std::string key = std::to_string(i);
            key.insert(0, key_bytes - std::min(key_bytes, key.size()), 'k');
            m.key(key, 7).u8(1);
        }
        return bytes(m);
    };
    add("05_pairs_of_nothing", gguf_maker(0, 1'000'000).zeros(16'000'000), errc::limit_exceeded);
    add("04_tensors_of_nothing", gguf_maker(1'000'000, 0).zeros(30'000'000), errc::limit_exceeded);
    add("31_keys_200000_tiny", pairs(200'000, 1), errc::limit_exceeded);
    add("31_keys_1000000", many_keys(1'000'000), valid);
    add("31_keys_4000000", many_keys(4'000'000), errc::limit_exceeded);
    add("31_keys_alike_of_60_kB", pairs(100, 60'000), valid); // comparing them must not cost keys x keys
    add("08_key_65535_bytes", pairs(1, 65'535), valid);
    add("08_key_65536_bytes", pairs(1, 65'536), errc::limit_exceeded);
    add(
        "11_array_depth_10000",
        [] {
            gguf_maker m(0, 1);
            m.key("k", 9);
            for (int depth = 0; depth < 10'000; ++depth) m.u32(9).u64(1);
            return bytes(m.u32(4).u64(0));
        }(),
        errc::malformed);
    add("13_string_16_MiB", gguf_maker(0, 1).pair_text("k", std::string(16 << 20, 's')), valid);
    add("13_string_16_MiB_and_1", gguf_maker(0, 1).pair_text("k", std::string((16 << 20) + 1, 's')), errc::limit_exceeded);
    add("12_array_1000000_strings", gguf_maker(0, 1).array("k", 8, 1'000'000).zeros(8'000'000), valid);
    add("12_array_10000000_bools", gguf_maker(0, 1).array("k", 7, 10'000'000).zeros(10'000'000), valid);
    add(
        "04_tensors_20000",
        [] {
            gguf_maker m(20'000);
            for (std::size_t i = 0; i < 20'000; ++i) m.tensor("t" + std::to_string(i), {4}, 24, 32 * i);
            return bytes(m.pad().zeros(32 * 20'000));
        }(),
        valid);
    return cases;
}

} // namespace lowbit_test
