// SPDX-License-Identifier: MIT
// quantized_view<P>: a quantized matrix over foreign memory - a mapped file, a model's buffer, an array in ROM.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/quantize/layout_interleaved.hpp>
#include <lowbit/quantize/layout_transposed.hpp>
#include <lowbit/quantize/storage.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// The first of `cols` places whose column, `column_at(place)`, is not there or stands earlier too; `cols` for a permutation.
template <class Here, class ColumnAt>
constexpr std::size_t first_out_of_order(std::size_t cols, ColumnAt column_at) {
    scratch<bool> seen(cols);
    for (std::size_t k = 0; k < cols; ++k) {
        const std::uint64_t column = column_at(k);
        if (column >= cols || seen[static_cast<std::size_t>(column)]) return k;
        seen[static_cast<std::size_t>(column)] = true;
    }
    return cols;
}

} // namespace detail

/// The planes of a quantized matrix, each in memory of its own. What the policy does not use stays empty. Little-endian,
/// unaligned.
struct quantized_parts {
    std::span<const std::byte> codes{};          ///< rows x row bytes
    std::span<const std::byte> scales{};         ///< scale rows x groups
    std::span<const std::byte> offsets{};        ///< zero points or minimums, as scales
    std::span<const std::byte> super_scales{};   ///< scale rows x super-scales
    std::span<const std::byte> super_minimums{}; ///< scale rows x super-minimums
    std::span<const std::byte> mask{};           ///< one bit per weight or block, rows padded to bytes, set = kept
    std::span<const std::byte> order{};          ///< u32 per stored column: its logical index
    float tensor_scale = 1.0f;                   ///< what multiplies every scale; under tensor_divisor what divides it
};

/// A read-only window on the bytes of policy P. Owns nothing; the memory must outlive it. Nothing is copied or aligned.
template <any_policy P>
class quantized_view {
public:
    using policy_type = P;
    using format = format_of<P>;

    constexpr quantized_view() noexcept = default;

    /// A view of `size_bytes()` bytes that stand as quantized_matrix keeps them (for interleaved policies: as the file has them).
    /// The caller vouches for their number; whatever they hold, no other byte is touched.
    LOWBIT_ALWAYS_INLINE constexpr quantized_view(const std::byte* bytes, std::size_t rows, std::size_t cols) noexcept
        : planes_(access::split(bytes, shape{rows, cols})), shape_{rows, cols} {
        if constexpr (format::tensor_scale::present) {
            if (access::tensor_bytes(shape_) != 0)
                tensor_scale_ = detail::scalar_codec<float>::decode(detail::load_scalar<float>(planes_.tensor_scale));
        }
    }

    /// Any policy with the same format reads the same bytes.
    template <any_policy Q>
        requires(std::same_as<format_of<Q>, format> && !std::same_as<P, Q>)
    LOWBIT_ALWAYS_INLINE constexpr quantized_view(const quantized_view<Q>& other) noexcept // NOLINT: the same bytes
        : planes_(other.planes()), shape_{other.rows(), other.cols()}, tensor_scale_(other.tensor_scale()) {}

    /// A view of separate planes. errc::truncated if one is too short, errc::limit_exceeded if no memory could hold them,
    /// errc::malformed if the order is not a permutation of the columns or a mask row keeps another number than the policy,
    /// errc::non_finite for a tensor scale that makes no finite scales; those of groups are not looked at.
    template <class Here = isa::here>
    [[nodiscard]] static constexpr expected<quantized_view> from(const quantized_parts& parts, std::size_t rows,
                                                                 std::size_t cols) {
        quantized_view v;
        v.shape_ = shape{rows, cols};
        if (auto ok = v.template take<Here>(parts); !ok) return unexpected<error>(ok.error());
        return v;
    }

