// SPDX-License-Identifier: MIT
// A second opinion on safetensors files: the rules of the format checked on a parsed document, slowly and separately.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lowbit_test {

/// Whether the file is valid, limits on sizes left aside.
inline bool valid_safetensors(std::span<const std::byte> file) {
    using nlohmann::json;
    static const std::map<std::string, std::uint64_t> known{
        {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},        {"BF16", 16},       {"I32", 32},    {"U32", 32},    {"F32", 32},
        {"F64", 64},    {"I64", 64},        {"U64", 64},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},
        {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"C64", 64}};

    if (file.size() < 8) return false;
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length * 256 + std::to_integer<std::uint64_t>(file[i]);
    if (length > file.size() - 8) return false;
    const std::string header(reinterpret_cast<const char*>(file.data()) + 8, static_cast<std::size_t>(length));
    const std::uint64_t data_size = file.size() - 8 - length;
    if (header.empty() || header[0] != '{' || header.find('\0') != std::string::npos) return false;

    bool repeated = false;
    std::vector<std::set<std::string>> open; // the keys of every object that is open
    const auto watch = [&](int, json::parse_event_t event, json& value) {
        if (event == json::parse_event_t::object_start) open.emplace_back();
        if (event == json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) repeated = true;
        if (event == json::parse_event_t::object_end) open.pop_back();
        return true;
    };
    const json document = json::parse(header, watch, false);
    if (document.is_discarded() || repeated || !document.is_object()) return false;

    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const auto& [name, value] : document.items()) {
        if (!value.is_object()) return false;
        if (name == "__metadata__") {
            for (const auto& [key, text] : value.items()) {
                if (!text.is_string()) return false;
            }
            continue;
        }
        if (value.size() != 3 || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
            return false;
        const json& dtype = value["dtype"];
        const json& shape = value["shape"];
        const json& offsets = value["data_offsets"];
        const auto all_unsigned = [](const json& list) {
            return list.is_array() && std::all_of(list.begin(), list.end(), [](const json& x) { return x.is_number_unsigned(); });
        };
        if (!dtype.is_string() || !all_unsigned(shape) || !all_unsigned(offsets) || offsets.size() != 2) return false;
        const std::uint64_t begin = offsets[0].get<std::uint64_t>();
        const std::uint64_t end = offsets[1].get<std::uint64_t>();
        if (begin > end || end > data_size) return false;

        std::uint64_t product = 1;
        bool empty = false;
        for (const json& x : shape) {
            const std::uint64_t size = x.get<std::uint64_t>();
            empty = empty || size == 0;
            if (size != 0 && product > ~std::uint64_t{0} / size) return false;
            if (size != 0) product *= size;
        }
        if (const auto found = known.find(dtype.get<std::string>()); found != known.end()) {
            const std::uint64_t elements = empty ? 0 : product;
            if (elements > ~std::uint64_t{0} / found->second) return false;
            if (elements * found->second % 8 != 0 || elements * found->second / 8 != end - begin) return false;
        }
        ranges.emplace_back(begin, end);
    }
    std::sort(ranges.begin(), ranges.end());
    std::uint64_t covered = 0;
    for (const auto& [begin, end] : ranges) {
        if (begin != covered) return false;
        covered = end;
    }
    return covered == data_size;
}

} // namespace lowbit_test
