#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fresh_root.sh [suite...]: shows that each of the README's two commands works on a machine with nothing but apt. For every suite
# (bookworm and trixie if none is named) and every command, mmdebstrap makes a minimal root of its own, puts the committed tree
# in it, runs the command there and removes the root. In trixie, libggml from its backports also loads our files. Needs mmdebstrap
# and root; the mounts are mmdebstrap's, in its own namespace.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t commands < <(grep -E '^bash cmake/bootstrap\.sh && cmake --workflow' README.md)
[ ${#commands[@]} = 2 ] || { echo "the README's two commands are not there" >&2; exit 1; }
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' | head -n 1)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
git archive --prefix=lowbit/ HEAD > "$scratch/lowbit.tar"

failed=0
# in_root <suite> <command> <argument of mmdebstrap>...
in_root() {
  local suite=$1 command=$2
  shift 2
  echo "=== $suite: $command"
  if mmdebstrap --quiet --variant=apt --format=null \
      --customize-hook="tar-in $scratch/lowbit.tar /root" \
      --customize-hook='chroot "$1" sh -c "cd /root/lowbit && '"$command"'" < /dev/null' \
      "$suite" - "$mirror" "$@" > "$scratch/log" 2>&1; then
    tail -n 40 "$scratch/log"; echo "=== $suite: passed"
  else
    tail -n 200 "$scratch/log"; echo "=== $suite: FAILED"; failed=1
  fi
}

[ $# -gt 0 ] || set -- bookworm trixie
for suite in "$@"; do
  for command in "${commands[@]}"; do in_root "$suite" "$command"; done
  [ "$suite" != trixie ] || in_root trixie \
    'bash cmake/bootstrap.sh && apt-get -qq -y --no-install-recommends install libggml-dev &&
      cmake --preset test && cmake --build build/test --target ggml_reads && ctest --test-dir build/test -R ggml_reads -V' \
    "deb $mirror trixie-backports main"
done
exit $failed
