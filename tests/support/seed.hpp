// SPDX-License-Identifier: MIT
// The seed of every random test: the environment variable LOWBIT_TEST_SEED, or a fixed default. Printed by each test program,
// so that a failure can be run again.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace lowbit_test {

inline std::uint64_t seed() {
    const char* text = std::getenv("LOWBIT_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 0) : 20240229u;
}

} // namespace lowbit_test
