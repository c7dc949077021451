// SPDX-License-Identifier: MIT
// The smallest user of lowbit: includes it and compares the version.
#include <lowbit/version.hpp>

int main() { return LOWBIT_VERSION >= 100 ? 0 : 1; }
