// SPDX-License-Identifier: MIT
// tensor: one named array in a file, and its way into a matrix of floats.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/says.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/e8m0.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/numeric/float8.hpp>

namespace lowbit::inline v0::io {

/// A tensor in a file. Everything here looks into the reader's memory; copying it copies no data.
struct tensor {
    std::string_view name;                ///< valid UTF-8, not zero-terminated; may be empty or hold control characters
    io::dtype dtype = dtype::unknown;     ///< element type
    std::span<const std::uint64_t> shape; ///< dimensions, slowest first; none for a scalar
    std::span<const std::byte> bytes;     ///< elements in C order, at any alignment
    /// Of each number in `bytes`, scales inside of blocks too. Big only in files that say so (GGUF, npy).
    std::endian byte_order = std::endian::little;
};

/// The product of a shape into `count`, 1 for a scalar; false if it does not fit 64 bits. Zeros are left out of the check, so
/// that no part of a shape overflows either.
[[nodiscard]] constexpr bool element_count(std::span<const std::uint64_t> shape, std::uint64_t& count) noexcept {
    std::uint64_t product = 1;
    bool is_empty = false;
    for (const std::uint64_t size : shape) {
        is_empty = is_empty || size == 0;
        if (size != 0 && mul_overflow(product, size, product)) return false;
    }
    count = is_empty ? 0 : product;
    return true;
}

/// The bytes that a tensor of that type and shape has into `bytes`; false if that is no whole number of blocks along the last
/// dimension, does not fit 64 bits, or the type is unknown.
[[nodiscard]] constexpr bool byte_size(dtype type, std::span<const std::uint64_t> shape, std::uint64_t& bytes) noexcept {
    const unsigned block = is_quantized(type) ? block_of(type).elements : 1; // elements below a byte may share one across rows
    std::uint64_t elements = 0;
    return (shape.empty() ? 1 : shape.back()) % block == 0 && element_count(shape, elements) && byte_size(type, elements, bytes);
}

namespace detail {

/// Calls `f.template operator()<T>()` with the C++ type of elements that a float can take; else errc::unsupported.
template <class R, class F>
expected<R> with_element(dtype type, F f) {
    switch (type) {
    case dtype::boolean: return f.template operator()<bool>();
    case dtype::u8: return f.template operator()<std::uint8_t>();
    case dtype::i8: return f.template operator()<std::int8_t>();
    case dtype::f8_e5m2: return f.template operator()<float8_e5m2>();
    case dtype::f8_e4m3: return f.template operator()<float8_e4m3>();
    case dtype::i16: return f.template operator()<std::int16_t>();
    case dtype::u16: return f.template operator()<std::uint16_t>();
    case dtype::f16: return f.template operator()<float16>();
    case dtype::bf16: return f.template operator()<bfloat16>();
    case dtype::i32: return f.template operator()<std::int32_t>();
    case dtype::u32: return f.template operator()<std::uint32_t>();
    case dtype::f32: return f.template operator()<float>();
    case dtype::f64: return f.template operator()<double>();
    case dtype::i64: return f.template operator()<std::int64_t>();
    case dtype::u64: return f.template operator()<std::uint64_t>();
    case dtype::f8_e8m0: return f.template operator()<e8m0>();
    case dtype::f8_e4m3fnuz: return f.template operator()<float8_e4m3fnuz>();
    case dtype::f8_e5m2fnuz: return f.template operator()<float8_e5m2fnuz>();
    case dtype::f4: // the order of codes within a byte is not part of the format
    case dtype::f6_e2m3:
    case dtype::f6_e3m2:
    case dtype::c64:
    case dtype::unknown: break;
    default: return fail(errc::unsupported, "blocks of this type are not read element by element");
    }
    return fail(errc::unsupported, "elements of this type cannot be read as floats");
}

/// Whether the heap has that many bytes to give: asked before a size from a file meets an allocation that would throw.
inline bool can_allocate(std::size_t bytes) noexcept {
    void* const probe = ::operator new(bytes, std::nothrow);
    ::operator delete(probe);
    return probe != nullptr;
}

/// The sides of a tensor as a matrix.
struct sides {
    std::size_t rows = 1;
    std::size_t cols = 1;
};

inline unexpected<error> too_large() { return fail(errc::limit_exceeded, "the tensor does not fit this machine's memory"); }

/// The sides of a tensor whose elements floats can take and whose bytes are those of its shape.
inline expected<sides> sides_of(const tensor& source) {
    sides s;
    for (std::size_t i = 0; i < source.shape.size(); ++i) {
        std::size_t& side = i == 0 && source.shape.size() > 1 ? s.rows : s.cols;
        if (source.shape[i] > std::numeric_limits<std::size_t>::max() ||
            mul_overflow(side, static_cast<std::size_t>(source.shape[i]), side)) {
            return too_large();
        }
    }
    std::size_t count = 0;
    std::size_t float_bytes = 0;
    if (mul_overflow(s.rows, s.cols, count) || mul_overflow(count, sizeof(float), float_bytes)) return too_large();
    return with_element<sides>(source.dtype, [&]<class T>() -> expected<sides> {
        if (source.bytes.size() / sizeof(T) == count && source.bytes.size() % sizeof(T) == 0) return s;
        return fail(errc::shape_mismatch, detail::says::not_its_shape);
    });
}

/// Conversion of 16-bit numbers one by one. Those of lowbit::detail::active_rows() are faster, and take twenty seconds to
/// compile.
template <class Here>
struct plain_conversion {
    template <class T>
    void to_float(const T* from, std::size_t n, float* to) const noexcept {
        for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]);
    }
};

