// SPDX-License-Identifier: MIT
// checkpoint: weights that GPTQ, AWQ, compressed-tensors and bitsandbytes have packed, as quantized matrices.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/io/bytes.hpp>
#include <lowbit/io/dtype.hpp>
#include <lowbit/io/tensor.hpp>
#include <lowbit/io/to_any.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>
#include <lowbit/quantize/reference_rows.hpp>

namespace lowbit::inline v0::io {

/// How a GPTQ checkpoint stores zero points. Its `checkpoint_format` says so ("gptq" or "gptq_v2"), but some files are labelled
/// wrongly: symmetric 4-bit ones hold 7 in v1 and 8 in v2.
enum class gptq_zeros : std::uint8_t {
    less_one, ///< v1: zero - 1
    as_is,    ///< v2
};

/// A layer of a GPTQ checkpoint, K inputs and N outputs.
struct gptq_tensors {
    tensor qweight;                ///< 32-bit words [K * bits / 32, N]
    tensor qzeros;                 ///< 32-bit words [groups, N * bits / 32]
    tensor scales;                 ///< [groups, N]
    std::optional<tensor> g_idx{}; ///< i32 [K]: the group of each input; without it they follow each other
};

/// A layer of an AWQ checkpoint of version GEMM, 4 bits.
struct awq_tensors {
    tensor qweight; ///< 32-bit words [K, N / 8]
    tensor qzeros;  ///< 32-bit words [groups, N / 8]
    tensor scales;  ///< [groups, N]
};

/// A layer of a checkpoint of compressed-tensors, format pack-quantized.
struct packed_tensors {
    tensor weight;                      ///< `weight_packed`, 32-bit words [N, ceil(K * bits / 32)]
    tensor scale;                       ///< `weight_scale` [N, groups]
    tensor shape;                       ///< `weight_shape`, i64 [2]: N, K
    std::optional<tensor> zero_point{}; ///< `weight_zero_point`, 32-bit words [ceil(N * bits / 32), groups]
};

/// A 4-bit layer of bitsandbytes; its blocks cut the flattened tensor.
struct bnb_tensors {
    tensor weight; ///< u8, two codes in each, whatever the shape
    tensor absmax; ///< one for each block
};

namespace detail {

/// Whether the tensor has `dims` dimensions, none of them 0, and their bytes.
inline bool is_whole(const tensor& t, std::size_t dims) {
    std::uint64_t bytes = 0;
    return t.shape.size() == dims && std::ranges::find(t.shape, 0u) == t.shape.end() && byte_size(t.dtype, t.shape, bytes) &&
           bytes == t.bytes.size();
}

/// Runs of fields, lowest bits first, in the 32-bit words of a tensor, along its first or its second dimension. Every size fits
/// size_t since the bytes are there.
class packed_words {
public:
    static expected<packed_words> of(const tensor& t, std::size_t axis, int bits) {
        if ((t.dtype != dtype::i32 && t.dtype != dtype::u32) || !is_whole(t, 2))
            return fail(errc::shape_mismatch, "packed codes are a whole matrix of 32-bit words");
        packed_words p;
        const auto cols = static_cast<std::size_t>(t.shape[1]);
        p.words_ = &t;
        p.bits_ = static_cast<std::size_t>(bits);
        p.length_ = static_cast<std::size_t>(t.shape[axis]);
        p.runs_ = static_cast<std::size_t>(t.shape[1 - axis]);
        p.word_step_ = axis == 0 ? cols : 1;
        p.run_step_ = axis == 0 ? 1 : cols;
        if (p.length_ > std::numeric_limits<std::size_t>::max() / 32) return too_large();
        return p;
    }

    [[nodiscard]] std::size_t runs() const noexcept { return runs_; }
    /// Fields in a run, if they fill it.
    [[nodiscard]] std::size_t fields() const noexcept { return length_ * 32 / bits_; }
    /// Whether `count` fields need as many words as a run has.
    [[nodiscard]] bool holds(std::size_t count) const noexcept {
        return count <= fields() && ceil_div(count * bits_, 32) == length_;
    }
    /// A field, which may begin in one word and end in the next.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::uint32_t operator()(std::size_t run, std::size_t field) const noexcept {
        const std::size_t bit = field * bits_;
        std::uint64_t word = load(run, bit / 32);
        if (bit % 32 + bits_ > 32) word |= std::uint64_t{load(run, bit / 32 + 1)} << 32;
        return static_cast<std::uint32_t>(word >> bit % 32 & ((std::uint64_t{1} << bits_) - 1));
    }

private:
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::uint32_t load(std::size_t run, std::size_t word) const noexcept {
        return io::load<std::uint32_t>(words_->bytes.data() + 4 * (run * run_step_ + word * word_step_), words_->byte_order);
    }

