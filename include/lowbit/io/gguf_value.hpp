// SPDX-License-Identifier: MIT
// gguf_value: one value of a GGUF file's metadata, where it lies in the file.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>

namespace lowbit::inline v0::io {

/// Types of metadata, with the numbers that a file has for them. Source: ggml, docs/gguf.md.
enum class gguf_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

template <class T>
class gguf_array;

namespace detail {

inline constexpr std::uint32_t gguf_types = 13;

/// Bytes of one value of each type; 0 for those that say their length.
inline constexpr std::array<std::uint8_t, gguf_types> gguf_sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
[[nodiscard]] constexpr std::uint64_t size_of(gguf_type type) noexcept { return gguf_sizes[static_cast<std::size_t>(type)]; }

/// Calls `f.template operator()<T>()` with the C++ type of a scalar or of an array's elements; strings are string_view.
template <class F>
constexpr decltype(auto) with_gguf_type(gguf_type type, F f) {
    switch (type) {
    case gguf_type::u8: return f.template operator()<std::uint8_t>();
    case gguf_type::i8: return f.template operator()<std::int8_t>();
    case gguf_type::u16: return f.template operator()<std::uint16_t>();
    case gguf_type::i16: return f.template operator()<std::int16_t>();
    case gguf_type::u32: return f.template operator()<std::uint32_t>();
    case gguf_type::i32: return f.template operator()<std::int32_t>();
    case gguf_type::f32: return f.template operator()<float>();
    case gguf_type::boolean: return f.template operator()<bool>();
    case gguf_type::u64: return f.template operator()<std::uint64_t>();
    case gguf_type::i64: return f.template operator()<std::int64_t>();
    case gguf_type::f64: return f.template operator()<double>();
    case gguf_type::array: // has no type of its own
    case gguf_type::string: break;
    }
    return f.template operator()<std::string_view>();
}

/// The next value of the metadata: a number, or a string (length, bytes).
template <class T>
constexpr expected<T> take_gguf(cursor& at) noexcept {
    if constexpr (std::same_as<T, std::string_view>) {
        const auto length = at.take<std::uint64_t>();
        if (!length) return unexpected<error>(length.error());
        const auto text = at.take(*length);
        if (!text) return unexpected<error>(text.error());
        return std::string_view(reinterpret_cast<const char*>(text->data()), text->size());
    } else {
        return at.take<T>();
    }
}

template <class T>
inline constexpr bool is_gguf_array = false;
template <class T>
inline constexpr bool is_gguf_array<gguf_array<T>> = true;

} // namespace detail

/// A C++ type that is one of the format's: bool, a number, std::string_view.
template <class T>
concept gguf_scalar = std::same_as<T, std::string_view> || std::same_as<T, bool> || std::same_as<T, float> ||
                      std::same_as<T, double> || (std::integral<T> && !std::same_as<T, char> && sizeof(T) <= 8);

/// The number of a C++ type in the format.
template <gguf_scalar T>
[[nodiscard]] constexpr gguf_type gguf_type_of() noexcept {
    if constexpr (std::same_as<T, std::string_view>) {
        return gguf_type::string;
    } else if constexpr (std::same_as<T, bool>) {
        return gguf_type::boolean;
    } else if constexpr (std::floating_point<T>) {
        return sizeof(T) == 4 ? gguf_type::f32 : gguf_type::f64;
    } else {
        constexpr std::array types{gguf_type::u8, gguf_type::u16, gguf_type::u32, gguf_type::u64,
                                   gguf_type::i8, gguf_type::i16, gguf_type::i32, gguf_type::i64};
        return types[static_cast<std::size_t>(std::countr_zero(sizeof(T))) + (std::signed_integral<T> ? 4 : 0)];
    }
}

/// Numbers, booleans or strings as they lie in the file, at any alignment. Strings are the file's bytes, perhaps not UTF-8.
template <class T>
class gguf_array {
public:
    using value_type = T;

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = const T*;
        using reference = T;

