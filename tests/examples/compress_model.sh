# SPDX-License-Identifier: MIT
# The cases of compress_model, see run_case.sh.

real_digits=$(realpath -m "$(dirname "${BASH_SOURCE[0]}")/../../../shared/data") # MNIST, where it lies beside the project

# holds CONDITION: over the numbers of table.csv, where `policy.column` is one: int8.retrained >= float.accuracy - 2
holds() {
  awk -F, -v condition="$1" '
    function value(name, parts) { split(name, parts, "."); return table[parts[1], parts[2]] }
    NR == 1 { for (i = 1; i <= NF; ++i) { split($i, word, " "); column[i] = word[1] } }
    NR > 1 { for (i = 2; i <= NF; ++i) table[$1, column[i]] = $i }
    END {
      split(condition, c, " ")
      left = value(c[1]); right = value(c[3]) + (c[4] c[5])
      if (left == "" || value(c[3]) == "" || c[2] != ">=") exit 1
      exit !(left + 0 >= right)
    }' table.csv || fail "not $1 in: $(cut -d, -f1-4 table.csv | tr '\n' ' ')"
}

# A big-endian u32 for each argument.
u32() {
  local n
  for n in "$@"; do printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((n >> 24 & 255)) $((n >> 16 & 255)) $((n >> 8 & 255)) $((n & 255)))"; done
}

# idx_set NAME: 500 digits of 28 x 28; an odd one is a bright picture, an even one is a dark one.
idx_set() {
  local bright dark
  bright=$(printf '\\xff%.0s' {1..784})
  dark=$(printf '\\x01%.0s' {1..784})
  { u32 0x803 500 28 28; for _ in {1..250}; do printf "$bright$dark"; done; } >"$1-images-idx3-ubyte"
  { u32 0x801 500; for _ in {1..250}; do printf '\x03\x04'; done; } >"$1-labels-idx1-ubyte"
}

# safetensors HEADER BYTES: a file whose data are BYTES bytes of 0x3f (floats of 0.747).
safetensors() {
  printf "$(printf '\\x%02x\\x%02x' $((${#1} & 255)) $((${#1} >> 8)))\0\0\0\0\0\0"
  printf '%s' "$1"
  head -c "$2" /dev/zero | tr '\0' '\077'
}

case_unknown_option() { refused 'not expected: --bogus' --bogus; }
case_stray_argument() { refused 'not expected: stray' stray; }
case_unknown_policy() { refused 'nope not in .*int4-g32' --policy nope; }
case_number_out_of_range() {
  refused '--epochs' --epochs 0
  refused '--epochs' --epochs many
  refused '--threads' --threads 0
}
case_contradicting_options() {
  mkdir set
  touch model
  refused 'excludes' --mnist set --weights model
}
case_missing_files() {
  refused 'does not exist' --weights nothing
  refused 'does not exist' --mnist nothing
  mkdir set
  refused 'has no mnist-10k-images-idx3-ubyte' --mnist set
}
case_unwritable_picture() { refused 'nowhere/a.svg: cannot be written' --svg nowhere/a.svg; }
case_unwritable_table() { refused 'nowhere/a.csv: cannot be written' --csv nowhere/a.csv; }

case_malformed_weights() {
  touch empty
  refused 'empty: ' --weights empty
  echo 'this is no model at all' >text
  refused 'text: ' --weights text
  safetensors '{"w":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]}}' 60 >short
  refused 'short: .*ends after the file' --weights short
}
case_weights_without_matrices() {
  safetensors '{"b":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}' 64 >biases
  refused 'holds no matrix' --weights biases
}
case_weights_with_nan() {
  { safetensors '{"w":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]}}' 60; printf '\0\0\xc0\x7f'; } >nan
  refused 'nan: w: .*NaN' --weights nan --quiet
}
case_weights() {
  safetensors '{"b":{"dtype":"F32","shape":[8],"data_offsets":[0,32]},"c":{"dtype":"F32","shape":[2,4,3],"data_offsets":[32,128]},"w":{"dtype":"BF16","shape":[2,40],"data_offsets":[128,288]}}' 288 >model
  runs --weights model --csv table.csv
  prints '^c +2 x 4 x 3 ' '^w +2 x 40 ' '2 matrices, 104 weights' '^ternary '
  grep -q '^int8-g32,' table.csv || fail 'no line of int8-g32 in the CSV file'
  runs --weights model --policy int4-g32
  prints '^int4-g32: 4 bits'
  ! grep -q '^ternary ' out || fail 'a policy that was not asked for'
}

