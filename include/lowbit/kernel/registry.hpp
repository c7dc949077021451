// SPDX-License-Identifier: MIT
// The levels that have kernels, and how a kernel is chosen and named.
#pragma once

#include <array>
#include <cstddef>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>
#include <lowbit/kernel/arm/dotprod.hpp>
#include <lowbit/kernel/arm/i8mm.hpp>
#include <lowbit/kernel/arm/neon.hpp>
#include <lowbit/kernel/generic.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/x86/avx2.hpp>
#include <lowbit/kernel/x86/avx512.hpp>
#include <lowbit/kernel/x86/avx512vnni.hpp>
#include <lowbit/kernel/x86/avxvnni.hpp>

namespace lowbit::inline v0::kernel {

namespace detail {

/// The entry of that level, or of the best one below it. The first is of level scalar.
template <class Table>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const auto& best_of(const Table& table, isa::level l) noexcept {
    std::size_t best = 0;
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i].level <= l) best = i;
    }
    return table[best];
}

} // namespace detail

/// A kernel and the level it is written for.
template <product_key Key>
struct level_product {
    isa::level level;
    product_fn<Key> run;
};

/// The kernels of a key in ascending order of levels; a new level is one line here and one in `traits`.
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
#if LOWBIT_HAS_NEON
    {isa::level::neon, neon::product<Key, Here>},
#endif
#if LOWBIT_HAS_ARM_DOT
    {isa::level::dotprod, dotprod::product<Key, Here>},
    {isa::level::i8mm, i8mm::product<Key, Here>},
#endif
});

/// The results that kernels hold in registers; part of a kernel's name.
struct tile_extents {
    unsigned rows;
    unsigned columns;
};
/// What there is to know of a level's kernels.
struct level_traits {
    isa::level level;
    tile_extents integers; ///< for int8 activations
    tile_extents floats;   ///< and for float ones
    bool lists;            ///< see multiplies_lists
};
template <class Ops>
[[nodiscard]] constexpr level_traits traits_of(isa::level l) noexcept {
    return {l,
            {Ops::tile_rows, Ops::template tile_vectors<Ops::tile_rows> * Ops::lanes},
            {Ops::float_tile_rows, Ops::template tile_vectors<Ops::float_tile_rows> * Ops::lanes},
            multiplies_lists<Ops>};
}

/// The traits of the levels, as in `products`.
template <class Here = isa::here>
inline constexpr auto traits = std::to_array<level_traits>({
    traits_of<scalar::ops<Here>>(isa::level::scalar),
#if LOWBIT_HAS_XSIMD
    traits_of<baseline::ops<xsimd::default_arch, Here>>(isa::level::baseline),
#endif
#if LOWBIT_HAS_X86
    traits_of<avx2::ops<Here>>(isa::level::avx2),
    traits_of<avxvnni::ops<Here>>(isa::level::avxvnni),
    traits_of<avx512::ops<Here>>(isa::level::avx512),
    traits_of<avx512vnni::ops<Here>>(isa::level::avx512vnni),
#endif
#if LOWBIT_HAS_NEON
    traits_of<neon::ops<Here>>(isa::level::neon),
#endif
#if LOWBIT_HAS_ARM_DOT
    traits_of<dotprod::ops<Here>>(isa::level::dotprod),
    traits_of<i8mm::ops<Here>>(isa::level::i8mm),
#endif
});

/// The kernel for a level that this machine supports: the level's own, or of a level without one the best below it.
template <product_key Key, class Here = isa::here>
[[nodiscard]] const level_product<Key>& select(isa::level l) noexcept {
    return detail::best_of(products<Key, Here>, l);
}

#if defined(LOWBIT_EXTERN_KERNELS) // the keys of most programs
extern template const level_product<product_key{.bits = 8}>& select<product_key{.bits = 8}, isa::here>(isa::level l) noexcept;
extern template const level_product<product_key{.bits = 4}>& select<product_key{.bits = 4}, isa::here>(isa::level l) noexcept;
#endif

} // namespace lowbit::inline v0::kernel
