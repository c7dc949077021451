// SPDX-License-Identifier: MIT
// A handler may do nothing but remember.
#include "interrupt.hpp"

#include <csignal>

namespace demo {
namespace {

volatile std::sig_atomic_t noted = 0;

void note(int signal) { noted = signal; }

/// A signal that whoever started us ignores, nohup for one, stays ignored.
void watch(int signal) {
    if (std::signal(signal, note) == SIG_IGN) std::signal(signal, SIG_IGN);
}

} // namespace

void watch_signals() {
    watch(SIGINT);
    watch(SIGTERM);
#if defined(SIGHUP)
    watch(SIGHUP);
#endif
#if defined(SIGXFSZ)
    std::signal(SIGXFSZ, SIG_IGN);
#endif
}

void stop_if_interrupted() {
    if (noted != 0) throw interrupted{noted};
}

} // namespace demo
