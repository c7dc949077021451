// SPDX-License-Identifier: MIT
// What every kernel of block-sparse weights is: two functions, one that lays rows of activations side by side and one that
// multiplies, and from how many rows on it wants the first.
#pragma once

#include <cstddef>

#include <lowbit/isa/level.hpp>
#include <lowbit/kernel/product.hpp>

namespace lowbit::inline v0::kernel {

/// Everything that is a type to a kernel of block-sparse weights.
struct block_key {
    unsigned unit = 1;
    unsigned atom = 16;
    bool floats = false; ///< activations are float, else int8 per row

    friend constexpr bool operator==(const block_key&, const block_key&) noexcept = default;
};
template <block_key Key>
using block_activation_t = std::conditional_t<Key.floats, float, std::int8_t>;

/// A kernel and its level. The numeric contract is that of product_fn: an all-zero
/// product changes no sum.
template <class Activation>
struct block_product {
    isa::level level;
    /// Up to so many rows of X are read as they are; for more, `arrange` has been called for all of them.
    std::size_t most_plain;
    /// Writes rows [row0, row0 + rows) of x, row0 a multiple of lane_rows and rows at most that many, to their place in `lanes`,
    /// which holds all.
    void (*arrange)(const activation_rows<Activation>& x, std::size_t depth, std::size_t row0, std::size_t rows,
                    std::byte* lanes);
    /// As product_fn; rows that are arranged lie at x.lanes and start at multiples of lane_rows.
    void (*run)(const weight_panel& w, const activation_rows<Activation>& x, std::size_t row0, std::size_t rows,
                result_rows<float> to);
};

} // namespace lowbit::inline v0::kernel
