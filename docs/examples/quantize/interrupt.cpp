// SPDX-License-Identifier: MIT
// A handler may do nothing but remember.
#include "interrupt.hpp"

#include <csignal>

namespace demo {
namespace {

volatile std::sig_atomic_t noted = 0;

void note(int signal) { noted = signal; }

} // namespace

void watch_signals() {
    std::signal(SIGINT, note);
    std::signal(SIGTERM, note);
#if defined(SIGHUP)
    std::signal(SIGHUP, note);
#endif
#if defined(SIGXFSZ)
    std::signal(SIGXFSZ, SIG_IGN);
#endif
}

void stop_if_interrupted() {
    if (noted != 0) throw interrupted{noted};
}

} // namespace demo
