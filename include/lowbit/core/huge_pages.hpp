// SPDX-License-Identifier: MIT
// ask_for_huge_pages: fewer translations for what is read from memory as fast as it comes.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace lowbit::inline v0::detail {

/// x86-64's, and AArch64's over pages of 4 KiB.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Asks the system to put the whole huge pages inside of fresh memory on such pages, where it waits to be asked (Linux with
/// transparent huge pages by "madvise"); else nothing. What streams weights from memory gains up to half (docs/kernels.md).
LOWBIT_ALWAYS_INLINE void ask_for_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
    const auto start = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t first = round_up(start, huge_page), last = (start + bytes) / huge_page * huge_page;
    if (first < last) static_cast<void>(::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE));
#endif
}

} // namespace lowbit::inline v0::detail
