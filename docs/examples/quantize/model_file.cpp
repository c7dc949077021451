// SPDX-License-Identifier: MIT
// Opening a file, and its tensors in order.
#include "model_file.hpp"

#include "../common/value_of.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace demo {
namespace {

// Real names have tens of bytes; std::regex takes stack for each.
constexpr io::limits bounds{.name_bytes = 4096};

bool begins_with(std::span<const std::byte> bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

std::variant<io::safetensors, io::gguf, io::npy> parsed(std::span<const std::byte> bytes, const std::string& path) {
    if (begins_with(bytes, "GGUF")) return value_of(io::gguf::parse(bytes, bounds), path);
    if (begins_with(bytes, "\x93NUMPY")) return value_of(io::npy::parse(bytes, bounds), path);
    return value_of(io::safetensors::parse(bytes, bounds), path);
}

} // namespace

model_file::model_file(const std::string& path)
    : mapping_(value_of(io::mapped_file::open(path), path)), content_(parsed(mapping_.bytes(), path)),
      stem_(std::filesystem::path(path).stem().string()) {
    if (const auto* array = as<io::npy>()) {
        tensors_.push_back(value_of(array->array(), path));
        tensors_.front().name = stem_;
        return;
    }
    const auto all = as<io::gguf>() != nullptr ? as<io::gguf>()->tensors() : as<io::safetensors>()->tensors();
    tensors_.assign(all.begin(), all.end());
    // Some have no bytes, and no place of their own.
    std::ranges::stable_sort(tensors_, {}, [](const io::tensor& t) { return t.bytes.data(); });
}

const char* model_file::kind() const { return std::array{"safetensors", "GGUF", "npy"}[content_.index()]; }

} // namespace demo
