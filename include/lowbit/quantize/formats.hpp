// SPDX-License-Identifier: MIT
// formats: every format that has a name, listed once; what is known only at run time is found here.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <lowbit/core/config.hpp>
#include <lowbit/fwd.hpp>
#include <lowbit/policy/presets.hpp>

namespace lowbit::inline v0 {

/// A format, the name of its preset, and the number that GGUF files have for it.
template <any_policy P>
struct named_format {
    std::string_view name;
    int ggml_id = -1; ///< -1: GGUF has no such tensors
};

/// Formats in order: of each the policy in the type, the name and number in `rows`. A std::tuple, whose
/// layers each spell out the policies that follow, would add a tenth of a second to every translation unit.
template <any_policy... P>
struct format_list {
    struct row {
        std::string_view name;
        int ggml_id;
    };
    std::array<row, sizeof...(P)> rows;

    consteval explicit format_list(const named_format<P>&... f) : rows{row{f.name, f.ggml_id}...} {}
};

/// The formats that any_matrix may hold. A new one is a line here.
inline constexpr format_list formats{
    named_format<presets::w8>{"w8"},
    named_format<presets::w4>{"w4"},
    named_format<presets::w8g32>{"w8g32"},
    named_format<presets::w4g32>{"w4g32"},
    named_format<presets::w4g64>{"w4g64"},
    named_format<presets::w4g128>{"w4g128"},
    named_format<presets::w2g32>{"w2g32"},
    named_format<presets::w4zg32>{"w4zg32"},
    named_format<presets::w4zg64>{"w4zg64"},
    named_format<presets::w4zg128>{"w4zg128"},
    named_format<presets::gptq4<128>>{"gptq4_g128"},
    named_format<presets::fp8>{"fp8"},
    named_format<presets::w158>{"w158"},
    named_format<presets::nf4>{"nf4"},
    named_format<presets::fp4_bnb>{"fp4_bnb"},
    named_format<presets::q1_0>{"q1_0", 41},
    named_format<presets::q2_0>{"q2_0", 42},
    named_format<presets::q4_0>{"q4_0", 2},
    named_format<presets::q4_1>{"q4_1", 3},
    named_format<presets::q5_0>{"q5_0", 6},
    named_format<presets::q5_1>{"q5_1", 7},
    named_format<presets::q8_0>{"q8_0", 8},
    named_format<presets::q2_k>{"q2_k", 10},
    named_format<presets::q3_k>{"q3_k", 11},
    named_format<presets::q4_k>{"q4_k", 12},
    named_format<presets::q5_k>{"q5_k", 13},
    named_format<presets::q6_k>{"q6_k", 14},
    named_format<presets::iq4_nl>{"iq4_nl", 20},
    named_format<presets::iq4_xs>{"iq4_xs", 23},
    named_format<presets::tq1_0>{"tq1_0", 34},
    named_format<presets::tq2_0>{"tq2_0", 35},
    named_format<presets::mxfp4>{"mxfp4", 39},
    named_format<presets::ggml_nvfp4>{"ggml_nvfp4", 40},
    named_format<presets::ocp_mxfp4>{"ocp_mxfp4"},
    named_format<presets::ocp_mxfp6_e2m3>{"ocp_mxfp6_e2m3"},
    named_format<presets::ocp_mxfp6_e3m2>{"ocp_mxfp6_e3m2"},
    named_format<presets::ocp_mxfp8_e4m3>{"ocp_mxfp8_e4m3"},
    named_format<presets::ocp_mxfp8_e5m2>{"ocp_mxfp8_e5m2"},
    named_format<presets::ocp_mxint8>{"ocp_mxint8"},
    named_format<presets::nvfp4>{"nvfp4"},
    named_format<presets::nvfp4_divisor>{"nvfp4_divisor"},
};
inline constexpr std::size_t format_count = formats.rows.size();

namespace detail {

template <std::size_t I, any_policy... P>
std::tuple_element_t<I, std::tuple<std::type_identity<P>...>> format_in(const format_list<P...>&);

} // namespace detail

/// The policy at a place of the list.
template <std::size_t I>
using format_at = typename decltype(detail::format_in<I>(formats))::type;

/// The name at a place of the list.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::string_view format_name(std::size_t index) noexcept {
    return formats.rows[index].name;
}

/// The place of a name in the list, format_count if it is not there.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t find_format(std::string_view name) noexcept {
    std::size_t i = 0;
    while (i < format_count && formats.rows[i].name != name) ++i;
    return i;
}

/// The place of GGUF's type of that number in the list, format_count if it is not there.
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t find_ggml_format(int id) noexcept {
    std::size_t i = 0;
    while (i < format_count && (id < 0 || formats.rows[i].ggml_id != id)) ++i;
    return i;
}

/// Calls `f.template operator()<P>()` with the policy at a place of the list (below format_count); all calls have one type of
/// result. The compiler makes a copy of `f` for every format: let it do little, or be the only one.
template <class F>
constexpr decltype(auto) with_format(std::size_t index, F&& f) {
    using result = decltype(f.template operator()<format_at<0>>());
    return [&]<std::size_t... I>(std::index_sequence<I...>) -> result {
        using call = result (*)(F&);
        constexpr call calls[] = {[](F& g) -> result { return g.template operator()<format_at<I>>(); }...};
        return calls[index](f);
    }(std::make_index_sequence<format_count>{});
}

} // namespace lowbit::inline v0
