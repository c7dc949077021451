// SPDX-License-Identifier: MIT
// IDX: two zero bytes, the element type (8 = unsigned byte), the number of axes, each axis as a big-endian u32, the
// elements (yann.lecun.com/exdb/mnist). Every length is checked against the bytes that are there.
#include "mnist.hpp"

#include "../common/failure.hpp"
#include "random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#if defined(LOWBIT_EXAMPLE_ZLIB)
#include <zlib.h>
#endif

namespace demo {
namespace {

using bytes = std::vector<unsigned char>;

// A hostile gzip file may unpack to anything; the full MNIST is 47 MB.
constexpr std::size_t most_bytes = std::size_t{1} << 28;
constexpr std::size_t chunk = std::size_t{1} << 20;

// Calls read(pointer, size), which gives the bytes it read and 0 at the end, until the end.
template <class Read>
bytes read_all(const std::string& path, Read read) {
    bytes content;
    for (std::size_t size = 0;;) {
        content.resize(size + chunk);
        const std::size_t got = read(content.data() + size, chunk);
        content.resize(size += got);
        if (got == 0) return content;
        if (size > most_bytes) throw input_error(path + ": too large for a set of digits");
    }
}

#if defined(LOWBIT_EXAMPLE_ZLIB)

// zlib reads plain files as they are.
bytes read_file(const std::string& path) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) throw input_error(path + ": cannot be read");
    const auto check = [&] {
        int status = Z_OK;
        gzerror(file.get(), &status);
        if (status == Z_BUF_ERROR) throw input_error(path + ": the gzip data end too early");
        if (status != Z_OK) throw input_error(path + ": damaged gzip data");
    };
    bytes content = read_all(path, [&](unsigned char* to, std::size_t size) {
        const int got = gzread(file.get(), to, static_cast<unsigned>(size));
        if (got < 0) check();
        return static_cast<std::size_t>(std::max(got, 0));
    });
    check();
    return content;
}

#else

bytes read_file(const std::string& path) {
    if (path.ends_with(".gz")) throw input_error(path + ": this program was built without zlib; unpack the file first");
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    if (!file) throw input_error(path + ": cannot be read");
    return read_all(path, [&](unsigned char* to, std::size_t size) { return std::fread(to, 1, size, file.get()); });
}

#endif

struct idx {
    std::vector<std::size_t> extents;
    bytes elements;
};

idx read_idx(const std::string& path, std::size_t axes) {
    bytes content = read_file(path);
    const std::size_t header = 4 + 4 * axes;
    const std::array<unsigned char, 4> magic{0, 0, 8, static_cast<unsigned char>(axes)};
    if (content.size() < header) throw input_error(path + ": ends within its header");
    if (!std::equal(magic.begin(), magic.end(), content.begin())) {
        throw input_error(path + ": no IDX file of bytes with " + std::to_string(axes) + (axes == 1 ? " axis" : " axes"));
    }
    idx out;
    std::size_t elements = 1;
    for (std::size_t at = 4; at < header; at += 4) {
        std::size_t extent = 0;
        for (std::size_t i = 0; i < 4; ++i) extent = extent << 8 | content[at + i];
        if (extent == 0 || extent > most_bytes / elements) throw input_error(path + ": its header has an impossible size");
        elements *= extent;
        out.extents.push_back(extent);
    }
    if (content.size() - header != elements) {
        throw input_error(path + ": declares " + std::to_string(elements) + " elements and holds " +
                          std::to_string(content.size() - header));
    }
    content.erase(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(header));
    out.elements = std::move(content);
    return out;
}

bool exists(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    return file != nullptr;
}

// The path of a set's file; the image file decides which set and which packing there is.
std::string find(const std::string& folder, const std::string& kind) {
    for (const char* name : {"mnist-10k", "t10k"}) {
        for (const char* ending : {"", ".gz"}) {
            std::string path = folder + '/' + name + kind + ending;
            if (exists(path)) return path;
        }
    }
    throw input_error(folder + ": has no mnist-10k" + kind + "[.gz] and no t10k" + kind + "[.gz]");
}

// Bilinear, pixel centres on pixel centres, edges repeated.
void resize(const unsigned char* from, std::size_t rows, std::size_t cols, float* to) {
    struct place {
        std::size_t near, far;
        float weight; // of far
    };
    const auto locate = [](Eigen::Index i, Eigen::Index to_size, std::size_t from_size) {
        const float at = (static_cast<float>(i) + 0.5f) * static_cast<float>(from_size) / static_cast<float>(to_size) - 0.5f;
        const float inside = std::clamp(at, 0.0f, static_cast<float>(from_size - 1));
        const auto near = static_cast<std::size_t>(inside);
        return place{near, std::min(near + 1, from_size - 1), inside - std::floor(inside)};
    };
    for (Eigen::Index y = 0; y < picture_height; ++y) {
        const place v = locate(y, picture_height, rows);
        for (Eigen::Index x = 0; x < picture_width; ++x) {
            const place h = locate(x, picture_width, cols);
            const auto line = [&](std::size_t row) {
                const auto a = static_cast<float>(from[row * cols + h.near]);
                const auto b = static_cast<float>(from[row * cols + h.far]);
                return a + h.weight * (b - a);
            };
            *to++ = (line(v.near) + v.weight * (line(v.far) - line(v.near))) / 255;
        }
    }
}

} // namespace

split mnist_digits(const std::string& folder, std::uint64_t seed) {
    const std::string images_path = find(folder, "-images-idx3-ubyte");
    const std::string labels_path = find(folder, "-labels-idx1-ubyte");
    const idx images = read_idx(images_path, 3);
    const idx labels = read_idx(labels_path, 1);
    const std::size_t samples = images.extents[0], rows = images.extents[1], cols = images.extents[2];
    if (labels.extents[0] != samples) {
        throw input_error(labels_path + ": " + std::to_string(labels.extents[0]) + " labels for " + std::to_string(samples) +
                          " pictures");
    }
    if (samples < 500) throw input_error(images_path + ": too few digits to learn from");
    if (std::any_of(labels.elements.begin(), labels.elements.end(), [](unsigned char digit) { return digit > 9; })) {
        throw input_error(labels_path + ": a label is no digit");
    }

    const auto total = static_cast<Eigen::Index>(samples);
    split out{dataset(total - total / 5), dataset(total / 5)};
    random_source random(seed);
    Eigen::Index next = 0;
    for (const std::size_t sample : random.permutation(samples)) {
        dataset& set = next < out.train.size() ? out.train : out.test;
        const Eigen::Index row = next < out.train.size() ? next : next - out.train.size();
        resize(images.elements.data() + sample * rows * cols, rows, cols, set.pictures.row(row).data());
        set.odd[row] = static_cast<float>(labels.elements[sample] % 2);
        ++next;
    }
    return out;
}

} // namespace demo
