// SPDX-License-Identifier: MIT
// The version of lowbit, and the only place it stands: CMake reads these lines. Includes nothing, so it is free to include.
#pragma once

#define LOWBIT_VERSION_MAJOR 0
#define LOWBIT_VERSION_MINOR 1
#define LOWBIT_VERSION_PATCH 0

/// The version as one integer, for comparisons in #if: 1.2.3 is 10203.
#define LOWBIT_VERSION (LOWBIT_VERSION_MAJOR * 10000 + LOWBIT_VERSION_MINOR * 100 + LOWBIT_VERSION_PATCH)
