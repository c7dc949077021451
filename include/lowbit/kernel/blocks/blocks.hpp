// SPDX-License-Identifier: MIT
// blocks: the one list of levels that have kernels for block-sparse weights.
#pragma once

#include <array>
#include <cstddef>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>
#include <lowbit/kernel/blocks/avx2.hpp>
#include <lowbit/kernel/blocks/avx512vnni.hpp>
#include <lowbit/kernel/blocks/portable.hpp>
#include <lowbit/kernel/registry.hpp>

namespace lowbit::inline v0::kernel {

template <block_key Key, class Here = isa::here>
inline constexpr auto block_products = std::to_array<block_product<block_activation_t<Key>>>({
    scalar::block_kernel<Key, Here>,
#if LOWBIT_HAS_X86
    avx2::block_kernel<Key, Here>,
    avx512vnni::block_kernel<Key, Here>,
#endif
});

/// The results that a level's kernels hold in registers for int8 activations: rows of X by rows of W, for units of so many of
/// these.
struct level_block_tiles {
    isa::level level;
    unsigned rows[3]; ///< for 1, 2 and 4
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr tile_extents of(std::size_t unit) const noexcept {
        return {rows[unit / 2], static_cast<unsigned>(unit)};
    }
};
template <class Ops>
[[nodiscard]] constexpr level_block_tiles block_tiles_of(isa::level l) noexcept {
    return {l,
            {Ops::template lane_vectors<1> * Ops::lanes, Ops::template lane_vectors<2> * Ops::lanes,
             Ops::template lane_vectors<4> * Ops::lanes}};
}
template <class Here = isa::here>
inline constexpr auto block_tiles = std::to_array<level_block_tiles>({
    block_tiles_of<scalar::block_ops<Here>>(isa::level::scalar),
#if LOWBIT_HAS_X86
    block_tiles_of<avx2::block_ops<Here>>(isa::level::avx2),
    block_tiles_of<avx512vnni::block_ops<Here>>(isa::level::avx512vnni),
#endif
});

/// The kernel for a level that this machine supports: the level's own, or of a level without one the best below it.
template <block_key Key, class Here = isa::here>
[[nodiscard]] const block_product<block_activation_t<Key>>& blocks(isa::level l) noexcept {
    return detail::best_of(block_products<Key, Here>, l);
}

} // namespace lowbit::inline v0::kernel
