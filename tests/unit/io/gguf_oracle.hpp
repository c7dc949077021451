// SPDX-License-Identifier: MIT
// A second opinion on GGUF files: the rules of the format checked slowly and separately; no size may pass the end of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace lowbit_test {

/// Reads a file front to back; any step that fails makes it invalid for good.
class gguf_oracle {
public:
    explicit gguf_oracle(std::span<const std::byte> file) : file_(file) {}

    /// Whether the file is valid, limits on sizes left aside.
    bool valid() {
        if (text(4) != "GGUF") return false;
        std::uint64_t version = number(4);
        if (version % 65536 == 0) {
            big_ = true;
            at_ -= 4;
            version = number(4);
        }
        if (!ok_ || (version != 3 && (version != 2 || big_))) return false;
        const std::uint64_t tensors = number(8);
        const std::uint64_t pairs = number(8);
        for (std::uint64_t i = 0; ok_ && i < pairs; ++i) pair();
        const std::uint64_t most = ~std::uint64_t{0};
        std::uint64_t end = 0;
        std::set<std::string> names;
        for (std::uint64_t i = 0; ok_ && i < tensors; ++i) {
            const std::string name = text(number(8));
            if (!is_name(name, 63) || !names.insert(name).second) return false;
            const std::uint64_t dims = number(4);
            if (dims > 4) return false;
            std::uint64_t elements = 1;
            bool empty = false;
            std::uint64_t row = 1;
            for (std::uint64_t k = 0; k < dims; ++k) {
                const std::uint64_t size = number(8);
                if (size > ~std::uint64_t{0} / 2) return false;
                if (k == 0) row = size;
                empty = empty || size == 0;
                if (size != 0 && elements > most / size) return false;
                elements *= size == 0 ? 1 : size;
            }
            const auto type = types().find(number(4));
            if (!ok_ || type == types().end() || row % type->second.first != 0) return false;
            const std::uint64_t blocks = empty ? 0 : elements / type->second.first;
            if (blocks > file_.size() || number(8) != end) return false; // no block has less than a byte
            end += (blocks * type->second.second + alignment_ - 1) / alignment_ * alignment_;
            if (end > file_.size()) return false;
        }
        if (!ok_) return false;
        if (end == 0 && at_ == file_.size()) return true;
        return (at_ + alignment_ - 1) / alignment_ * alignment_ + end == file_.size();
    }

private:
    static const std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>>& types() {
        static const std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> table{
            {0, {1, 4}},      {1, {1, 2}},      {2, {32, 18}},   {3, {32, 20}},    {6, {32, 22}},    {7, {32, 24}},
            {8, {32, 34}},    {9, {32, 36}},    {10, {256, 84}}, {11, {256, 110}}, {12, {256, 144}}, {13, {256, 176}},
            {14, {256, 210}}, {15, {256, 292}}, {16, {256, 66}}, {17, {256, 74}},  {18, {256, 98}},  {19, {256, 50}},
            {20, {32, 18}},   {21, {256, 110}}, {22, {256, 82}}, {23, {256, 136}}, {24, {1, 1}},     {25, {1, 2}},
            {26, {1, 4}},     {27, {1, 8}},     {28, {1, 8}},    {29, {256, 56}},  {30, {1, 2}},     {34, {256, 54}},
            {35, {256, 66}},  {39, {32, 17}},   {40, {64, 36}},  {41, {128, 18}},  {42, {64, 18}}};
        return table;
    }

    std::uint64_t number(std::size_t size) {
        const std::string raw = text(size);
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            value = value * 256 + static_cast<unsigned char>(raw[big_ ? i : raw.size() - 1 - i]);
        }
        return value;
    }
    std::string text(std::uint64_t size) {
        if (!ok_ || size > file_.size() - at_) {
            ok_ = false;
            return {};
        }
        const auto count = static_cast<std::size_t>(size);
        at_ += count;
        return {reinterpret_cast<const char*>(file_.data()) + at_ - count, count};
    }

    /// Decodes each character to its number and asks whether that is written in the fewest bytes.
    static bool is_name(const std::string& text, std::size_t most) {
        if (text.empty() || text.size() > most) return false;
        for (std::size_t i = 0; i < text.size();) {
            const auto lead = static_cast<unsigned char>(text[i]);
            const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
            if (lead >= 0xf8 || (lead >= 0x80 && lead < 0xc0) || i + length > text.size()) return false;
            std::uint32_t c = length == 1 ? lead : lead & (0x7fu >> length);
            for (std::size_t k = 1; k < length; ++k) {
                const auto next = static_cast<unsigned char>(text[i + k]);
                if ((next & 0xc0) != 0x80) return false;
                c = c << 6 | (next & 0x3f);
            }
            const std::size_t fewest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            if (fewest != length || c == 0 || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff) return false;
            i += length;
        }
        return true;
    }

    void pair() {
        const std::string key = text(number(8));
        const std::uint64_t type = number(4);
        ok_ = ok_ && is_name(key, 65535) && keys_.insert(key).second;
        const std::size_t start = at_;
        if (type == 9) {
            const std::uint64_t element = number(4);
            const std::uint64_t count = number(8);
            ok_ = ok_ && element < 13 && element != 9 && count <= file_.size();
            for (std::uint64_t i = 0; ok_ && i < count; ++i) value(element);
        } else {
            value(type);
        }
        if (ok_ && key == "general.alignment") {
            at_ = start;
            alignment_ = number(4);
            ok_ = ok_ && type == 4 && alignment_ >= 8 && (alignment_ & (alignment_ - 1)) == 0;
        }
    }
    void value(std::uint64_t type) {
        static constexpr std::size_t sizes[13] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        ok_ = ok_ && type < 13;
        if (!ok_) return;
        if (type == 8) {
            text(number(8));
        } else {
            const std::uint64_t number_read = number(sizes[type]);
            ok_ = ok_ && (type != 7 || number_read < 2);
        }
    }

    std::span<const std::byte> file_;
    std::size_t at_ = 0;
    bool ok_ = true;
    bool big_ = false;
    std::uint64_t alignment_ = 32;
    std::set<std::string> keys_;
};

inline bool valid_gguf(std::span<const std::byte> file) { return gguf_oracle(file).valid(); }

} // namespace lowbit_test
