// SPDX-License-Identifier: MIT
// packed_matrix and pack: quantized weights in the order in which kernels read them, made once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <span>
#include <string_view>
#include <utility>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/gemm/pack_panels.hpp>
#include <lowbit/gemm/weights.hpp>
#include <lowbit/isa/active.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/registry.hpp>
#include <lowbit/quantize/active_rows.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// P with another compute axis.
template <any_policy P, class Activations>
struct with_activations;
template <class... Tags, class Activations>
struct with_activations<policy<Tags...>, Activations> {
    template <class Tag>
    using kept =
        std::conditional_t<is_on<Tag, policy_axis::activations>, std::type_identity<Activations>, std::type_identity<Tag>>;
    static constexpr bool replaces = (is_on<Tags, policy_axis::activations> || ...);
    using type = typename std::conditional_t<replaces, std::type_identity<policy<typename kept<Tags>::type...>>,
                                             std::type_identity<policy<Tags..., Activations>>>::type;
};

/// The value of every code of a scale type of 8 bits or less.
template <class T>
inline constexpr auto scale_values = [] {
    std::array<float, 256> values{};
    for (std::size_t c = 0; c < values.size(); ++c) values[c] = scalar_codec<T>::decode(static_cast<std::uint32_t>(c));
    return values;
}();

/// The policy of a packed matrix: the format, and how it multiplies.
template <any_policy P>
using packed_policy = typename with_activations<format_of<P>, typename P::activations>::type;

} // namespace detail

/// N x K weights for the kernels, with the compute axis of P (a policy stripped to format and compute axes). A value; const ones
/// may be shared by threads. The bytes are for this machine and this version only: never a file format.
template <any_policy P>
class packed_matrix {
public:
    using policy_type = P;
    using format = format_of<P>;

private:
    using weights = detail::weights_of<format>;

public:
    LOWBIT_ALWAYS_INLINE packed_matrix() noexcept = default;
    LOWBIT_ALWAYS_INLINE packed_matrix(const packed_matrix&) = default;
    /// Leaves 0 x 0.
    LOWBIT_ALWAYS_INLINE packed_matrix(packed_matrix&& other) noexcept
        : rows_(std::exchange(other.rows_, 0)), layout_(std::exchange(other.layout_, {})), bytes_(std::move(other.bytes_)),
          order_(std::move(other.order_)), scale_table_(std::move(other.scale_table_)) {}
    LOWBIT_ALWAYS_INLINE packed_matrix& operator=(packed_matrix other) noexcept {
        std::swap(rows_, other.rows_);
        std::swap(layout_, other.layout_);
        bytes_.swap(other.bytes_);
        order_.swap(other.order_);
        scale_table_.swap(other.scale_table_);
        return *this;
    }
    LOWBIT_ALWAYS_INLINE ~packed_matrix() = default;

    /// Groups that share a record: see kernel::panel_layout. Binary activations meet whole words.
    static constexpr std::size_t record_groups = [] {
        using asked = typename P::activations;
        if (std::is_same_v<typename asked::type, binary>) return std::size_t{1};
        const std::size_t group = asked::granularity::cols != 0 ? asked::granularity::cols : format::granularity::cols;
        return kernel::groups_of_unit(weights::bits, group);
    }();

    /// Whether only blocks that are kept are packed: see kernel::block_layout.
    static constexpr bool blocks = detail::packed_as_blocks<P>;

