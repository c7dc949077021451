# SPDX-License-Identifier: MIT
# oneDNN (Debian: libdnnl-dev, in trixie and sid).
find_library(LOWBIT_ONEDNN dnnl)
find_path(LOWBIT_ONEDNN_INCLUDE oneapi/dnnl/dnnl.hpp)
if(LOWBIT_ONEDNN AND LOWBIT_ONEDNN_INCLUDE)
  add_library(peer_onednn INTERFACE)
  target_include_directories(peer_onednn SYSTEM INTERFACE ${LOWBIT_ONEDNN_INCLUDE})
  target_link_libraries(peer_onednn INTERFACE ${LOWBIT_ONEDNN})
endif()
