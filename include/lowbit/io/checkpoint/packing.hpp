// SPDX-License-Identifier: MIT
// packing: what a checkpoint's configuration says of its layers, for programs that learn it at run time.
#pragma once

#include <cstddef>
#include <limits>
#include <utility>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/quantize/any_matrix.hpp>
#include <lowbit/quantize/formats.hpp>

namespace lowbit::inline v0::io {

/// Bits and groups of a packed layer. Whether it has zero points, and types, its tensors say themselves.
struct packing {
    int bits = 4;
    std::size_t group = 128; ///< columns that share a scale; 0, where configurations have -1 or none, for all of a row
};

namespace detail {

/// Whether P has such codes and groups, and rows that share no scale.
template <packed_policy P>
constexpr bool is_packing(const packing& p) {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    using granularity = typename format_of<P>::granularity;
    return P::element_type::bits == p.bits && granularity::rows == 1 &&
           granularity::group_cols(most) == (p.group == 0 ? most : p.group);
}

/// The layer in the first format of quantize/formats.hpp with such codes and groups that can store it as it is; `read` is a
/// template over the policy that reads the layer, constrained to the policies it knows.
template <class Read>
expected<any_matrix> first_format(const packing& p, Read read) {
    expected<any_matrix> result = fail(errc::unsupported, "no format known at run time has such codes and groups");
    bool is_done = false;
    const auto attempt = [&]<any_policy P>() {
        if constexpr (packed_policy<P> && requires { read.template operator()<P>(); }) {
            if (is_done || !is_packing<P>(p)) return;
            if (auto q = read.template operator()<P>()) {
                result = any_matrix(std::move(*q));
                is_done = true;
            } else {
                result = unexpected<error>(q.error());
                is_done = q.error().code != errc::unsupported && q.error().code != errc::scale_range;
            }
        }
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (attempt.template operator()<format_at<I>>(), ...);
    }(std::make_index_sequence<format_count>{});
    return result;
}

} // namespace detail
} // namespace lowbit::inline v0::io
