// SPDX-License-Identifier: MIT
// Watches the heap of this test program: how many bytes live at most, and an allocation that fails on purpose.
#pragma once

#include <cstddef>

namespace lowbit_test {

/// Watches from its construction on. One at a time, one thread.
class heap_watch {
public:
    /// Whether this build can watch at all; if not, says so. ThreadSanitizer keeps operator new to itself.
    [[nodiscard]] static bool possible();

    /// With `failing` n, the n-th allocation from now fails (the first is 1); 0: none does.
    explicit heap_watch(std::size_t failing = 0) noexcept;
    ~heap_watch();
    heap_watch(const heap_watch&) = delete;
    heap_watch& operator=(const heap_watch&) = delete;

    /// The most bytes that lived at once, above those that lived at the start.
    [[nodiscard]] std::size_t peak() const noexcept;
    /// Bytes that live now, above those that lived at the start.
    [[nodiscard]] std::size_t live() const noexcept;
    [[nodiscard]] std::size_t allocations() const noexcept;
};

} // namespace lowbit_test