case_malformed_mnist() {
  idx_set t10k
  echo 'these are no digits, and there are enough of them for a header' >text
  cp text mnist-10k-images-idx3-ubyte
  refused 'no IDX file' --mnist .
  { u32 0x803 500 28 28; printf 'few'; } >mnist-10k-images-idx3-ubyte
  refused 'declares 392000 elements and holds 3' --mnist .
  { u32 0x803 0xffffffff 0xffffffff 0xffffffff; printf 'few'; } >mnist-10k-images-idx3-ubyte
  refused 'impossible size' --mnist .
  rm mnist-10k-images-idx3-ubyte
  { u32 0x801 499; head -c 499 /dev/zero; } >t10k-labels-idx1-ubyte
  refused '499 labels for 500 pictures' --mnist .
}
case_gzipped_mnist() {
  idx_set t10k
  gzip t10k-*
  local code=0
  "$program" --mnist . --epochs 1 --quick --policy int8 >out 2>err || code=$?
  if grep -q 'built without zlib' err; then
    [[ $code == 2 ]] || fail "exit code $code without zlib"
    echo 'SKIPPED: the example was built without zlib'
    return
  fi
  [[ $code == 0 ]] || fail "exit code $code for gzipped digits"
  prints 'MNIST digits, 400 to learn from, 100 to be tested on'
  head -c 300 t10k-images-idx3-ubyte.gz >cut
  mv cut t10k-images-idx3-ubyte.gz
  refused 'gzip data end too early' --mnist .
}
case_mnist() {
  idx_set mnist-10k
  runs --mnist . --epochs 10 --quick --policy int8
  prints 'MNIST digits, 400 to learn from, 100 to be tested on' '^float +100\.00 ' '^int8 +100\.00 '
}

case_help() {
  runs --help
  prints '--weights' 'int4-g32-mse'
}
case_short_run() {
  runs --epochs 1 --retrain 1 --quick --csv table.csv
  prints 'generated digits, 1000 to learn from, 500 to be tested on' '^float +[0-9.]+ +- +[0-9.]+ +2,200,400 +32\.00 ' '^int8 ' '^int4-g32 ' '^int4-g64-2:4 ' '^int8-50% ' '^int8-75%-1x16 ' '^ternary ' '^binary ' '^nf4-g64 '
  grep -q '^<svg' compress_model.svg || fail 'no SVG picture'
  grep -q '^float,[0-9.]*,-,[0-9.]*,2200400,32.00,' table.csv || fail 'no line of float in the CSV file'
  [[ $(wc -l <err) -le 5 ]] || fail 'more than a few lines of progress where stderr is no terminal'
}
case_retraining() {
  runs --quick --quiet --retrain 6 --policy int8 --policy int8-2:4 --policy int8-90% --csv table.csv
  # 500 pictures: two standard errors are 2.8
  holds 'int8.accuracy >= float.accuracy - 3'
  holds 'int8-2:4.retrained >= float.accuracy - 3'
  holds 'int8-90%.retrained >= int8-90%.accuracy + 3'
  holds 'int8-90%.retrained >= int8-90%.Wanda + 3'
  prints '^float +[0-9.]+ +- +[0-9.]+ ' '^int8-2:4 +[0-9.]+ +[0-9.]+ +[0-9.]+ +346,267 +5\.04 ' '^int8-90% .* 126,227 +1\.84 '
  grep -q "class='retrained'" compress_model.svg || fail 'no retrained point in the picture'
  runs --quick --quiet --retrain 0 --epochs 1 --policy int8-2:4
  prints '^float +[0-9.]+ +- +- ' '^int8-2:4 +[0-9.]+ +[0-9.]+ +- '
  ! grep -q "class='retrained'" compress_model.svg || fail 'a retrained point where nothing was'
}
case_real_digits() {
  if [[ ! -e $real_digits/mnist-10k-images-idx3-ubyte.gz ]]; then
    echo 'SKIPPED: MNIST is not beside the project'
    return
  fi
  if ! "$program" --mnist "$real_digits" --quick --quiet --epochs 2 --retrain 2 --policy int8-2:4 --csv table.csv >out 2>err; then
    grep -q 'built without zlib' err || fail 'an error with real digits'
    echo 'SKIPPED: the example was built without zlib'
    return
  fi
  holds 'int8-2:4.retrained >= float.accuracy - 1'
  prints '^float +9[5-9]'
}
case_threads_and_seed_keep_the_numbers() {
  local columns='s/ +[0-9.]+ +[0-9.]+$//' # all but the times
  runs --epochs 1 --retrain 1 --quick --quiet --policy int4-g32 --policy int8-90% --seed 7 --svg ''
  [[ ! -s err ]] || fail '--quiet, but something on stderr'
  [[ ! -e compress_model.svg ]] || fail 'a picture that was not asked for'
  grep -E '^(float|int)' out | sed -E "$columns" >one
  runs --epochs 1 --retrain 1 --quick --quiet --policy int4-g32 --policy int8-90% --seed 7 --svg '' --threads 2
  grep -E '^(float|int)' out | sed -E "$columns" >two
  [[ -s one ]] && cmp -s one two || fail 'two threads give other numbers than one'
}
