// SPDX-License-Identifier: MIT
// Commits one sin for notices.cmake to find.
// expect: includes <Eigen/Core>; Eigen belongs to eigen.hpp
#pragma once
#include <Eigen/Core>
