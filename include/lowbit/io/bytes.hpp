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

/// The number at `at`, which needs no alignment; sizeof(T) bytes must be there. T is any type that is its bytes: a number, or an
/// element of the numeric room. A boolean is true if its byte is not 0.
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] constexpr T load(const std::byte* at, std::endian order = std::endian::little) noexcept {
    if constexpr (std::is_same_v<T, bool>) {
        return *at != std::byte{0};
    } else {
        std::array<std::byte, sizeof(T)> raw{};
        std::copy_n(at, raw.size(), raw.begin());
        if (order != std::endian::native) std::ranges::reverse(raw);
        return std::bit_cast<T>(raw);
    }
}

/// The bytes of a number, as load() reads them.
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] constexpr std::array<std::byte, sizeof(T)> stored(const T& value,
                                                                std::endian order = std::endian::little) noexcept {
    auto raw = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
    if (order != std::endian::native) std::ranges::reverse(raw);
    return raw;
}

/// A position in bytes that somebody else owns. Whatever would pass the end is errc::truncated at the position where it
/// began, and moves nothing.
class cursor {
public:
    constexpr explicit cursor(std::span<const std::byte> bytes, std::endian order = std::endian::little) noexcept
        : bytes_(bytes), order_(order) {}

    /// The byte order of numbers from here on.
    [[nodiscard]] constexpr std::endian order() const noexcept { return order_; }
    constexpr void set_order(std::endian order) noexcept { order_ = order; }

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
        return load<T>(taken->data(), order_);
    }

private:
    std::span<const std::byte> bytes_;
    std::size_t offset_ = 0;
    std::endian order_;
};

} // namespace lowbit::inline v0::io
