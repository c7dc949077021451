#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cuda_bench.sh [output folder]: with a GPU, in under ten minutes - builds cuda_bench, compares every kernel with the CPU, times
# products beside cuBLASLt and, where PyTorch is, beside its own, and runs a small shape under compute-sanitizer.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-$(mktemp -d)}
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
failed=0
say() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }

mkdir -p "$out"
program=$(mktemp -d)/cuda_bench
arch=${LOWBIT_CUDA_ARCH:-sm_90a}
say "build for $arch"
"$nvcc" -std=c++20 -O2 -lineinfo -arch="$arch" -diag-suppress 554,1675 -I include bench/cuda_bench.cu -o "$program" -lcublasLt \
  > "$out/build.log" 2>&1 || { cat "$out/build.log"; exit 1; }
say "check"
timeout 120 "$program" check > "$out/check.log" 2>&1 || failed=1
grep -v '^ok' "$out/check.log"
printf '%s checks passed\n' "$(grep -c '^ok' "$out/check.log")"
say "time"
timeout 150 "$program" time 2>&1 | tee "$out/time.md" || failed=1
say "PyTorch"
if python3 -c 'import torch' 2> /dev/null; then
  timeout 100 python3 bench/cuda_peers.py 2>&1 | tee "$out/peers.md" || failed=1
else
  echo "skipped: no PyTorch here"
fi
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer /usr/local/cuda/compute-sanitizer/compute-sanitizer 2> /dev/null | head -n 1)
if [ -n "$sanitizer" ]; then
  for tool in memcheck racecheck; do
    say "$tool"
    timeout -k 5 60 "$sanitizer" --tool "$tool" --error-exitcode 9 "$program" small > "$out/$tool.log" 2>&1 || failed=1
    grep -E '=========|WRONG' "$out/$tool.log" | tail -n 5
  done
else
  echo "skipped: no compute-sanitizer here"
fi
say "$([ $failed = 0 ] && echo 'all passed' || echo 'FAILED')"
exit $failed
