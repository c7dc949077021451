// SPDX-License-Identifier: MIT
// What sentences make of a model's layers, and weights that are quantized by it.
#pragma once

#include <lowbit/calibrate/input_hessian.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/dtype.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace demo {

/// The inputs of each matrix, by its name.
using layer_inputs = std::map<std::string, lowbit::input_hessian, std::less<>>;

/// What `model` (GGUF) multiplies with its matrices when it reads the sentences in `tokens` (npy). Throws input_error.
layer_inputs observe(const std::string& model, const std::string& tokens, int heads);

/// Appends `weights` in a format of formats.hpp, each column made up for by those after it (GPTQ). Throws input_error, which
/// names `what`.
void encode(lowbit::io::dtype type, const lowbit::matrix_view<const float>& weights, const lowbit::input_hessian& inputs,
            const std::string& what, std::vector<std::byte>& to);

} // namespace demo
