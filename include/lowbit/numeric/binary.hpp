// SPDX-License-Identifier: MIT
// binary: -1 or +1 in one bit.
#pragma once

#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// -1, +1 as the codes 0, 1 of one bit. Encoding takes the sign; what has none worth keeping - both zeros and NaN - gives +1.
struct binary {
    using code_type = std::uint8_t;
    static constexpr int bits = 1;
    static constexpr std::string_view name = "binary";

    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x) noexcept { return x < 0.0f ? 0 : 1; }
    static LOWBIT_ALWAYS_INLINE constexpr float decode(code_type code) noexcept { return static_cast<float>(2 * (code & 1) - 1); }
    static constexpr float lowest() noexcept { return -1.0f; }
    static constexpr float max() noexcept { return 1.0f; }
};

} // namespace lowbit::inline v0
