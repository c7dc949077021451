// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: attic is in no line of tests/layering/floors.cmake
#pragma once

