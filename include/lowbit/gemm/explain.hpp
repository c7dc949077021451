// SPDX-License-Identifier: MIT
// The names of kernels, which are also the names of benchmarks, and isa::explain with the kernels that common formats run.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include <lowbit/gemm/packed_matrix.hpp>
#include <lowbit/isa/active.hpp>
#include <lowbit/policy/presets.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// "w4g32", "nf4g64", "ternary": the element, and what shares a scale; z for zero points, m for minimums.
template <any_policy F>
std::string format_name() {
    using E = typename F::element_type;
    using granularity = typename F::granularity;
    std::string name;
    if constexpr (integer_element<E>) {
        name = "w" + std::to_string(F::bits);
    } else {
        name = element_name<E>();
    }
    if constexpr (granularity::rows > 1 && granularity::cols != 0) {
        name += "b" + std::to_string(granularity::rows) + "x" + std::to_string(granularity::cols);
    } else if constexpr (granularity::cols != 0) {
        name += "g" + std::to_string(granularity::cols);
    }
    if constexpr (F::offset::kind == offset_kind::zero_point) name += "z";
    if constexpr (F::offset::kind == offset_kind::minimum || F::offset::kind == offset_kind::quantized_minimum) name += "m";
    return name;
}

template <any_policy P, class T, class Here>
std::string product_name() {
    constexpr compute c = compute_of<P, T>;
    std::string name = "gemm_f32_";
    name += c == compute::float32 ? "f32" : "qd8";
    if constexpr (c == compute::int8_per_group) name += "g" + std::to_string(P::activations::granularity::cols);
    name += "_" + format_name<format_of<P>>() + "_";
    name += isa::name(isa::active<Here>());
    return name;
}

} // namespace detail

/// The kernel that a product of `p` with X of type T runs on the calling thread: gemm_<result>_<activations>_<weights>_<level>, where qd8 are
/// activations quantized to int8 on the way.
template <class T = float, class Here = isa::here, any_policy P>
[[nodiscard]] std::string kernel_name(const packed_matrix<P>& /*p*/) {
    return detail::product_name<P, T, Here>();
}

namespace isa {

/// Writes to a stream what this machine supports, what is active, and the kernels that common formats run.
template <class Here = here, class Stream>
void explain(Stream& out) {
    explain<Here>(out, [](Stream& o) {
        const auto line = [&]<class P>(std::type_identity<P>) { o << "  " << lowbit::detail::product_name<P, float, Here>() << '\n'; };
        o << "kernels:\n";
        line(std::type_identity<presets::w8>{});
        line(std::type_identity<presets::w8g32>{});
        line(std::type_identity<presets::w4g32>{});
        line(std::type_identity<policy<int4, per_group<64>, asymmetric>>{});
        line(std::type_identity<policy<ternary, per_tensor>>{});
        line(std::type_identity<presets::nf4>{});
    });
}

} // namespace isa

} // namespace lowbit::inline v0
