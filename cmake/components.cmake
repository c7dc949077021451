# SPDX-License-Identifier: MIT
# The targets. lowbit::lowbit is the library; lowbit::eigen, lowbit::io and lowbit::cuda add what their headers include: Eigen,
# nlohmann_json, CUDA's runtime; lowbit::kernels is the library with its most used kernels compiled once, for many translation units
# in one build.
# All headers install together; each target holds its own, and verifies that each compiles alone where it can.
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

# Their targets stay in this folder's scope, where the link interfaces below are looked up: a parent project finds, or fetches, its own.
find_package(Eigen3 QUIET)
find_package(nlohmann_json QUIET)
find_package(CUDAToolkit QUIET)

# Which headers belong to a component; everything else is the library itself.
set(eigen_headers "lowbit/eigen\\.hpp$|lowbit/exec/eigen|lowbit/calibrate")
set(io_headers "lowbit/io\\.hpp$|lowbit/io/")
# What needs CUDA; the rest of lowbit/cuda/ is plain C++, compiled and tested everywhere.
set(cuda_headers "lowbit/cuda\\.hpp$|lowbit/cuda/(cublaslt|device_matrix|device_rows|matmul|quantize|runtime|tensor_map)\\.hpp$")

file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.hpp)
file(GLOB_RECURSE bodies CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.inl)
# What no header set verifies: this one lowbit_kernels compiles.
set(instantiation ${PROJECT_SOURCE_DIR}/include/lowbit/kernel/instantiate_kernels.hpp)
list(REMOVE_ITEM headers ${instantiation})

# lowbit_component(<target> <exported name> <its headers> <dependency>): takes its headers out of ${headers}.
function(lowbit_component target name pattern dependency)
  set(mine ${headers})
  list(FILTER mine INCLUDE REGEX "${pattern}")
  list(REMOVE_ITEM headers ${mine})
  set(headers ${headers} PARENT_SCOPE)

  add_library(${target} INTERFACE)
  add_library(lowbit::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${mine})
  # For who installs us, the package config file finds the dependencies.
  target_link_libraries(${target} INTERFACE $<BUILD_INTERFACE:${dependency}>)
  if(NOT PROJECT_IS_TOP_LEVEL)
    set_target_properties(${target} PROPERTIES SYSTEM ON)  # a parent's warning flags are for the parent's code
  elseif(TARGET ${dependency} AND NOT dependency MATCHES "^CUDA::")  # kernels are for nvcc: tests/cuda compiles them
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
  endif()
endfunction()

lowbit_component(lowbit_eigen eigen "${eigen_headers}" Eigen3::Eigen)
lowbit_component(lowbit_io io "${io_headers}" nlohmann_json::nlohmann_json)
lowbit_component(lowbit_cuda cuda "${cuda_headers}" CUDA::cudart)
lowbit_component(lowbit lowbit "." xsimd::xsimd)
target_compile_features(lowbit INTERFACE cxx_std_20)
target_link_libraries(lowbit_eigen INTERFACE lowbit)
target_link_libraries(lowbit_io INTERFACE lowbit)
target_link_libraries(lowbit_cuda INTERFACE lowbit)
# CMake 3.25 does not know that nvcc has C++20.
target_compile_options(lowbit_cuda INTERFACE $<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:-std=c++20>)

# Kernel bodies are included inside target regions: installed, but no header that could compile alone.
target_sources(lowbit INTERFACE FILE_SET bodies TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include
  FILES ${bodies} ${instantiation})

# Not installed: it has to be compiled with the flags of who links it.
file(CONFIGURE OUTPUT instantiate_kernels.cpp CONTENT "#include <lowbit/kernel/instantiate_kernels.hpp>\n")
add_library(lowbit_kernels STATIC EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/instantiate_kernels.cpp)
add_library(lowbit::kernels ALIAS lowbit_kernels)
target_link_libraries(lowbit_kernels PUBLIC lowbit)
target_compile_definitions(lowbit_kernels INTERFACE LOWBIT_EXTERN_KERNELS)
