# SPDX-License-Identifier: MIT
# The cases of quantize, see run_case.sh. $helper makes the files and checks them, see quantize_files.cpp.

# nothing_beside FILE...: these files and no others are here
nothing_beside() {
  local found expected
  found=$(ls | grep -vx -e out -e err | sort)
  expected=$(printf '%s\n' "$@" | sort)
  [[ $found == "$expected" ]] || fail "files: $found"
}

# json POINTER VALUE: what the report on stdout has there. within POINTER LOW HIGH: the same for numbers
json() {
  local found
  found=$("$helper" json out "$1") || fail "no JSON with $1"
  [[ $found == "$2" ]] || fail "$1 is $found, not $2"
}
within() {
  local found
  found=$("$helper" json out "$1") || fail "no JSON with $1"
  awk "BEGIN { exit !($2 <= $found && $found <= $3) }" || fail "$1 is $found, not between $2 and $3"
}

# some FILE [TYPE]: three matrices of 64 x 512 and four tensors that stay; ids comes first, then the matrices
some() { "$helper" make "$1" "${2:-f32}" 3 64 512; }

case_help() {
  runs --help
  prints 'inspect' 'convert' 'compare' '130'
  runs convert --help
  prints '--policy' '--keep' 'q4_k'
}
case_bad_arguments() {
  some model.safetensors
  refused 'subcommand is required'
  refused 'not expected: --bogus|subcommand is required' --bogus
  refused 'OUT is required' convert model.safetensors
  refused '--policy is required' convert model.safetensors out.gguf
  refused 'nope not in .*q4_0' convert model.safetensors out.gguf --policy nope
  refused '--threads' convert model.safetensors out.gguf --policy q4_0 --threads 0
  refused 'does not exist' inspect nothing
  refused 'is no regular expression' convert model.safetensors out.gguf --policy q4_0 --keep '('
  refused 'must end in .gguf or .safetensors' convert model.safetensors model.bin --policy q4_0
  mkdir folder.gguf
  refused 'no file that could be replaced' convert model.safetensors folder.gguf --policy q4_0
  ends 1 'No such file or directory' convert model.safetensors nowhere/out.gguf --policy q4_0
  nothing_beside folder.gguf model.safetensors
}
case_bad_input() {
  touch empty
  refused 'empty: ' inspect empty
  some model.safetensors
  head -c 3000 model.safetensors >short
  refused 'short: .*ends after the file' convert short out.gguf --policy q8_0
  { printf 'GGUF'; head -c 100 /dev/zero; } >zeros.gguf
  refused 'zeros.gguf: ' compare model.safetensors zeros.gguf
  cp model.safetensors nan.safetensors # behind blk.2.weight are norm.weight and odd.weight
  printf '\0\0\xc0\x7f' | dd of=nan.safetensors bs=1 seek=$(($(stat -c %s nan.safetensors) - 528 - 2048 - 4)) conv=notrunc status=none
  refused 'nan.safetensors: blk.2.weight: .*NaN.*row 63, column 511' convert nan.safetensors out.gguf --policy q8_0 --threads 2
  refused 'model.safetensors: .*q4_0.*safetensors has no tensors of this type' convert model.safetensors model.safetensors --policy q4_0
  { printf '\x93NUMPY\x01\0\x76\0'; printf '%-117s\n' "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 32), }"; head -c 504 /dev/zero; printf '\0\0\0\0\0\0\0\x7e'; } >far.npy
  refused 'far.npy: far: .*too large for a float.*row 1, column 31' convert far.npy out.gguf --policy f32
  nothing_beside empty far.npy model.safetensors nan.safetensors short zeros.gguf
}

