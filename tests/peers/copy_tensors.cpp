// SPDX-License-Identifier: MIT
// copy_tensors IN OUT ...: reads each file of tensors and writes it again, in the format that its name ends with.
#include <lowbit/io.hpp>

#include <cstdio>
#include <string>
#include <string_view>

namespace io = lowbit::io;

namespace {

lowbit::expected<void> copy(const std::string& from, const std::string& to) {
    const auto refuse = [](const lowbit::error& e) { return lowbit::unexpected<lowbit::error>(e); };
    if (from.ends_with(".gguf")) {
        const auto file = io::gguf::open(from);
        return file ? io::write_gguf(to, file->tensors(), io::gguf_header(*file)) : refuse(file.error());
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
