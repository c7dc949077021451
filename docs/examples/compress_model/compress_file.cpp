// SPDX-License-Identifier: MIT
// Any model's matrices, straight from a safetensors file. No product is computed: bytes and errors only.
#include "../common/failure.hpp"
#include "../common/table.hpp"
#include "../common/tensor_text.hpp"
#include "jobs.hpp"
#include "output_file.hpp"
#include "policies.hpp"
#include "progress.hpp"

#include <lowbit/io/safetensors.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace demo {
namespace {

bool holds_weights(const lb::io::tensor& t) {
    using enum lb::io::dtype;
    constexpr std::array floats{f8_e5m2, f8_e4m3, f16, bf16, f32, f64, f8_e4m3fnuz, f8_e5m2fnuz};
    return t.shape.size() >= 2 && !t.bytes.empty() && std::find(floats.begin(), floats.end(), t.dtype) != floats.end();
}

// Without --policy these are shown tensor by tensor; all are summed up.
constexpr std::array shown_by_default{"int8-g32", "int4-g32-mse", "nf4-g64"};

bool is_shown(const std::string& policy, const options& how) {
    return !how.policies.empty() || std::find(shown_by_default.begin(), shown_by_default.end(), policy) != shown_by_default.end();
}

std::string percent(std::size_t part, std::size_t whole) {
    return number(100 * static_cast<double>(part) / static_cast<double>(whole), 1);
}

} // namespace

void compress_file(const options& how) {
    const output_file csv(how.csv);
    const auto file = lb::io::safetensors::open(how.weights);
    if (!file) refuse(how.weights, file.error());

    std::vector<lb::io::tensor> matrices;
    for (const lb::io::tensor& t : file->tensors()) {
        if (holds_weights(t)) matrices.push_back(t);
    }
    if (matrices.empty()) throw input_error(how.weights + ": holds no matrix of floating-point numbers");

    // One tensor in memory at a time; a table for each policy grows along.
    struct sheet {
        std::string policy, meaning;
        table tensors;
        account total;
    };
    std::vector<sheet> sheets;
    const std::vector<named_policy> chosen = policies(how.policies);
    for (const named_policy& p : chosen) {
        sheets.push_back(sheet{p.name, p.meaning, table({"tensor", "shape", "bytes", "bits/weight", "SQNR dB"}), account()});
    }
    {
        stage compressing("compressing", static_cast<int>(matrices.size()), how.quiet);
        for (const lb::io::tensor& t : matrices) {
            const auto weights = lb::io::to_matrix(t);
            if (!weights) refuse(how.weights + ": " + printable(t.name), weights.error());
            for (std::size_t i = 0; i < chosen.size(); ++i) {
                const auto result = chosen[i].compress(weights->view(), {});
                if (!result) refuse(how.weights + ": " + printable(t.name), result.error());
                const account& cost = result->cost;
                sheets[i].tensors.add({printable(t.name), shape_of(t), count(cost.bytes()), number(cost.bits_per_weight(), 2),
                                       number(cost.sqnr_db(), 1)});
                sheets[i].total.add(cost);
            }
            compressing.step(printable(t.name));
        }
    }

    table totals({"policy", "bytes", "bits/weight", "% of float", "SQNR dB"});
    for (const sheet& s : sheets) {
        totals.add({s.policy, count(s.total.bytes()), number(s.total.bits_per_weight(), 2),
                    percent(s.total.bytes(), sizeof(float) * s.total.weights()), number(s.total.sqnr_db(), 1)});
        if (is_shown(s.policy, how)) std::printf("%s: %s\n\n%s\n", s.policy.c_str(), s.meaning.c_str(), s.tensors.text().c_str());
    }
    std::printf("%s: %zu matrices, %s weights\n\n%s", how.weights.c_str(), matrices.size(),
                count(sheets.front().total.weights()).c_str(), totals.text().c_str());
    csv.write(totals.csv());
}

} // namespace demo
