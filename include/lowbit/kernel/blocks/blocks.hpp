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

/// The kernel for a level that this machine supports: the level's own, or of a level without one the best below it.
template <block_key Key, class Here = isa::here>
[[nodiscard]] const block_product<block_activation_t<Key>>& blocks(isa::level l) noexcept {
    return detail::best_of(block_products<Key, Here>, l);
}

} // namespace lowbit::inline v0::kernel
