# SPDX-License-Identifier: MIT
# XNNPACK (Debian: libxnnpack-dev and libpthreadpool-dev, in trixie and sid).
find_library(LOWBIT_XNNPACK XNNPACK)
find_library(LOWBIT_PTHREADPOOL pthreadpool)
find_path(LOWBIT_XNNPACK_INCLUDE xnnpack.h)
find_path(LOWBIT_PTHREADPOOL_INCLUDE pthreadpool.h)
if(LOWBIT_XNNPACK AND LOWBIT_PTHREADPOOL AND LOWBIT_XNNPACK_INCLUDE AND LOWBIT_PTHREADPOOL_INCLUDE)
  add_library(peer_xnnpack INTERFACE)
  target_include_directories(peer_xnnpack SYSTEM INTERFACE ${LOWBIT_XNNPACK_INCLUDE} ${LOWBIT_PTHREADPOOL_INCLUDE})
  target_link_libraries(peer_xnnpack INTERFACE ${LOWBIT_XNNPACK} ${LOWBIT_PTHREADPOOL})
endif()
