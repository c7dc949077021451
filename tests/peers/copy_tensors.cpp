// SPDX-License-Identifier: MIT
// copy_tensors IN OUT ...: reads each file of tensors and writes it again, in the format that its name ends with. From GGUF to
// safetensors it decodes: every tensor becomes a matrix of floats, every value of the metadata a text.
#include <lowbit/io.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace io = lowbit::io;

namespace {

template <class T>
std::string text_of(T value) {
    if constexpr (std::is_convertible_v<T, std::string_view>)
        return std::string(value);
    else if constexpr (std::is_floating_point_v<T>) {
        std::array<char, 32> digits{};
        std::snprintf(digits.data(), digits.size(), "%.17g", static_cast<double>(value));
        return digits.data();
    } else
        return std::to_string(value);
}

/// A value of one of these types, taken as what it is and as nothing else: its type's bytes and sign, and the value; of an array,
/// all of them.
template <class... Ts>
std::string typed_text(const io::gguf_value& value) {
    std::string text;
    const auto name = []<class T>(T) {
        return std::is_same_v<T, std::string_view> ? "s"
               : std::is_same_v<T, bool>           ? "b"
               : std::is_floating_point_v<T>       ? "f"
               : std::is_signed_v<T>               ? "i"
                                                   : "u";
    };
    const auto take = [&]<class T>(T none) {
        const std::string type = name(none) + (std::is_same_v<T, std::string_view> ? "" : std::to_string(8 * sizeof(T)));
        if (const auto one = value.get<T>()) text += type + ' ' + text_of(*one);
        if (const auto many = value.get<io::gguf_array<T>>()) {
            text += type + "[]";
            for (const T each : *many) text += ' ' + text_of(each);
        }
    };
    (take(Ts{}), ...);
    return text;
}

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
    std::vector<std::string> texts;
    for (const io::gguf_attribute& pair : file.metadata()) {
        texts.push_back(typed_text<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t, std::int32_t,
                                   std::uint64_t, std::int64_t, float, double, bool, std::string_view>(pair.value));
    }
    std::vector<io::attribute> metadata;
    for (std::size_t i = 0; i < texts.size(); ++i) metadata.push_back({file.metadata()[i].key, texts[i]});
    return io::write_safetensors(to, tensors, metadata);
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
