// SPDX-License-Identifier: MIT
// raised: what a call that must fail reported. Works without exceptions too: there the call runs in a child process, whose
// failure handler sends the report.
#pragma once

#include <lowbit/core/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#if !defined(__cpp_exceptions)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace lowbit_test {

struct report {
    lowbit::errc code{};
    std::string text;

    [[nodiscard]] bool says(const char* part) const { return text.find(part) != std::string::npos; }
};

#if defined(__cpp_exceptions)

/// The lowbit::exception that f() throws, or nothing.
template <class F>
std::optional<report> raised(F&& f) {
    try {
        f();
    } catch (const lowbit::exception& e) {
        return report{e.code(), e.what()};
    }
    return std::nullopt;
}

#else

namespace detail {
inline int report_pipe = -1;

inline void send_report(lowbit::errc code, const char* text) noexcept {
    const char head = static_cast<char>(code);
    const bool sent = write(report_pipe, &head, 1) == 1 && write(report_pipe, text, std::strlen(text)) >= 0;
    _exit(sent ? 0 : 2);
}
} // namespace detail

/// What the failure handler hears while f() runs, or nothing.
template <class F>
std::optional<report> raised(F&& f) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) std::abort();
    if (child == 0) {
        detail::report_pipe = ends[1];
        lowbit::set_failure_handler(&detail::send_report);
        f();
        _exit(1); // came back
    }
    close(ends[1]);
    std::string heard;
    char buffer[512];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) heard.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (heard.empty() || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
    return report{static_cast<lowbit::errc>(heard[0]), heard.substr(1)};
}

#endif

/// Whether f() raises this code, with every one of these parts in its text; prints what it heard where it does not.
template <class F, class... Parts>
bool raises(lowbit::errc code, F&& f, Parts... parts) {
    const std::optional<report> heard = raised(f);
    if (heard && heard->code == code && (heard->says(parts) && ...)) return true;
    std::printf("raises: %s\n", heard ? heard->text.c_str() : "nothing was raised");
    return false;
}

} // namespace lowbit_test
