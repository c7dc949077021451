// SPDX-License-Identifier: MIT
// kernels_of: the names of the kernels that products of some policies run, for isa::explain and for reports.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <lowbit/gemm/weights.hpp>
#include <lowbit/isa/active.hpp>
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
};

template <any_policy P>
constexpr kernel_facts facts_of() noexcept {
    using E = typename P::element_type;
    using granularity = typename P::granularity;
    kernel_facts f{element_name<E>(), E::bits, true, granularity::rows, granularity::cols, P::activations::granularity::cols, "", compute_of<P, float>};
    if constexpr (integer_element<E>) {
        f.element = "";
        f.is_signed = E::is_signed;
    }
    if constexpr (P::offset::kind == offset_kind::zero_point) f.offset = "z";
    if constexpr (weights_of<format_of<P>>::minimums) f.offset = "m";
    return f;
}

/// gemm_f32_qd8_w4g32_4x64_avx512vnni: Y, X (qd8 = int8, quantized on the way), weights, tile of results in registers, level.
template <class Here, class Stream>
void write_kernel_name(Stream& out, const kernel_facts& f, isa::level level) {
    out << "gemm_f32_" << (f.activations == compute::float32 ? "f32" : "qd8");
    if (f.activations == compute::int8_per_group) out << 'g' << f.activation_cols;
    out << '_';
    if (f.element.empty()) {
        out << (f.is_signed ? 'w' : 'u') << f.bits;
    } else {
        out << f.element;
    }
    if (f.rows == 0) {
        out << 't';
    } else if (f.rows > 1) {
        out << 'b' << f.rows << 'x' << f.cols;
    } else if (f.cols != 0) {
        out << 'g' << f.cols;
    }
    const kernel::level_tiles& level_tiles = kernel::detail::best_of(kernel::tiles<Here>, level);
    const kernel::tile_extents tile = f.activations == compute::float32 ? level_tiles.floats : level_tiles.integers;
    out << f.offset << '_' << tile.rows << 'x' << tile.columns << '_' << isa::name(level_tiles.level);
}

} // namespace detail

/// A table for isa::explain: the kernels that products of these policies, from float X, run at the calling thread's level.
template <any_policy... Policies>
struct kernels_of {
    template <class Here = isa::here, class Stream>
    void operator()(Stream& out) const {
        constexpr std::array<detail::kernel_facts, sizeof...(Policies)> all{detail::facts_of<Policies>()...};
        for (const detail::kernel_facts& facts : all) {
            detail::write_kernel_name<Here>(out, facts, isa::active<Here>());
            out << '\n';
        }
    }
};

namespace isa {

/// Writes to a stream what this machine supports, what is active, and the kernels that products of the presets run. For those of
/// your own policies: explain(out, kernels_of<P, Q>{}).
template <class Here = here, class Stream>
void explain(Stream& out) {
    using namespace presets;
    explain<Here>(out, kernels_of<w8, w4, w8g32, w4g32, w4g64, w4g128, w2g32, w158, q1_0, q4_1, q4_k, gptq4<128>, nf4, iq4_nl, mxfp4, ocp_mxfp6_e2m3,
                                  ocp_mxfp6_e3m2, ocp_mxfp8_e4m3, ocp_mxfp8_e5m2, ocp_mxint8, nvfp4>{});
}

} // namespace isa

} // namespace lowbit::inline v0
