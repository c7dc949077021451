# SPDX-License-Identifier: MIT
# cmake -D COMPILER=<c++> -D INCLUDE_DIRS=<list> -D SOURCE=<file> -P expect_error.cmake
# Passes when the file does not compile and the first error line holds the text of the file's `// expect: <text>` line.
file(READ ${SOURCE} text)
string(REGEX MATCH "\n// expect: ([^\n]+)" expected "${text}")
set(expected "${CMAKE_MATCH_1}")
if(expected STREQUAL "")
  message(FATAL_ERROR "${SOURCE} has no line `// expect: <text of the first error>`")
endif()

list(TRANSFORM INCLUDE_DIRS PREPEND -I)
set(ENV{LC_ALL} C)
execute_process(COMMAND ${COMPILER} -std=c++20 -Wfatal-errors ${INCLUDE_DIRS} -c ${SOURCE} -o /dev/null
  RESULT_VARIABLE result ERROR_VARIABLE output OUTPUT_QUIET)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, and must not")
endif()

string(REGEX MATCH "error: [^\n]*" first_error "${output}")
string(FIND "${first_error}" "${expected}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "expected: ${expected}\nfirst error line: ${first_error}\n\n${output}")
endif()
message("${first_error}")
