// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <cstddef>
#include <string>

namespace demo {

struct options {
    std::string in, out; ///< files; `compare` calls them A and B
    std::string policy;  ///< a name that codec.hpp knows
    std::string keep;    ///< tensors whose names match this regular expression stay as they are; empty: none
    std::size_t threads = 1;
    bool json = false; ///< a report for programs on stdout instead of one for people
};

} // namespace demo