# Each format is what lb::quantize gives, on one thread and on two, from each type of floats.
case_bytes_are_those_of_quantize() {
  local policy type threads
  for type in f32 f16 bf16; do
    some model.safetensors $type
    for policy in q4_0 q8_0 q4_k mxfp4; do
      for threads in 1 2; do
        runs convert model.safetensors out.gguf --policy $policy --threads $threads
        prints '3 of 7 tensors converted' 'odd.weight .*rows of 33 are no whole blocks' 'norm.weight .*not a matrix' 'ids .*no floats'
        "$helper" check model.safetensors out.gguf $policy >>out || fail "$policy from $type on $threads threads"
      done
    done
  done
}
# A file of one large matrix is encoded in many pieces.
case_pieces_join() {
  "$helper" make model.safetensors f16 1 5000 1024
  runs convert model.safetensors out.gguf --policy q4_0 --threads 2
  "$helper" check model.safetensors out.gguf q4_0 >>out || fail 'the pieces are not the whole'
}
case_every_policy() {
  local policy
  some model.safetensors
  for policy in $("$program" convert --help | sed -n 's/^Policies: //p'); do
    runs convert model.safetensors out.gguf --policy $policy
    runs compare model.safetensors out.gguf --json
    [[ $policy == f32 ]] || within /sqnr_db 2 90
  done
}
case_dense_types() {
  some model.safetensors f32
  runs convert model.safetensors half.safetensors --policy f16
  runs convert half.safetensors back.safetensors --policy f32
  runs convert back.safetensors again.safetensors --policy f16
  cmp half.safetensors again.safetensors || fail 'float16 does not survive float32'
  runs compare model.safetensors half.safetensors --json
  json /complete true
  within /sqnr_db 70 80
  runs inspect half.safetensors
  prints '^format = pt' '^blk.0.weight +64 x 512 +f16 +16.00 +65,536$' '^norm.weight +512 +f32'
  runs convert model.safetensors q.gguf --policy q8_0
  runs convert q.gguf floats.safetensors --policy f32
  runs compare q.gguf floats.safetensors --json
  json /sqnr_db null
  json /max_error 0.0
}
case_keep() {
  some model.safetensors
  runs convert model.safetensors out.gguf --policy q8_0 --keep 'blk\.[01]' --json
  json /tensors/1/name blk.0.weight
  json /tensors/1/to f32
  json /tensors/1/kept 'matches --keep'
  json /tensors/2/to f32
  json /tensors/3/to q8_0
  json /converted 1
}
case_gguf_metadata() {
  "$helper" gguf model.gguf
  runs convert model.gguf out.gguf --policy q4_1
  runs inspect out.gguf --json
  json /metadata/general.architecture test
  json /metadata/general.alignment 64
  json /metadata/test.words '[2 x string]'
  json /metadata/test.rate 0.500000000
  json /metadata/general.file_type 3
  json /metadata/general.quantization_version 2
  runs convert out.gguf out.gguf --policy f16
  runs inspect out.gguf
  prints '^general.file_type = 1$' '^a.weight +8 x 64 +f16'
  ! grep -q quantization_version out || fail 'blocks are promised where there are none'
  runs convert model.gguf out.safetensors --policy f16
  runs inspect out.safetensors
  prints '^test.rate = 0.5' '^general.architecture = test'
}
case_npy() {
  { printf '\x93NUMPY\x01\0\x76\0'; printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 32), }"; head -c 512 /dev/zero | tr '\0' '\077'; } >w.npy
  runs convert w.npy w.gguf --policy q8_0
  runs inspect w.gguf
  prints '^w +4 x 32 +q8_0 +8.50 +136$'
  runs compare w.npy w.gguf
  printf '\0\176' | dd of=w.gguf bs=1 seek=$(($(stat -c %s w.gguf) - 160)) conv=notrunc status=none # the first scale
  refused 'w.gguf: w: .*a scale is no finite number' convert w.gguf out.gguf --policy f32
  refused 'w.gguf: w: .*a scale is no finite number' compare w.npy w.gguf
  nothing_beside w.gguf w.npy
}
# What is converted is read in either byte order; what stays as it is would be big-endian still.
case_big_endian() {
  local order one
  for order in '<' '>'; do
    one='\0\0\200\077'
    [[ $order == '<' ]] || one='\077\200\0\0'
    { printf '\x93NUMPY\x01\0\x76\0'; printf '%-117s\n' "{'descr': '${order}f4', 'fortran_order': False, 'shape': (4, 32), }"; for _ in {1..128}; do printf "$one"; done; } >w.npy
    runs convert w.npy "$order.gguf" --policy q4_1
  done
  cmp '<.gguf' '>.gguf' || fail 'the byte order shows'
  cp "$(dirname "${BASH_SOURCE[0]}")/../fuzz/corpus/gguf/00_small_file_big_endian" big.gguf
  runs inspect big.gguf
  prints '^blocks +2 x 32 +q4_0'
  refused 'byte order is not the file' convert big.gguf out.gguf --policy f16
  nothing_beside '<.gguf' '>.gguf' big.gguf w.npy
}
case_compare() {
  local i code=0
  some a.safetensors
  "$helper" gguf other.gguf
  runs compare a.safetensors a.safetensors
  prints 'no difference'
  runs convert a.safetensors b.gguf --policy q4_0
  runs compare a.safetensors b.gguf --json --threads 2
  for i in 1 2 3; do
    json /tensors/$i/a/bytes 131072
    json /tensors/$i/b/bytes 18432
    within /tensors/$i/sqnr_db 20 23
    within /tensors/$i/max_error 0.001 0.05
  done
  cp out two
  runs compare a.safetensors b.gguf --json --threads 1
  cmp out two || fail 'two threads give other numbers than one'
  "$program" compare a.safetensors other.gguf >out 2>err || code=$?
  [[ $code == 1 ]] || fail "exit code $code where tensors are missing"
  prints '^a.weight .*only in B' '^ids .*only in A' 'not all tensors have a counterpart'
}
case_out_may_be_in() {
  some model.safetensors
  runs convert model.safetensors expected.safetensors --policy bf16
  ln -s model.safetensors link.safetensors
  runs convert model.safetensors link.safetensors --policy bf16
  [[ -L link.safetensors ]] || fail 'the link is gone'
  cmp model.safetensors expected.safetensors || fail 'another file'
  nothing_beside expected.safetensors link.safetensors model.safetensors
}

