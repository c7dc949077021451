// SPDX-License-Identifier: MIT
// limits: how much a file may declare before a reader refuses it.
#pragma once

#include <cstdint>

namespace lowbit::inline v0::io {

/// Upper bounds on what a file declares; above one, a reader answers errc::limit_exceeded. A caller who trusts a file may
/// raise them. Memory needs no number here: whatever is declared, a reader allocates at most twice the file's size and 1 MiB.
struct limits {
    std::uint64_t header_bytes = 100'000'000;      ///< all before the data, as the reference reader of safetensors has it
    std::uint64_t npy_header_bytes = 10'000;       ///< the same in npy files, as numpy has it
    std::uint64_t tensors = 1'000'000;             ///< tensors in one file
    std::uint64_t metadata = 1'000'000;            ///< pairs of key and value in the metadata of a GGUF file
    std::uint64_t name_bytes = 64 * 1024;          ///< one tensor's name or one metadata key, UTF-8
    std::uint64_t gguf_name_bytes = 63;            ///< one tensor's name in a GGUF file, as ggml has it
    std::uint64_t string_bytes = 16 * 1024 * 1024; ///< one string in the metadata of a GGUF file
    std::uint64_t array_bytes = 64 * 1024 * 1024;  ///< one array there, the lengths of its strings included
    std::uint64_t alignment = 64 * 1024;           ///< what a GGUF file may pad its tensors to
    std::uint64_t dims = 8;                        ///< dimensions of one tensor; GGUF has at most 4
};

} // namespace lowbit::inline v0::io
