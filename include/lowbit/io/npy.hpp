// SPDX-License-Identifier: MIT
// npy: reads NumPy's files of one array, believing nothing they say.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/counted_table.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/limits.hpp>
#include <lowbit/io/mapped_file.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0::io {

namespace detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// Kind and size of an element type, as NumPy spells them after the byte order. V2, raw bytes to NumPy, is how bfloat16 arrays
/// are saved.
struct npy_type {
    std::string_view name;
    io::dtype dtype;
};
inline constexpr std::array<npy_type, 14> npy_types{{
    {"f4", dtype::f32},
    {"f2", dtype::f16},
    {"f8", dtype::f64},
    {"i1", dtype::i8},
    {"u1", dtype::u8},
    {"b1", dtype::boolean},
    {"i2", dtype::i16},
    {"u2", dtype::u16},
    {"i4", dtype::i32},
    {"u4", dtype::u32},
    {"i8", dtype::i64},
    {"u8", dtype::u64},
    {"c8", dtype::c64},
    {"V2", dtype::bf16},
}};

/// Reads the one kind of Python dictionary that a header may be: no expression is understood, none is run.
class npy_walk {
public:
    npy_walk(std::string_view text, std::uint64_t offset, const limits& bounds) noexcept
        : text_(text), offset_(offset), bounds_(bounds) {}

    [[nodiscard]] std::optional<error> run() noexcept {
        if (dictionary()) return std::nullopt;
        return error_;
    }

    [[nodiscard]] io::dtype dtype() const noexcept { return dtype_; }
    [[nodiscard]] std::endian byte_order() const noexcept { return order_; }
    [[nodiscard]] bool fortran_order() const noexcept { return fortran_; }
    [[nodiscard]] std::span<const std::uint64_t> shape() const noexcept { return std::span(dims_).first(dim_count_); }

private:
    bool refuse(errc code, const char* message) noexcept {
        error_ = {code, message, offset_ + at_};
        return false;
    }
    bool malformed(const char* message) noexcept { return refuse(errc::malformed, message); }

    void space() noexcept { at_ = std::min(text_.find_first_not_of(' ', at_), text_.size()); }
    bool eat(std::string_view word) noexcept {
        space();
        const bool there = text_.substr(at_).starts_with(word);
        at_ += there ? word.size() : 0;
        return there;
    }

    bool quoted(std::string_view& inside) noexcept {
        space();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        if (quote != '\'' && quote != '"') return malformed("a string must stand here");
        const std::size_t end = text_.find(quote, at_ + 1);
        if (end == text_.npos) return malformed("a string does not end");
        inside = text_.substr(at_ + 1, end - at_ - 1);
        if (inside.find_first_of("\\\n") != inside.npos) return malformed("a string has an escape");
        at_ = end + 1;
        return true;
    }

    bool dictionary() noexcept {
        constexpr std::array<std::string_view, 3> keys{"descr", "fortran_order", "shape"};
        constexpr std::array values{&npy_walk::element_type, &npy_walk::order, &npy_walk::tuple};
        std::array<bool, keys.size()> seen{};
        if (!eat("{")) return malformed("the header must be a dictionary");
        while (!eat("}")) {
            std::string_view key;
            if (!quoted(key)) return false;
            const auto which = static_cast<std::size_t>(std::ranges::find(keys, key) - keys.begin());
            if (which == keys.size()) return malformed("a key that is not descr, fortran_order or shape");
            if (std::exchange(seen[which], true)) return malformed("a key is given twice");
            if (!eat(":")) return malformed("a key must be followed by its value");
            if (!(this->*values[which])()) return false;
            if (eat(",")) continue;
            if (!eat("}")) return malformed("a value must be followed by ',' or '}'");
            break;
        }
        if (std::ranges::find(seen, false) != seen.end()) return malformed("the header lacks descr, fortran_order or shape");
        space();
        return text_.substr(at_) == "\n" || malformed("the header must end with a newline after its dictionary");
    }

