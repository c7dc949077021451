// SPDX-License-Identifier: MIT
// from_bitmask: sparse tensors of compressed-tensors, spread out again.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>

namespace lowbit::inline v0::io {

/// A tensor of compressed-tensors, format sparse-24-bitmask, or sparse-bitmask if it has row_offsets.
struct bitmask_tensors {
    tensor compressed;                   ///< the kept values row by row, of any type; [N, K / 2], or [kept]
    tensor bitmask;                      ///< u8 [N, ceil(K / 8)], lowest bit first, set = kept
    tensor shape;                        ///< i64 [2] or [2, 1]: N, K
    std::optional<tensor> row_offsets{}; ///< i64 [N]: how many values stand before each row
};

/// A matrix of a tensor's elements that owns its memory, and is a tensor wherever one is taken.
struct dense_tensor {
    io::dtype dtype = dtype::unknown;
    std::array<std::uint64_t, 2> shape{};
    std::vector<std::byte> bytes;
    std::endian byte_order = std::endian::little;

    /// Looks into this, which must outlive it.
    operator tensor() const& noexcept { return {{}, dtype, shape, bytes, byte_order}; } // NOLINT: the same bytes
    operator tensor() const&& = delete;
};

/// The tensor with zeros where the mask keeps nothing, in the type of the kept values: for to_matrix(), or from_quantized() if
/// they are codes. The mask is as quantized_parts takes it. Errors, whose message says which tensor is wrong:
/// errc::shape_mismatch for tensors that do not fit each other; errc::malformed for a mask that keeps what is outside of the
/// matrix, not two of four columns, or another number than row_offsets say; errc::unsupported for elements below a byte;
/// errc::limit_exceeded if there is no memory.
[[nodiscard]] inline expected<dense_tensor> from_bitmask(const bitmask_tensors& t) {
    constexpr auto* bitmask = "bitmask should be u8 [N, ceil(K / 8)], as shape says, and keep nothing beyond K";
    constexpr auto* compressed = "compressed should be as many values as the mask keeps";
    std::uint64_t count = 0;
    if (t.shape.dtype != dtype::i64 || !detail::is_whole(t.shape, t.shape.shape.size()) || !element_count(t.shape.shape, count) ||
        count != 2)
        return fail(errc::shape_mismatch, "shape should be two i64");
    const auto rows = load<std::uint64_t>(t.shape.bytes.data(), t.shape.byte_order);
    const auto cols = load<std::uint64_t>(t.shape.bytes.data() + 8, t.shape.byte_order);
    if (t.bitmask.dtype != dtype::u8 || !detail::is_whole(t.bitmask, 2) || t.bitmask.shape[0] != rows || cols == 0 ||
        t.bitmask.shape[1] != ceil_div(cols, 8))
        return fail(errc::shape_mismatch, bitmask);
    const bool is_two_of_four = !t.row_offsets;
    if (is_two_of_four && cols % 4 != 0) return fail(errc::shape_mismatch, "shape should have columns in fours");
    const dtype_block element = block_of(t.compressed.dtype);
    if (element.elements != 1) return fail(errc::unsupported, "compressed should have elements of whole bytes");
    std::uint64_t bytes = 0;
    if (!byte_size(t.compressed.dtype, t.compressed.shape, bytes) || bytes != t.compressed.bytes.size())
        return fail(errc::shape_mismatch, compressed);
    constexpr auto* offsets = "row_offsets should be i64 [N], how many values stand before each row";
    if (t.row_offsets &&
        (t.row_offsets->dtype != dtype::i64 || !detail::is_whole(*t.row_offsets, 1) || t.row_offsets->shape[0] != rows))
        return fail(errc::shape_mismatch, offsets);

    dense_tensor dense{t.compressed.dtype, {rows, cols}, {}, t.compressed.byte_order};
    if (!byte_size(dense.dtype, dense.shape, bytes) || bytes > std::numeric_limits<std::size_t>::max() ||
        !detail::can_allocate(static_cast<std::size_t>(bytes)))
        return detail::too_large();
    dense.bytes.resize(static_cast<std::size_t>(bytes));
    const std::byte* from = t.compressed.bytes.data();
    const std::byte* const end = from + t.compressed.bytes.size();
    std::byte* to = dense.bytes.data();
    const auto width = static_cast<std::size_t>(t.bitmask.shape[1]);
    for (std::size_t r = 0; r < rows; ++r) {
        const std::byte* const mask = t.bitmask.bytes.data() + r * width;
        const auto kept = static_cast<std::uint64_t>(from - t.compressed.bytes.data()) / element.bytes;
        if (t.row_offsets && load<std::uint64_t>(t.row_offsets->bytes.data() + 8 * r, t.row_offsets->byte_order) != kept)
            return fail(errc::malformed, offsets, r);
        for (std::size_t k = 0; k < 8 * width; ++k) {
            const auto rest = std::to_integer<unsigned>(mask[k / 8]) >> k % 8;
            if (k % 4 == 0 && is_two_of_four && k < cols && std::popcount(rest & 15u) != 2)
                return fail(errc::malformed, "bitmask should keep two of each four columns", r * cols + k);
            if (rest % 2 != 0) {
                if (k >= cols) return fail(errc::malformed, bitmask, r);
                if (from == end) return fail(errc::shape_mismatch, compressed, r);
                std::copy_n(from, element.bytes, to);
                from += element.bytes;
            }
            if (k < cols) to += element.bytes;
        }
    }
    if (from != end) return fail(errc::shape_mismatch, compressed);
    return dense;
}

} // namespace lowbit::inline v0::io
