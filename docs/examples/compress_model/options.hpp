// SPDX-License-Identifier: MIT
// What the user asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace demo {

struct options {
    std::string mnist;                      ///< folder with MNIST files; empty: generated digits
    std::string weights;                    ///< safetensors file to compress instead of training a network
    std::vector<std::string> policies;      ///< names from policies.hpp; empty: all
    std::string svg = "compress_model.svg"; ///< where the picture goes
    std::string csv;                        ///< where the table goes as well; empty: nowhere
    std::uint64_t seed = 1;
    int epochs = 8;
    int retrain = 4; ///< epochs more, in which pruning grows; 0: none
    std::size_t threads = 1;
    bool quick = false; ///< fewer digits, shorter measurements: for tests
    bool quiet = false;
};

} // namespace demo
