// SPDX-License-Identifier: MIT
// Weights as peers without a quantizer of their own take them: codes around zero and a float scale for each group.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "gemm_case.hpp"

namespace bench {

/// The weights of a case in so many bits, along each row in groups; made once.
struct plain_codes {
    std::vector<std::int8_t> codes; ///< n x k
    std::vector<float> scales;      ///< n x k / group

    static const plain_codes& of(const gemm_case& shape, int bits, std::size_t group) {
        static std::map<std::tuple<std::size_t, std::size_t, int, std::size_t>, plain_codes> all;
        plain_codes& made = all[{shape.n, shape.k, bits, group}];
        if (made.codes.empty()) made.quantize(shape.weights(), bits, group);
        return made;
    }

    /// Two 4-bit codes a byte, the first in the low half, each 8 too large; or bytes, each 128 too large.
    [[nodiscard]] std::vector<std::uint8_t> excess(int bits) const {
        const int zero = 1 << (bits - 1);
        const auto per_byte = static_cast<std::size_t>(8 / bits);
        std::vector<std::uint8_t> bytes(codes.size() / per_byte);
        for (std::size_t i = 0; i < codes.size(); ++i) {
            const int shifted = (codes[i] + zero) << (bits * static_cast<int>(i % per_byte));
            bytes[i / per_byte] = static_cast<std::uint8_t>(bytes[i / per_byte] | shifted);
        }
        return bytes;
    }

private:
    void quantize(const lowbit::matrix<float>& w, int bits, std::size_t group) {
        const float most = static_cast<float>((1 << (bits - 1)) - 1);
        codes.resize(w.rows() * w.cols());
        for (std::size_t g = 0; g < codes.size(); g += group) {
            const float* const from = w.data() + g;
            float reach = 0;
            for (std::size_t i = 0; i < group; ++i) reach = std::max(reach, std::fabs(from[i]));
            scales.push_back(reach / most);
            for (std::size_t i = 0; i < group; ++i) codes[g + i] = static_cast<std::int8_t>(std::lrint(from[i] * (most / reach)));
        }
    }
};

} // namespace bench