    const tensor* words_ = nullptr;
    std::size_t bits_ = 0;
    std::size_t length_ = 0; ///< words in a run
    std::size_t runs_ = 0;
    std::size_t word_step_ = 0;
    std::size_t run_step_ = 0;
};

/// The scales of a layer as floats, a matrix of that shape, and of numbers unless they are trusted.
template <class Here>
expected<matrix<float>> read_scales(const tensor& t, std::size_t rows, std::size_t cols, scales how) {
    auto floats = to_matrix<Here>(t);
    if (!floats) return floats;
    if (floats->rows() != rows || floats->cols() != cols)
        return fail(errc::shape_mismatch, "the scales are not those of the policy's groups");
    for (std::size_t r = 0; how == scales::checked && r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) {
            if (!std::isfinite(floats->row(r)[c])) return fail(errc::non_finite, "a scale is no finite number", r * cols + c);
        }
    }
    return floats;
}

/// A matrix made of `level(row, place)`, unsigned codes; `scale(row, group)` and `zero(row, group)`; and the logical column of
/// each place, empty where the columns are in order. errc::scale_range for a scale or zero point that P cannot store as it is.
template <any_policy P, class Here, class Level, class Scale, class Zero>
expected<quantized_matrix<P>> assemble(std::size_t rows, std::size_t cols, std::span<const std::uint32_t> order, Level level,
                                       Scale scale, Zero zero) {
    using format = format_of<P>;
    using access = lowbit::detail::layout_access<format>;
    using codec = lowbit::detail::scalar_codec<typename format::scale_type>;
    static_assert(!format::mask::present && !format::tensor_scale::present &&
                      std::is_void_v<typename format::super_scale::type> &&
                      (format::offset::kind == offset_kind::none || format::offset::kind == offset_kind::zero_point),
                  "lowbit: packed checkpoints have one level of scales, perhaps with zero points, and keep every weight");
    constexpr bool permuted = format::column_order::permuted;
    if (!permuted && !order.empty())
        return fail(errc::unsupported, "the groups' columns are scattered; that takes a policy with permuted_columns");

    if (permuted && cols > std::numeric_limits<std::uint32_t>::max()) return too_large();
    const lowbit::detail::shape_of<format> shape{rows, cols};
    std::size_t bytes = 0;
    if (lowbit::detail::bytes_overflow<format, Here>(shape, bytes) || !can_allocate(bytes)) return too_large();
    quantized_matrix<P> result(rows, cols);
    const auto planes = access::split(result.bytes().data(), shape);
    std::vector<std::uint8_t> levels(cols);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t k = 0; k < cols; ++k)
            levels[k] = static_cast<std::uint8_t>(level(r, order.empty() ? k : std::size_t{order[k]}));
        access::store_levels(lowbit::detail::reference_rows<Here>{}, planes, shape, r, std::span<const std::uint8_t>(levels));
        for (std::size_t g = 0; g < shape.groups(); ++g) {
            const float s = scale(r, g);
            const std::uint32_t code = codec::encode(s);
            if (codec::decode(code) != s && !std::isnan(s))
                return fail(errc::scale_range, "the policy cannot store a scale as it is", r * shape.groups() + g);
            access::store_scale(planes, shape, r, g, code);
            if constexpr (format::offset::kind == offset_kind::zero_point) {
                const std::uint32_t z = zero(r, g);
                if (z >> access::offset::bits != 0)
                    return fail(errc::scale_range, "the policy cannot store a zero point", r * shape.groups() + g);
                access::store_offset(planes, shape, r, g, z);
            }
        }
    }
    if constexpr (permuted) {
        for (std::size_t k = 0; k < cols; ++k)
            lowbit::detail::store_le<4>(planes.order + 4 * k, order.empty() ? static_cast<std::uint32_t>(k) : order[k]);
    }
    return result;
}

/// The columns sorted by group, each group's in their order; empty where they are sorted already. Every group but the last has
/// `size` columns.
template <class Here>
expected<std::vector<std::uint32_t>> order_of_groups(const tensor& g_idx, std::size_t cols, std::size_t size) {
    if (g_idx.dtype != dtype::i32 || !is_whole(g_idx, 1) || g_idx.shape[0] != cols)
        return fail(errc::shape_mismatch, "g_idx has one 32-bit integer for each input");
    const std::size_t groups = ceil_div(cols, size);
    std::vector<std::uint32_t> order(cols);
    std::vector<std::size_t> next(groups);
    for (std::size_t g = 0; g < groups; ++g) next[g] = g * size;
    bool sorted = true;
    for (std::size_t k = 0; k < cols; ++k) {
        const auto g = load<std::uint32_t>(g_idx.bytes.data() + 4 * k, g_idx.byte_order); // negative ones are large
        if (g >= groups || next[g] == std::min(cols, (g + std::size_t{1}) * size))
            return fail(errc::malformed, "g_idx names no group, or one that is full", k);
        sorted = sorted && next[g] == k;
        order[next[g]++] = static_cast<std::uint32_t>(k);
    }
    if (sorted) order.clear();
    return order;
}

