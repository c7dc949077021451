// SPDX-License-Identifier: MIT
// Opening to append tells whether a file can be written and leaves what is in it.
#include "output_file.hpp"

#include "../common/failure.hpp"

#include <fstream>
#include <utility>

namespace demo {

output_file::output_file(std::string path) : path_(std::move(path)) {
    if (!path_.empty() && !std::ofstream(path_, std::ios::app)) throw input_error(path_ + ": cannot be written");
}

void output_file::write(const std::string& content) const {
    if (path_.empty()) return;
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file << content;
    file.close();
    if (!file) throw input_error(path_ + ": cannot be written");
}

} // namespace demo
