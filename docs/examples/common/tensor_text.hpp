// SPDX-License-Identifier: MIT
// What a file says of a tensor, and what is wrong with a file, as text for a terminal.
#pragma once

#include "failure.hpp"

#include <lowbit/core/error.hpp>
#include <lowbit/io/tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace demo {

/// Names come from outside and go to a terminal.
inline std::string printable(std::string_view name) {
    std::string out(name);
    std::replace_if(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

inline std::string shape_of(const lowbit::io::tensor& t) {
    std::string out;
    for (const std::uint64_t extent : t.shape) out += (out.empty() ? "" : " x ") + std::to_string(extent);
    return out;
}

/// Throws input_error.
[[noreturn]] inline void refuse(const std::string& what, const lowbit::error& e) {
    throw input_error(what + ": " + e.message + " (at " + std::to_string(e.offset) + ')');
}

} // namespace demo
