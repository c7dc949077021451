#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# include_cost.sh <include dir> <scratch dir>: the seconds that <lowbit/lowbit.hpp> adds, at -O2 with g++, to a file that already
# includes the same standard, intrinsics and xsimd headers: the median difference of five pairs, user + system time.
# The bar is 0.8 s; since other work may slow this machine, only twice the bar fails.
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

TIMEFORMAT='%U %S'
seconds() { { time compile -c "$1" -o /dev/null; } 2>&1 | awk '{ print $1 + $2 }'; }
differences=$(for _ in 1 2 3 4 5; do
  echo "$(seconds "$scratch/with.cpp") $(seconds "$scratch/without.cpp")"
done | awk '{ print $1 - $2, $1, $2 }' | sort -n)
median=$(sed -n 3p <<< "$differences")
echo "<lowbit/lowbit.hpp> adds ${median%% *} s (with, without: ${median#* }); the bar is $bar s, this test fails above twice that"
awk -v s="${median%% *}" -v bar=$bar 'BEGIN { exit !(s <= 2 * bar) }'
