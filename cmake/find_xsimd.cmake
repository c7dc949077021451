# SPDX-License-Identifier: MIT
# Finds an xsimd that lowbit works with, under the one name xsimd::xsimd. Used by the build and, installed, by the package.
# Where there is none, LOWBIT_XSIMD_PROBLEM says why. The version is checked here and not by find_package, because
# xsimd's own version file refuses every other major version, ranges included.
unset(LOWBIT_XSIMD_PROBLEM)
if(NOT TARGET xsimd::xsimd AND NOT TARGET xsimd)
  find_package(xsimd CONFIG QUIET)
  if(NOT xsimd_FOUND)
    set(LOWBIT_XSIMD_PROBLEM "lowbit needs xsimd 13.2 up to below 15, and found none")
  elseif(xsimd_VERSION VERSION_LESS 13.2 OR xsimd_VERSION VERSION_GREATER_EQUAL 15)
    set(LOWBIT_XSIMD_PROBLEM "lowbit needs xsimd 13.2 up to below 15, and found ${xsimd_VERSION} in ${xsimd_DIR}")
  endif()
endif()
if(NOT TARGET xsimd::xsimd AND TARGET xsimd)
  add_library(xsimd::xsimd ALIAS xsimd)
endif()
