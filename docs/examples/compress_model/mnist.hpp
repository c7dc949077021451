// SPDX-License-Identifier: MIT
// Real digits: MNIST's IDX files, plain or gzipped, resized to the demo's pictures.
#pragma once

#include "dataset.hpp"

#include <cstdint>
#include <string>

namespace demo {

/// Reads `<name>-images-idx3-ubyte[.gz]` and `<name>-labels-idx1-ubyte[.gz]` in `folder`, where <name> is mnist-10k or t10k;
/// four fifths of the digits, in an order that `seed` decides, are for training. Throws input_error.
split mnist_digits(const std::string& folder, std::uint64_t seed);

} // namespace demo
