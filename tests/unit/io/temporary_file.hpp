// SPDX-License-Identifier: MIT
// A file with given bytes that goes away with its object.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string>

namespace lowbit_test {

class temporary_file {
public:
    explicit temporary_file(std::span<const std::byte> content) : temporary_file() {
        std::ofstream out(path_, std::ios::binary);
        out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    }
    /// Only a path that nothing stands at.
    temporary_file() {
        static std::atomic<unsigned> number{0};
        path_ = (std::filesystem::temp_directory_path() /
                 ("lowbit_test_" + std::to_string(std::random_device{}()) + "_" + std::to_string(number++)))
                    .string();
    }
    ~temporary_file() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

} // namespace lowbit_test
