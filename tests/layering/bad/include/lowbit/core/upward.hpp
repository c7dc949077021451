// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: includes <lowbit/gemm/gemm.hpp>, which is not on a lower floor
#pragma once
#include <lowbit/gemm/gemm.hpp>
