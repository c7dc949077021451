// SPDX-License-Identifier: MIT
// make_product: the product of a policy, ready for the checks of product.hpp.
#pragma once

#include <memory>
#include <utility>

#include <lowbit/lowbit.hpp>

#include "product.hpp"
#include "support/noise.hpp"

namespace lowbit_test {

/// A quantized matrix q of policy P, and its packed form.
template <class P, class Packed>
struct product_of final : product {
    Packed packed;

    product_of(const lowbit::quantized_view<P>& q, Packed p, std::vector<std::size_t> stored) : packed(std::move(p)) {
        using offset = typename P::offset;
        constexpr auto compute = lowbit::detail::compute_of<typename Packed::policy_type, float>;
        weights = lowbit::dequantize(q);
        kind = compute == lowbit::compute::float32          ? activation::floats
               : compute == lowbit::compute::int8_per_row   ? activation::int8_rows
               : compute == lowbit::compute::int8_per_group ? activation::int8_groups
               : compute == lowbit::compute::binary_per_row ? activation::sign_rows
                                                            : activation::sign_groups;
        group = packed.layout().segment();
        order = std::move(stored);
        over_minimum = offset::kind == lowbit::offset_kind::minimum || offset::kind == lowbit::offset_kind::quantized_minimum;
    }
    [[nodiscard]] std::size_t workspace_bytes(std::size_t m) const override { return lowbit::workspace_bytes(packed, m); }
    void run(test_pool& pool, lowbit::matrix_view<const float> x, lowbit::matrix_view<float> y,
             std::span<std::byte> workspace) const override {
        lowbit::gemm(lowbit::on(pool), x, packed, y, lowbit::epilogue(), workspace);
    }
};

/// Random weights under policy P; `Activations` overrides its compute axis.
template <class P, class Activations = void>
std::unique_ptr<product> make_product(std::size_t n, std::size_t k, std::uint64_t salt, std::pmr::memory_resource* memory) {
    noise random(salt);
    const auto weights = random.weights(n, k);
    std::vector<std::uint32_t> order(k);
    for (std::size_t i = 0; i < k; ++i) order[i] = static_cast<std::uint32_t>(i);
    constexpr bool permuted = lowbit::format_of<P>::column_order::permuted;
    for (std::size_t i = k; permuted && i > 1; --i) std::swap(order[i - 1], order[random.index(i)]);
    const auto q = lowbit::quantize<P>(weights, permuted ? lowbit::with(order) : lowbit::side_input{}, memory);
    auto packed = lowbit::pack<Activations>(q, memory);
    return std::make_unique<product_of<P, decltype(packed)>>(q.view(), std::move(packed),
                                                             std::vector<std::size_t>(order.begin(), order.end()));
}

} // namespace lowbit_test
