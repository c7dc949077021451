// SPDX-License-Identifier: MIT
// A product without its types, and what holds for every one of them; the checks are in product.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include <lowbit/core/matrix.hpp>

#include "unit/exec/test_pool.hpp"

namespace lowbit_test {

/// What the activations become before they meet the weights.
enum class activation { int8_rows, int8_groups, floats, sign_rows, sign_groups };

/// Packed weights of some policy, and what a reference needs to know of them.
struct product {
    lowbit::matrix<float> weights; ///< N x K, decoded
    activation kind;
    std::size_t group;              ///< the K that is summed at once, in stored order
    std::vector<std::size_t> order; ///< the logical column of each stored one
    bool over_minimum;              ///< value = scale * code + minimum: both parts are larger than the value

    product() = default;
    product(const product&) = delete;
    product& operator=(const product&) = delete;
    virtual ~product() = default;
    [[nodiscard]] virtual std::size_t workspace_bytes(std::size_t m) const = 0;
    virtual void run(test_pool&, lowbit::matrix_view<const float> x, lowbit::matrix_view<float> y,
                     std::span<std::byte> workspace) const = 0;
};

/// Makes the product of some policy for random N x K weights, packed into memory of that resource.
using maker = std::unique_ptr<product> (*)(std::size_t n, std::size_t k, std::uint64_t salt, std::pmr::memory_resource* memory);

/// Products of many shapes: every level close to a reference in double, levels with fused multiply-adds the same to the bit.
void check_values(maker make);

/// The numeric contract, on more rows than a kernel takes at once: bits do not depend on level, threads, order of work, batch
/// size, strides or workspace; powers of 2 pass through; a row with NaN or infinity is NaN and touches no other; zeros give
/// zeros.
void check_contract(maker make);

/// Unmapped pages on both sides of X, Y, workspace and packed weights.
void check_guarded(maker make);

/// Y of `p` for `x` on the calling thread, at its level.
lowbit::matrix<float> multiply(const product& p, lowbit::matrix_view<const float> x);

/// What products of int8 make of a row: `group` consecutive elements become multiples of their largest magnitude / 127.
std::vector<double> quantized(const std::vector<float>& x, std::size_t group);

/// What binary products make of a row: `group` consecutive elements become their mean magnitude, with a sign each.
std::vector<double> signs(const std::vector<float>& x, std::size_t group);

bool same_bits(const lowbit::matrix<float>& a, const lowbit::matrix<float>& b);

} // namespace lowbit_test
