// SPDX-License-Identifier: MIT
// Declarations of the types that a header hands around by reference or pointer. To spell a policy, policy/presets.hpp is enough.
#pragma once

#include <cstdint>

namespace lowbit::inline v0 {

enum class errc : std::uint8_t;
struct error;
class exception;

template <class T>
class matrix;
template <class T>
class matrix_view;
template <class T>
class transposed_view;
template <class View>
class batch_view;

template <class... Tags>
struct policy;

namespace detail {

template <class T>
inline constexpr bool is_policy = false;
template <class... Tags>
inline constexpr bool is_policy<policy<Tags...>> = true;

} // namespace detail

/// A policy, as the argument of quantize, a container or a view.
template <class P>
concept any_policy = detail::is_policy<P>;

struct side_input;
template <any_policy P>
class quantized_matrix;
template <any_policy P>
class quantized_view;
template <any_policy P>
class packed_matrix;
class any_matrix;

template <class... Parts>
struct epilogue_t;

namespace isa {

enum class level : std::uint8_t;
class scoped_level;

} // namespace isa

} // namespace lowbit::inline v0
