// SPDX-License-Identifier: MIT
// ggml_reads OURS THEIRS: a GGUF file that lowbit writes, OURS, with tensors of every format and metadata of every type, is
// loaded by libggml. It must find what was written, decode weights to the bits that lowbit decodes, write the same file again,
// THEIRS, and encode the weights no better.
#include <lowbit/io.hpp>
#include <lowbit/lowbit.hpp>

#include <ggml.h>
#include <gguf.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lb = lowbit;
namespace io = lb::io;

namespace {

constexpr std::array<std::uint64_t, 2> shape{6, 768};

[[noreturn]] void fail(const std::string& what) {
    std::printf("FAILED: %s\n", what.c_str());
    std::exit(1);
}
void expect(bool holds, const std::string& what) {
    if (!holds) fail(what);
}
template <class T>
T value_of(lb::expected<T> result, const std::string& of) {
    if (!result) fail(of + ": " + result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct contents {
    std::vector<std::string> names;
    std::vector<io::dtype> types;
    std::vector<std::vector<std::byte>> bytes;

    void add(const std::string& name, io::dtype type, std::vector<std::byte> data) {
        names.push_back(name);
        types.push_back(type);
        bytes.push_back(std::move(data));
    }
    [[nodiscard]] std::vector<io::tensor> tensors() const {
        std::vector<io::tensor> all;
        for (std::size_t i = 0; i < names.size(); ++i) all.push_back({names[i], types[i], shape, bytes[i]});
        return all;
    }
};

lb::matrix<float> make_weights() {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    lb::matrix<float> weights(shape[0], shape[1]);
    for (std::size_t i = 0; i < shape[0] * shape[1]; ++i) weights.data()[i] = normal(random) * (i % 97 == 0 ? 8.0f : 1.0f);
    return weights;
}

/// Of every format that ggml has: what lowbit encodes, and any blocks whose scales are finite (a scale byte of 255 in MXFP4 is
/// OCP's NaN for lowbit, and 2^128 for ggml).
contents make_contents(const lb::matrix<float>& weights) {
    std::mt19937 random(7);
    contents made;
    const auto add = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
        constexpr int id = lb::formats.rows[I].ggml_id;
        if constexpr (id >= 0) {
            const io::dtype type = io::dtype_of_ggml(id);
            const std::string name(io::name(type));
            const auto q = value_of(lb::try_quantize<lb::format_at<I>>(weights), name);
            std::vector<std::byte> any(q.bytes().size());
            const io::dtype_block block = io::block_of(type);
            const std::array<std::uint64_t, 1> one{block.elements};
            for (std::size_t at = 0; at < any.size(); at += block.bytes) {
                const std::span<std::byte> bytes(any.data() + at, block.bytes);
                do {
                    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
                } while (!io::to_any({{}, type, one, bytes}));
            }
            made.add(name, type, {q.bytes().begin(), q.bytes().end()});
            made.add(name + ".any", type, std::move(any));
        }
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (add(std::integral_constant<std::size_t, I>{}), ...);
    }(std::make_index_sequence<lb::format_count>{});
    const auto floats = std::as_bytes(std::span(weights.data(), shape[0] * shape[1]));
    made.add("F32", io::dtype::f32, {floats.begin(), floats.end()});
    const auto half = floats.first(floats.size() / 2); // any bits are such numbers
    made.add("F16", io::dtype::f16, {half.begin(), half.end()});
    made.add("BF16", io::dtype::bf16, {half.begin(), half.end()});
    return made;
}

const std::vector<std::string> words{"", "x", "grüße 😀"};
const std::vector<std::int32_t> numbers{1, -2, 1 << 30};

io::gguf_header make_header() {
    io::gguf_header header;
    header.add("u8", std::uint8_t{255}).add("i8", std::int8_t{-128});
    header.add("u16", std::uint16_t{65535})
        .add("i16", std::int16_t{-32768})
        .add("u32", ~std::uint32_t{0})
        .add("i32", -2147483647 - 1);
    header.add("u64", ~std::uint64_t{0}).add("i64", std::int64_t{-1} << 63).add("f32", 1.5f).add("f64", -0.1).add("bool", true);
    header.add("string", words[2]).add("strings", words).add("numbers", numbers);
    return header;
}

/// What libggml reads of the metadata, against what make_header() says.
void compare_metadata(const gguf_context* file) {
    const auto key = [&](const char* name) {
        const std::int64_t id = gguf_find_key(file, name);
        expect(id >= 0, name);
        return id;
    };
    expect(gguf_get_version(file) == 3 && gguf_get_n_kv(file) == 14, "version and count");
    expect(gguf_get_val_u8(file, key("u8")) == 255 && gguf_get_val_i8(file, key("i8")) == -128, "8 bits");
    expect(gguf_get_val_u16(file, key("u16")) == 65535 && gguf_get_val_i16(file, key("i16")) == -32768, "16 bits");
    expect(gguf_get_val_u32(file, key("u32")) == ~std::uint32_t{0} && gguf_get_val_i32(file, key("i32")) == -2147483647 - 1,
           "32 bits");
    expect(gguf_get_val_u64(file, key("u64")) == ~std::uint64_t{0} && gguf_get_val_i64(file, key("i64")) == std::int64_t{-1}
                                                                                                                << 63,
           "64 bits");
    expect(gguf_get_val_f32(file, key("f32")) == 1.5f && gguf_get_val_f64(file, key("f64")) == -0.1, "floats");
    expect(gguf_get_val_bool(file, key("bool")) && gguf_get_val_str(file, key("string")) == words[2], "bool and string");
    expect(gguf_get_arr_n(file, key("strings")) == words.size() && gguf_get_arr_n(file, key("numbers")) == numbers.size(),
           "arrays");
    for (std::size_t i = 0; i < words.size(); ++i) expect(gguf_get_arr_str(file, key("strings"), i) == words[i], "strings");
    expect(std::memcmp(gguf_get_arr_data(file, key("numbers")), numbers.data(), sizeof(int) * numbers.size()) == 0, "numbers");
}

/// What libggml decodes, against what lowbit does, to the bit.
void compare_weights(const ggml_tensor& theirs, const io::tensor& ours) {
    const std::string name(ours.name);
    expect(io::dtype_of_ggml(theirs.type) == ours.dtype && theirs.ne[0] == shape[1] && theirs.ne[1] == shape[0], name);
    expect(ggml_nbytes(&theirs) == ours.bytes.size() && std::memcmp(theirs.data, ours.bytes.data(), ours.bytes.size()) == 0,
           name);
    const lb::matrix<float> decoded =
        io::is_quantized(ours.dtype) ? lb::dequantize(value_of(io::to_any(ours), name)) : value_of(io::to_matrix(ours), name);
    const auto count = shape[0] * shape[1];
    std::vector<float> wanted(count);
    if (theirs.type == GGML_TYPE_F32) {
        std::memcpy(wanted.data(), theirs.data, count * sizeof(float));
    } else {
        ggml_get_type_traits(theirs.type)->to_float(theirs.data, wanted.data(), static_cast<std::int64_t>(count));
    }
    expect(std::memcmp(wanted.data(), decoded.data(), count * sizeof(float)) == 0, name + " decodes to other bits");
}

/// What ggml encodes the weights to is no nearer to them than what lowbit does. Where both have the same rule, roundings differ.
void compare_encoders(const io::tensor& ours, const lb::matrix<float>& weights) {
    const auto type = static_cast<ggml_type>(io::detail::row_of(ours.dtype).ggml_id);
    std::vector<std::byte> bytes(ours.bytes.size());
    ggml_quantize_chunk(type, weights.data(), bytes.data(), 0, shape[0], shape[1], nullptr);
    const auto error_of = [&](std::span<const std::byte> encoded) {
        const lb::matrix<float> back = lb::dequantize(value_of(io::to_any({{}, ours.dtype, shape, encoded}), "an encoder"));
        double sum = 0;
        for (std::size_t i = 0; i < shape[0] * shape[1]; ++i) {
            const double off = double{weights.data()[i]} - double{back.data()[i]};
            sum += off * off;
        }
        return sum;
    };
    const double ratio = error_of(ours.bytes) / error_of(bytes);
    std::printf("%s: %.4f of the squared error of ggml's encoder\n", std::string(ours.name).c_str(), ratio);
    expect(ratio <= 1.002, std::string(ours.name) + " is encoded worse than by ggml");
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) fail("ggml_reads OURS THEIRS");
    const lb::matrix<float> weights = make_weights();
    const contents made = make_contents(weights);
    value_of(io::write_gguf(argv[1], made.tensors(), make_header()), argv[1]);

    ggml_context* loaded = nullptr;
    const std::unique_ptr<gguf_context, decltype(&gguf_free)> file(gguf_init_from_file(argv[1], {false, &loaded}), gguf_free);
    expect(file != nullptr, "ggml does not load the file");
    const std::unique_ptr<ggml_context, decltype(&ggml_free)> keep(loaded, ggml_free);
    compare_metadata(file.get());
    const std::unique_ptr<gguf_context, decltype(&gguf_free)> again(gguf_init_empty(), gguf_free);
    gguf_set_kv(again.get(), file.get());
    expect(gguf_get_n_tensors(file.get()) == static_cast<std::int64_t>(made.names.size()), "number of tensors");
    for (const io::tensor& ours : made.tensors()) {
        const ggml_tensor* const theirs = ggml_get_tensor(loaded, std::string(ours.name).c_str());
        expect(theirs != nullptr, std::string(ours.name));
        compare_weights(*theirs, ours);
        if (io::is_quantized(ours.dtype) && !ours.name.ends_with(".any")) compare_encoders(ours, weights);
        gguf_add_tensor(again.get(), theirs);
    }

    expect(gguf_write_to_file(again.get(), argv[2], false), "ggml does not write the file");
    const auto a = value_of(io::mapped_file::open(argv[1]), argv[1]), b = value_of(io::mapped_file::open(argv[2]), argv[2]);
    expect(a.bytes().size() == b.bytes().size() && std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0,
           "ggml writes another file");
    std::printf("%zu tensors decode to the same bits in libggml %s, which writes the file as it was\n", made.names.size(),
                ggml_version());
}
