// SPDX-License-Identifier: MIT
// quantize_files: makes the files that quantize.sh converts, says whether what came out is what lowbit's own calls give, and runs
// a program to see how much memory it takes.
//
//     quantize_files make FILE.safetensors TYPE TENSORS ROWS COLS    matrices of f32, f16 or bf16, and four tensors that stay
//     quantize_files check IN.safetensors OUT.gguf POLICY           fails if a matrix has other bytes than lb::quantize gives
//     quantize_files gguf FILE                                       a file with metadata of several kinds
//     quantize_files json FILE POINTER                               prints what the JSON file has at that place
//     quantize_files peak PROGRAM ARGUMENT...                        prints the most memory that it held, in KiB
#include <nlohmann/json.hpp>

#include <lowbit/io.hpp>
#include <lowbit/lowbit.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace lb = lowbit;
namespace io = lb::io;

namespace {

[[noreturn]] void fail(const std::string& why) {
    std::printf("%s\n", why.c_str());
    std::exit(1);
}

template <class T>
T value_of(lb::expected<T> given) {
    if (!given) fail(given.error().message);
    return std::move(*given);
}

/// Sums of four uniform numbers, from a generator that is the same everywhere.
class numbers {
public:
    float next() {
        float sum = 0;
        for (int i = 0; i < 4; ++i) {
            state_ = state_ * 6364136223846793005u + 1442695040888963407u;
            sum += static_cast<float>(state_ >> 40) * 0x1p-24f - 0.5f;
        }
        return 0.1f * sum;
    }

private:
    std::uint64_t state_ = 20240229;
};

template <class T>
void append(std::vector<std::byte>& to, T value) {
    const auto raw = io::stored(value);
    to.insert(to.end(), raw.begin(), raw.end());
}

std::vector<std::byte> some_elements(numbers& from, io::dtype type, std::size_t count) {
    std::vector<std::byte> bytes;
    bytes.reserve(count * io::block_of(type).bytes);
    for (std::size_t i = 0; i < count; ++i) {
        const float x = from.next();
        if (type == io::dtype::f16) {
            append(bytes, lb::float16(x));
        } else if (type == io::dtype::bf16) {
            append(bytes, lb::bfloat16(x));
        } else {
            append(bytes, x);
        }
    }
    return bytes;
}

void make(const std::string& path, std::string_view type_name, std::size_t tensors, std::uint64_t rows, std::uint64_t cols) {
    const io::dtype type = type_name == "f16" ? io::dtype::f16 : type_name == "bf16" ? io::dtype::bf16 : io::dtype::f32;
    const std::vector<std::uint64_t> sides{rows, cols}, line{cols}, odd{4, 33}, pair{2, 32}, none{0, 32};
    std::vector<std::string> names;
    for (std::size_t i = 0; i < tensors; ++i) names.push_back("blk." + std::to_string(i) + ".weight");
    std::vector<io::tensor> list{{"norm.weight", io::dtype::f32, line, {}},
                                 {"odd.weight", io::dtype::f32, odd, {}},
                                 {"ids", io::dtype::i64, pair, {}},
                                 {"none", io::dtype::f32, none, {}}};
    for (const std::string& name : names) list.push_back({name, type, sides, {}});
    const io::attribute format{"format", "pt"};
    auto out =
        value_of(io::stream_safetensors(value_of(io::file_writer::create(path, io::durability::system)), list, {&format, 1}));
    numbers from;
    while (!out.done()) {
        const io::tensor& t = list[out.next()];
        const std::uint64_t row = t.shape.back();
        const auto bytes = t.dtype == io::dtype::i64 ? std::vector<std::byte>(row * 8) : some_elements(from, t.dtype, row);
        if (!out.append(bytes)) fail("cannot write");
    }
    if (!out.commit()) fail("cannot write");
}

template <class P>
bool same(const lb::matrix<float>& weights, std::span<const std::byte> bytes) {
    return std::ranges::equal(lb::quantize<P>(weights).bytes(), bytes);
}

bool same(std::string_view policy, const lb::matrix<float>& weights, std::span<const std::byte> bytes) {
    using namespace lb::presets;
    if (policy == "q4_0") return same<q4_0>(weights, bytes);
    if (policy == "q8_0") return same<q8_0>(weights, bytes);
    if (policy == "q4_k") return same<q4_k>(weights, bytes);
    if (policy == "mxfp4") return same<mxfp4>(weights, bytes);
    fail("quantize_files does not know that policy");
}

void check(const std::string& in, const std::string& out, std::string_view policy) {
    const auto before = value_of(io::safetensors::open(in));
    const auto after = value_of(io::gguf::open(out));
    std::size_t converted = 0;
    for (const io::tensor& t : before.tensors()) {
        const io::tensor now = value_of(after.find(t.name));
        if (!std::ranges::equal(now.shape, t.shape)) fail(std::string(t.name) + " has another shape");
        if (t.name.starts_with("blk.")) {
            ++converted;
            if (!same(policy, value_of(io::to_matrix(t)), now.bytes))
                fail(std::string(t.name) + " has other bytes than lb::quantize gives");
        } else if (now.dtype != t.dtype || !std::ranges::equal(now.bytes, t.bytes)) {
            fail(std::string(t.name) + " was to stay as it is");
        }
    }
    if (converted == 0 || before.tensors().size() != after.tensors().size()) fail("tensors are missing");
}

void gguf(const std::string& path) {
    const std::vector<std::uint64_t> sides{8, 64};
    numbers from;
    const auto bytes = some_elements(from, io::dtype::f32, 8 * 64);
    const io::tensor tensors[] = {{"a.weight", io::dtype::f32, sides, bytes}, {"b.weight", io::dtype::f32, sides, bytes}};
    io::gguf_header header;
    header.add("general.architecture", "test")
        .add("general.file_type", std::uint32_t{0})
        .add("general.alignment", std::uint32_t{64});
    header.add("test.words", std::vector<std::string_view>{"one", "two"}).add("test.rate", 0.5f);
    if (!io::write_gguf(path, tensors, header)) fail("cannot write");
}

void json(const std::string& path, const std::string& pointer) {
    std::ifstream file(path);
    const auto value = nlohmann::json::parse(file).at(nlohmann::json::json_pointer(pointer));
    std::printf("%s\n", (value.is_string() ? value.get<std::string>() : value.dump()).c_str());
}

#if __has_include(<sys/resource.h>)
int peak(char** command) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execv(command[0], command);
        ::_exit(127);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) fail("the program failed");
    rusage used{};
    ::getrusage(RUSAGE_CHILDREN, &used);
    std::printf("%ld\n", used.ru_maxrss);
    return 0;
}
#endif

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 6 && words[0] == "make") {
        make(words[1], words[2], std::stoull(words[3]), std::stoull(words[4]), std::stoull(words[5]));
    } else if (words.size() == 4 && words[0] == "check") {
        check(words[1], words[2], words[3]);
    } else if (words.size() == 2 && words[0] == "gguf") {
        gguf(words[1]);
    } else if (words.size() == 3 && words[0] == "json") {
        json(words[1], words[2]);
#if __has_include(<sys/resource.h>)
    } else if (words.size() > 1 && words[0] == "peak") {
        return peak(argv + 2);
#endif
    } else {
        fail("no such call");
    }
    return 0;
}