# A file that takes the program a while.
large() { "$helper" make large.safetensors f32 2 8192 4096; }

case_interrupt() {
  local signal code size
  large
  echo 'what was there' >large.gguf
  for signal in INT TERM; do
    code=0
    env --default-signal=INT "$program" convert large.safetensors large.gguf --policy q2_k --threads 1 >out 2>err &
    while [[ ! -s large.gguf.part0 ]]; do kill -0 $! || fail 'it was over too early'; done
    kill -$signal $!
    wait $! || code=$?
    [[ $code == $((128 + $(kill -l $signal))) ]] || fail "exit code $code for $signal"
    grep -q 'interrupted; nothing was written' err || fail 'not a word'
    [[ $(cat large.gguf) == 'what was there' ]] || fail 'the old file is gone'
    nothing_beside large.gguf large.safetensors
  done
}
# Nobody reads the report, which is more than a pipe holds.
case_interrupted_report() {
  local code=0
  "$helper" make many.safetensors f32 2000 1 32
  mkfifo pipe
  exec 3<>pipe
  env --default-signal=INT timeout -s KILL 20 "$program" inspect many.safetensors >pipe 2>err &
  read -r -n 1 -u 3
  kill -INT $!
  wait $! || code=$?
  touch out
  [[ $code == 130 ]] || fail "exit code $code"
}
case_full_disk() {
  some model.safetensors
  echo 'what was there' >out.gguf
  (
    ulimit -f 8 # KiB
    ends 1 'out.gguf: the file cannot be written.*File too large' convert model.safetensors out.gguf --policy q8_0 --threads 2
  )
  [[ $(cat out.gguf) == 'what was there' ]] || fail 'the old file is gone'
  nothing_beside model.safetensors out.gguf
  mkdir disk
  if ! mount -t tmpfs -o size=64k none disk 2>/dev/null; then
    echo 'skipped: a small disk cannot be mounted here'
    return
  fi
  trap 'umount disk; rm -rf "$scratch"' EXIT
  ends 1 'disk/out.gguf: the file cannot be written.*No space left on device' convert model.safetensors disk/out.gguf --policy q8_0
  [[ -z $(ls disk) ]] || fail 'something is left on the disk'
}
case_report_that_nobody_gets() {
  some model.safetensors
  local code=0
  "$program" inspect model.safetensors >/dev/full 2>err || code=$?
  touch out
  [[ $code == 1 ]] || fail "exit code $code"
  grep -q 'report cannot be written' err || fail 'not a word'
}
case_memory() {
  large
  local most tensor=$((8192 * 4096 * 4 / 1024)) command
  for command in "convert large.safetensors large.gguf --policy q8_0" "convert large.safetensors half.safetensors --policy f16" \
                 "convert large.gguf floats.gguf --policy f32" "compare large.safetensors large.gguf"; do
    most=$("$helper" peak "$program" $command --threads 2 | tail -1)
    ((most < tensor / 2)) || fail "$most KiB for: $command"
    echo "$most KiB, tensors of $tensor KiB: $command"
  done
}
case_progress_only_on_a_terminal() {
  some model.safetensors
  runs convert model.safetensors out.gguf --policy q4_0
  [[ ! -s err ]] || fail 'something on stderr'
  if ! command -v script >/dev/null; then
    echo 'skipped: no program that makes a terminal'
    return
  fi
  script -qec "'$program' convert model.safetensors out.gguf --policy q4_0" /dev/null </dev/null >out 2>err
  prints '\[#*\.*\].* MB/s'
}
