#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# compile_check.sh <nvcc> <include folder> <source> <architecture> <scratch folder>: compiles the kernels of a source for one
# architecture and fails where ptxas spills registers, needs a stack, or serialises wgmma (its messages C75xx).
set -uo pipefail
nvcc=$1 include=$2 source=$3 arch=$4 scratch=$5
if ! command -v "$nvcc" > /dev/null; then
  echo "skipped: no nvcc on this machine"
  exit 77
fi
log=$scratch/$(basename "$source").$arch.log
"$nvcc" -std=c++20 "-gencode=arch=compute_${arch#sm_},code=$arch" -diag-suppress 554,1675 -Xptxas -v -I "$include" -c "$source" -o "$log.o" > "$log" 2>&1 \
  || { cat "$log"; exit 1; }
kernels=$(grep -c 'Used [0-9]* registers' "$log")
grep -o 'Used [0-9]* registers' "$log" | sort -V | uniq -c
bad=$(grep -E 'C75[0-9][0-9]|[1-9][0-9]* bytes (stack frame|spill)' "$log")
[ -z "$bad" ] || { echo "$source for $arch:"; grep -B 3 -E 'C75[0-9][0-9]|[1-9][0-9]* bytes (stack frame|spill)' "$log"; exit 1; }
[ "$kernels" -gt 0 ] || { echo "no kernel was compiled"; cat "$log"; exit 1; }
echo "$kernels kernels for $arch: no spills, no stack, no C75xx"
