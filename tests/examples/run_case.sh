#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run_case.sh SCRIPT CASE PROGRAM [HELPER]: runs a case of an example's script in a folder of its own. A wrong file or option must
# give exit code 2, one line on stderr that says why, and nothing on stdout.
set -euo pipefail

program=$(realpath "$3")
[[ $# -lt 4 ]] || helper=$(realpath "$4")
source "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
  echo "FAILED: $*"
  echo "--- stdout"; cat out
  echo "--- stderr"; cat err
  exit 1
}

# ends CODE PATTERN ARGUMENTS...: with that exit code, one line on stderr and nothing on stdout
ends() {
  local expected=$1 pattern=$2 code=0
  shift 2
  "$program" "$@" >out 2>err || code=$?
  [[ $code == "$expected" ]] || fail "exit code $code, not $expected, for: $*"
  [[ $(wc -l <err) == 1 ]] || fail "not one line on stderr for: $*"
  [[ ! -s out ]] || fail "something on stdout for: $*"
  grep -Eq "^$(basename "$program"): .*$pattern" err || fail "no '$pattern' on stderr for: $*"
}

# refused PATTERN ARGUMENTS...
refused() { ends 2 "$@"; }

# runs ARGUMENTS...: must succeed
runs() {
  local code=0
  "$program" "$@" >out 2>err || code=$?
  [[ $code == 0 ]] || fail "exit code $code, not 0, for: $*"
}

# prints PATTERN...: each must be on stdout
prints() {
  local pattern
  for pattern in "$@"; do grep -Eq -e "$pattern" out || fail "no '$pattern' on stdout"; done
}

declare -F "case_$2" >/dev/null || { echo "no case $2"; exit 1; }
"case_$2"
echo "passed: $2"
