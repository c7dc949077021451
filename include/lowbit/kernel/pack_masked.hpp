// SPDX-License-Identifier: MIT
// pack_masked: records of masked panels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/record_source.hpp>

namespace lowbit::inline v0::kernel {

/// Writes the mask words of a record to `words`, and its kept codes to `kept`; returns where the next ones go. `left` counts for
/// each column how many codes it may still keep, so that foreign masks, which claim more than their policy allows, find room.
template <class Here = isa::here>
std::byte* pack_masked(const panel_layout& layout, std::size_t r, std::size_t columns, const masked_source& from,
                       std::size_t* left, std::byte* words, std::byte* kept) {
    std::uint64_t word = 0;
    std::uint8_t some[chunk_codes];
    std::size_t count = 0, at = 0;
    const auto flush = [&] {
        std::memcpy(words, &word, sizeof word);
        words += sizeof word;
        if (layout.kept_bits == 8) {
            std::memcpy(kept, some, count);
            kept += count;
        } else {
            if (count % 2 != 0) some[count] = 0;
            for (std::size_t i = 0; i < count; i += 2) *kept++ = static_cast<std::byte>(some[i] | some[i + 1] << 4);
        }
        word = 0;
        count = at = 0;
    };
    for (std::size_t k = 0; k < layout.record_depth(r); k += 4) {
        for (std::size_t c = 0; c < columns; ++c, at += 4) {
            if (at == chunk_codes) flush();
            const std::size_t last = std::min(k + 4, from.depth);
            for (std::size_t i = k; i < last; ++i) {
                if (!from.keeps(c, i) || left[c] == 0) continue;
                --left[c];
                word |= std::uint64_t{1} << (at + (i - k));
                some[count++] = from.codes[c * from.stride + i];
            }
        }
    }
    flush();
    return kept;
}

} // namespace lowbit::inline v0::kernel
