// SPDX-License-Identifier: MIT
// The line on stderr.
#include "progress.hpp"

#include "../common/terminal.hpp"

#include <cstdio>
#include <exception>
#include <utility>

namespace demo {

stage::stage(std::string name, int steps, bool quiet)
    : name_(std::move(name)), steps_(steps), quiet_(quiet), terminal_(stderr_is_terminal()),
      start_(std::chrono::steady_clock::now()) {
    rewrite({});
}

void stage::step(const std::string& note) {
    ++done_;
    rewrite(note);
}

void stage::rewrite(const std::string& note) const {
    if (quiet_ || !terminal_) return;
    std::fprintf(stderr, "\r\033[K%s", name_.c_str());
    if (steps_ > 0) std::fprintf(stderr, " %d/%d", done_, steps_);
    if (!note.empty()) std::fprintf(stderr, ": %s", note.c_str());
    std::fflush(stderr);
}

stage::~stage() {
    if (quiet_) return;
    const char* clear = terminal_ ? "\r\033[K" : "";
    if (std::uncaught_exceptions() > 0) { // the error is the one line to be read
        std::fputs(clear, stderr);
        return;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    const char* comma = result_.empty() ? "" : ", ";
    std::fprintf(stderr, "%s%s: %.1f s%s%s\n", clear, name_.c_str(), took.count(), comma, result_.c_str());
}

} // namespace demo