    bool element_type() noexcept {
        if (eat("[") || eat("(")) return refuse(errc::unsupported, "arrays of records are not read");
        std::string_view text;
        if (!quoted(text)) return false;
        if (text.empty()) return malformed("descr is empty");
        if (text.substr(1).starts_with('O')) return refuse(errc::unsupported, "arrays of Python objects are never read");
        const auto found = std::ranges::find(npy_types, text.substr(1), &npy_type::name);
        if (found == npy_types.end()) return refuse(errc::unsupported, "elements of this type are not read");
        dtype_ = found->dtype;
        order_ = text[0] == '>' ? std::endian::big : std::endian::little;
        const bool known =
            text[0] == '<' || (text[0] == '>' && dtype_ != dtype::bf16) || (text[0] == '|' && block_of(dtype_).bytes == 1);
        return known || refuse(errc::unsupported, "elements in this byte order are not read");
    }

    bool order() noexcept {
        fortran_ = eat("True");
        return fortran_ || eat("False") || malformed("fortran_order must be True or False");
    }

    bool tuple() noexcept {
        if (!eat("(")) return malformed("shape must be a tuple");
        bool comma = true;
        for (; !eat(")"); comma = eat(",")) {
            if (!comma) return malformed("dimensions must be separated by commas");
            if (dim_count_ == std::min<std::uint64_t>(bounds_.dims, dims_.size())) {
                return refuse(errc::limit_exceeded, "the array has more dimensions than the limit");
            }
            if (!number(dims_[dim_count_++])) return false;
        }
        return comma || dim_count_ != 1 || malformed("a tuple of one dimension needs a comma");
    }

    bool number(std::uint64_t& value) noexcept {
        space();
        const std::size_t start = at_;
        for (value = 0; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
            const auto digit = static_cast<unsigned>(text_[at_] - '0');
            if (mul_overflow(value, 10, value) || value > ~std::uint64_t{0} - digit)
                return malformed("a dimension does not fit 64 bits");
            value += digit;
        }
        if (at_ == start) return malformed("a dimension must be a number");
        return at_ == start + 1 || text_[start] != '0' || malformed("a dimension begins with 0");
    }

    std::string_view text_;
    std::uint64_t offset_;
    const limits& bounds_;
    std::size_t at_ = 0;
    error error_{errc::malformed, "", 0};
    io::dtype dtype_ = dtype::unknown;
    std::endian order_ = std::endian::little;
    bool fortran_ = false;
    std::array<std::uint64_t, 32> dims_{}; // NumPy's own limit, where the caller's is higher
    std::size_t dim_count_ = 0;
};

} // namespace detail

/// A NumPy array in a file: version 1.0, 2.0 or 3.0; booleans, integers, float16 to float64, complex64 and, by the convention
/// that
/// '<V2' is one, bfloat16; in either byte order (each tensor says so in `byte_order`). What it hands out are views, valid while
/// this object lives - and, after parse(), while the caller's bytes do. Moves keep them valid. Source of the format: NumPy,
/// NEP 1.
///
/// Errors: errc::truncated where the file ends early, errc::malformed where it contradicts itself (also for bytes after the
/// array), errc::unsupported for other versions and element types, Python objects among them, errc::limit_exceeded above
/// `limits`, errc::io from the system. Each has the byte offset at which the reader stopped. Nothing throws, and only the shape
/// is allocated.
class npy {
public:
    /// Opens and checks a file.
    [[nodiscard]] static expected<npy> open(const std::string& path, access how = access::map, const limits& bounds = {}) {
        auto file = mapped_file::open(path, how);
        if (!file) return unexpected<error>(file.error());
        auto result = parse(file->bytes(), bounds);
        if (result) result->file_ = std::move(*file);
        return result;
    }

