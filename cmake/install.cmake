# SPDX-License-Identifier: MIT
# What `cmake --install` puts in place: headers, the CMake package and the pkg-config file, all independent of architecture.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/lowbit)

install(TARGETS lowbit lowbit_eigen lowbit_io lowbit_cuda EXPORT lowbit FILE_SET HEADERS FILE_SET bodies)
install(EXPORT lowbit NAMESPACE lowbit:: FILE lowbit-targets.cmake DESTINATION ${package_dir})

# 0.x releases may break, so a version satisfies only requests for its own minor version.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lowbit-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/lowbit-config-version.cmake cmake/lowbit-config.cmake cmake/find_xsimd.cmake
  DESTINATION ${package_dir})

configure_file(cmake/lowbit.pc.in ${PROJECT_BINARY_DIR}/lowbit.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lowbit.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
