// SPDX-License-Identifier: MIT
// The two things this program does.
#pragma once

#include "options.hpp"

namespace demo {

/// Trains a network, compresses it under each policy, and prints what that costs and saves. Throws input_error.
void compress_network(const options& how);

/// Compresses each matrix of a file under each policy and prints what that costs and saves. Throws input_error.
void compress_file(const options& how);

} // namespace demo
