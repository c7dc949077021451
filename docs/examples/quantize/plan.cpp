// SPDX-License-Identifier: MIT
// The rules, in the order in which they are asked.
#include "plan.hpp"

#include "../common/codec.hpp"
#include "../common/failure.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <string_view>

namespace demo {
namespace {

std::optional<std::regex> expression(const std::string& text) {
    if (text.empty()) return std::nullopt;
    try {
        return std::regex(text);
    } catch (const std::regex_error&) {
        throw input_error("--keep: '" + text + "' is no regular expression");
    }
}

bool holds_floats(io::dtype type) {
    using enum io::dtype;
    constexpr std::array dense{f8_e5m2, f8_e4m3, f16, bf16, f32, f64, f8_e4m3fnuz, f8_e5m2fnuz};
    return std::ranges::find(dense, type) != dense.end() || (io::is_quantized(type) && is_readable(type));
}

std::string reason_to_keep(const io::tensor& t, io::dtype type, const std::optional<std::regex>& keep) {
    const unsigned block = io::block_of(type).elements;
    if (keep && std::regex_search(t.name.begin(), t.name.end(), *keep)) return "matches --keep";
    if (t.shape.size() < 2) return "not a matrix";
    if (t.bytes.empty()) return "empty";
    if (!holds_floats(t.dtype)) return "no floats";
    if (t.dtype == type) return "is so already";
    if (t.shape.back() % block != 0)
        return "rows of " + std::to_string(t.shape.back()) + " are no whole blocks of " + std::to_string(block);
    return {};
}

} // namespace

std::vector<step> plan_of(std::span<const io::tensor> tensors, io::dtype type, const std::string& keep) {
    const auto kept_names = expression(keep);
    std::vector<step> steps;
    for (const io::tensor& t : tensors) {
        step s{t, t, reason_to_keep(t, type, kept_names)};
        s.to.bytes = {};
        if (s.kept.empty()) s.to.dtype = type, s.to.byte_order = std::endian::little;
        steps.push_back(std::move(s));
    }
    return steps;
}

io::dtype main_type(std::span<const step> steps) {
    std::map<io::dtype, std::uint64_t> weights;
    for (const step& s : steps) {
        std::uint64_t count = 0;
        if (s.to.shape.size() >= 2 && io::element_count(s.to.shape, count)) weights[s.to.dtype] += count;
    }
    const auto most = std::ranges::max_element(weights, {}, [](const auto& entry) { return entry.second; });
    return most == weights.end() ? io::dtype::f32 : most->first;
}

} // namespace demo
