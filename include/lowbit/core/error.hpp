// SPDX-License-Identifier: MIT
// Errors: a small value for outside data, an exception (or a user's handler) for a caller's mistake.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string_view>

#include <lowbit/core/build_flags.hpp>
#include <lowbit/core/config.hpp>

namespace lowbit::inline v0 {

/// What went wrong, in the order a reader meets it.
enum class errc : std::uint8_t {
    invalid_argument, ///< a value that no call accepts
    shape_mismatch,   ///< two operands whose sizes do not fit
    short_buffer,     ///< an output, workspace or span with too few elements
    non_finite,       ///< NaN or infinity where a number is needed
    scale_range,      ///< a scale that its stored type cannot hold
    unsupported,      ///< this machine, level or combination cannot do it
    io,               ///< the operating system refused to open, read or map
    truncated,        ///< data ends before what it declares
    malformed,        ///< data that contradicts its own format
    limit_exceeded,   ///< a declared size above the reader's limit
    not_found,        ///< no such name
    device,           ///< a GPU, or what drives it, refused
};

/// The name of an error code, for messages.
LOWBIT_ALWAYS_INLINE constexpr std::string_view name(errc code) noexcept {
    switch (code) {
    case errc::invalid_argument: return "invalid argument";
    case errc::shape_mismatch: return "shape mismatch";
    case errc::short_buffer: return "short buffer";
    case errc::non_finite: return "non-finite value";
    case errc::scale_range: return "scale out of range";
    case errc::unsupported: return "unsupported";
    case errc::io: return "input/output";
    case errc::truncated: return "truncated";
    case errc::malformed: return "malformed";
    case errc::limit_exceeded: return "limit exceeded";
    case errc::not_found: return "not found";
    case errc::device: return "device";
    }
    return "unknown";
}

/// An error in data from outside. Holds no memory: the message is a literal.
struct error {
    errc code;               ///< what class of error
    const char* message;     ///< one sentence, static storage
    std::uint64_t offset{0}; ///< byte offset in a file, or element index in a tensor

    friend constexpr bool operator==(const error& a, const error& b) noexcept {
        return a.code == b.code && a.offset == b.offset && std::string_view{a.message} == b.message;
    }
};

namespace detail {

/// Text and numbers joined into a fixed buffer, so that reporting an error allocates nothing. Cuts what does not fit.
class error_text {
public:
    template <class... Parts>
    LOWBIT_ALWAYS_INLINE constexpr explicit error_text(const Parts&... parts) noexcept {
        (append(parts), ...);
    }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const char* c_str() const noexcept { return text_; }

private:
    LOWBIT_ALWAYS_INLINE constexpr void append(char c) noexcept {
        if (size_ + 1 < sizeof(text_)) text_[size_++] = c;
    }
    LOWBIT_ALWAYS_INLINE constexpr void append(std::string_view s) noexcept {
        for (const char c : s) append(c);
    }
    LOWBIT_ALWAYS_INLINE constexpr void append(std::unsigned_integral auto value) noexcept {
        char digits[20]{};
        int count = 0;
        do {
            digits[count++] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        while (count > 0) append(digits[--count]);
    }
    LOWBIT_ALWAYS_INLINE constexpr void append(std::signed_integral auto value) noexcept {
        if (value < 0) append('-');
        const auto bits = static_cast<std::uint64_t>(value);
        append(value < 0 ? std::uint64_t{0} - bits : bits);
    }

    char text_[256]{};
    std::size_t size_ = 0;
};

} // namespace detail

/// A caller's mistake: wrong shapes, short outputs, a level this machine lacks. `what()` holds the numbers.
class exception : public std::exception {
public:
    LOWBIT_ALWAYS_INLINE exception(errc code, detail::error_text text) noexcept : text_(text), code_(code) {}

    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE errc code() const noexcept { return code_; }

private:
    detail::error_text text_;
    errc code_;
};

/// Called instead of a throw when the library is built with -fno-exceptions. Must not return; if it does, or none is
/// set, the program aborts.
using failure_handler = void (*)(errc code, const char* text) noexcept;

namespace detail {
inline std::atomic<failure_handler> current_failure_handler{nullptr};
}

/// Sets the handler of builds without exceptions; returns the one before.
LOWBIT_ALWAYS_INLINE failure_handler set_failure_handler(failure_handler handler) noexcept {
    return detail::current_failure_handler.exchange(handler);
}

/// Reports a caller's mistake: throws lowbit::exception, or calls the failure handler and aborts. The parts (text and
/// integers) are joined into the message.
template <class Here = build_flags, class... Parts>
[[noreturn]] void raise(errc code, const Parts&... parts) {
    const detail::error_text text{parts...};
#if defined(__cpp_exceptions)
    throw exception(code, text);
#else
    if (const failure_handler handler = detail::current_failure_handler.load()) handler(code, text.c_str());
    std::abort();
#endif
}

/// Raises an error value, as `expected::value()` does.
template <class Here = build_flags>
[[noreturn]] void raise(const error& e) {
    raise<Here>(e.code, e.message, " (at ", e.offset, ")");
}

} // namespace lowbit::inline v0