    /// Checks a file that lies in memory already; the bytes must stay there and as they are.
    [[nodiscard]] static expected<npy> parse(std::span<const std::byte> bytes, const limits& bounds = {}) {
        cursor at(bytes);
        const auto magic = at.take(detail::npy_magic.size());
        if (!magic) return unexpected<error>(magic.error());
        if (!std::ranges::equal(*magic, std::as_bytes(std::span(detail::npy_magic)))) {
            return fail(errc::malformed, "this is no npy file");
        }
        const auto version = at.take(2);
        if (!version) return unexpected<error>(version.error());
        const unsigned major = std::to_integer<unsigned>((*version)[0]);
        if (major < 1 || major > 3 || (*version)[1] != std::byte{0}) {
            return fail(errc::unsupported, "npy of a version that is not read", detail::npy_magic.size());
        }
        const std::uint64_t length_offset = at.offset();
        const auto length = at.take(major == 1 ? 2 : 4);
        if (!length) return unexpected<error>(length.error());
        const std::uint64_t header_bytes =
            major == 1 ? std::uint64_t{load<std::uint16_t>(length->data())} : load<std::uint32_t>(length->data());
        if (header_bytes > bounds.npy_header_bytes) {
            return fail(errc::limit_exceeded, detail::says::header_too_long, length_offset);
        }
        const std::uint64_t header_offset = at.offset();
        const auto header = at.take(header_bytes);
        if (!header) return unexpected<error>(header.error());

        detail::npy_walk walk({reinterpret_cast<const char*>(header->data()), header->size()}, header_offset, bounds);
        if (const auto problem = walk.run()) return unexpected<error>(*problem);
        std::uint64_t data_bytes = 0;
        if (!byte_size(walk.dtype(), walk.shape(), data_bytes)) {
            return fail(errc::malformed, detail::says::array_too_large, header_offset);
        }
        const std::uint64_t data_offset = at.offset();
        const auto data = at.take(data_bytes);
        if (!data) return fail(errc::truncated, "the array ends after the file does", data_offset);
        if (at.remaining() != 0) return fail(errc::malformed, "bytes after the array belong to nothing", at.offset());

        npy result;
        if (!result.dims_.allocate(walk.shape().size()) || !result.dims_.push(walk.shape())) {
            return fail(errc::io, "no memory for the array's shape", header_offset);
        }
        result.fortran_order_ = walk.fortran_order();
        result.data_ = {{}, walk.dtype(), result.dims_.all(), *data, walk.byte_order()};
        return result;
    }

    /// Whether the first dimension, not the last, is that of neighbours.
    [[nodiscard]] bool fortran_order() const noexcept { return fortran_order_; }

    /// The array, without a name. errc::unsupported in Fortran order, unless there is only one dimension; to_matrix() reads that.
    [[nodiscard]] expected<tensor> array() const noexcept {
        if (fortran_order_ && data_.shape.size() > 1) {
            return fail(errc::unsupported, "the array is in Fortran order, and tensors are in C order");
        }
        return data_;
    }

    /// The array as floats, as io::to_matrix has it; also of matrices in Fortran order.
    template <class Here = isa::here>
    [[nodiscard]] friend expected<matrix<float>> to_matrix(const npy& file) {
        if (!file.fortran_order_ || file.data_.shape.size() != 2) {
            const auto whole = file.array();
            return whole ? io::to_matrix<Here>(*whole) : expected<matrix<float>>(unexpected<error>(whole.error()));
        }
        const std::array<std::uint64_t, 2> reversed{file.data_.shape[1], file.data_.shape[0]};
        tensor turned = file.data_;
        turned.shape = reversed;
        auto columns = io::to_matrix<Here>(turned);
        if (!columns) return columns;
        if (!detail::can_allocate(columns->rows() * columns->cols() * sizeof(float))) {
            return fail(errc::limit_exceeded, "the array does not fit this machine's memory twice");
        }
        matrix<float> result(columns->cols(), columns->rows());
        const std::size_t rows = result.cols() == 0 ? 0 : result.rows(); // a file may claim any number of rows of nothing
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t c = 0; c < result.cols(); ++c) result(r, c) = (*columns)(c, r);
        }
        return result;
    }

private:
    npy() noexcept = default;

    mapped_file file_;
    detail::counted_table<std::uint64_t> dims_;
    tensor data_;
    bool fortran_order_ = false;
};

} // namespace lowbit::inline v0::io
