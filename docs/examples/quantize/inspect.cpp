// SPDX-License-Identifier: MIT
// inspect: the metadata and the tensors of a file. No weight is looked at.
#include "metadata.hpp"
#include "model_file.hpp"
#include "report.hpp"

#include "../common/codec.hpp"
#include "../common/table.hpp"
#include "../common/tensor_text.hpp"

#include <cstdint>
#include <string>

namespace demo {

void inspect(const options& how) {
    const model_file file(how.in);
    const auto metadata = metadata_text(file);
    std::uint64_t weights = 0, bytes = 0;
    for (const io::tensor& t : file.tensors()) {
        std::uint64_t count = 0;
        static_cast<void>(io::element_count(t.shape, count));
        weights += count;
        bytes += t.bytes.size();
    }
    if (how.json) {
        json report{{"file", how.in}, {"kind", file.kind()}, {"metadata", json::object()}, {"tensors", json::array()}};
        for (const auto& [key, value] : metadata) report["metadata"][key] = value;
        for (const io::tensor& t : file.tensors()) {
            report["tensors"].push_back(
                {{"name", t.name}, {"type", name_of(t.dtype)}, {"shape", t.shape}, {"bytes", t.bytes.size()}});
        }
        report["weights"] = weights;
        report["bytes"] = bytes;
        print(report);
        return;
    }
    std::string text;
    for (const auto& [key, value] : metadata) text += printable(key) + " = " + printable(value.substr(0, 80)) + '\n';
    if (!text.empty()) text += '\n';
    table tensors({"tensor", "shape", "type", "bits", "bytes"});
    for (const io::tensor& t : file.tensors()) {
        tensors.add(
            {printable(t.name), shape_of(t), name_of(t.dtype), number(io::bits_per_element(t.dtype), 2), count(t.bytes.size())});
    }
    print(text + tensors.text() + '\n' + how.in + ": " + file.kind() + ", " + count(file.tensors().size()) + " tensors, " +
          count(weights) + " weights, " + count(bytes) + " bytes\n");
}

} // namespace demo
