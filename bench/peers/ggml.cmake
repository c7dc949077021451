# SPDX-License-Identifier: MIT
# ggml's CPU backend (Debian: libggml-dev, in trixie-backports and sid).
find_library(LOWBIT_GGML ggml)
find_library(LOWBIT_GGML_BASE ggml-base)
find_path(LOWBIT_GGML_INCLUDE ggml-backend.h)
if(LOWBIT_GGML AND LOWBIT_GGML_BASE AND LOWBIT_GGML_INCLUDE)
  add_library(peer_ggml INTERFACE)
  target_include_directories(peer_ggml SYSTEM INTERFACE ${LOWBIT_GGML_INCLUDE})
  target_link_libraries(peer_ggml INTERFACE ${LOWBIT_GGML} ${LOWBIT_GGML_BASE})
endif()
