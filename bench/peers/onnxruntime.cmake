# SPDX-License-Identifier: MIT
# ONNX Runtime (Debian: libonnxruntime-dev, in trixie and sid).
find_library(LOWBIT_ONNXRUNTIME onnxruntime)
find_path(LOWBIT_ONNXRUNTIME_INCLUDE onnxruntime_cxx_api.h PATH_SUFFIXES onnxruntime)
if(LOWBIT_ONNXRUNTIME AND LOWBIT_ONNXRUNTIME_INCLUDE)
  add_library(peer_onnxruntime INTERFACE)
  target_include_directories(peer_onnxruntime SYSTEM INTERFACE ${LOWBIT_ONNXRUNTIME_INCLUDE})
  target_link_libraries(peer_onnxruntime INTERFACE ${LOWBIT_ONNXRUNTIME})
endif()
