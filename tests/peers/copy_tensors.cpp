// SPDX-License-Identifier: MIT
// copy_tensors IN OUT ...: reads each file of tensors and writes it again, in the format that its name ends with. From GGUF to
// safetensors it decodes: every tensor becomes a matrix of floats.
#include <lowbit/io.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace io = lowbit::io;

namespace {

lowbit::expected<void> decode(const io::gguf& file, const std::string& to) {
    std::vector<lowbit::matrix<float>> values;
    std::vector<std::array<std::uint64_t, 2>> shapes;
    std::vector<std::string_view> names;
    for (const io::tensor& t : file.tensors()) {
        if (io::is_quantized(t.dtype)) {
            const auto any = io::to_any(t);
            if (!any) continue; // a format that only has a size
            values.push_back(lowbit::dequantize(*any));
        } else {
            auto read = io::to_matrix(t);
            if (!read) return lowbit::unexpected<lowbit::error>(read.error());
            values.push_back(std::move(*read));
        }
        shapes.push_back({values.back().rows(), values.back().cols()});
        names.push_back(t.name);
    }
    std::vector<io::tensor> tensors;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::span<const float> floats(values[i].data(), values[i].rows() * values[i].cols());
        tensors.push_back({names[i], io::dtype::f32, shapes[i], std::as_bytes(floats)});
    }
    return io::write_safetensors(to, tensors);
}

lowbit::expected<void> copy(const std::string& from, const std::string& to) {
    const auto refuse = [](const lowbit::error& e) { return lowbit::unexpected<lowbit::error>(e); };
    if (from.ends_with(".gguf")) {
        const auto file = io::gguf::open(from);
        if (!file) return refuse(file.error());
        return to.ends_with(".gguf") ? io::write_gguf(to, file->tensors(), io::gguf_header(*file)) : decode(*file, to);
    }
    if (from.ends_with(".npy")) {
        const auto file = io::npy::open(from);
        if (!file) return refuse(file.error());
        const auto array = file->array();
        return array ? io::write_npy(to, *array) : refuse(array.error());
    }
    const auto file = io::safetensors::open(from);
    return file ? io::write_safetensors(to, file->tensors(), file->metadata()) : refuse(file.error());
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const auto done = copy(argv[i], argv[i + 1]);
        if (done) continue;
        std::printf("%s: %s at %llu\n", argv[i], done.error().message, static_cast<unsigned long long>(done.error().offset));
        return 1;
    }
}
