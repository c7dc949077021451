# SPDX-License-Identifier: MIT
# What cannot be used gets one line. What the program computes is compared in tests/peers/transformer.py.
function(embed_refuses name line)
  add_test(NAME examples.embed.${name} COMMAND embed ${ARGN})
  set_tests_properties(examples.embed.${name} PROPERTIES LABELS examples PASS_REGULAR_EXPRESSION "^embed: ${line}")
endfunction()
embed_refuses(no_command "A subcommand is required")
embed_refuses(no_file "nothing.gguf: " run nothing.gguf tokens.npy out.npy)
embed_refuses(unknown_format "there is no format Q9 here" convert model.safetensors out.gguf --format Q9)
