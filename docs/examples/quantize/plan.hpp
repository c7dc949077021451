// SPDX-License-Identifier: MIT
// What becomes of each tensor.
#pragma once

#include <lowbit/io/tensor.hpp>

#include <span>
#include <string>
#include <vector>

namespace demo {

namespace lb = lowbit;
namespace io = lb::io;

/// A tensor's way from one file to another.
struct step {
    io::tensor from;
    io::tensor to;    ///< the same but for its type, and without bytes
    std::string kept; ///< why it stays as it is; empty where it does not
};

/// Matrices of floats become `type`, if their rows are whole blocks of it. `keep`: a regular expression that is looked for in
/// names, or nothing. Throws input_error if it is none.
std::vector<step> plan_of(std::span<const io::tensor> tensors, io::dtype type, const std::string& keep);

/// The type that holds most of the weights.
io::dtype main_type(std::span<const step> steps);

} // namespace demo
