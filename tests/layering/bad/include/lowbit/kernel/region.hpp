// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: includes <immintrin.h> inside a target region; only kernel/body/*.inl may stand there
#pragma once
LOWBIT_REGION_BEGIN(avx2)
#include <lowbit/kernel/body/fine.inl>
#include <immintrin.h>
LOWBIT_REGION_END
