// SPDX-License-Identifier: MIT
// limits: how much a file may declare before a reader refuses it.
#pragma once

#include <cstdint>

namespace lowbit::inline v0::io {

/// Upper bounds on what a file declares; above one, a reader answers errc::limit_exceeded. A caller who trusts a file may
/// raise them. Memory needs no number here: whatever is declared, a reader allocates at most twice the file's size and 1 MiB.
struct limits {
    std::uint64_t header_bytes = 100'000'000; ///< the header, as the reference reader of safetensors has it
    std::uint64_t tensors = 1'000'000;        ///< tensors in one file
    std::uint64_t name_bytes = 64 * 1024;     ///< one tensor's name or one metadata key, UTF-8
    std::uint64_t dims = 8;                   ///< dimensions of one tensor
};

} // namespace lowbit::inline v0::io
