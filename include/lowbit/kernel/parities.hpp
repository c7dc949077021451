// SPDX-License-Identifier: MIT
// parities: how bits are stored that meet bits, so that kernels count the ones of three words at a time.
#pragma once

#include <algorithm>
#include <cstddef>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0::kernel {

/// The words of a group, of 32 k each, are stored three by three, those of each span for themselves; what is left at the end of a
/// span, one or two, as it is.
inline constexpr std::size_t triple_words = 3;
inline constexpr std::size_t span_words = 128;

/// Stores a, b, c as a, a^b, a^b^c, three by three. Those of activations and of weights differ where an odd number of their words
/// do: exclusive or alone gives a kernel the sums of full adders that count, bit by bit, where three words differ, and only
/// their carries are left to compute. (Counting by adders: Harley, in Warren, Hacker's Delight, second edition, section 5-1.) A
/// word is `width` T, of as many columns.
template <class T>
LOWBIT_ALWAYS_INLINE constexpr void to_parities(T* words, std::size_t count, std::size_t width) noexcept {
    while (count > 0) {
        const std::size_t span = std::min(count, span_words);
        for (std::size_t first = 0; first + triple_words <= span; first += triple_words) {
            T* const a = words + first * width;
            for (std::size_t i = 0; i < 2 * width; ++i) a[width + i] ^= a[i];
        }
        count -= span;
        words += span * width;
    }
}

} // namespace lowbit::inline v0::kernel
