// SPDX-License-Identifier: MIT
// pack: from a quantized matrix to the image that kernels read, and back, on the host; and from one order to the other on the
// device.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <lowbit/core/aligned_buffer.hpp>
#include <lowbit/core/bits.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/cuda/weights.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/quantize/active_rows.hpp>
#include <lowbit/quantize/decode.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>
#include <lowbit/quantize/quantized_view.hpp>

namespace lowbit::inline v0::cuda {

namespace detail {

/// The slots of a row's codes in a tile, for rows 0 and 8.
template <class Order>
struct tile_slots {
    typename Order::slot of[2][Order::cols]{};
    constexpr tile_slots() noexcept {
        for (std::size_t half = 0; half < 2; ++half)
            for (std::size_t c = 0; c < Order::cols; ++c) of[half][c] = Order::slot_of(8 * half, c, 1);
    }
};
template <class Order>
inline constexpr tile_slots<Order> slots_in_tile{};

/// Calls f(column, word, shift) for every code of row n in the image of a matrix of k columns.
template <class Order, class F>
LOWBIT_ALWAYS_INLINE void for_each_slot(std::size_t n, std::size_t k, F f) {
    const std::size_t tiles = Order::col_tiles(k);
    const auto& slots = slots_in_tile<Order>.of[n / 8 % 2];
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::size_t base = Order::lane_word(n / 16, tile, tiles, static_cast<int>(n % 8) * 4);
        const std::size_t first = tile * Order::cols;
        for (std::size_t c = 0; c < Order::cols && first + c < k; ++c) f(first + c, base + slots[c].word, slots[c].shift);
    }
}

template <class Scale>
LOWBIT_ALWAYS_INLINE void store_scale(std::byte* scales, std::size_t at, float value) noexcept {
    if constexpr (std::same_as<Scale, float>) {
        std::memcpy(scales + 4 * at, &value, 4);
    } else {
        const std::uint16_t bits = Scale(value).code();
        std::memcpy(scales + 2 * at, &bits, 2);
    }
}
template <class Scale>
LOWBIT_ALWAYS_INLINE float load_scale(const std::byte* scales, std::size_t at) noexcept {
    if constexpr (std::same_as<Scale, float>) {
        float value;
        std::memcpy(&value, scales + 4 * at, 4);
        return value;
    } else {
        std::uint16_t bits;
        std::memcpy(&bits, scales + 2 * at, 2);
        return Scale::decode(bits);
    }
}

/// Of row n, brings the levels of the two columns that each four keep to the front, and says in `kept` which they are. Where
/// there are fewer, pruned ones fill up: their level is that of 0.
template <class View>
void keep_two(const View& view, std::size_t n, std::uint8_t* levels, std::uint32_t* kept) {
    const auto shape = view.layout_shape();
    const auto blocks = shape.mask_blocks();
    const std::byte* const bits = view.planes().mask + blocks.line(n) * shape.mask_row_bytes();
    for (std::size_t k = view.cols(); k % 4 != 0; ++k) levels[k] = 0; // X has zeros there
    for (std::size_t k = 0; k < view.cols(); k += 4) {
        std::uint32_t which = 0; // a bit for each of the four
        for (std::size_t i = 0; i < 4 && k + i < view.cols(); ++i)
            which |= std::uint32_t{lowbit::detail::mask_bit(bits, blocks.bit(n, k + i))} << i;
        for (std::uint32_t i = 0; std::popcount(which) < 2; ++i) which |= 1u << i;
        const auto first = static_cast<std::uint32_t>(std::countr_zero(which));
        const auto second = static_cast<std::uint32_t>(std::countr_zero(which & (which - 1)));
        const std::uint8_t two[2] = {levels[k + first], levels[k + second]};
        levels[k / 2] = two[0];
        levels[k / 2 + 1] = two[1];
        const auto slot = metadata::slot_of(n, k / 4, metadata::col_tiles(view.cols()));
        kept[slot.word] = (kept[slot.word] & ~(15u << slot.shift)) | (first | second << 2) << slot.shift;
    }
}

} // namespace detail

