// SPDX-License-Identifier: MIT
// The tests of mapped_file on its way without mmap, which other systems take.
#define LOWBIT_HAS_MMAP 0
#include "../io/mapped_file.cpp"
#include "../io/counting_new.cpp"
