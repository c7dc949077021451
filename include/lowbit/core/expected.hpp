// SPDX-License-Identifier: MIT
// expected<T>: a value or an error, for data from outside. std::expected where the library has it.
#pragma once

#include <lowbit/core/config.hpp>
#include <lowbit/core/error.hpp>

#include <type_traits>
#include <utility>
#include <variant>
#include <version>

#if defined(__cpp_lib_expected)
#include <expected>
#endif

namespace lowbit::inline v0 {

#if defined(__cpp_lib_expected)

template <class T, class E = error>
using expected = std::expected<T, E>;
using std::unexpected;

#else

/// Marks a value as the error of an expected.
template <class E>
class unexpected {
public:
    LOWBIT_ALWAYS_INLINE constexpr explicit unexpected(E e) : error_(std::move(e)) {}
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const E& error() const& noexcept { return error_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr E&& error() && noexcept { return std::move(error_); }

private:
    E error_;
};

/// The part of C++23's std::expected that lowbit needs, with the same meaning but for one thing: `value()` on an error raises it
/// as a lowbit::exception, where std's throws std::bad_expected_access. Programs for both ask has_value() first.
template <class T, class E = error>
class expected {
    using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

public:
    using value_type = T;
    using error_type = E;

    LOWBIT_ALWAYS_INLINE constexpr expected()
        requires std::is_default_constructible_v<stored>
        : state_(std::in_place_index<0>) {}
    template <class U = stored>
        requires(!std::is_same_v<std::remove_cvref_t<U>, expected> && !std::is_void_v<T> && std::is_constructible_v<stored, U>)
    LOWBIT_ALWAYS_INLINE constexpr explicit(!std::is_convertible_v<U, stored>) expected(U&& value)
        : state_(std::in_place_index<0>, std::forward<U>(value)) {} // NOLINT: as std::expected
    template <class G>
    LOWBIT_ALWAYS_INLINE constexpr explicit(!std::is_convertible_v<G, E>) expected(unexpected<G> e)
        : state_(std::in_place_index<1>, std::move(e).error()) {} // NOLINT: as std::expected

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr bool has_value() const noexcept { return state_.index() == 0; }
    LOWBIT_ALWAYS_INLINE constexpr explicit operator bool() const noexcept { return has_value(); }

    /// The value; undefined when there is none.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr stored& operator*() & noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const stored& operator*() const& noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr stored&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr stored* operator->() noexcept { return std::get_if<0>(&state_); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const stored* operator->() const noexcept { return std::get_if<0>(&state_); }

    /// The value; raises the error when there is none.
    LOWBIT_ALWAYS_INLINE constexpr stored& value() & {
        require();
        return **this;
    }
    LOWBIT_ALWAYS_INLINE constexpr const stored& value() const& {
        require();
        return **this;
    }
    LOWBIT_ALWAYS_INLINE constexpr stored&& value() && {
        require();
        return std::move(**this);
    }
    template <class U>
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr stored value_or(U&& other) const& {
        return has_value() ? **this : static_cast<stored>(std::forward<U>(other));
    }

    /// The error; undefined when there is a value.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const E& error() const noexcept { return *std::get_if<1>(&state_); }

private:
    LOWBIT_ALWAYS_INLINE constexpr void require() const {
        if (!has_value()) {
            if constexpr (std::is_same_v<E, lowbit::error>) {
                raise(error());
            } else {
                raise(errc::invalid_argument, "expected holds an error");
            }
        }
    }

    std::variant<stored, E> state_;
};

#endif

/// Shorthand for `return fail(errc::truncated, "...", offset);` in a function that returns an expected.
LOWBIT_ALWAYS_INLINE constexpr unexpected<error> fail(errc code, const char* message, std::uint64_t offset = 0) {
    return unexpected<error>(error{code, message, offset});
}

} // namespace lowbit::inline v0
