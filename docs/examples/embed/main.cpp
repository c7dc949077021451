// SPDX-License-Identifier: MIT
// embed: sentence embeddings by a small transformer, all-MiniLM-L6-v2, whose weights are quantized. Run it with --help.
#include "convert.hpp"
#include "encoder.hpp"
#include "sentences.hpp"

#include "../common/value_of.hpp"

#include <lowbit/io/gguf.hpp>
#include <lowbit/io/write_npy.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

namespace {

namespace io = lowbit::io;

struct options {
    std::string in, out, format = "Q8_0", tokens;
    int heads = 12;
};

void run(const options& how) {
    const auto file = demo::value_of(io::gguf::open(how.in), how.in);
    const demo::encoder encode(file, how.heads);
    const demo::sentences sentences(how.tokens);

    std::vector<float> embeddings;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < sentences.size(); ++i) {
        const demo::vector e = encode(sentences[i]);
        embeddings.insert(embeddings.end(), e.begin(), e.end());
    }
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    const std::array<std::uint64_t, 2> shape{sentences.size(), embeddings.size() / std::max<std::size_t>(1, sentences.size())};
    demo::value_of(io::write_npy(how.out, {{}, io::dtype::f32, shape, std::as_bytes(std::span(embeddings))}), how.out);
    std::printf("%zu sentences, %.3f ms each\n", sentences.size(), time.count() / static_cast<double>(sentences.size()));
}

int complain(const char* what, int code) {
    std::fprintf(stderr, "embed: %s\n", what);
    return code;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Sentence embeddings by a BERT whose weights are quantized.", "embed");
    options how;
    try {
        app.require_subcommand(1);
        CLI::App* convert = app.add_subcommand("convert", "Write a model in safetensors as GGUF, its matrices quantized");
        convert->add_option("IN", how.in, "For example all-MiniLM-L6-v2's model.safetensors")->required();
        convert->add_option("OUT", how.out, "GGUF")->required();
        convert->add_option("--format", how.format, "Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_0 or IQ4_NL")
            ->option_text("NAME (Q8_0)");
        convert->add_option("--calibrate", how.tokens, "Quantize for these sentences, npy as `run` takes it")
            ->option_text("TOKENS");
        convert->callback([&] { demo::convert(how.in, how.out, how.format, how.tokens, how.heads); });
        CLI::App* encode = app.add_subcommand("run", "Write the embedding of each sentence, a row of floats of length 1");
        encode->add_option("MODEL", how.in, "GGUF")->required();
        encode->add_option("TOKENS", how.tokens, "npy: a sentence each row, as numbers of tokens; 0 after its end")->required();
        encode->add_option("OUT", how.out, "npy")->required();
        for (CLI::App* each : {convert, encode})
            each->add_option("--heads", how.heads, "Heads of attention")->check(CLI::Range(1, 1024))->option_text("N (12)");
        encode->callback([&] { run(how); });
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::Success& wish) { // --help
        return app.exit(wish);
    } catch (const CLI::ParseError& e) {
        return complain(e.what(), 2);
    } catch (const demo::input_error& e) {
        return complain(e.what(), 2);
    } catch (const std::exception& e) {
        return complain(e.what(), 1);
    }
}
