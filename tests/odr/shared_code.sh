#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shared_code.sh <plain object> <newer object>: the linker keeps one copy of each function that both objects define, so none of
# these may use instructions of AVX or later, nor call what only the newer object has, which may use them. Lists those that do.
# x86-64 only.
set -euo pipefail

weak() { nm "$1" | awk '$2 ~ /^[WVu]$/ { print $3 }' | sort -u; }
# "<function> <what it needs>" for each function: "instruction", or a function that it names. Parts that the compiler has split
# off as .cold belong to their function.
needs() {
  objdump -dr --no-show-raw-insn "$1" | awk '
    /^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); sub(/\.cold$/, "", name) }
    $2 ~ /^(v[a-z0-9]+|andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt|movbe)$/ { print name, "instruction" }
    $2 ~ /^R_X86_64_/ { to = $3; sub(/[-+]0x[0-9a-f]+$/, "", to); sub(/\.cold$/, "", to); if (to != name) print name, to }' | sort -u
}

shared=$(comm -12 <(weak "$1") <(weak "$2"))
needed=$(needs "$2")
newer=$(awk '$2 == "instruction" { print $1 }' <<< "$needed")
[ -n "$shared" ] && [ -n "$newer" ] || { echo "nothing to compare: the objects share no function, or none uses a newer CPU"; exit 1; }
own=$(nm "$2" | awk '$2 ~ /^[TtWu]$/ { print $3 }' | sort -u | comm -23 - <(echo "$shared"))
broken=$(awk '
  FILENAME == ARGV[1] { shared[$1]; next }
  FILENAME == ARGV[2] { own[$1]; next }
  $1 in shared && ($2 == "instruction" || $2 in own) { print $1, $2 }' <(echo "$shared") <(echo "$own") <(echo "$needed") | c++filt)
echo "$(wc -l <<< "$shared") shared, $(wc -l <<< "$newer") with newer instructions, both, or call such:${broken:+
$broken}"
[ -z "$broken" ]
