// SPDX-License-Identifier: MIT
// policy<Tags...>: what a weight becomes, as one type. The tags come in any order; what is left out has a default.
#pragma once

#include <type_traits>

#include <lowbit/fwd.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/policy/axes.hpp>
#include <lowbit/policy/diagnose.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// The choice on every axis that a list of tags makes.
template <class... Tags>
struct choices {
    static_assert(diagnose<Tags...>::passed);

private:
    template <policy_axis Axis, class Default>
    using on = tag_on_t<Axis, Default, Tags...>;

public:
    // format: decides bytes and decoding
    using element_type = on<policy_axis::element, int8>;
    using granularity = on<policy_axis::granularity, per_channel>;
    using scale = on<policy_axis::scale_type, scale_as<std::conditional_t<granularity::cols != 0, float16, float>>>;
    using scale_type = typename scale::type;
    using super_scale = on<policy_axis::super_scale, one_level>;
    using tensor_scale = on<policy_axis::tensor_scale, no_tensor_scale>;
    using offset = on<policy_axis::offset, symmetric>;
    using super_minimum = on<policy_axis::super_minimum, no_super_minimum>;
    using code_form = on<policy_axis::code_form, native_codes>;
    using code_order = on<policy_axis::code_order, sequential>;
    using layout = on<policy_axis::layout, planar>;
    using column_order = on<policy_axis::column_order, natural_order>;
    using mask = on<policy_axis::mask, dense>;

    // encode: how codes are found
    using rule = typename on<policy_axis::scale_rule, lowbit::scale_rule<absmax>>::type;
    using rounding = typename on<policy_axis::rounding, lowbit::rounding<nearest_even>>::type;
    using non_finite = on<policy_axis::non_finite, refuse_non_finite>;

    // compute: the product
    using activations = on<policy_axis::activations, automatic_activations>;

    static constexpr int bits = element_type::bits;
};

} // namespace detail

/// One choice on every axis. From a policy follow the storage, the encoder, the decoder, the packing and the kernels.
///
/// Defaults: per_channel; symmetric; scales float16 for per_group and per_block, float for the rest; one level of scales; native
/// codes, sequential and planar; nothing pruned; absmax, nearest_even; NaN refused; automatic activations. An element must be
/// named.
template <class... Tags>
struct policy : detail::choices<Tags...> {
    static_assert(detail::diagnose_combination<detail::choices<Tags...>>::passed);
};

namespace detail {

template <class Mask>
struct format_mask {
    using type = dense;
};
template <class Mask, class Criterion>
struct format_mask<prune<Mask, Criterion>> {
    using type = prune<Mask>;
};

template <class P>
using format_of_policy =
    policy<typename P::element_type, typename P::granularity, typename P::scale, typename P::super_scale,
           typename P::tensor_scale, typename P::offset, typename P::super_minimum, typename P::code_form, typename P::code_order,
           typename P::layout, typename P::column_order, typename format_mask<typename P::mask>::type>;

} // namespace detail

/// The policy stripped to its format axes, every one written out in a fixed order: two policies store the same bytes if
/// this is the same type.
template <any_policy P>
using format_of = detail::format_of_policy<P>;

} // namespace lowbit::inline v0
