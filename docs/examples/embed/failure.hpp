// SPDX-License-Identifier: MIT
// What cannot be used: a file, a tensor, an option.
#pragma once

#include <lowbit/core/expected.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace embed {

/// `what()` is the line for the user.
struct input_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The value, or an input_error that says what it was of.
template <class T>
T value_of(lowbit::expected<T> result, const std::string& of) {
    if (!result) throw input_error(of + ": " + result.error().message + " (at " + std::to_string(result.error().offset) + ')');
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

} // namespace embed
