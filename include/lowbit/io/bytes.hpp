// SPDX-License-Identifier: MIT
// cursor: the one way a reader moves through bytes from outside; nothing is read that was not checked to be there.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>

namespace lowbit::inline v0::io {

/// A number or element of the numeric room, whose stored form is its bytes.
template <class T>
concept scalar = std::is_arithmetic_v<T> || requires(typename T::code_type code) {
    { T::from_bits(code) } -> std::same_as<T>;
};

/// The little-endian number or element at `at`, which needs no alignment; sizeof(T) bytes must be there.
template <scalar T>
[[nodiscard]] constexpr T load(const std::byte* at) noexcept {
    const std::uint64_t bits = lowbit::detail::load_le<static_cast<int>(sizeof(T))>(at);
    if constexpr (std::same_as<T, bool>) {
        return bits != 0;
    } else if constexpr (std::integral<T>) {
        return static_cast<T>(bits);
    } else if constexpr (std::same_as<T, double>) {
        return std::bit_cast<double>(bits);
    } else if constexpr (std::same_as<T, float>) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    } else {
        return T::from_bits(static_cast<typename T::code_type>(bits));
    }
}

/// A position in bytes that somebody else owns. Whatever would pass the end is errc::truncated at the position where it
/// began, and moves nothing.
class cursor {
public:
    constexpr explicit cursor(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    /// Bytes read so far.
    [[nodiscard]] constexpr std::size_t offset() const noexcept { return offset_; }
    /// Bytes left.
    [[nodiscard]] constexpr std::size_t remaining() const noexcept { return bytes_.size() - offset_; }

    /// The next `count` bytes. The count is 64 bits wide on every machine, as files have it.
    constexpr expected<std::span<const std::byte>> take(std::uint64_t count) noexcept {
        if (count > remaining()) return fail(errc::truncated, "the file ends before what it declares", offset_);
        const auto taken = bytes_.subspan(offset_, static_cast<std::size_t>(count));
        offset_ += taken.size();
        return taken;
    }

    /// The next number or element, little-endian.
    template <scalar T>
    constexpr expected<T> take() noexcept {
        const auto taken = take(sizeof(T));
        if (!taken) return unexpected<error>(taken.error());
        return load<T>(taken->data());
    }

private:
    std::span<const std::byte> bytes_;
    std::size_t offset_ = 0;
};

} // namespace lowbit::inline v0::io
