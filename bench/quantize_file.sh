#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# quantize_file.sh PROGRAM IN.safetensors FOLDER [POLICY...]: how long docs/examples/quantize takes to convert a file on two threads,
# beside a plain copy of as many bytes in the same run: dd reads IN and writes what came out, one after the other, and two at once, each
# half of both. Milliseconds, medians of nine; IN is read once before, so it comes from the page cache. Each ends when the disk has its
# bytes.
set -euo pipefail
program=$1 in=$2 folder=$3
shift 3
[ $# -gt 0 ] || set -- q8_0 q4_0
out=$folder/quantize_file.gguf copy=$folder/quantize_file.copy
trap 'rm -f "$out" "$copy"' EXIT
cat "$in" > /dev/null

milliseconds() {
  rm -f "$out"
  local start=$EPOCHREALTIME
  "$@" > /dev/null 2>&1
  local end=$EPOCHREALTIME
  echo $(((${end/[.,]/} - ${start/[.,]/}) / 1000))
}
median() { printf '%s\n' "$@" | sort -n | sed -n 5p; }
read_all() { dd if="$in" of=/dev/null bs=1M; }
write_all() { dd if="$copy" of="$out" bs=1M conv=fsync; }
in_turn() { read_all; write_all; }
half() { # 0 or 1
  local all=$(($(stat -c %s "$in") >> 20)) made=$(($(stat -c %s "$copy") >> 20))
  dd if="$in" of=/dev/null bs=1M skip=$(($1 * all / 2)) count=$((all / 2))
  dd if="$copy" of="$out" bs=1M skip=$(($1 * made / 2)) seek=$(($1 * made / 2)) count=$((made / 2)) conv=notrunc,fsync
}
two_halves() { half 0 & half 1; wait; }

for policy; do
  "$program" convert "$in" "$out" --policy "$policy" > /dev/null
  mv "$out" "$copy"
  ours=() in_turn=() halves=()
  for _ in {1..9}; do
    ours+=("$(milliseconds "$program" convert "$in" "$out" --policy "$policy" --threads 2)")
    in_turn+=("$(milliseconds in_turn)")
    halves+=("$(milliseconds two_halves)")
  done
  printf '%s: %s ms; a copy of as many bytes: %s ms one after the other, %s ms by two at once\n' "$policy" "$(median "${ours[@]}")" \
    "$(median "${in_turn[@]}")" "$(median "${halves[@]}")"
done
