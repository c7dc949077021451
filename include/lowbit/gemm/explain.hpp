// SPDX-License-Identifier: MIT
// The names of kernels, which are also the names of benchmarks, and isa::explain with the kernels that common formats run.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <lowbit/gemm/packed_matrix.hpp>
#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/blocks/blocks.hpp>
#include <lowbit/kernel/registry.hpp>
#include <lowbit/policy/presets.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// What the name of a product's kernel says.
struct kernel_facts {
    std::string_view element; ///< empty for integers
    int bits;
    bool is_signed;
    std::size_t rows, cols; ///< of a block with one scale; 0 for all
    std::size_t activation_cols;
    std::string_view offset;
    compute activations;
    std::size_t block_rows = 0, block_cols = 0; ///< where weights are packed as blocks
    std::size_t kept = 0, of = 0;               ///< where they are packed with a mask
};

/// Those of a product of policy P with X of type T.
template <any_policy P, class T>
consteval kernel_facts facts_of() noexcept {
    using E = typename P::element_type;
    using granularity = typename P::granularity;
    kernel_facts f{element_name<E>(), E::bits, true, granularity::rows, granularity::cols, P::activations::granularity::cols, "",
                   compute_of<P, T>};
    if constexpr (integer_element<E>) {
        f.element = "";
        f.is_signed = E::is_signed;
    }
    if constexpr (P::offset::kind == offset_kind::zero_point) f.offset = "z";
    if constexpr (weights_of<format_of<P>>::minimums) f.offset = "m";
    if constexpr (packed_as_blocks<P>) {
        f.block_rows = P::mask::mask::rows;
        f.block_cols = P::mask::mask::cols;
    }
    if constexpr (weights_of<format_of<P>>::kept_bits != 0) {
        using mask = typename P::mask::mask;
        f.of = 100;
        if constexpr (requires { mask::m; }) f.of = mask::m;
        f.kept = mask::kept(f.of);
    }
    return f;
}

template <class Here>
std::string kernel_name(const kernel_facts& f, isa::level level) {
    const auto number = [](auto n) { return std::to_string(n); };
    const bool floats = f.activations == compute::float32;
    std::string name = floats ? "gemm_f32_f32" : kernel::is_binary(f.activations) ? "gemm_f32_qd1" : "gemm_f32_qd8";
    if (kernel::is_per_group(f.activations)) name += "g" + number(f.activation_cols);
    name += f.element.empty() ? (f.is_signed ? "_w" : "_u") + number(f.bits) : "_" + std::string{f.element};
    if (f.rows == 1 && f.cols != 0) name += "g" + number(f.cols);
    if (f.rows > 1) name += "b" + number(f.rows) + "x" + number(f.cols);
    if (f.block_rows > 0) {
        const auto& at = kernel::detail::best_of(kernel::block_tiles<Here>, level);
        const kernel::tile_extents tile = at.of(kernel::block_unit(f.block_rows));
        return name.append("s" + number(f.block_rows) + "x" + number(f.block_cols)) + "_" + number(tile.rows) + "x" +
               number(tile.columns) + "_" + std::string{isa::name(at.level)};
    }
    if (f.of > 0) name += "s" + number(f.kept) + "of" + number(f.of);
    const kernel::level_traits& at = kernel::detail::best_of(kernel::traits<Here>, level);
    const kernel::tile_extents tile = floats ? at.floats : at.integers;
    return name.append(f.offset) + "_" + number(tile.rows) + "x" + number(tile.columns) + "_" + std::string{isa::name(at.level)};
}

} // namespace detail

/// The kernel that a product of `p` with X of type T runs on the calling thread, also the name of its benchmark:
/// gemm_<Y>_<X>_<weights>_<rows x columns of results in registers>_<level>, where qd8 is an X that is quantized to int8 on the
/// way, and qd1 one of which the signs are taken. Weights that are packed as blocks of R x C have sRxC in their name,
/// those that are packed with a mask sNofM.
template <class T = float, class Here = isa::here, any_policy P>
[[nodiscard]] std::string kernel_name(const packed_matrix<P>& /*p*/) {
    return detail::kernel_name<Here>(detail::facts_of<P, T>(), isa::active<Here>());
}

/// A table for isa::explain: the kernels that products of these policies with float X run.
template <any_policy... Policies>
struct kernels_of {
    template <class Here = isa::here, class Stream>
    void operator()(Stream& out) const {
        constexpr std::array<detail::kernel_facts, sizeof...(Policies)> all{detail::facts_of<Policies, float>()...};
        out << "kernels:\n";
        for (const detail::kernel_facts& facts : all)
            out << "  " << detail::kernel_name<Here>(facts, isa::active<Here>()) << '\n';
    }
};

namespace isa {

/// Writes to a stream what this machine supports, what is active, and the kernels that products of common formats run. For those
/// of your own: explain(out, kernels_of<P, Q>{}).
template <class Here = here, class Stream>
void explain(Stream& out) {
    using namespace presets;
    explain<Here>(out, kernels_of<w8, w8g32, w4g32, w4g128, policy<int4, per_group<64>, asymmetric>, w2g32, w158,
                                  policy<binary, activations<binary>>, q4_1, nf4, mxfp4, nvfp4>{});
}

} // namespace isa

} // namespace lowbit::inline v0
