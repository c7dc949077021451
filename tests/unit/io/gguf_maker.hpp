// SPDX-License-Identifier: MIT
// Builds GGUF files field by field, right or wrong, without the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lowbit_test {

using bytes = std::vector<std::byte>;

/// Appends fields. Every number goes through number(), so `big` turns all of them.
class gguf_maker {
public:
    explicit gguf_maker(std::uint64_t tensors = 0, std::uint64_t pairs = 0, std::uint32_t version = 3, bool big = false)
        : big_(big) {
        raw("GGUF").u32(version).u64(tensors).u64(pairs);
    }

    gguf_maker& raw(std::string_view text) {
        for (const char c : text) file_.push_back(static_cast<std::byte>(c));
        return *this;
    }
    gguf_maker& u8(std::uint64_t value) { return number(value, 1); }
    gguf_maker& u16(std::uint64_t value) { return number(value, 2); }
    gguf_maker& u32(std::uint64_t value) { return number(value, 4); }
    gguf_maker& u64(std::uint64_t value) { return number(value, 8); }
    gguf_maker& text(std::string_view text) { return u64(text.size()).raw(text); }

    /// A key and its type; the value is the caller's.
    gguf_maker& key(std::string_view name, std::uint64_t type) { return text(name).u32(type); }
    gguf_maker& pair_u32(std::string_view name, std::uint64_t value) { return key(name, 4).u32(value); }
    gguf_maker& pair_text(std::string_view name, std::string_view value) { return key(name, 8).text(value); }
    /// The start of an array.
    gguf_maker& array(std::string_view name, std::uint64_t type, std::uint64_t count) {
        return key(name, 9).u32(type).u64(count);
    }

    /// An entry; dims as the file has them, the fastest first.
    gguf_maker& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint64_t type, std::uint64_t offset) {
        text(name).u32(dims.size());
        for (const std::uint64_t d : dims) u64(d);
        return u32(type).u64(offset);
    }

    gguf_maker& pad(std::size_t alignment = 32) { return zeros((alignment - file_.size() % alignment) % alignment); }
    gguf_maker& zeros(std::size_t count) {
        file_.resize(file_.size() + count);
        return *this;
    }
    /// The end of the entries and `count` bytes of data, padded both.
    gguf_maker& data(std::size_t count, std::size_t alignment = 32) {
        pad(alignment);
        for (std::size_t i = 0; i < count; ++i) u8(i * 7 + 1);
        return pad(alignment);
    }

    [[nodiscard]] std::size_t size() const { return file_.size(); }
    operator bytes() const { return file_; } // NOLINT: a maker is its file

private:
    gguf_maker& number(std::uint64_t value, int size) {
        for (int i = 0; i < size; ++i) {
            file_.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(value >> 8 * (big_ ? size - 1 - i : i))));
        }
        return *this;
    }

    bytes file_;
    bool big_;
};

} // namespace lowbit_test
