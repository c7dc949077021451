// SPDX-License-Identifier: MIT
// convert: a BERT from safetensors to GGUF.
#pragma once

#include <string>

namespace demo {

/// Writes `to` with the matrices of `from` in a format of ggml ("Q4_K"; throws input_error for one that is not listed in
/// formats.hpp). As llama.cpp does it: biases, norms, positions and token types stay as they are, the table of tokens becomes
/// Q8_0, the pooler is left out, and matrices whose rows are no whole blocks of 256 take a format with blocks of 32 and no fewer
/// bits. With `tokens`, an npy of sentences, matrices are quantized for what these make of the model, see calibrate.hpp.
void convert(const std::string& from, const std::string& to, const std::string& format, const std::string& tokens, int heads);

} // namespace demo
