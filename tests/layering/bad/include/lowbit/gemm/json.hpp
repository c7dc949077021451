// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: includes <nlohmann/json.hpp>; JSON belongs to io
#pragma once
#include <nlohmann/json.hpp>
