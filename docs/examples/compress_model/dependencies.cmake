# SPDX-License-Identifier: MIT
# zlib is optional: without it --mnist reads unpacked files only.
find_package(ZLIB)
if(ZLIB_FOUND)
  target_link_libraries(compress_model PRIVATE ZLIB::ZLIB)
  target_compile_definitions(compress_model PRIVATE LOWBIT_EXAMPLE_ZLIB)
endif()
