// SPDX-License-Identifier: MIT
// A policy's tags: any order means the same, what is left out has the documented default, a format forgets how it was made.
#include <doctest/doctest.h>

#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/prune/criteria.hpp>
#include <lowbit/quantize/scale_rule.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lb = lowbit;

namespace {

template <class A, class B>
inline constexpr bool same_format = std::same_as<lb::format_of<A>, lb::format_of<B>>;

// One tag on every axis that can stand in one policy.
using every_tag =
    std::tuple<lb::int4, lb::per_group<64>, lb::scale_as<lb::uint6>, lb::super_scale<lb::float16, 4>, lb::tensor_scale,
               lb::asymmetric, lb::excess_codes, lb::high_first, lb::planar, lb::permuted_columns, lb::prune<lb::n_of_m<2, 4>>,
               lb::scale_rule<lb::mse>, lb::rounding<lb::nearest_away>, lb::zero_non_finite, lb::activations<float>>;
constexpr std::size_t tags = std::tuple_size_v<every_tag>;

template <std::size_t Start, std::size_t Step, std::size_t... I>
auto reordered(std::index_sequence<I...>) -> lb::policy<std::tuple_element_t<(Start + I * Step) % tags, every_tag>...>;
/// The tags from `Start` on, every `Step`-th (coprime to their number), around.
template <std::size_t Start, std::size_t Step>
using in_order = decltype(reordered<Start, Step>(std::make_index_sequence<tags>{}));

template <class A, class B>
constexpr bool same_choices() {
    return std::same_as<typename A::element_type, typename B::element_type> &&
           std::same_as<typename A::granularity, typename B::granularity> &&
           std::same_as<typename A::scale_type, typename B::scale_type> &&
           std::same_as<typename A::super_scale, typename B::super_scale> &&
           std::same_as<typename A::tensor_scale, typename B::tensor_scale> &&
           std::same_as<typename A::offset, typename B::offset> &&
           std::same_as<typename A::super_minimum, typename B::super_minimum> &&
           std::same_as<typename A::code_form, typename B::code_form> &&
           std::same_as<typename A::code_order, typename B::code_order> && std::same_as<typename A::layout, typename B::layout> &&
           std::same_as<typename A::column_order, typename B::column_order> && std::same_as<typename A::mask, typename B::mask> &&
           std::same_as<typename A::rule, typename B::rule> && std::same_as<typename A::rounding, typename B::rounding> &&
           std::same_as<typename A::non_finite, typename B::non_finite> &&
           std::same_as<typename A::activations, typename B::activations>;
}

template <std::size_t Step, std::size_t... Start>
constexpr bool all_orders(std::index_sequence<Start...>) {
    using written = in_order<0, 1>;
    return (same_choices<written, in_order<Start, Step>>() && ...) && (same_format<written, in_order<Start, Step>> && ...);
}

// Every default is written out: the policy that names it is the same format and makes the same choices.
template <class Short, class... Named>
constexpr bool defaults_to = same_choices<Short, Named...>() && (same_format<Short, Named> && ...);

using bare = lb::policy<lb::int8>;
using grouped = lb::policy<lb::int4, lb::per_group<32>>;

} // namespace

TEST_CASE("tags in any order are one policy") {
    static_assert(tags % 2 != 0 && tags % 7 != 0);
    CHECK(all_orders<1>(std::make_index_sequence<tags>{}));
    CHECK(all_orders<2>(std::make_index_sequence<tags>{}));
    CHECK(all_orders<7>(std::make_index_sequence<tags>{}));
    CHECK_FALSE(same_format<in_order<0, 1>, bare>);
}

TEST_CASE("format_of is idempotent and keeps nothing of how codes were found or are multiplied") {
    using made = in_order<0, 1>;
    using format = lb::format_of<made>;
    CHECK(std::same_as<lb::format_of<format>, format>);
    CHECK(std::same_as<format::element_type, lb::int4>);
    CHECK(std::same_as<format::rule, lb::absmax>);
    CHECK(std::same_as<format::rounding, lb::nearest_even>);
    CHECK(std::same_as<format::non_finite, lb::refuse_non_finite>);
    CHECK(std::same_as<format::activations, lb::automatic_activations>);
    CHECK(same_format<lb::policy<lb::int4, lb::prune<lb::unstructured<50>, struct own_criterion>>,
                      lb::policy<lb::int4, lb::prune<lb::unstructured<50>>>>);
    // and keeps everything that decides a byte
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int3, lb::per_group<32>>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<64>>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::scale_as<lb::bfloat16>>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::tensor_scale>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::asymmetric>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::minimum_as<lb::float16>>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::excess_codes>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::split_half<16>>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::planar_transposed>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::permuted_columns>>);
    CHECK_FALSE(same_format<grouped, lb::policy<lb::int4, lb::per_group<32>, lb::prune<lb::n_of_m<2, 4>>>>);
}

