// SPDX-License-Identifier: MIT
// A file to write at the end of long work, whose place is tried at the beginning.
#pragma once

#include <string>

namespace demo {

class output_file {
public:
    /// Nothing is ever written where `path` is empty. Throws input_error where it cannot be written.
    explicit output_file(std::string path);
    /// Replaces what the file holds. Throws input_error.
    void write(const std::string& content) const;

private:
    std::string path_;
};

} // namespace demo
