// SPDX-License-Identifier: MIT
// encoder: sentence embeddings by a BERT whose weights are quantized.
#pragma once

#include <lowbit/io/gguf.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace demo {

using rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>; ///< a token each
using vector = Eigen::RowVectorXf;

/// Sees what is multiplied with each matrix, and the matrix's name.
using observer = std::function<void(const std::string& name, const rows& x)>;

class encoder {
public:
    /// The model's tensors, under the names that PyTorch has for them; the file must stay. Throws input_error.
    encoder(const lowbit::io::gguf& file, int heads, const observer& see = {});

    /// The embedding of one sentence, of length 1, from the numbers of its tokens (whole). Throws input_error for a token that
    /// the model does not have, for too many and for none.
    [[nodiscard]] vector operator()(std::span<const float> tokens) const;

private:
    /// y = x * W^T + b, and GELU where it `bends`.
    using product = std::function<void(const rows& x, rows& y)>;
    struct norm {
        vector scale, shift;
        void operator()(rows& x) const;
    };
    struct layer {
        product query, key, value, out, up, down;
        norm middle, last;
    };

    int heads_;
    lowbit::io::tensor tokens_, positions_, types_;
    norm first_;
    std::vector<layer> layers_;

    static product make_product(const lowbit::io::gguf& file, const std::string& name, std::uint64_t outputs,
                                std::uint64_t inputs, const observer& see, bool bends = false);
    static norm make_norm(const lowbit::io::gguf& file, const std::string& name, std::uint64_t width);
};

} // namespace demo
