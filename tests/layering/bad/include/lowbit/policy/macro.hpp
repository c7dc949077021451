// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: `#define MAX`: a macro of ours begins with LOWBIT_
#pragma once
#define MAX(a, b) ((a) > (b) ? (a) : (b))
