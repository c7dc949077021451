// SPDX-License-Identifier: MIT
// from_bitmask: sparse tensors of compressed-tensors, spread out again or kept sparse.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <lowbit/core/expected.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/checkpoint/assemble.hpp>
#include <lowbit/io/checkpoint/from_quantized.hpp>
#include <lowbit/io/checkpoint/packed_words.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/prune/select.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

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

namespace detail {

/// Rows and columns of a sparse tensor whose parts fit each other as far as shapes say it.
inline expected<std::array<std::uint64_t, 2>> sides_of(const bitmask_tensors& t) {
    std::uint64_t count = 0;
    if (t.shape.dtype != dtype::i64 || !is_whole(t.shape, t.shape.shape.size()) || !element_count(t.shape.shape, count) ||
        count != 2)
        return fail(errc::shape_mismatch, "shape should be two i64");
    const auto rows = load<std::uint64_t>(t.shape.bytes.data(), t.shape.byte_order);
    const auto cols = load<std::uint64_t>(t.shape.bytes.data() + 8, t.shape.byte_order);
    if (t.bitmask.dtype != dtype::u8 || !is_whole(t.bitmask, 2) || t.bitmask.shape[0] != rows || cols == 0 ||
        t.bitmask.shape[1] != (cols - 1) / 8 + 1) // ceil_div() would cut K to size_t
        return fail(errc::shape_mismatch, "bitmask should be u8 [N, ceil(K / 8)], as shape says");
    if (!t.row_offsets && cols % 4 != 0) return fail(errc::shape_mismatch, "shape should have columns in fours");
    if (block_of(t.compressed.dtype).elements != 1)
        return fail(errc::unsupported, "compressed should have elements of whole bytes");
    std::uint64_t bytes = 0;
    if (!byte_size(t.compressed.dtype, t.compressed.shape, bytes) || bytes != t.compressed.bytes.size())
        return fail(errc::shape_mismatch, "compressed should be as many values as the mask keeps");
    if (t.row_offsets && (t.row_offsets->dtype != dtype::i64 || !is_whole(*t.row_offsets, 1) || t.row_offsets->shape[0] != rows))
        return fail(errc::shape_mismatch, "row_offsets should be i64 [N], how many values stand before each row");
    if (t.bitmask.shape[1] > std::numeric_limits<std::size_t>::max() / 8) return too_large(); // K may be 8 times what is there
    return std::array{rows, cols};
}

/// Calls keep(row, column, bytes) for each value, in order, and after each row fits(row), which answers whether it keeps what it
/// should. Checks that the mask keeps as many values as there are and row_offsets say.
template <class Keep, class Fits>
expected<void> each_kept(const bitmask_tensors& t, std::uint64_t cols, Keep keep, Fits fits) {
    const std::size_t size = block_of(t.compressed.dtype).bytes;
    const std::size_t count = t.compressed.bytes.size() / size;
    const auto rows = static_cast<std::size_t>(t.bitmask.shape[0]);
    const auto width = static_cast<std::size_t>(t.bitmask.shape[1]);
    constexpr auto* compressed = "compressed should be as many values as the mask keeps";
    std::size_t i = 0;
    for (std::size_t r = 0; r < rows; ++r) {
        const std::byte* const mask = t.bitmask.bytes.data() + r * width;
        if (t.row_offsets && load<std::uint64_t>(t.row_offsets->bytes.data() + 8 * r, t.row_offsets->byte_order) != i)
            return fail(errc::malformed, "row_offsets should be i64 [N], how many values stand before each row", r);
        for (std::size_t k = 0; k < 8 * width; ++k) {
            const auto rest = std::to_integer<unsigned>(mask[k / 8]) >> k % 8;
            if (k % 4 == 0 && !t.row_offsets && k < cols && std::popcount(rest & 15u) != 2)
                return fail(errc::malformed, "bitmask should keep two of each four columns", r * cols + k);
            if (rest % 2 == 0) continue;
            if (k >= cols) return fail(errc::malformed, "bitmask should keep nothing beyond K", r);
            if (i == count) return fail(errc::shape_mismatch, compressed, r);
            keep(r, k, t.compressed.bytes.subspan(i++ * size, size));
        }
        if (!fits(r)) return fail(errc::malformed, "bitmask should keep in each row what the policy keeps", r);
    }
    if (i != count) return fail(errc::shape_mismatch, compressed);
    return {};
}

/// A policy of codes in bytes, with a mask of one bit for each weight.
template <class P>
concept masked_policy = byte_policy<P> && P::element_type::bits == 8 && std::same_as<typename format_of<P>::layout, planar> &&
                        format_of<P>::mask::present && format_of<P>::mask::mask::rows == 1 &&
                        format_of<P>::mask::mask::cols == 1 && !format_of<P>::column_order::permuted;

} // namespace detail

