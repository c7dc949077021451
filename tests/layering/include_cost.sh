#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# include_cost.sh <include dir> <scratch dir>: the seconds that <lowbit/lowbit.hpp> adds, at -O2 with g++, to a file that already
# includes the same standard, intrinsics and xsimd headers: user time, the best of five compilations with less the best of five
# without. Other work on the machine can only add to either, so the best of both is nearest to the truth. The bar is a share of what
# the file takes without, a second on a machine of the day: so slow machines, and slow hours of one, have the same.
set -euo pipefail
include=$1 scratch=$2 bar=0.8
command -v g++ >/dev/null || { echo "SKIPPED: the bar is for g++, and there is none"; exit 77; }
[ -e "$include/lowbit/lowbit.hpp" ] || { echo "SKIPPED: there is no lowbit.hpp"; exit 77; }
compile() { g++ -std=c++20 -O2 -I "$include" "$@"; }

# Ours are what the compiler lists; theirs are what ours include.
ours=$(compile -MM -x c++ "$include/lowbit/lowbit.hpp" | tr -d '\\' | tr ' ' '\n' | grep "^$include" | sort -u)
grep -hE '^ *# *include *<' $ours | grep -v '<lowbit/' | tr -d ' ' | sort -u |
  sed -E 's/#include<([^>]*)>.*/#if __has_include(<\1>)\n#include <\1>\n#endif/' > "$scratch/without.cpp"
{ cat "$scratch/without.cpp"; echo '#include <lowbit/lowbit.hpp>'; } > "$scratch/with.cpp"

TIMEFORMAT=%U
exec 3>&2 # where a compiler that fails says why
seconds() { { time compile -c "$scratch/$1.cpp" -o /dev/null 2>&3; } 2>&1; }
for _ in 1 2 3 4 5; do
  with=$(seconds with)
  without=$(seconds without)
  echo "$with $without"
done | awk -v bar=$bar '
  NR == 1 || $1 < with { with = $1 }
  NR == 1 || $2 < without { without = $2 }
  END {
    printf "<lowbit/lowbit.hpp> adds %.3f s (with %.3f, without %.3f); the bar is %s of the last\n", with - without, with, without, bar
    exit !(NR == 5 && without > 0 && with > without && with - without <= bar * without)
  }'
