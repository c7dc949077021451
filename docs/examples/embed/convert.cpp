// SPDX-License-Identifier: MIT
// One tensor at a time is read, encoded and written.
#include "convert.hpp"

#include "calibrate.hpp"
#include "formats.hpp"

#include "../common/codec.hpp"
#include "../common/value_of.hpp"

#include <lowbit/io/safetensors.hpp>
#include <lowbit/io/write_gguf.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {
namespace {

bool is_used(const io::tensor& t) { return t.name != "embeddings.position_ids" && !t.name.starts_with("pooler."); }

bool holds_weights(const io::tensor& t) {
    return t.shape.size() == 2 && t.name != "embeddings.position_embeddings.weight" &&
           t.name != "embeddings.token_type_embeddings.weight";
}

void write(const std::string& from, const std::string& to, const std::string& format, const layer_inputs& inputs) {
    const io::dtype wanted = io::dtype_of(format);
    io::dtype narrow = wanted;
    if (!any_format([&](const auto& f) { return f.type == wanted && (narrow = f.narrow, true); })) {
        throw input_error("there is no format " + format + " here");
    }
    const auto model = value_of(io::safetensors::open(from), from);
    std::vector<io::tensor> sources, tensors;
    for (const io::tensor& t : model.tensors()) {
        if (!is_used(t)) continue;
        sources.push_back(t);
        tensors.push_back(t);
        if (!holds_weights(t)) continue;
        const bool fits = t.shape[1] % io::block_of(wanted).elements == 0;
        tensors.back().dtype = t.name == "embeddings.word_embeddings.weight" ? io::dtype::q8_0 : fits ? wanted : narrow;
    }

    io::gguf_header header;
    header.add("general.architecture", "bert").add("general.quantization_version", std::uint32_t{2});
    auto writer = value_of(io::stream_gguf(value_of(io::file_writer::create(to), to), tensors, header), to);
    std::vector<float> room;
    std::vector<std::byte> blocks;
    while (!writer.done()) {
        const std::size_t i = writer.next();
        if (io::is_quantized(tensors[i].dtype)) {
            const std::string name = from + ": " + std::string(sources[i].name);
            const auto weights = value_of(floats(sources[i], room), name);
            blocks.clear();
            if (const auto seen = inputs.find(sources[i].name); seen != inputs.end()) {
                encode(tensors[i].dtype, weights, seen->second, name, blocks);
            } else {
                value_of(encode(tensors[i].dtype, weights, blocks), name);
            }
            value_of(writer.append(blocks), to);
        } else {
            value_of(writer.append(sources[i].bytes), to);
        }
    }
    value_of(writer.commit(), to);
}

} // namespace

void convert(const std::string& from, const std::string& to, const std::string& format, const std::string& tokens, int heads) {
    layer_inputs inputs;
    if (!tokens.empty()) { // 8 bits are near enough to float to see what goes through it
        write(from, to, "Q8_0", {});
        inputs = observe(to, tokens, heads);
    }
    write(from, to, format, inputs);
}

} // namespace demo
