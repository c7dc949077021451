// SPDX-License-Identifier: MIT
// Refused: a fact of a type that quantize does not read.
// expect: lowbit: with(...) takes a matrix of float (scores), a matrix of bool or std::uint8_t (mask), a vector of float (column statistics), a vector of std::uint32_t (column order) and a seed
#include <vector>

#include <lowbit/quantize/side_input.hpp>

auto refused(const std::vector<double>& statistics) { return lowbit::with(statistics); }