        constexpr iterator() noexcept = default;
        constexpr T operator*() const noexcept { return value_; }
        constexpr iterator& operator++() noexcept {
            --left_;
            fetch();
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept { return a.left_ == b.left_; }

    private:
        friend class gguf_array;
        constexpr iterator(cursor at, std::size_t left) noexcept : at_(at), left_(left) { fetch(); }
        constexpr void fetch() noexcept {
            if (left_ == 0) return;
            if (const auto next = detail::take_gguf<T>(at_)) {
                value_ = *next;
            } else {
                left_ = 0; // the file is no longer what was checked
            }
        }

        cursor at_{{}};
        std::size_t left_ = 0;
        T value_{};
    };

    constexpr gguf_array() noexcept = default;
    /// For readers: `size` elements that have been checked to be in `raw`.
    constexpr gguf_array(std::span<const std::byte> raw, std::size_t size, std::endian order) noexcept
        : bytes_(raw), size_(size), order_(order) {}

    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator(cursor(bytes_, order_), size_); }
    [[nodiscard]] constexpr iterator end() const noexcept { return iterator(); }
    /// Element `i`, which must be there. Strings have no places of their own: they are walked through.
    [[nodiscard]] constexpr T operator[](std::size_t i) const noexcept
        requires(!std::same_as<T, std::string_view>)
    {
        return load<T>(bytes_.data() + i * sizeof(T), order_);
    }

private:
    std::span<const std::byte> bytes_;
    std::size_t size_ = 0;
    std::endian order_ = std::endian::little;
};

/// A value in a file. Looks into the reader's memory; copying it copies no data.
class gguf_value {
public:
    /// The number 0 of the type u8.
    constexpr gguf_value() noexcept = default;
    /// For readers: `size` elements (1 if not `is_array`) of that type that have been checked to be in `bytes`.
    constexpr gguf_value(gguf_type element, bool is_array, std::size_t size, std::span<const std::byte> bytes,
                         std::endian order) noexcept
        : bytes_(bytes), size_(size), element_(element), is_array_(is_array), order_(order) {}

    [[nodiscard]] constexpr gguf_type type() const noexcept { return is_array_ ? gguf_type::array : element_; }
    /// The type of an array's elements; else the same as type().
    [[nodiscard]] constexpr gguf_type element_type() const noexcept { return element_; }
    /// Elements of an array; 1 for anything else.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

    /// The value as T: bool, float, double, an integer of 8 to 64 bits, std::string_view, or gguf_array of one of these. T must
    /// be the very type that the file has: errc::malformed otherwise.
    template <class T>
    [[nodiscard]] constexpr expected<T> get() const noexcept {
        if constexpr (detail::is_gguf_array<T>) {
            if (is_array_ && element_ == gguf_type_of<typename T::value_type>()) return T(bytes_, size_, order_);
        } else if (!is_array_ && element_ == gguf_type_of<T>()) {
            cursor at(bytes_, order_);
            return detail::take_gguf<T>(at);
        }
        return fail(errc::malformed, "the value has another type");
    }

    /// Any integer that is not negative: writers disagree on how wide a count is.
    [[nodiscard]] constexpr expected<std::uint64_t> get_count() const noexcept {
        if (is_array_) return fail(errc::malformed, "the value is no count");
        return detail::with_gguf_type(element_, [this]<class T>() -> expected<std::uint64_t> {
            if constexpr (std::integral<T> && !std::same_as<T, bool>) {
                const auto value = get<T>();
                if (value && *value >= T{0}) return static_cast<std::uint64_t>(*value);
            }
            return fail(errc::malformed, "the value is no count");
        });
    }

    /// Where the value stands: after its type, an array's after its length too.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    static constexpr std::byte zero[1]{};

    std::span<const std::byte> bytes_ = zero;
    std::size_t size_ = 1;
    gguf_type element_ = gguf_type::u8;
    bool is_array_ = false;
    std::endian order_ = std::endian::little;
};

/// A key and its value in a file's metadata.
struct gguf_attribute {
    std::string_view key; ///< valid UTF-8 without zero bytes, not zero-terminated
    gguf_value value;
};

} // namespace lowbit::inline v0::io
