// SPDX-License-Identifier: MIT
// What the program can do. Each writes its report to stdout, and throws input_error, write_error or interrupted.
#pragma once

#include "options.hpp"

#include <stdexcept>

namespace demo {

/// The file that was asked for could not be made; the message is the line for the user.
struct write_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Says what is in a file.
void inspect(const options& how);
/// Writes a file again in other formats.
void convert(const options& how);
/// Says how far the tensors of one file are from those of another. False if some have no counterpart of their shape.
bool compare(const options& how);

} // namespace demo
