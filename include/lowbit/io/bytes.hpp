// SPDX-License-Identifier: MIT
// cursor: the one way a reader moves through bytes from outside; nothing is read that was not checked to be there.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <lowbit/core/expected.hpp>

namespace lowbit::inline v0::io {

/// The little-endian number at `at`, which needs no alignment; sizeof(T) bytes must be there. T is any type that is its
/// bytes: a number, or an element of the numeric room. A boolean is true if its byte is not 0.
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] constexpr T load(const std::byte* at) noexcept {
    if constexpr (std::is_same_v<T, bool>) {
        return *at != std::byte{0};
    } else {
        std::array<std::byte, sizeof(T)> raw{};
        std::copy_n(at, raw.size(), raw.begin());
        if constexpr (std::endian::native == std::endian::big) std::ranges::reverse(raw);
        return std::bit_cast<T>(raw);
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

    /// The next number, as load() reads it.
    template <class T>
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
