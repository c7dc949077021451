# SPDX-License-Identifier: MIT
# Eigen (Debian: libeigen3-dev).
find_package(Eigen3 QUIET)
if(TARGET Eigen3::Eigen)
  add_library(peer_eigen INTERFACE)
  target_link_libraries(peer_eigen INTERFACE Eigen3::Eigen)
endif()