template <any_policy P>
inline constexpr bool has_zero_points = format_of<P>::offset::kind == offset_kind::zero_point;

/// A policy whose codes are integers with zero points, so that level and zero point are what a checkpoint stores.
template <class P>
concept zero_point_policy =
    any_policy<P> && integer_element<typename P::element_type> && P::granularity::rows == 1 && has_zero_points<P>;

} // namespace detail

/// A GPTQ layer (AutoGPTQ, GPTQModel) as an N x K matrix of P, for instance presets::gptq4<128>, or policy<uint<3>,
/// per_group<32>, asymmetric>; P says bits and group size. Stored as v2. Inputs in groups out of order (act-order) need
/// permuted_columns. In v1 the highest zero point becomes 2^bits, which `asymmetric` can store and an offset of the codes' bits
/// cannot. Errors: errc::shape_mismatch for tensors that do not fit each other or P; errc::malformed for a g_idx that fills a
/// group with more inputs than P has there; errc::unsupported for scattered groups; errc::non_finite for a scale;
/// errc::scale_range for one, or a zero point, that P cannot store as it is; errc::limit_exceeded if there is no memory.
template <detail::zero_point_policy P, class Here = isa::here>
[[nodiscard]] expected<quantized_matrix<P>> from_gptq(const gptq_tensors& t, gptq_zeros zeros, scales how = scales::checked) {
    constexpr int bits = P::element_type::bits;
    const auto codes = detail::packed_words::of(t.qweight, 0, bits);
    if (!codes) return unexpected<error>(codes.error());
    const std::size_t rows = codes->runs();
    const std::size_t cols = codes->fields();
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    const auto zero = detail::packed_words::of(t.qzeros, 1, bits);
    if (!zero) return unexpected<error>(zero.error());
    if (!codes->holds(cols) || cols * bits % 32 != 0 || !zero->holds(rows) || zero->runs() != shape.groups())
        return fail(errc::shape_mismatch, "qweight and qzeros do not fit each other, the bits or the groups");
    const auto scale = detail::read_scales<Here>(t.scales, shape.groups(), rows, how);
    if (!scale) return unexpected<error>(scale.error());
    std::vector<std::uint32_t> order;
    if (t.g_idx) {
        auto sorted = detail::order_of_groups<Here>(*t.g_idx, cols, shape.group_cols());
        if (!sorted) return unexpected<error>(sorted.error());
        order = std::move(*sorted);
    }
    const std::uint32_t add = zeros == gptq_zeros::less_one ? 1 : 0;
    return detail::assemble<P, Here>(
        rows, cols, order, [&](std::size_t n, std::size_t k) { return (*codes)(n, k); },
        [&](std::size_t n, std::size_t g) { return scale->row(g)[n]; },
        [&](std::size_t n, std::size_t g) { return (*zero)(g, n) + add; });
}

/// An AWQ layer (AutoAWQ's GEMM packing) as an N x K matrix of P, for instance policy<uint4, per_group<128>,
/// zero_point_as<uint4>>. Errors: as from_gptq.
template <detail::zero_point_policy P, class Here = isa::here>
    requires(P::element_type::bits == 4)
[[nodiscard]] expected<quantized_matrix<P>> from_awq(const awq_tensors& t, scales how = scales::checked) {
    const auto codes = detail::packed_words::of(t.qweight, 1, 4);
    if (!codes) return unexpected<error>(codes.error());
    const std::size_t rows = codes->fields();
    const std::size_t cols = codes->runs();
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    const auto zero = detail::packed_words::of(t.qzeros, 1, 4);
    if (!zero) return unexpected<error>(zero.error());
    if (zero->fields() != rows || zero->runs() != shape.groups())
        return fail(errc::shape_mismatch, "qweight and qzeros do not fit each other or the groups");
    const auto scale = detail::read_scales<Here>(t.scales, shape.groups(), rows, how);
    if (!scale) return unexpected<error>(scale.error());
    // a word holds the columns 0 2 4 6 1 3 5 7: the even ones first
    const auto field = [](std::size_t n) { return n / 8 * 8 + n % 2 * 4 + n % 8 / 2; };
    return detail::assemble<P, Here>(
        rows, cols, {}, [&](std::size_t n, std::size_t k) { return (*codes)(k, field(n)); },
        [&](std::size_t n, std::size_t g) { return scale->row(g)[n]; },
        [&](std::size_t n, std::size_t g) { return (*zero)(g, field(n)); });
}

