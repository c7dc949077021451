// SPDX-License-Identifier: MIT
// How reports come to stdout.
#pragma once

#include "jobs.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>

namespace demo {

using json = nlohmann::ordered_json;

/// Throws write_error: a report that nobody gets is no success.
inline void print(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        throw write_error("the report cannot be written");
}

/// Bytes of names that are not UTF-8 are replaced.
inline void print(const json& report) { print(report.dump(2, ' ', false, json::error_handler_t::replace) + '\n'); }

} // namespace demo
