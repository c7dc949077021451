#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shared_code.sh <plain object> <newer object>: the linker keeps one copy of each function that both objects define, so none of
# these may use instructions of AVX or later. Lists those that do. x86-64 only.
set -euo pipefail

weak() { nm "$1" | awk '$2 ~ /^[WVu]$/ { print $3 }' | sort -u; }
uses_newer_instructions() {
  objdump -d --no-show-raw-insn "$1" | awk '
    /^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3) }
    $2 ~ /^(v[a-z0-9]+|andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt|movbe)$/ { print name }' | sort -u
}

shared=$(comm -12 <(weak "$1") <(weak "$2"))
newer=$(uses_newer_instructions "$2")
[ -n "$shared" ] && [ -n "$newer" ] || { echo "nothing to compare: the objects share no function, or none uses a newer CPU"; exit 1; }
broken=$(comm -12 <(echo "$shared") <(echo "$newer") | c++filt)
echo "$(wc -l <<< "$shared") shared, $(wc -l <<< "$newer") with newer instructions, both:${broken:+
$broken}"
[ -z "$broken" ]