/// A pack-quantized layer of compressed-tensors as an N x K matrix of P: int4 or int8 codes, uint4 or uint8 ones with zero
/// points. Errors: as from_gptq; errc::unsupported if there are zero points and P has none, or the reverse.
template <any_policy P, class Here = isa::here>
    requires integer_element<typename P::element_type>
[[nodiscard]] expected<quantized_matrix<P>> from_packed(const packed_tensors& t, scales how = scales::checked) {
    constexpr int bits = P::element_type::bits;
    if (t.zero_point.has_value() != detail::has_zero_points<P>)
        return fail(errc::unsupported, "the layer and the policy do not agree on zero points");
    if (t.shape.dtype != dtype::i64 || !detail::is_whole(t.shape, 1) || t.shape.shape[0] != 2)
        return fail(errc::shape_mismatch, "weight_shape holds two 64-bit integers");
    const auto rows = load<std::uint64_t>(t.shape.bytes.data(), t.shape.byte_order);
    const auto cols = load<std::uint64_t>(t.shape.bytes.data() + 8, t.shape.byte_order);
    const auto codes = detail::packed_words::of(t.weight, 1, bits);
    if (!codes) return unexpected<error>(codes.error());
    if (codes->runs() != rows || cols == 0 || cols > codes->fields() || !codes->holds(static_cast<std::size_t>(cols)))
        return fail(errc::shape_mismatch, "weight_packed is not that of weight_shape");
    const lowbit::detail::shape_of<format_of<P>> shape{codes->runs(), static_cast<std::size_t>(cols)};
    expected<detail::packed_words> zero{detail::packed_words{}};
    if (t.zero_point) {
        zero = detail::packed_words::of(*t.zero_point, 0, bits);
        if (!zero) return unexpected<error>(zero.error());
        if (!zero->holds(shape.rows) || zero->runs() != shape.groups())
            return fail(errc::shape_mismatch, "weight_zero_point is not that of weight_shape and the groups");
    }
    const auto scale = detail::read_scales<Here>(t.scale, shape.scale_rows(), shape.groups(), how);
    if (!scale) return unexpected<error>(scale.error());
    return detail::assemble<P, Here>(
        shape.rows, shape.cols, {}, [&](std::size_t n, std::size_t k) { return (*codes)(n, k); },
        [&](std::size_t n, std::size_t g) { return scale->row(n / shape.group_rows())[g]; },
        [&](std::size_t n, std::size_t g) { return (*zero)(g, n); });
}

/// A 4-bit layer of bitsandbytes, not double-quantized, as a rows x cols matrix of P: presets::nf4, presets::fp4_bnb, or such a
/// policy with another group. Rows must be whole blocks; of other tensors ask for one row. Errors: as from_gptq.
template <any_policy P, class Here = isa::here>
    requires(!integer_element<typename P::element_type> && P::element_type::bits == 4 && P::granularity::rows == 1)
[[nodiscard]] expected<quantized_matrix<P>> from_bnb(const bnb_tensors& t, std::size_t rows, std::size_t cols,
                                                     scales how = scales::checked) {
    const lowbit::detail::shape_of<format_of<P>> shape{rows, cols};
    std::size_t weights = 0;
    if (t.weight.dtype != dtype::u8 || rows == 0 || cols == 0 || mul_overflow(rows, cols, weights) ||
        !detail::is_whole(t.weight, t.weight.shape.size()) || t.weight.bytes.size() != weights / 2 + weights % 2 ||
        (rows != 1 && cols % shape.group_cols() != 0))
        return fail(errc::shape_mismatch, "the codes are not those of such a matrix of whole blocks");
    const auto scale = detail::read_scales<Here>(t.absmax, 1, rows * shape.groups(), how);
    if (!scale) return unexpected<error>(scale.error());
    return detail::assemble<P, Here>(
        rows, cols, {},
        [&](std::size_t n, std::size_t k) {
            const std::size_t i = n * cols + k;
            return std::to_integer<unsigned>(t.weight.bytes[i / 2]) >> (i % 2 == 0 ? 4 : 0) & 15u;
        },
        [&](std::size_t n, std::size_t g) { return scale->row(0)[n * shape.groups() + g]; },
        [](std::size_t, std::size_t) { return 0u; });
}

} // namespace lowbit::inline v0::io
