// SPDX-License-Identifier: MIT
// The formats of GGUF that this program converts to and multiplies with.
#pragma once

#include <lowbit/io/dtype.hpp>
#include <lowbit/policy/presets.hpp>

#include <concepts>
#include <tuple>
#include <utility>

namespace demo {

namespace lb = lowbit;
namespace io = lb::io;

template <class P>
struct format {
    using policy = P;
    io::dtype type;
    io::dtype narrow; ///< what llama.cpp takes instead for rows that are no whole blocks
};

/// A new one is a line here, and costs seconds to compile.
inline constexpr std::tuple formats{
    format<lb::presets::q8_0>{io::dtype::q8_0, io::dtype::q8_0},
    format<lb::presets::q6_k>{io::dtype::q6_k, io::dtype::q8_0},
    format<lb::presets::q5_k>{io::dtype::q5_k, io::dtype::q5_1},
    format<lb::presets::q5_1>{io::dtype::q5_1, io::dtype::q5_1},
    format<lb::presets::q5_0>{io::dtype::q5_0, io::dtype::q5_0},
    format<lb::presets::q4_k>{io::dtype::q4_k, io::dtype::q5_0},
    format<lb::presets::q4_0>{io::dtype::q4_0, io::dtype::q4_0},
    format<lb::presets::iq4_nl>{io::dtype::iq4_nl, io::dtype::iq4_nl},
};

/// Calls f(format) for each of them, until it returns true; returns whether it did.
template <class F>
constexpr bool any_format(F&& f) {
    return std::apply([&](const auto&... each) { return (f(each) || ...); }, formats);
}

/// Whether P is listed.
template <class P>
inline constexpr bool known =
    any_format([](const auto& f) { return std::same_as<typename std::remove_cvref_t<decltype(f)>::policy, P>; });

} // namespace demo
