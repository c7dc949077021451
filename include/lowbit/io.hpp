// SPDX-License-Identifier: MIT
// Everything that reads files: opt-in, since it includes nlohmann_json.
#pragma once

#include <lowbit/io/bytes.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/gguf.hpp>
#include <lowbit/io/gguf_value.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/mapped_file.hpp>
#include <lowbit/io/safetensors.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/utf8.hpp>
