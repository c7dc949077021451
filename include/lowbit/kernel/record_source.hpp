// SPDX-License-Identifier: MIT
// record_source: the codes of a record, with masks and without, as packers read them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>

namespace lowbit::inline v0::kernel {

/// The codes of one record in plain order, to be packed.
struct record_source {
    const std::uint8_t* codes = nullptr; ///< columns x depth, one code a byte
    std::size_t stride = 0;              ///< bytes from a column to the next
    std::size_t depth = 0;               ///< the K that there is of the record
};

/// The same with mask bits, to be packed without what these drop.
struct masked_source : record_source {
    const std::byte* const* masks = nullptr; ///< for each column the mask of its whole row, lowest bit first
    std::size_t first = 0;                   ///< the record's first bit in it

    [[nodiscard]] LOWBIT_ALWAYS_INLINE bool keeps(std::size_t column, std::size_t k) const noexcept {
        return lowbit::detail::mask_bit(masks[column], first + k);
    }
};

} // namespace lowbit::inline v0::kernel
