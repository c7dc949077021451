// SPDX-License-Identifier: MIT
// value_of: what was asked of a file, or the end of the program.
#pragma once

#include "tensor_text.hpp"

#include <lowbit/core/expected.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace demo {

/// The value; throws input_error, which says what it was of.
template <class T>
T value_of(lowbit::expected<T> result, const std::string& of) {
    if (!result) refuse(of, result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

} // namespace demo