    /// N, the outputs of a product.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return rows_; }
    /// K, the inputs.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return layout_.depth; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const std::byte* data() const noexcept { return bytes_.data(); }
    /// Everything kept: codes, scales, offsets, masks, order. Of pruned weights those of `blocks` keep no zeros, and others none
    /// where a mask saves memory; the rest is packed densely.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t size_bytes() const noexcept {
        return bytes_.size() + order_.size() * sizeof(std::uint32_t) + scale_table_.size() * sizeof(float);
    }
    /// The version of the byte order.
    [[nodiscard]] static constexpr std::string_view layout_tag() noexcept {
        return blocks ? kernel::block_layout::tag : kernel::panel_layout::tag;
    }

    /// For the product: the layout, and the stored column order (empty when natural).
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const kernel::panel_layout& layout() const noexcept { return layout_; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::span<const std::uint32_t> order() const noexcept { return order_.span(); }

    /// All panels as one: `data` is where the first starts, `columns` is N. For activations of kind C.
    template <compute C, class Here = isa::here>
    [[nodiscard]] kernel::weight_panel whole() const noexcept {
        static_assert(kernel::is_binary(C) == std::is_same_v<typename P::activations::type, binary>); // see layout.parities
        using E = typename format::element_type;
        kernel::weight_panel w;
        w.layout = layout_;
        w.data = bytes_.data();
        w.columns = rows_;
        w.offset = weights::constant;
        w.fill = weights::fill;
        if constexpr (weights::codes::code == kernel::decoding::table) {
            if constexpr (C == compute::float32) {
                w.table = detail::float_table<E>.data();
            } else {
                w.table = detail::int8_table<E>.data();
                w.offset = 128;
            }
        }
        if constexpr (weights::scale == kernel::scale_kind::table8) {
            w.scale_table =
                format::tensor_scale::present ? scale_table_.data() : detail::scale_values<typename format::scale_type>.data();
        }
        return w;
    }

    /// Packs a view; `where` runs panels side by side.
    template <class Here = isa::here, class Pool, any_policy Q>
    static packed_matrix of(on_t<Pool> where, const quantized_view<Q>& q, std::pmr::memory_resource* memory) {
        packed_matrix packed;
        const detail::row_reader reader{q};
        packed.rows_ = q.rows();
        packed.layout_ = layout_for(q.rows(), q.cols());
        if constexpr (format::column_order::permuted) {
            packed.order_ = aligned_buffer<std::uint32_t>(q.cols(), memory);
            for (std::size_t k = 0; k < q.cols(); ++k) packed.order_[k] = static_cast<std::uint32_t>(reader.column(k));
        }
        if constexpr (weights::scale == kernel::scale_kind::table8 && format::tensor_scale::present && !blocks) {
            packed.scale_table_ = aligned_buffer<float>(256, memory);
            for (std::size_t c = 0; c < 256; ++c) {
                packed.scale_table_[c] = detail::under_tensor_scale<format>(
                    detail::scalar_codec<typename format::scale_type>::decode(static_cast<std::uint32_t>(c)), q.tensor_scale());
            }
        }
        const contents<Q, Here> from{q, reader, detail::active_rows<Here>()};
        if constexpr (weights::lists) {
            // Other levels read lists, too, but slowly: they get masks.
            if (kernel::detail::best_of(kernel::traits<Here>, isa::active<Here>()).lists)
                detail::choose_lists<Here>(where, from.rows(), packed.rows_, packed.layout_);
        }
        packed.bytes_ = detail::pack_panels<Here>(where, from.rows(), packed.layout_, packed.rows_, memory);
        return packed;
    }

private:
    static LOWBIT_ALWAYS_INLINE kernel::panel_layout layout_for(std::size_t rows, std::size_t cols) noexcept {
        using granularity = typename format::granularity;
        kernel::panel_layout layout;
        layout.depth = cols;
        layout.group = granularity::group_cols(cols);
        using asked = typename P::activations;
        if constexpr (asked::granularity::cols != 0) {
            static_assert(granularity::cols == 0 || granularity::cols % asked::granularity::cols == 0,
                          "lowbit: the group of the activations must divide the group of the weights");
            layout.group = asked::granularity::cols;
        }
        if (layout.group < cols) layout.group = kernel::equal_part(layout.group);
        layout.bits = weights::bits;
        layout.kept_bits = weights::kept_bits;
        if constexpr (weights::kept_bits != 0) layout.kept = detail::shape_of<format>{rows, cols}.stored_cols();
        layout.record_groups = record_groups;
        layout.parities = std::is_same_v<typename asked::type, binary>;
        layout.scale = weights::scale;
        layout.offset = weights::offset;
        const std::size_t shared = granularity::group_rows(rows);
        layout.scale_rows = shared >= rows ? round_up(rows == 0 ? 1 : rows, kernel::panel_columns) : shared;
        if constexpr (weights::two_levels) {
            // of the kernel's groups; one of the activations may be longer than a whole row
            layout.run = format::super_scale::groups * std::max<std::size_t>(1, granularity::group_cols(cols) / layout.segment());
            layout.super = detail::kernel_scale<typename format::super_scale::type>;
            layout.scale_zero = detail::level_of<typename format::scale_type>::bias;
        }
        if constexpr (blocks) {
            using mask = typename format::mask::mask;
            layout.scale = kernel::scale_kind::float32;
            layout.scale_rows = 1;
            kernel::block_layout& b = layout.blocks;
            b.depth = cols;
            b.groups = cols == 0 ? 0 : layout.groups();
            b.rows = mask::rows;
            b.atom = kernel::block_atom(mask::cols);
            b.atoms = std::min(mask::kept(ceil_div(cols, mask::cols)) * (mask::cols / b.atom), ceil_div(cols, b.atom));
            b.zero = static_cast<std::uint8_t>(weights::constant);
        }
        if constexpr (weights::pairs) detail::choose_pairs(rows, layout);
        return layout;
    }

    /// What pack_panels reads of format Q.
    template <any_policy Q, class Here>
    struct contents {
        const quantized_view<Q>& q;
        const detail::row_reader<Q>& reader;
        detail::level_rows<Here> levels;

        [[nodiscard]] detail::weight_rows rows() const noexcept {
            return {
                this,
                [](const void* self, std::size_t row, std::span<std::uint8_t> to) {
                    const auto& from = *static_cast<const contents*>(self);
                    from.reader.levels(from.levels, row, to);
                },
                [](const void* self, std::size_t first, std::size_t step, std::size_t k, std::span<detail::scale_pair> pairs) {
                    const contents from = *static_cast<const contents*>(self); // a copy, which no store can change
                    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = from.scales(first + i * step, k);
                },
                [](const void* self, std::size_t first, std::size_t k, std::span<detail::scale_pair> pairs) {
                    const contents from = *static_cast<const contents*>(self);
                    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = from.super_scales(first + i, k);
                },
                [](const void* self, std::size_t row) {
                    const auto& from = *static_cast<const contents*>(self);
                    return from.q.planes().mask + row * from.q.layout_shape().mask_row_bytes();
                },
                weights::fill};
        }
        [[nodiscard]] detail::scale_pair scales(std::size_t row, std::size_t k) const noexcept {
            using access = detail::layout_access<format>;
            const std::size_t group = k / reader.group_cols();
            detail::scale_pair pair{};
            if constexpr (weights::multiplied_out || blocks) {
                pair.scale = detail::scalar_codec<float>::encode(reader.scale(row, group));
            } else {
                pair.scale = access::load_scale(q.planes(), q.layout_shape(), row, group);
            }
            if constexpr (weights::multiplied_out && weights::minimums) {
                pair.offset = detail::scalar_codec<float>::encode(reader.minimum(row, group));
            } else if constexpr (weights::offset != kernel::offset_kind::constant) {
                pair.offset = access::load_offset(q.planes(), q.layout_shape(), row, group);
            }
            if constexpr (weights::two_levels) pair.scale = level<typename format::scale_type>(pair.scale);
            if constexpr (weights::two_levels && weights::minimums)
                pair.offset = level<typename format::offset::type>(pair.offset);
            if constexpr (weights::scale == kernel::scale_kind::nibble) pair.scale |= pair.offset << 4;
            return pair;
        }
        /// Those of the second level; the minimum's is negated, since it is subtracted.
        [[nodiscard]] detail::scale_pair super_scales(std::size_t row, std::size_t k) const noexcept {
            detail::scale_pair pair{};
            if constexpr (weights::two_levels) {
                using access = detail::layout_access<format>;
                const std::size_t group = k / reader.group_cols();
                pair.scale = access::load_super_scale(q.planes(), q.layout_shape(), row, group);
                if constexpr (weights::minimums) {
                    constexpr std::uint32_t sign = 1u << (detail::scalar_codec<typename format::super_minimum::type>::bits - 1);
                    pair.offset = access::load_super_minimum(q.planes(), q.layout_shape(), row, group) ^ sign;
                }
            }
            return pair;
        }
        /// The level of the raw code of an integer.
        template <class T>
        static std::uint32_t level(std::uint32_t code) noexcept {
            return static_cast<std::uint32_t>(static_cast<int>(detail::scalar_codec<T>::decode(code)) +
                                              detail::level_of<T>::bias);
        }
    };

    std::size_t rows_ = 0;
    kernel::panel_layout layout_{};
    aligned_buffer<std::byte> bytes_;
    aligned_buffer<std::uint32_t> order_;
    aligned_buffer<float> scale_table_;
};

namespace detail {

template <class A, class P>
struct packed_for {
    using type = packed_policy<typename with_activations<P, A>::type>;
};
template <class P>
struct packed_for<void, P> {
    using type = packed_policy<P>;
};

} // namespace detail

/// Packs a quantized matrix or view. `Activations`, for example lb::activations<float>, overrides the policy's compute axis.
template <class Activations = void, class Here = isa::here, class Pool, quantized Q>
[[nodiscard]] auto pack(on_t<Pool> where, const Q& q, std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    using P = typename detail::packed_for<Activations, typename std::remove_cvref_t<decltype(q.view())>::policy_type>::type;
    return packed_matrix<P>::template of<Here>(where, q.view(), memory);
}
template <class Activations = void, class Here = isa::here, quantized Q>
[[nodiscard]] auto pack(const Q& q, std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    return pack<Activations, Here>(detail::here_and_now(), q, memory);
}

} // namespace lowbit::inline v0
