// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: is a kernel body, is compiled inside target regions, and so includes nothing
#pragma once
#include <cstdint>
