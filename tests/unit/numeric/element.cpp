// SPDX-License-Identifier: MIT
// The concept element: what is one, what is not, and that a user's own type needs nothing from the library's files.
#include <doctest/doctest.h>

#include <lowbit/numeric/element.hpp>
#include <lowbit/numeric/rounding.hpp>

#include <cstdint>

namespace lb = lowbit;

namespace mine {

/// Unsigned fixed point, 4 bits before and 8 after the point.
struct fixed_4_8 {
    using code_type = std::uint16_t;
    static constexpr int bits = 12;
    static constexpr std::string_view name = "fixed_4_8";
    static constexpr code_type encode(float x) noexcept {
        if (!(x > 0.0f)) return 0;
        return x >= max() ? code_type{0xfff} : static_cast<code_type>(lb::round_to_int(x * 256.0f));
    }
    static constexpr float decode(code_type c) noexcept { return static_cast<float>(c & 0xfff) / 256.0f; }
    static constexpr float lowest() noexcept { return 0.0f; }
    static constexpr float max() noexcept { return 4095.0f / 256.0f; }
};

/// An integer without a name.
struct nibble {
    using code_type = std::uint8_t;
    static constexpr int bits = 4;
    static constexpr bool is_signed = false;
    static constexpr int min_code = 0;
    static constexpr int max_code = 15;
    static constexpr code_type encode(float) noexcept { return 0; }
    static constexpr float decode(code_type c) noexcept { return static_cast<float>(c & 15); }
    static constexpr float lowest() noexcept { return 0.0f; }
    static constexpr float max() noexcept { return 15.0f; }
};

struct wrong_code_type : nibble {
    using code_type = std::uint16_t; // 4 bits belong in a byte
    static constexpr code_type encode(float) noexcept { return 0; }
    static constexpr float decode(code_type) noexcept { return 0.0f; }
};
struct too_wide : fixed_4_8 {
    static constexpr int bits = 17;
};
struct may_throw : nibble {
    static constexpr code_type encode(float) { return 0; }
};
struct no_limits {
    using code_type = std::uint8_t;
    static constexpr int bits = 4;
    static constexpr code_type encode(float) noexcept { return 0; }
    static constexpr float decode(code_type) noexcept { return 0.0f; }
};

} // namespace mine

static_assert(lb::element<mine::fixed_4_8> && !lb::integer_element<mine::fixed_4_8>);
static_assert(lb::element<mine::nibble> && lb::integer_element<mine::nibble>);
static_assert(!lb::element<mine::wrong_code_type> && !lb::element<mine::too_wide> && !lb::element<mine::may_throw> &&
              !lb::element<mine::no_limits>);
static_assert(!lb::element<float> && !lb::element<int> && !lb::element<void>);

TEST_CASE("element: a user's own type") {
    CHECK(lb::element_name<mine::fixed_4_8>() == "fixed_4_8");
    CHECK(lb::element_name<mine::nibble>() == "element");
    static_assert(mine::fixed_4_8::decode(mine::fixed_4_8::encode(1.5f)) == 1.5f);
    CHECK(lb::encode_as<mine::fixed_4_8>(2.25f) == 576);
}
