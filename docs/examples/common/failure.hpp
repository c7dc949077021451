// SPDX-License-Identifier: MIT
// What the user got wrong: ends the program with one line and exit code 2.
#pragma once

#include <stdexcept>

namespace demo {

/// A file or an option that cannot be used; `what()` is the line for the user.
struct input_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

} // namespace demo