    /// A view of planes that somebody else has split; for the library's own code.
    [[nodiscard]] static LOWBIT_ALWAYS_INLINE constexpr quantized_view
    over(const detail::planes<const std::byte>& planes, detail::shape_of<format> shape, float tensor_scale) noexcept {
        quantized_view v;
        v.planes_ = planes;
        v.shape_ = shape;
        v.tensor_scale_ = tensor_scale;
        return v;
    }

    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t rows() const noexcept { return shape_.rows; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t cols() const noexcept { return shape_.cols; }
    /// Exactly what the format stores: codes, scales, offsets, masks, order.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr std::size_t size_bytes() const noexcept { return access::bytes(shape_); }
    /// Stored bits over rows x cols; 0 for an empty matrix.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr double bits_per_weight() const noexcept {
        const double weights = static_cast<double>(rows()) * static_cast<double>(cols());
        return weights == 0 ? 0 : 8.0 * static_cast<double>(size_bytes()) / weights;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr float tensor_scale() const noexcept { return tensor_scale_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr quantized_view view() const noexcept { return *this; }

    /// For the code that reads rows: the planes and the shape.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr const detail::planes<const std::byte>& planes() const noexcept {
        return planes_;
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr detail::shape_of<format> layout_shape() const noexcept { return shape_; }

private:
    using access = detail::layout_access<format>;
    using shape = detail::shape_of<format>;

    template <class Here>
    constexpr expected<bool> take(const quantized_parts& parts) {
        const shape& s = shape_;
        if (std::size_t bytes = 0; detail::bytes_overflow<format, Here>(s, bytes))
            return fail(errc::limit_exceeded, "rows x cols overflows size_t");
        const auto plane = [](std::span<const std::byte> part, std::size_t size, const std::byte*& to) {
            to = part.data();
            return part.size() >= size;
        };
        if (!plane(parts.codes, access::codes_bytes(s), planes_.codes))
            return fail(errc::truncated, "codes are shorter than the shape needs", parts.codes.size());
        if (!plane(parts.scales, access::scales_bytes(s), planes_.scales))
            return fail(errc::truncated, "scales are shorter than the shape needs", parts.scales.size());
        if (!plane(parts.offsets, access::offsets_bytes(s), planes_.offsets))
            return fail(errc::truncated, "offsets are shorter than the shape needs", parts.offsets.size());
        if (!plane(parts.super_scales, access::super_scales_bytes(s), planes_.super_scales))
            return fail(errc::truncated, "super-scales are shorter than the shape needs", parts.super_scales.size());
        if (!plane(parts.super_minimums, access::super_minimums_bytes(s), planes_.super_minimums))
            return fail(errc::truncated, "super-minimums are shorter than the shape needs", parts.super_minimums.size());
        if (!plane(parts.mask, access::mask_bytes(s), planes_.mask))
            return fail(errc::truncated, "the mask is shorter than the shape needs", parts.mask.size());
        if (!plane(parts.order, access::order_bytes(s), planes_.order))
            return fail(errc::truncated, "the order is shorter than the shape needs", parts.order.size());
        if constexpr (format::column_order::permuted) {
            const std::size_t k = detail::first_out_of_order<Here>(
                s.cols, [this](std::size_t i) { return detail::load_le<4>(planes_.order + 4 * i); });
            if (k != s.cols) return fail(errc::malformed, "the order is not a permutation of the columns", k);
        }
        if constexpr (format::mask::present) {
            using mask = typename format::mask::mask;
            for (std::size_t r = 0; r < s.mask_rows(); ++r) {
                if (const char* message = detail::misfit_of_line<mask>(planes_.mask + r * s.mask_row_bytes(), s.mask_cols());
                    message != nullptr)
                    return fail(errc::malformed, message, r);
            }
        }
        if constexpr (format::tensor_scale::present) {
            const float t = parts.tensor_scale; // less itself, no number unless it is finite; <cmath> has no constexpr isfinite
            if (t - t != 0.0f || (format::tensor_scale::divides && t == 0.0f))
                return fail(errc::non_finite, "the tensor scale is no finite number, or divides and is 0");
            tensor_scale_ = t;
        }
        return true;
    }

    detail::planes<const std::byte> planes_{};
    shape shape_{};
    float tensor_scale_ = 1.0f;
};

namespace detail {

template <class T>
inline constexpr bool is_quantized_view = false;
template <class P>
inline constexpr bool is_quantized_view<quantized_view<P>> = true;

} // namespace detail

/// A quantized matrix or a view of one.
template <class Q>
concept quantized = requires(const Q& q) { requires detail::is_quantized_view<std::remove_cvref_t<decltype(q.view())>>; };

} // namespace lowbit::inline v0
