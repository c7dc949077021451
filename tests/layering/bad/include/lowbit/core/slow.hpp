// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: includes <iostream>, which no header of ours may
#pragma once
#include <iostream>
