# SPDX-License-Identifier: MIT
# The targets. lowbit::lowbit is the library; lowbit::eigen and lowbit::io add what their headers include (Eigen, nlohmann_json),
# which find_package finds where they are asked for. All headers install together; each target verifies its own.
include(${CMAKE_CURRENT_LIST_DIR}/find_xsimd.cmake)
if(LOWBIT_XSIMD_PROBLEM AND LOWBIT_FETCH_DEPENDENCIES)
  include(FetchContent)
  FetchContent_Declare(xsimd GIT_REPOSITORY https://github.com/xtensor-stack/xsimd.git GIT_TAG 13.2.0 SYSTEM)
  FetchContent_MakeAvailable(xsimd)
  include(${CMAKE_CURRENT_LIST_DIR}/find_xsimd.cmake)
endif()
if(LOWBIT_XSIMD_PROBLEM)
  message(FATAL_ERROR "${LOWBIT_XSIMD_PROBLEM}.\n"
    "On Debian `bash cmake/bootstrap.sh` installs it; -D LOWBIT_FETCH_DEPENDENCIES=ON downloads it.")
endif()

# Which headers belong to a component: the first matching line wins, everything else is the library itself.
set(eigen_headers "lowbit/eigen\\.hpp$|lowbit/exec/eigen|lowbit/calibrate")
set(io_headers "lowbit/io\\.hpp$|lowbit/io/")

file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.hpp)
file(GLOB_RECURSE bodies CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.inl)

# lowbit_component(<target> <exported name> [dependency]): takes the component's headers out of ${headers}.
function(lowbit_component target name pattern)
  set(mine ${headers})
  list(FILTER mine INCLUDE REGEX "${pattern}")
  list(REMOVE_ITEM headers ${mine})
  set(headers ${headers} PARENT_SCOPE)

  add_library(${target} INTERFACE)
  add_library(lowbit::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${mine})
  if(PROJECT_IS_TOP_LEVEL)
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
  else()
    set_target_properties(${target} PROPERTIES SYSTEM ON)  # a parent's warning flags are for the parent's code
  endif()
endfunction()

lowbit_component(lowbit_eigen eigen "${eigen_headers}")
lowbit_component(lowbit_io io "${io_headers}")
lowbit_component(lowbit lowbit ".")

# The package config file repeats these dependencies for who has installed us.
target_compile_features(lowbit INTERFACE cxx_std_20)
target_link_libraries(lowbit INTERFACE $<BUILD_INTERFACE:xsimd::xsimd>)
target_link_libraries(lowbit_eigen INTERFACE lowbit Eigen3::Eigen)
target_link_libraries(lowbit_io INTERFACE lowbit nlohmann_json::nlohmann_json)

# Kernel bodies are included inside target regions: installed, but no header that could compile alone.
target_sources(lowbit INTERFACE FILE_SET bodies TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${bodies})
