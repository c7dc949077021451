// SPDX-License-Identifier: MIT
// What is wrong with a policy, in words: every refusal a policy can meet, the first of which is the first error line.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

#include <lowbit/numeric/binary.hpp>
#include <lowbit/numeric/e8m0.hpp>
#include <lowbit/numeric/element.hpp>
#include <lowbit/numeric/ternary.hpp>
#include <lowbit/policy/axes.hpp>

namespace lowbit::inline v0 {

/// A tag of a policy: an element, or a type that names its axis.
template <class T>
concept policy_tag = element<T> || requires {
    { T::axis } -> std::convertible_to<policy_axis>;
};

namespace detail {

template <class Tag, policy_axis Axis>
inline constexpr bool is_on = [] {
    if constexpr (element<Tag>) {
        return Axis == policy_axis::element;
    } else if constexpr (requires { Tag::axis; }) {
        return Tag::axis == Axis;
    } else {
        return false;
    }
}();

/// The first tag on an axis, or the default.
template <policy_axis Axis, class Default, class... Tags>
struct tag_on {
    using type = Default;
};
template <policy_axis Axis, class Default, class Tag, class... Rest>
struct tag_on<Axis, Default, Tag, Rest...> {
    using type = typename std::conditional_t<is_on<Tag, Axis>, std::type_identity<Tag>, tag_on<Axis, Default, Rest...>>::type;
};
template <policy_axis Axis, class Default, class... Tags>
using tag_on_t = typename tag_on<Axis, Default, Tags...>::type;

template <policy_axis Axis, class... Tags>
inline constexpr bool at_most_one = (std::size_t{is_on<Tags, Axis>} + ... + 0) <= 1;

template <class E>
concept has_zero = element<E> && (E::decode(E::encode(0.0f)) == 0.0f);

template <class T>
concept storable_scale = std::same_as<T, float> || element<T>;

/// A stored number with a range: it can tell its largest value from the half.
template <class T>
inline constexpr bool has_range = [] {
    if constexpr (element<T>) {
        const float middle = T::decode(T::encode(T::max() * 0.5f));
        return middle > 0.0f && middle < T::max();
    }
    return std::same_as<T, float>;
}();

/// A stored number that may be negative.
template <class T>
inline constexpr bool has_sign = [] {
    if constexpr (element<T>) return T::lowest() < 0.0f;
    return std::same_as<T, float>;
}();

template <class T>
concept unsigned_integer = integer_element<T> && !T::is_signed;

/// The scale of scales: nothing, or a real number.
template <class T>
inline constexpr bool scales_scales = std::is_void_v<T> || (has_range<T> && !integer_element<T>);

/// What a wrapper tag is for: a scale rule, a rounding, a mask or a criterion.
template <class T>
concept stands_bare = !element<T> && (
                                         requires(std::span<const float> values) { T::range(values); } ||
                                         requires(std::span<const float> values) { T::range(values, 0); } ||
                                         requires { T::fit(0); } || requires(float x) { T::round(x, 0); } ||
                                         requires { T::kept(std::size_t{}); } || requires(float x) { T::score(x, x); });

/// Refuses a list of tags that is not a policy. Each text says which axis and what to write instead.
template <class... Tags>
struct diagnose {
    static_assert(
        (!stands_bare<Tags> && ...),
        "lowbit policy: a rule, rounding, mask or criterion stands bare; wrap it: scale_rule<mse>, rounding<stochastic>, "
        "prune<n_of_m<2, 4>, by_magnitude>");
    static_assert(
        (policy_tag<Tags> && ...),
        "lowbit policy: a tag is neither an element type nor on any axis; an element needs bits, code_type, encode, decode, "
        "lowest and max (concept lowbit::element), other tags are listed in policy/axes.hpp");
    static_assert((is_on<Tags, policy_axis::element> || ...),
                  "lowbit policy: no element type; name one, for example policy<lowbit::int4, ...>");
    static_assert(at_most_one<policy_axis::element, Tags...>, "lowbit policy: two element types; keep one");
    static_assert((is_on<Tags, policy_axis::offset> || ...) || has_sign<tag_on_t<policy_axis::element, int8, Tags...>>,
                  "lowbit policy: an element without negative values, as uint4, and no offset; add asymmetric or "
                  "minimum_as<float16>, or symmetric for weights that are never negative");
    static_assert(at_most_one<policy_axis::granularity, Tags...>,
                  "lowbit policy: two granularities; keep one of per_tensor, per_channel, per_group<N>, per_block<R, C>");
    static_assert(at_most_one<policy_axis::scale_type, Tags...>, "lowbit policy: two scale types; keep one scale_as<T>");
    static_assert(at_most_one<policy_axis::super_scale, Tags...>,
                  "lowbit policy: two super-scales; keep one super_scale<T, Groups>");
    static_assert(at_most_one<policy_axis::tensor_scale, Tags...>,
                  "lowbit policy: two tensor scales; keep one of tensor_scale, tensor_divisor");
    static_assert(
        at_most_one<policy_axis::offset, Tags...>,
        "lowbit policy: two offsets; keep one of symmetric, asymmetric, zero_point_as<T>, minimum_as<T>, quantized_minimum<T>");
    static_assert(at_most_one<policy_axis::super_minimum, Tags...>,
                  "lowbit policy: two super-minimums; keep one super_minimum<T, Groups>");
    static_assert(at_most_one<policy_axis::code_form, Tags...>,
                  "lowbit policy: two code forms; keep one of native_codes, excess_codes");
    static_assert(at_most_one<policy_axis::code_order, Tags...>,
                  "lowbit policy: two code orders; keep one of sequential, split_half<N>, high_first, "
                  "bit_planes<LowBits, LowOrder, HighOrder>, base3");
    static_assert(at_most_one<policy_axis::layout, Tags...>,
                  "lowbit policy: two layouts; keep one of planar, planar_transposed, interleaved<Groups, Fields...>");
    static_assert(at_most_one<policy_axis::column_order, Tags...>,
                  "lowbit policy: two column orders; keep one of natural_order, permuted_columns");
    static_assert(at_most_one<policy_axis::mask, Tags...>, "lowbit policy: two masks; keep one prune<Mask, Criterion>");
    static_assert(at_most_one<policy_axis::scale_rule, Tags...>, "lowbit policy: two scale rules; keep one scale_rule<Rule>");
    static_assert(at_most_one<policy_axis::rounding, Tags...>, "lowbit policy: two roundings; keep one rounding<Mode>");
    static_assert(at_most_one<policy_axis::non_finite, Tags...>,
                  "lowbit policy: two answers to NaN; keep one of refuse_non_finite, zero_non_finite");
    static_assert(at_most_one<policy_axis::activations, Tags...>,
                  "lowbit policy: two kinds of activations; keep one activations<T, Granularity>");
    static constexpr bool passed = true;
};

/// An unsigned integer that holds every level of an integer element.
template <class T, class E>
inline constexpr bool holds_levels = [] {
    if constexpr (integer_element<T> && integer_element<E>) return !T::is_signed && T::max_code >= E::max_code - E::min_code;
    return false;
}();

/// A code order and what it asks of the codes.
template <class Order>
struct order_needs {
    static constexpr bool shares_bytes = std::same_as<Order, high_first>; ///< a whole number of codes in each byte
    static constexpr bool digits = false;                                 ///< base 3
    static constexpr bool planes = false;                                 ///< wider codes than the low plane takes
};
template <std::size_t Half>
struct order_needs<split_half<Half>> : order_needs<void> {
    static constexpr bool shares_bytes = true;
};
template <std::size_t Codes, std::size_t... Runs>
struct order_needs<split_base3<Codes, Runs...>> : order_needs<void> {
    static constexpr bool digits = true;
};
template <int LowBits, class LowOrder, class HighOrder>
struct order_needs<bit_planes<LowBits, LowOrder, HighOrder>> : order_needs<void> {
    static constexpr bool planes = true;
};

/// Whether codes of that many bits stand in an order of one plane.
template <class Order>
constexpr bool fills_bytes(int bits) {
    return !order_needs<Order>::shares_bytes || 8 % bits == 0;
}

/// Refuses two planes of which one cannot be.
template <class Order, int Bits>
struct diagnose_planes {
    static constexpr bool passed = true;
};
template <int LowBits, class LowOrder, class HighOrder, int Bits>
struct diagnose_planes<bit_planes<LowBits, LowOrder, HighOrder>, Bits> {
    static_assert(LowBits > 0 && LowBits < Bits,
                  "lowbit policy: bit_planes<LowBits, ...> leaves one of its planes empty; the low "
                  "plane takes 1 bit or more, and less than the element has");
    static_assert(
        is_on<LowOrder, policy_axis::code_order> && is_on<HighOrder, policy_axis::code_order>,
        "lowbit policy: bit_planes<LowBits, LowOrder, HighOrder> takes two code orders, as split_half<32> or sequential");
    static_assert(!order_needs<LowOrder>::planes && !order_needs<HighOrder>::planes && !order_needs<LowOrder>::digits &&
                      !order_needs<HighOrder>::digits,
                  "lowbit policy: a plane of bit_planes is sequential, split_half<N> or high_first");
    static_assert(fills_bytes<LowOrder>(LowBits) && fills_bytes<HighOrder>(Bits - LowBits),
                  "lowbit policy: split_half and high_first share a byte among codes of 1, 2, 4 or 8 bits; give that plane of "
                  "bit_planes another order or another width");
    static constexpr bool passed = true;
};

template <class M>
concept masks = requires {
    { M::kept(std::size_t{}) } -> std::same_as<std::size_t>;
};

/// The largest scale that a type stores.
template <class T>
inline constexpr float largest_scale = [] {
    if constexpr (element<T>) return T::max();
    return std::numeric_limits<float>::max();
}();

/// Refuses tags that do not fit together. `Tags` is one choice on every axis, as a policy resolves them.
template <class Tags>
struct diagnose_combination {
    using element_type = typename Tags::element_type;
    using offset = typename Tags::offset;
    using scale_type = typename Tags::scale_type;
    using mask = typename Tags::mask;

