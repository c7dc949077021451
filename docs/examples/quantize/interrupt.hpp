// SPDX-License-Identifier: MIT
// Ctrl-C and its like: noticed between two pieces of work, so that everything is cleaned up as after an error.
#pragma once

namespace demo {

/// Thrown where work stops because of a signal.
struct interrupted {
    int signal;
};

/// From now on signals that ask the program to end are only noted, and a file that grows too large is an error of the write.
void watch_signals();
/// Throws interrupted where a signal has been noted.
void stop_if_interrupted();

} // namespace demo
