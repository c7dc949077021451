// SPDX-License-Identifier: MIT
// What files say beside their tensors, as text and for the file that is to be written.
#pragma once

#include "model_file.hpp"
#include "plan.hpp"

#include <lowbit/io/gguf_header.hpp>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace demo {

/// Keys and values of a file of any kind, in its order. Of arrays the number and type of their elements; the values of these are
/// not there where `whole_only`.
std::vector<std::pair<std::string, std::string>> metadata_text(const model_file& file, bool whole_only = false);

/// All that the file says, in its order; general.file_type and general.quantization_version as they are after `steps`.
io::gguf_header gguf_header_of(const model_file& file, std::span<const step> steps);

} // namespace demo