    static_assert(element_type::bits <= 8, "lowbit policy: an element wider than 8 bits; weights take 1 to 8 bits, float16 and "
                                           "bfloat16 are types of X, Y and scales");
    static_assert(
        storable_scale<scale_type>,
        "lowbit policy: scale_as<T> with a type that stores no scale; use float, float16, bfloat16, float8_e4m3 or e8m0");
    static_assert(has_range<scale_type>, "lowbit policy: scale_as<T> with a type that has no range, as ternary; use float, "
                                         "float16, bfloat16, float8_e4m3 or e8m0");
    static_assert(
        scales_scales<typename Tags::super_scale::type>,
        "lowbit policy: super_scale<T, Groups> with a type that stores no real number; use super_scale<float16, Groups>");
    static_assert(!integer_element<scale_type> || !std::is_void_v<typename Tags::super_scale::type>,
                  "lowbit policy: integer scales need a second level; add super_scale<float16, Groups> or use scale_as<float16>");
    static_assert(std::is_void_v<typename Tags::super_scale::type> ||
                      largest_scale<scale_type> <= largest_scale<typename Tags::super_scale::type>,
                  "lowbit policy: scale_as<T> reaches further than its super_scale, which would be 0; use a smaller T, as uint6 "
                  "or float8_e4m3");
    static_assert(offset::kind != offset_kind::zero_point || integer_element<element_type>,
                  "lowbit policy: asymmetric needs an integer element, since a zero point is a code; use minimum_as<float16> or "
                  "an integer element");
    static_assert(offset::kind != offset_kind::zero_point || holds_levels<typename offset::type, element_type>,
                  "lowbit policy: zero_point_as<T> stores a code, counted from the lowest; T is uint4, uint8 or another unsigned "
                  "integer of enough bits");
    static_assert(offset::kind != offset_kind::minimum ||
                      (storable_scale<typename offset::type> && !integer_element<typename offset::type>),
                  "lowbit policy: minimum_as<T> stores a real number; use float, float16 or bfloat16");
    static_assert(offset::kind != offset_kind::minimum || (has_range<typename offset::type> && has_sign<typename offset::type>),
                  "lowbit policy: minimum_as<T> with a type that cannot be negative, as e8m0, or has no range; use float, "
                  "float16 or bfloat16");
    static_assert(offset::kind != offset_kind::quantized_minimum ||
                      (unsigned_integer<typename offset::type> && integer_element<element_type>),
                  "lowbit policy: quantized_minimum<T> needs an integer element, and an unsigned integer T as uint6 that counts "
                  "super-minimums");
    static_assert((offset::kind == offset_kind::quantized_minimum) == !std::is_void_v<typename Tags::super_minimum::type>,
                  "lowbit policy: quantized_minimum<T> and super_minimum<float16, Groups> go together; add the one that lacks, "
                  "or leave out the other");
    static_assert(
        scales_scales<typename Tags::super_minimum::type>,
        "lowbit policy: super_minimum<T, Groups> with a type that stores no real number; use super_minimum<float16, Groups>");
    static_assert(!mask::present || masks<typename mask::mask>,
                  "lowbit policy: prune<Mask, Criterion> with a Mask that keeps nothing; use n_of_m<N, M>, unstructured<percent> "
                  "or block_sparse<R, C, percent>");
    static_assert(!mask::present || has_zero<element_type>,
                  "lowbit policy: prune needs an element with an exact zero; this one has none, as binary and IQ4_NL");
    static_assert(!mask::present || offset::kind == offset_kind::none || offset::kind == offset_kind::zero_point,
                  "lowbit policy: prune with a minimum has no exact zero; use symmetric or asymmetric");
    static_assert(!mask::present || std::same_as<typename Tags::layout, planar>,
                  "lowbit policy: prune needs the planar layout; leave interleaved and planar_transposed out");
    static_assert(!order_needs<typename Tags::code_order>::digits || std::same_as<element_type, ternary>,
                  "lowbit policy: base3 and split_base3 store ternary codes; use lowbit::ternary, or leave the code order out");
    static_assert(fills_bytes<typename Tags::code_order>(element_type::bits),
                  "lowbit policy: split_half and high_first share a byte among codes of 1, 2, 4 or 8 bits; leave the code order "
                  "out, or split the codes: bit_planes<4, split_half<16>, sequential>");
    static_assert(diagnose_planes<typename Tags::code_order, element_type::bits>::passed);
    static_assert(!Tags::code_form::excess || integer_element<element_type>,
                  "lowbit policy: excess_codes shift an integer code; use an integer element, or leave excess_codes out");
    static_assert(std::is_void_v<typename Tags::activations::type> || std::same_as<typename Tags::activations::type, int8> ||
                      std::same_as<typename Tags::activations::type, float> ||
                      std::same_as<typename Tags::activations::type, binary>,
                  "lowbit policy: activations<T> with an unknown T; use activations<int8>, activations<int8, per_group<32>>, "
                  "activations<float> or activations<binary>");
    static_assert(Tags::activations::granularity::rows == 1, "lowbit policy: activations<int8, G> with a scale for several rows; "
                                                             "use activations<int8> or activations<int8, per_group<N>>");
    static_assert(!std::same_as<typename Tags::activations::type, binary> ||
                      (std::same_as<element_type, binary> && offset::kind == offset_kind::none),
                  "lowbit policy: activations<binary> meet weights of -1 and +1 only; use the element lowbit::binary and "
                  "symmetric, or activations<int8>");
    static_assert(!std::same_as<typename Tags::activations::type, float> ||
                      std::same_as<typename Tags::activations::granularity, per_channel>,
                  "lowbit policy: activations<float> have no scales; leave the granularity out");
    static constexpr bool passed = true;
};

} // namespace detail

} // namespace lowbit::inline v0
