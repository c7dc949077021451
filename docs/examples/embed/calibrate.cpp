// SPDX-License-Identifier: MIT
// Gathers what sentences make of each layer's inputs, and quantizes its weights by it. Few sentences say how large inputs are and
// which move together, but not all of it: hence ten times the usual damping.
#include "calibrate.hpp"

#include "encoder.hpp"
#include "formats.hpp"
#include "sentences.hpp"

#include "../common/value_of.hpp"

#include <lowbit/calibrate/sparse_gpt.hpp>
#include <lowbit/eigen.hpp>
#include <lowbit/io/gguf.hpp>

namespace demo {

layer_inputs observe(const std::string& model, const std::string& tokens, int heads) {
    layer_inputs inputs;
    const auto file = value_of(io::gguf::open(model), model);
    const encoder read(file, heads, [&](const std::string& name, const rows& x) {
        value_of(inputs.try_emplace(name, static_cast<std::size_t>(x.cols())).first->second.add(x), name);
    });
    const sentences all(tokens);
    for (std::size_t i = 0; i < all.size(); ++i) static_cast<void>(read(all[i]));
    return inputs;
}

void encode(io::dtype type, const lb::matrix_view<const float>& weights, const lb::input_hessian& inputs, const std::string& what,
            std::vector<std::byte>& to) {
    constexpr lb::sweep_options options{.damping = 0.1};
    any_format([&]<class F>(const F& f) {
        if (f.type != type) return false;
        const auto swept = value_of(lb::sparse_gpt<typename F::policy>(weights, inputs, {}, options), what);
        to.insert(to.end(), swept.weights.bytes().begin(), swept.weights.bytes().end());
        return true;
    });
}

} // namespace demo
