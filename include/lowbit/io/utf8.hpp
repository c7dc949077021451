// SPDX-License-Identifier: MIT
// is_utf8: strict, as names in files must be.
#pragma once

#include <cstddef>
#include <string_view>

namespace lowbit::inline v0::io {

/// Whether the text is UTF-8 without surrogates, overlong forms or numbers above 10FFFF (Unicode 15, table 3-7).
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
        const unsigned lead = byte(i);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
        if (length == 0) return false;
        for (std::size_t k = 1; k < length; ++k) {
            if (byte(i + k) >> 6 != 2) return false;
        }
        const unsigned second = byte(i + 1);
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90)) return false; // overlong
        if ((lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f)) return false; // a surrogate, or too large
        i += length;
    }
    return true;
}

} // namespace lowbit::inline v0::io