TEST_CASE("what is left out has the documented default") {
    CHECK(defaults_to<bare, lb::policy<lb::int8, lb::per_channel, lb::scale_as<float>, lb::one_level, lb::no_tensor_scale,
                                       lb::symmetric, lb::no_super_minimum, lb::native_codes, lb::sequential, lb::planar,
                                       lb::natural_order, lb::dense, lb::scale_rule<lb::absmax>, lb::rounding<lb::nearest_even>,
                                       lb::refuse_non_finite, lb::automatic_activations>>);
    // scales: float16 for groups and blocks, float for channels and tensors
    CHECK(std::same_as<grouped::scale_type, lb::float16>);
    CHECK(std::same_as<lb::policy<lb::int4, lb::per_block<8, 16>>::scale_type, lb::float16>);
    CHECK(std::same_as<lb::policy<lb::int4, lb::per_tensor>::scale_type, float>);
    CHECK(std::same_as<lb::policy<lb::int4, lb::per_channel>::scale_type, float>);
    CHECK(std::same_as<lb::policy<lb::scale_as<float>, lb::per_group<32>, lb::int4>::scale_type, float>);
    // asymmetric is a zero point of a byte, and a pruned policy keeps by magnitude
    CHECK(same_format<lb::policy<lb::int4, lb::asymmetric>, lb::policy<lb::int4, lb::zero_point_as<lb::uint8>>>);
    CHECK(std::same_as<lb::policy<lb::int4, lb::prune<lb::n_of_m<2, 4>>>::mask::criterion, lb::by_magnitude>);
}

TEST_CASE("a policy knows its bits, and only policies are policies") {
    CHECK(bare::bits == 8);
    CHECK(grouped::bits == 4);
    CHECK(lb::policy<lb::ternary>::bits == 2);
    CHECK(lb::any_policy<bare>);
    CHECK(lb::any_policy<lb::format_of<bare>>);
    CHECK_FALSE(lb::any_policy<lb::int8>);
    CHECK_FALSE(lb::any_policy<lb::per_channel>);
}

TEST_CASE("granularities count the weights that share a scale and masks count what they keep") {
    CHECK(lb::per_group<32>::group_cols(7) == 32);
    CHECK(lb::per_channel::group_cols(7) == 7);
    CHECK(lb::per_channel::group_cols(0) == 1);
    CHECK(lb::per_channel::group_rows(9) == 1);
    CHECK(lb::per_tensor::group_rows(9) == 9);
    CHECK(lb::per_tensor::group_rows(0) == 1);
    CHECK(lb::per_block<4, 8>::group_rows(2) == 4);

    CHECK(lb::n_of_m<2, 4>::kept(0) == 0);
    CHECK(lb::n_of_m<2, 4>::kept(1) == 1);
    CHECK(lb::n_of_m<2, 4>::kept(2) == 2);
    CHECK(lb::n_of_m<2, 4>::kept(3) == 2);
    CHECK(lb::n_of_m<2, 4>::kept(9) == 5);
    for (std::size_t k = 0; k < 1000; ++k) {
        CHECK(lb::unstructured<0>::kept(k) == k);
        CHECK(lb::unstructured<50>::kept(k) == k - k / 2);
        CHECK(lb::unstructured<33>::kept(k) == k - k * 33 / 100);
        CHECK(lb::unstructured<100>::kept(k) == 0);
        CHECK(lb::block_sparse<2, 8, 75>::kept(k) == k - k * 75 / 100);
    }
    // k * percent may overflow, the count may not
    CHECK(lb::unstructured<50>::kept(~std::size_t{0}) == (~std::size_t{0} >> 1) + 1);
}