/// The image of `q` for products in numbers of Compute bits, in host memory. Pruned weights are filled up with zeros, but where
/// two of four columns are kept, for products in 16 bits: these are stored as they are. Raises errc::non_finite for a code that
/// is no number, and errc::unsupported for a zero point outside the codes of at most 4 bits.
template <class Here = isa::here, int Compute = 16, quantized Q>
[[nodiscard]] aligned_buffer<std::byte> pack_image(const Q& q) {
    const auto view = q.view();
    using P = typename decltype(view)::policy_type;
    using kind = kind_of<P, Compute>;
    using E = typename kind::element_type;
    const weight_image<kind> image{view.rows(), view.cols()};
    aligned_buffer<std::byte> bytes(image.bytes());
    if (view.rows() == 0 || view.cols() == 0) return bytes;
    const lowbit::detail::row_reader<P, Here> reader{view};
    const auto rows = lowbit::detail::active_rows<Here>();
    lowbit::detail::scratch<std::uint8_t> levels(view.cols() + 3); // whole chunks of four
    auto* words = reinterpret_cast<std::uint32_t*>(bytes.data());
    if constexpr (kind::sparse) {
        auto* const kept = reinterpret_cast<std::uint32_t*>(bytes.data() + image.kept_at());
        std::fill_n(kept, metadata::bytes_of(view.rows(), view.cols()) / 4, metadata::unkept);
    }
    if constexpr (kind::permuted) {
        for (std::size_t k = 0; k < view.cols(); ++k) {
            const auto column = static_cast<std::uint32_t>(reader.column(k));
            std::memcpy(bytes.data() + image.order_at() + 4 * k, &column, 4);
        }
    }
    for (std::size_t n = 0; n < view.rows(); ++n) {
        reader.levels(rows, n, std::span(levels.data(), view.cols()));
        if constexpr (small_float<E>) {
            for (std::size_t k = 0; k < view.cols(); ++k) {
                const float value = E::decode(levels.data()[k]);
                if (value - value != 0.0f)
                    raise<Here>(errc::non_finite, "upload: the weight in row ", n, ", column ", k, " is no finite number");
            }
        }
        if constexpr (kind::sparse)
            detail::keep_two(view, n, levels.data(), reinterpret_cast<std::uint32_t*>(bytes.data() + image.kept_at()));
        detail::for_each_slot<typename kind::order>(
            n, kind::stored(view.cols()),
            [&](std::size_t k, std::size_t word, int shift) { words[word] |= std::uint32_t{levels.data()[k]} << shift; });
        for (std::size_t g = 0; g < kind::groups(view.cols()); ++g) {
            const std::size_t at = scale_slot(n, g, kind::groups(view.cols()));
            detail::store_scale<typename kind::scale_type>(bytes.data() + image.scales_at(), at, reader.scale(n, g));
            if constexpr (kind::minimums)
                detail::store_scale<typename kind::scale_type>(bytes.data() + image.minimums_at(), at, reader.minimum(n, g));
            if constexpr (kind::zeros) {
                const int zero = reader.zero(n, g);
                if (kind::bits < 8 && zero > 1 << kind::bits)
                    raise<Here>(errc::unsupported, "upload: the zero point ", zero, " in row ", n, " lies outside the codes");
                bytes.data()[image.zeros_at() + at] = static_cast<std::byte>(zero);
            }
        }
    }
    return bytes;
}

