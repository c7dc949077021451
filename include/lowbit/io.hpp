// SPDX-License-Identifier: MIT
// Everything that reads and writes files: opt-in, since it includes nlohmann_json.
#pragma once

#include <lowbit/io/bytes.hpp>
#include <lowbit/io/checkpoint.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/file_writer.hpp>
#include <lowbit/io/gguf.hpp>
#include <lowbit/io/gguf_header.hpp>
#include <lowbit/io/gguf_value.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/mapped_file.hpp>
#include <lowbit/io/npy.hpp>
#include <lowbit/io/safetensors.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/tensor_writer.hpp>
#include <lowbit/io/to_any.hpp>
#include <lowbit/io/utf8.hpp>
#include <lowbit/io/write_gguf.hpp>
#include <lowbit/io/write_npy.hpp>
#include <lowbit/io/write_safetensors.hpp>
