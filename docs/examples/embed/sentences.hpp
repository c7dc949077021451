// SPDX-License-Identifier: MIT
// sentences: what the model reads, as numbers of tokens.
#pragma once

#include "../common/value_of.hpp"

#include <lowbit/core/matrix.hpp>
#include <lowbit/io/npy.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace demo {

/// A sentence each row of an npy file, 0 after its end.
class sentences {
public:
    /// Throws input_error.
    explicit sentences(const std::string& file)
        : tokens_(value_of(to_matrix(value_of(lowbit::io::npy::open(file), file)), file)) {}

    [[nodiscard]] std::size_t size() const { return tokens_.rows(); }
    /// The tokens of one; their numbers are exact as floats.
    [[nodiscard]] std::span<const float> operator[](std::size_t i) const {
        const std::span<const float> all = tokens_.row(i);
        return all.first(static_cast<std::size_t>(std::find(all.begin(), all.end(), 0.0f) - all.begin()));
    }

private:
    lowbit::matrix<float> tokens_;
};

} // namespace demo