/// The tensor with zeros where the mask keeps nothing, in the type of the kept values: for to_matrix(), or from_quantized() if
/// they are codes. The mask is as quantized_parts takes it. Errors, whose message says which tensor is wrong:
/// errc::shape_mismatch for tensors that do not fit each other; errc::malformed for a mask that keeps what is outside of the
/// matrix, not two of four columns, or another number than row_offsets say; errc::unsupported for elements below a byte;
/// errc::limit_exceeded if there is no memory.
[[nodiscard]] inline expected<dense_tensor> from_bitmask(const bitmask_tensors& t) {
    const auto sides = detail::sides_of(t);
    if (!sides) return unexpected<error>(sides.error());
    dense_tensor dense{t.compressed.dtype, *sides, {}, t.compressed.byte_order};
    std::uint64_t bytes = 0;
    if (!byte_size(dense.dtype, dense.shape, bytes) || bytes > std::numeric_limits<std::size_t>::max() ||
        !detail::can_allocate(static_cast<std::size_t>(bytes)))
        return detail::too_large();
    dense.bytes.resize(static_cast<std::size_t>(bytes));
    const auto cols = static_cast<std::size_t>(dense.shape[1]);
    const auto spread = detail::each_kept(
        t, cols,
        [&](std::size_t r, std::size_t k, std::span<const std::byte> value) {
            std::ranges::copy(value, dense.bytes.data() + (r * cols + k) * value.size());
        },
        [](std::size_t) { return true; });
    if (!spread) return unexpected<error>(spread.error());
    return dense;
}

/// A sparse layer of codes, and its scales as from_quantized takes them, as an N x K matrix of P that keeps what the mask keeps:
/// for instance policy<int8, per_channel, prune<n_of_m<2, 4>>>. Values and mask are taken as they are. Errors: besides those of
/// from_bitmask and from_quantized, errc::malformed for a row that keeps another number than P does, or, under n_of_m, elsewhere:
/// masks whose rows differ are for from_bitmask(t), whose tensor is dense.
template <detail::masked_policy P, class Here = isa::here>
[[nodiscard]] expected<quantized_matrix<P>> from_bitmask(const bitmask_tensors& t, const tensor& scale,
                                                         scales how = scales::checked) {
    using element = typename P::element_type;
    using format = format_of<P>;
    const auto sides = detail::sides_of(t);
    if (!sides) return unexpected<error>(sides.error());
    if (t.compressed.dtype != detail::dtype_of_codes<element>)
        return fail(errc::unsupported, "compressed is of another type than the policy's codes");
    const auto checked = detail::check_bytes<element>(t.compressed.bytes, how, "compressed holds an integer beyond the policy's",
                                                      "compressed holds what is no finite number");
    if (!checked) return unexpected<error>(checked.error());
    const auto rows = static_cast<std::size_t>((*sides)[0]); // both fit, as sides_of() saw
    const auto cols = static_cast<std::size_t>((*sides)[1]);
    const lowbit::detail::shape_of<format> shape{rows, cols};
    const std::size_t kept = shape.stored_cols();
    const auto walked = detail::each_kept(
        t, cols, [](std::size_t, std::size_t, std::span<const std::byte>) {},
        [&](std::size_t r) {
            return lowbit::detail::misfit_of_line<typename format::mask::mask>(
                       t.bitmask.bytes.data() + r * shape.mask_row_bytes(), cols) == nullptr;
        });
    if (!walked) return unexpected<error>(walked.error());
    const detail::group_places place(shape, scale);
    const auto numbers =
        detail::read_scales<P, Here>(scale, place.rows, place.groups, how, "weight_scale should be numbers, one for each group");
    if (!numbers) return unexpected<error>(numbers.error());
    auto result = detail::assemble<P, Here>(
        {"weight_scale should be numbers that the policy can store as they are"}, rows, cols, {},
        [&](std::size_t n, std::size_t i) { return detail::level_of_byte<element>(t.compressed.bytes[n * kept + i]); },
        [&](std::size_t n, std::size_t g) { return numbers->data()[place(n, g)]; },
        [](std::size_t, std::size_t) { return detail::level_of_byte<element>(std::byte{0}); });
    if (result) {
        const auto planes = lowbit::detail::layout_access<format>::split(result->bytes().data(), shape);
        std::ranges::copy(t.bitmask.bytes, planes.mask);
    }
    return result;
}

} // namespace lowbit::inline v0::io
