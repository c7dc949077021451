// SPDX-License-Identifier: MIT
// expand_places, pair_places: where codes come from when mask bits spread them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lowbit::inline v0::kernel {

/// For each byte of mask bits eight bytes: the number of a kept code among those kept, 0x80 where nothing is. 2 KiB.
inline constexpr auto expand_places = [] {
    std::array<std::array<std::uint8_t, 8>, 256> all{};
    for (std::size_t mask = 0; mask < all.size(); ++mask) {
        std::uint8_t next = 0;
        for (std::size_t i = 0; i < 8; ++i) all[mask][i] = (mask >> i & 1) != 0 ? next++ : std::uint8_t{0x80};
    }
    return all;
}();

/// For each mask of a quad that keeps two, or its lower three bits, where in the quad its two codes are.
inline constexpr auto pair_places = [] {
    std::array<std::array<std::uint8_t, 2>, 16> all{};
    for (std::uint8_t first = 0; first < 4; ++first) {
        for (std::uint8_t second = first + 1; second < 4; ++second) {
            const std::size_t mask = (1u << first | 1u << second) & 7;
            all[mask] = all[mask + 8] = {first, second};
        }
    }
    return all;
}();
/// Those as bytes for a shuffle of a quad: to the high bytes of two shorts.
inline constexpr auto pairs_from_quad = [] {
    std::array<std::array<std::uint8_t, 4>, 16> all{};
    for (std::size_t mask = 0; mask < all.size(); ++mask) all[mask] = {0x80, pair_places[mask][0], 0x80, pair_places[mask][1]};
    return all;
}();
/// And for a shuffle of two quads: to the bytes of a short, first those of one quad, then of the other. All of it twice.
inline constexpr auto pairs_from_octet = [] {
    std::array<std::array<std::uint8_t, 2>, 32> all{};
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto quad = static_cast<std::uint8_t>(i / 8 % 2 * 4);
        for (std::size_t j = 0; j < 2; ++j) all[i][j] = static_cast<std::uint8_t>(pair_places[i % 8][j] + quad);
    }
    return all;
}();
/// For a permutation of bytes: from three bytes a column to the lowest of four.
inline constexpr auto thirds_to_lanes = [] {
    std::array<std::uint8_t, 64> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i / 4 * 3 + i % 4);
    return all;
}();
/// Pairs to quads: from the low bytes of two shorts to a quad, nothing elsewhere.
inline constexpr auto quad_from_pairs = [] {
    std::array<std::array<std::uint8_t, 4>, 16> all{};
    for (std::size_t mask = 0; mask < all.size(); ++mask) {
        all[mask] = {0x80, 0x80, 0x80, 0x80};
        all[mask][pair_places[mask][0]] = 0;
        all[mask][pair_places[mask][1]] = 2;
    }
    return all;
}();

} // namespace lowbit::inline v0::kernel