/// The quantized matrix whose image pack_image made: the same bytes. Two levels of scales, tensor scales and masks are not in an
/// image, so such policies are refused.
template <any_policy P, class Here = isa::here>
[[nodiscard]] quantized_matrix<P> unpack_image(std::span<const std::byte> bytes, std::size_t n, std::size_t k) {
    using F = format_of<P>;
    using kind = kind_of<P>;
    static_assert(
        std::is_void_v<typename F::super_scale::type> && !F::tensor_scale::present && (!F::mask::present || kind::sparse) &&
            !kind::minimums && !kind::permuted,
        "lowbit: a GPU keeps no two levels of scales, no tensor scale, no minimum as stored, and no mask but n_of_m<2, 4>, so "
        "these cannot be downloaded");
    const weight_image<kind> image{n, k};
    if (bytes.size() < image.bytes())
        raise<Here>(errc::short_buffer, "download: an image of ", bytes.size(), " bytes, ", image.bytes(), " are needed");
    quantized_matrix<P> q(n, k);
    if (n == 0 || k == 0) return q;
    using access = lowbit::detail::layout_access<F>;
    const lowbit::detail::shape_of<F> shape{n, k};
    const auto planes = access::split(q.bytes().data(), shape);
    const auto rows = lowbit::detail::active_rows<Here>();
    lowbit::detail::scratch<std::uint8_t> levels(kind::stored(k));
    for (std::size_t r = 0; r < n; ++r) {
        detail::for_each_slot<typename kind::order>(r, kind::stored(k), [&](std::size_t c, std::size_t word, int shift) {
            std::uint32_t w;
            std::memcpy(&w, bytes.data() + 4 * word, 4);
            levels.data()[c] = static_cast<std::uint8_t>(w >> shift & kind::order::field_mask);
        });
        std::size_t codes = k;
        if constexpr (kind::sparse) {
            codes = shape.stored_cols();
            const auto blocks = shape.mask_blocks();
            std::byte* const bits = planes.mask + blocks.line(r) * shape.mask_row_bytes();
            for (std::size_t s = 0; s < codes; ++s) {
                const auto slot = metadata::slot_of(r, s / 2, metadata::col_tiles(k));
                std::uint32_t w;
                std::memcpy(&w, bytes.data() + image.kept_at() + 4 * slot.word, 4);
                const std::size_t column = s / 2 * 4 + (w >> (slot.shift + static_cast<int>(s % 2 * 2)) & 3);
                if (column < k) lowbit::detail::set_mask_bit(bits, blocks.bit(r, column));
            }
        }
        access::store_levels(rows, planes, shape, r, std::span<const std::uint8_t>(levels.data(), codes));
        for (std::size_t g = 0; g < kind::groups(k); ++g) {
            using scalar = lowbit::detail::scalar_codec<typename F::scale_type>;
            const std::size_t at = scale_slot(r, g, kind::groups(k));
            access::store_scale(
                planes, shape, r, g,
                scalar::encode(detail::load_scale<typename kind::scale_type>(bytes.data() + image.scales_at(), at)));
            if constexpr (kind::zeros)
                access::store_offset(planes, shape, r, g, std::to_integer<std::uint32_t>(bytes[image.zeros_at() + at]));
        }
    }
    return q;
}

/// One lane's part of turning codes in the order for products of `From` bits into that for `To` bits; 128 threads take a tile.
template <int Bits, int From, int To, class Lane>
LOWBIT_DEVICE void relayout_body(Lane lane, const std::uint32_t* from, words4* to, std::size_t tiles) {
    using source = layout<Bits, From>;
    using target = layout<Bits, To>;
    const int warp = lane.thread() / 32;
    const int l = lane.thread() % 32;
    for (std::size_t tile = static_cast<std::size_t>(lane.block()); tile < tiles;
         tile += static_cast<std::size_t>(lane.blocks())) {
        words4 w{};
        LOWBIT_DEVICE_UNROLL
        for (int step = 0; step < target::steps; ++step) {
            LOWBIT_DEVICE_UNROLL
            for (int i = 0; i < 4; ++i) {
                LOWBIT_DEVICE_UNROLL
                for (int e = 0; e < target::elements; ++e) {
                    const auto at = fragment<To>::a(l, i, e);
                    const auto slot =
                        source::slot_of(static_cast<std::size_t>(16 * warp + at.row),
                                        static_cast<std::size_t>(step) * target::step_cols + static_cast<std::size_t>(at.col), 1);
                    const std::uint32_t code = from[tile * (source::bytes / 4) + slot.word] >> slot.shift & source::field_mask;
                    w.at[target::word_of(step, i)] |= code << (Bits * target::place_of(step, i) + e * To);
                }
            }
        }
        to[target::lane_word(static_cast<std::size_t>(warp), 0, 1, l) / 4 + tile * (target::bytes / 16)] = w;
    }
}

} // namespace lowbit::inline v0::cuda
