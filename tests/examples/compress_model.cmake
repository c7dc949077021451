# SPDX-License-Identifier: MIT
# Each case in compress_model.sh is a test; a new case needs no edit here.
set(script ${CMAKE_CURRENT_LIST_DIR}/compress_model.sh)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
file(STRINGS ${script} cases REGEX "^case_[a-z_]+\\(\\)")
foreach(line IN LISTS cases)
  string(REGEX REPLACE "^case_([a-z_]+).*" "\\1" case "${line}")
  add_test(NAME examples.compress_model.${case} COMMAND bash ${script} $<TARGET_FILE:compress_model> ${case})
  set_tests_properties(examples.compress_model.${case} PROPERTIES
    LABELS examples TIMEOUT 300 SKIP_REGULAR_EXPRESSION "SKIPPED")
endforeach()
