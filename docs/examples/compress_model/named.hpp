// SPDX-License-Identifier: MIT
// From a lowbit policy to a line of the list: everything that a program needs from lowbit to use one.
#pragma once

#include "policies.hpp"

#include <lowbit/eigen.hpp>
#include <lowbit/lowbit.hpp>

#include <memory>
#include <utility>

namespace demo {

/// What named_policy::compress points to.
template <class Policy>
lb::expected<compressed> compress(lb::matrix_view<const float> weights, std::span<const float> input_norms) {
    auto q = lb::try_quantize<Policy>(weights, lb::with(input_norms));
    if (!q) return lb::unexpected<lb::error>(q.error());
    compressed out;
    out.cost = account(q->size_bytes(), lb::error_of(*q, weights).mse, weights);
    out.pack = [q = std::make_shared<const lb::quantized_matrix<Policy>>(std::move(*q))]() -> product {
        return [packed = lb::pack(*q)](const matrix& x, std::span<const float> bias, bool with_relu, matrix& y, workers& pool) {
            if (with_relu) {
                lb::gemm(lb::on(pool), x, packed, y, lb::epilogue(lb::add_bias(bias), lb::relu));
            } else {
                lb::gemm(lb::on(pool), x, packed, y, lb::epilogue(lb::add_bias(bias)));
            }
        };
    };
    return out;
}

template <class... Tags>
named_policy named(const char* name, const char* meaning) {
    using policy = lb::policy<Tags...>;
    return {name, meaning, kind_of_mask<typename policy::mask>, compress<policy>};
}

} // namespace demo
