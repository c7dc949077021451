# SPDX-License-Identifier: MIT
# OpenBLAS (Debian: libopenblas-dev): what float weights cost.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(LOWBIT_OPENBLAS QUIET IMPORTED_TARGET openblas)
endif()
if(TARGET PkgConfig::LOWBIT_OPENBLAS)
  add_library(peer_openblas INTERFACE)
  target_link_libraries(peer_openblas INTERFACE PkgConfig::LOWBIT_OPENBLAS)
endif()
