# SPDX-License-Identifier: MIT
# The cases of embed, see run_case.sh: what cannot be used. What the program computes is compared in tests/peers/transformer.py.

case_no_command() { refused 'subcommand is required'; }
case_no_file() { refused 'nothing.gguf: ' run nothing.gguf tokens.npy out.npy; }
case_unknown_format() { refused 'there is no format Q9 here' convert model.safetensors out.gguf --format Q9; }
