// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: does not close its target region
#pragma once
LOWBIT_REGION_BEGIN(avx2)