/// One row of elements of type T, as floats. Returns how many there are before one that is too large for a float.
template <class T, class Here, class Conversion>
std::size_t read_row(const std::byte* from, std::endian order, const Conversion& conversion, std::span<float> to) noexcept {
    const std::size_t count = to.size();
    if (std::is_same_v<T, float> && order == std::endian::native) {
        if (!to.empty()) std::memcpy(to.data(), from, to.size_bytes());
    } else if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
        std::array<T, 512> piece; // the kernels want aligned elements in the machine's order
        while (!to.empty()) {
            const std::size_t n = std::min(piece.size(), to.size());
            std::memcpy(piece.data(), from, n * sizeof(T));
            if (order != std::endian::native) {
                for (std::size_t i = 0; i < n; ++i) piece[i] = load<T>(from + i * sizeof(T), order);
            }
            conversion.to_float(piece.data(), n, to.data());
            from += n * sizeof(T);
            to = to.subspan(n);
        }
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            const T x = load<T>(from + i * sizeof(T), order);
            if constexpr (std::is_same_v<T, double>) {
                if (std::isfinite(x) && !(std::abs(x) < 0x1.ffffffp127)) return i; // from there on the nearest float is infinity
            }
            to[i] = static_cast<float>(x);
        }
    }
    return count;
}

} // namespace detail

/// Rows of the tensor as to_matrix() has them, from `first_row` on, as many as `out` has: for tensors that are better not in
/// memory whole. Errors: those of to_matrix(), and errc::shape_mismatch if there are no such rows or `out` has another number of
/// columns. `conversion.to_float(from, n, to)` turns runs of float16 and bfloat16 into floats; lowbit::detail::active_rows() does
/// so fastest.
template <class Here = isa::here, class Conversion = detail::plain_conversion<Here>>
[[nodiscard]] expected<void> read_rows(const tensor& source, std::size_t first_row, matrix_view<float> out,
                                       const Conversion& conversion = {}) {
    const auto sides = detail::sides_of(source);
    if (!sides) return unexpected<error>(sides.error());
    if (out.cols() != sides->cols || first_row > sides->rows || out.rows() > sides->rows - first_row) {
        return fail(errc::shape_mismatch, "the tensor has no such rows", first_row);
    }
    return detail::with_element<void>(source.dtype, [&]<class T>() -> expected<void> {
        const std::byte* from = source.bytes.data() + first_row * sides->cols * sizeof(T);
        const std::size_t rows = out.cols() == 0 ? 0 : out.rows(); // a file may claim any number of rows of nothing
        for (std::size_t r = 0; r < rows; ++r, from += out.cols() * sizeof(T)) {
            const std::size_t read = detail::read_row<T, Here>(from, source.byte_order, conversion, out.row(r));
            if (read != out.cols())
                return fail(errc::scale_range, "a number is too large for a float", (first_row + r) * out.cols() + read);
        }
        return {};
    });
}

/// The tensor as floats: the first dimension is the rows, the product of all others the columns; one dimension is one row,
/// a scalar 1 x 1. Integers and doubles are rounded to the nearest float, booleans are 0 and 1, NaN and infinities stay.
/// Errors: errc::unsupported for element types below a byte, complex and unknown ones, and for blocks; errc::limit_exceeded for
/// sizes that this machine cannot hold; errc::scale_range for a finite double whose nearest float is infinite, with its index;
/// errc::shape_mismatch if the bytes are not those of the shape (never so in a tensor that
/// a reader handed out).
template <class Here = isa::here>
[[nodiscard]] expected<matrix<float>> to_matrix(const tensor& source) {
    const auto sides = detail::sides_of(source);
    if (!sides) return unexpected<error>(sides.error());
    if (!detail::can_allocate(sides->rows * sides->cols * sizeof(float))) return detail::too_large();
    matrix<float> result(sides->rows, sides->cols);
    if (const auto read = read_rows<Here>(source, 0, result.view()); !read) return unexpected<error>(read.error());
    return result;
}

} // namespace lowbit::inline v0::io
