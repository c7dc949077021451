// SPDX-License-Identifier: MIT
// Where the real files are that tests read when they are there: the environment variable LOWBIT_SHARED_DATA, else
// shared/data beside the project.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace lowbit_test {

inline std::string shared_data(const std::string& file) {
    if (const char* folder = std::getenv("LOWBIT_SHARED_DATA")) return std::string(folder) + "/" + file;
    return (std::filesystem::path(LOWBIT_TEST_DATA) / "../../../shared/data" / file).lexically_normal().string();
}

} // namespace lowbit_test
