// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: includes a file in quotes; write <lowbit/...>
#pragma once
#include "config.hpp"
