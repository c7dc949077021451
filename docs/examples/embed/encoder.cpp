// SPDX-License-Identifier: MIT
// In products activations are rounded to int8, with a scale for each group of weights, as ggml does it: one for a whole token
// would lose what stands beside a transformer's few large activations. All else is float.
#include "encoder.hpp"

#include "formats.hpp"

#include "../common/codec.hpp"
#include "../common/value_of.hpp"

#include <lowbit/eigen.hpp>
#include <lowbit/io/to_any.hpp>
#include <lowbit/lowbit.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace demo {
namespace {

io::tensor find(const io::gguf& file, const std::string& name) { return value_of(file.find(name), name); }

/// The floats of a tensor of one row, whatever it is stored as.
vector line_of(const io::tensor& t) {
    std::vector<float> room;
    const auto m = value_of(floats(t, room), std::string(t.name));
    if (m.rows() != 1) throw input_error(std::string(t.name) + ": is no vector");
    return Eigen::Map<const vector>(m.data(), static_cast<Eigen::Index>(m.cols()));
}
vector line(const io::gguf& file, const std::string& name) { return line_of(find(file, name)); }

/// GELU or nothing, known at run time: one product a format is compiled.
struct gelu_if {
    bool wanted;
    template <class Here = lb::isa::here>
    void apply(const lb::result_run& run) const {
        if (wanted) lb::gelu.apply<Here>(run);
    }
};

io::tensor table(const io::gguf& file, const std::string& name) {
    const io::tensor t = find(file, name);
    if (t.shape.size() != 2 || t.shape[0] == 0) throw input_error(name + ": is no matrix");
    return t;
}

/// One row of a table that is better not decoded whole: a row of a tensor is a tensor.
vector row(const io::tensor& table, float number) {
    if (!(number >= 0) || !(number < static_cast<float>(table.shape[0]))) {
        throw input_error(std::string(table.name) + ": there is no row " + std::to_string(static_cast<double>(number)));
    }
    const std::array<std::uint64_t, 2> shape{1, table.shape[1]};
    const std::size_t bytes = table.bytes.size() / table.shape[0];
    const auto at = static_cast<std::size_t>(number) * bytes;
    return line_of({table.name, table.dtype, shape, table.bytes.subspan(at, bytes), table.byte_order});
}

void softmax(rows& scores) {
    for (auto each : scores.rowwise()) {
        each = (each.array() - each.maxCoeff()).exp();
        each /= each.sum();
    }
}

} // namespace

encoder::product encoder::make_product(const io::gguf& file, const std::string& name, std::uint64_t outputs, std::uint64_t inputs,
                                       const observer& see, bool bends) {
    if (see) {
        return [see, seen = name + ".weight", multiply = make_product(file, name, outputs, inputs, {}, bends)](const rows& x,
                                                                                                               rows& y) {
            see(seen, x);
            multiply(x, y);
        };
    }
    const lb::any_matrix weights = value_of(io::to_any(find(file, name + ".weight")), name);
    if (weights.rows() != outputs || weights.cols() != inputs) throw input_error(name + ": does not fit the layers around it");
    return visit(weights, [&]<class P>(const lb::quantized_view<P>& q) -> product {
        if constexpr (known<P>) {
            return [packed = lb::pack<lb::activations<lb::int8, lb::per_group<P::granularity::cols>>>(q),
                    bias = line(file, name + ".bias"), after = gelu_if{bends}](const rows& x, rows& y) {
                y.resize(x.rows(), static_cast<Eigen::Index>(packed.rows()));
                lb::gemm(x, packed, y, lb::epilogue(lb::add_bias(bias), after));
            };
        } else {
            throw input_error(name + ": this program was built without the format " + std::string(weights.name()));
        }
    });
}

encoder::norm encoder::make_norm(const io::gguf& file, const std::string& name, std::uint64_t width) {
    norm n{line(file, name + ".weight"), line(file, name + ".bias")};
    if (static_cast<std::uint64_t>(n.scale.size()) != width || n.shift.size() != n.scale.size())
        throw input_error(name + ": has not the width of the embeddings");
    return n;
}

void encoder::norm::operator()(rows& x) const {
    constexpr float tiny = 1e-12f;
    for (auto each : x.rowwise()) {
        each.array() -= each.mean();
        each *= 1 / std::sqrt(each.squaredNorm() / static_cast<float>(each.size()) + tiny);
        each = each.cwiseProduct(scale) + shift;
    }
}

encoder::encoder(const io::gguf& file, int heads, const observer& see)
    : heads_(heads), tokens_(table(file, "embeddings.word_embeddings.weight")),
      positions_(table(file, "embeddings.position_embeddings.weight")),
      types_(table(file, "embeddings.token_type_embeddings.weight")),
      first_(make_norm(file, "embeddings.LayerNorm", tokens_.shape[1])) {
    const std::uint64_t width = tokens_.shape[1];
    for (const io::tensor& t : {positions_, types_}) {
        if (t.shape[1] != width) throw input_error(std::string(t.name) + ": has not the width of the embeddings");
    }
    if (width % static_cast<unsigned>(heads) != 0) throw input_error("the width is no multiple of the heads");
    for (std::size_t i = 0;; ++i) {
        const std::string name = "encoder.layer." + std::to_string(i) + '.';
        if (!file.find(name + "output.dense.weight")) break;
        const io::tensor up = find(file, name + "intermediate.dense.weight");
        const std::uint64_t wide = up.shape.empty() ? 0 : up.shape[0];
        layers_.push_back({make_product(file, name + "attention.self.query", width, width, see),
                           make_product(file, name + "attention.self.key", width, width, see),
                           make_product(file, name + "attention.self.value", width, width, see),
                           make_product(file, name + "attention.output.dense", width, width, see),
                           make_product(file, name + "intermediate.dense", wide, width, see, true),
                           make_product(file, name + "output.dense", width, wide, see),
                           make_norm(file, name + "attention.output.LayerNorm", width),
                           make_norm(file, name + "output.LayerNorm", width)});
    }
}

vector encoder::operator()(std::span<const float> tokens) const {
    if (tokens.empty()) throw input_error("a sentence without tokens");
    rows x(static_cast<Eigen::Index>(tokens.size()), first_.scale.size());
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
        x.row(i) = row(tokens_, tokens[static_cast<std::size_t>(i)]) + row(positions_, static_cast<float>(i)) + row(types_, 0);
    }
    first_(x);

    const Eigen::Index width = x.cols() / heads_; // of a head
    rows query, key, value, seen(x.rows(), x.cols()), wide, change;
    for (const layer& l : layers_) {
        l.query(x, query);
        l.key(x, key);
        l.value(x, value);
        for (Eigen::Index at = 0; at < x.cols(); at += width) {
            rows scores =
                query.middleCols(at, width) * key.middleCols(at, width).transpose() / std::sqrt(static_cast<float>(width));
            softmax(scores);
            seen.middleCols(at, width).noalias() = scores * value.middleCols(at, width);
        }
        l.out(seen, change);
        x += change;
        l.middle(x);
        l.up(x, wide);
        l.down(wide, change);
        x += change;
        l.last(x);
    }
    return x.colwise().mean().normalized();
}

} // namespace demo
