// SPDX-License-Identifier: MIT
// The one list of levels that have kernels, and how a kernel is chosen and named.
#pragma once

#include <array>
#include <cstddef>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>
#include <lowbit/kernel/generic.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/x86/avx2.hpp>
#include <lowbit/kernel/x86/avx512.hpp>
#include <lowbit/kernel/x86/avx512vnni.hpp>
#include <lowbit/kernel/x86/avxvnni.hpp>

namespace lowbit::inline v0::kernel {

/// A kernel and the level it is written for.
template <product_key Key>
struct level_product {
    isa::level level;
    product_fn<Key> run;
};

/// The kernels of a key in ascending order of levels; a new level is one line here.
template <product_key Key, class Here = isa::here>
inline constexpr auto products = std::to_array<level_product<Key>>({
    {isa::level::scalar, scalar::product<Key, Here>},
    {isa::level::baseline, baseline::product<Key, Here>},
#if LOWBIT_HAS_X86
    {isa::level::avx2, avx2::product<Key, Here>},
    {isa::level::avxvnni, avxvnni::product<Key, Here>},
    {isa::level::avx512, avx512::product<Key, Here>},
    {isa::level::avx512vnni, avx512vnni::product<Key, Here>},
#endif
});

/// The kernel for a level that this machine supports: the level's own, or of a level without one the best below it.
template <product_key Key, class Here = isa::here>
[[nodiscard]] const level_product<Key>& select(isa::level l) noexcept {
    const auto& all = products<Key, Here>;
    std::size_t best = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].level <= l) best = i;
    }
    return all[best];
}

} // namespace lowbit::inline v0::kernel
