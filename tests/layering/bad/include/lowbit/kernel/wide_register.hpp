// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: _cvtsi64_si128 does not exist on 32-bit x86
#pragma once
#define LOWBIT_LOAD(bytes) _mm_cvtsi64_si128(bytes)
