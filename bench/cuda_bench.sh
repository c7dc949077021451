#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# cuda_bench.sh [output folder]: with a GPU, in under ten minutes - builds cuda_bench, compares every kernel with the CPU, times
# products beside cuBLASLt or, where PyTorch is, beside its products in one process, writes the table of docs/cuda.md, and runs
# small shapes under compute-sanitizer. What the machine lacks is skipped, and named.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-$(mktemp -d)}
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
failed=0
say() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }

mkdir -p "$out"
build=$(mktemp -d)
program=$build/cuda_bench
arch=${LOWBIT_CUDA_ARCH:-sm_90a}
say "build for $arch"
compile() { # <with cuBLASLt>
  "$nvcc" -std=c++20 -O2 -split-compile 0 -lineinfo "-gencode=arch=compute_${arch#sm_},code=$arch" -diag-suppress 554,1675 -DLOWBIT_BENCH_CUBLASLT="$1" -Xcompiler -fPIC -shared \
    -I include bench/cuda_bench.cu -o "$build/libcuda_bench.so" $([ "$1" = 0 ] || echo -lcublasLt) > "$out/build.log" 2>&1
}
cublaslt=1
echo '#include <cublasLt.h>
int main() { return cublasLtGetVersion() == 0; }' > "$build/has.cu"
{ "$nvcc" "$build/has.cu" -o "$build/has" -lcublasLt && "$build/has"; } > /dev/null 2>&1 || { cublaslt=0; echo "skipped: what needs cuBLASLt, which is not found"; }
compile $cublaslt || { cat "$out/build.log"; exit 1; }
c++ bench/cuda_bench_main.cpp -o "$program" -L"$build" -lcuda_bench -Wl,-rpath,"$build" || exit 1
say "check"
timeout 100 "$program" check > "$out/check.log" 2>&1 || failed=1
grep -v '^ok' "$out/check.log"
printf '%s checks passed\n' "$(grep -c '^ok' "$out/check.log")"
say "time"
command -v nvidia-smi > /dev/null && nvidia-smi --query-gpu=name,clocks.sm,clocks.mem,power.draw --format=csv
timeout 130 "$program" time 2>&1 | tee "$out/time.md" || failed=1
table=$out/time.md
say "PyTorch"
if python3 -c 'import torch' 2> /dev/null; then
  timeout 150 python3 bench/cuda_peers.py "$build/libcuda_bench.so" 2> "$out/peers.err" | tee "$out/peers.md" && table=$out/peers.md || { failed=1; tail -n 5 "$out/peers.err"; }
else
  echo "skipped: no PyTorch here"
fi
command -v nvidia-smi > /dev/null && nvidia-smi --query-gpu=clocks.sm,clocks.mem,power.draw --format=csv
# What was measured goes between two comments of docs/cuda.md.
if [ $failed = 0 ] && grep -q '^|' "$table"; then
  { printf '<!-- measured -->\nMeasured on %s, by `bash bench/cuda_bench.sh`:\n\n' "$(date +%F)"; cat "$table"; } > "$out/measured.md"
  awk -v new="$out/measured.md" '
    /^<!-- measured -->/ { while ((getline line < new) > 0) print line; skip = 1 }
    /^<!-- \/measured -->/ { skip = 0 }
    !skip' docs/cuda.md > "$out/cuda.md" && cp "$out/cuda.md" docs/cuda.md
fi
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer /usr/local/cuda/compute-sanitizer/compute-sanitizer 2> /dev/null | head -n 1)
if [ -n "$sanitizer" ]; then
  for tool in memcheck racecheck; do
    say "$tool"
    timeout -k 5 70 "$sanitizer" --tool "$tool" --error-exitcode 9 "$program" small > "$out/$tool.log" 2>&1
    status=$?
    if grep -q 'Device not supported' "$out/$tool.log"; then
      echo "skipped: $tool, which this machine does not let look at its device"
      continue
    fi
    [ $status = 0 ] || failed=1
    [ $status != 124 ] || echo "$tool ran out of time"
    grep -E '=========|WRONG' "$out/$tool.log" | tail -n 5
  done
else
  echo "skipped: no compute-sanitizer here"
fi
say "$([ $failed = 0 ] && echo 'all passed' || echo 'FAILED')"
exit $failed
