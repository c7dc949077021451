// SPDX-License-Identifier: MIT
// gguf_header: what a GGUF file that is to be written says besides its tensors.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <lowbit/io/bytes.hpp>
#include <lowbit/io/gguf.hpp>
#include <lowbit/io/gguf_value.hpp>
#include <lowbit/io/tensor_writer.hpp>

namespace lowbit::inline v0::io {

namespace detail {

/// The fields of a GGUF file, one after another.
struct gguf_fields {
    std::endian order;
    std::vector<std::byte> bytes{};

    template <class T>
        requires std::is_arithmetic_v<T>
    void put(T value) {
        append(bytes, stored(value, order));
    }
    void put(gguf_type type) { put(static_cast<std::uint32_t>(type)); }
    void put(std::string_view text) {
        put(std::uint64_t{text.size()});
        append(bytes, text);
    }
};

} // namespace detail

/// Version, byte order and metadata, in the order in which it was added. "general.alignment" (u32) is what tensors are padded to,
/// 32 without it. Whether keys are unique and well formed is checked when the file is written.
class gguf_header {
public:
    /// Version 2 or 3; big-endian only 3.
    explicit gguf_header(std::uint32_t version = 3, std::endian order = std::endian::little) : version_(version), pairs_{order} {}
    /// All that a file says.
    explicit gguf_header(const gguf& file) : gguf_header(file.version(), file.byte_order()) {
        for (const gguf_attribute& pair : file.metadata()) add(pair.key, pair.value);
    }

    /// Appends a pair. A value is a bool, a float or double, an integer (whose width is then the file's: say std::uint32_t{32}),
    /// text, or a range with size() of any of these: std::vector, std::array, std::span, gguf_array.
    template <class T>
    gguf_header& add(std::string_view key, const T& value) {
        pairs_.put(key);
        if constexpr (std::convertible_to<const T&, std::string_view>) {
            pairs_.put(gguf_type::string);
            pairs_.put(std::string_view(value));
        } else if constexpr (gguf_scalar<T>) {
            pairs_.put(gguf_type_of<T>());
            pairs_.put(value);
        } else {
            static_assert(requires { typename T::value_type; }, "metadata is a number, a bool, text, or a range of these");
            using given = typename T::value_type;
            using element = std::conditional_t<std::convertible_to<given, std::string_view>, std::string_view, given>;
            pairs_.put(gguf_type::array);
            pairs_.put(gguf_type_of<element>());
            pairs_.put(std::uint64_t{value.size()});
            for (const auto& one : value) pairs_.put(element(one));
        }
        ++count_;
        return *this;
    }
    /// A value out of a file, whatever its byte order.
    gguf_header& add(std::string_view key, const gguf_value& value) {
        detail::with_gguf_type(value.element_type(), [&]<class T>() {
            if (value.type() == gguf_type::array) {
                add(key, *value.get<gguf_array<T>>());
            } else {
                add(key, *value.get<T>());
            }
        });
        return *this;
    }

    [[nodiscard]] std::uint32_t version() const noexcept { return version_; }
    [[nodiscard]] std::endian byte_order() const noexcept { return pairs_.order; }
    /// How many pairs there are, and how the file has them.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::span<const std::byte> pairs() const noexcept { return pairs_.bytes; }

private:
    std::uint32_t version_;
    std::uint64_t count_ = 0;
    detail::gguf_fields pairs_;
};

} // namespace lowbit::inline v0::io
