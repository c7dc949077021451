// SPDX-License-Identifier: MIT
// Counts what this program takes from the heap.
#include "unit/io/counting_new.cpp"
