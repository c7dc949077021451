# SPDX-License-Identifier: MIT
# cmake -P notices.cmake: lints the tree `bad`, where each header commits one sin and names it in a line `// expect: <text>`.
# Passes when the lint fails and says each of them about the right header.
set(bad ${CMAKE_CURRENT_LIST_DIR}/bad)
execute_process(COMMAND ${CMAKE_COMMAND} -D ROOT=${bad} -P ${CMAKE_CURRENT_LIST_DIR}/lint.cmake
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "the lint passes a tree full of sins")
endif()
file(GLOB_RECURSE headers RELATIVE ${bad}/include ${bad}/include/*.hpp ${bad}/include/*.inl)
foreach(header IN LISTS headers)
  file(READ ${bad}/include/${header} text)
  string(REGEX MATCH "// expect: ([^\n]+)" expected "${text}")
  string(FIND "${output}" "${header}: ${CMAKE_MATCH_1}" position)
  if(expected STREQUAL "" OR position EQUAL -1)
    message(FATAL_ERROR "not noticed in ${header}: ${CMAKE_MATCH_1}\n${output}")
  endif()
endforeach()
message("${output}")
