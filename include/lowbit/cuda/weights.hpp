// SPDX-License-Identifier: MIT
// weights: what a format is on a GPU - how many bits, which scales, which zero points - and the pointers that kernels read.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/cuda/decode.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/policy/policy.hpp>

namespace lowbit::inline v0::cuda {

/// Weights as kernels tell them apart: elements E; scales of type Scale (float16, bfloat16 or float), one for each Group columns
/// of a row, or one for the row where that is 0; with zero points, one byte each, or without; in the order for products in
/// numbers of Compute bits; with minimums, which are like scales and are added to scaled levels. Sparse: of four columns two are
/// stored, in ascending order, and which they are in an array of its own (see metadata). Permuted: columns are stored in an order
/// of their own.
template <element E, class Scale, bool Zeros, std::size_t Group, int Compute = 16, bool Minimums = false, bool Sparse = false,
          bool Permuted = false>
struct weight_kind {
    using element_type = E;
    using scale_type = Scale;
    using order = layout<stored_bits<E>, Compute>;
    template <class T>
    using decoder = cuda::decoder<E, T, Zeros>;
    static constexpr int bits = stored_bits<E>;
    static constexpr bool zeros = Zeros;
    static constexpr bool minimums = Minimums;
    static constexpr bool sparse = Sparse;
    static constexpr bool permuted = Permuted;
    static constexpr std::size_t spread = Sparse ? 2 : 1; ///< columns for each stored one
    static constexpr std::size_t group = Group;
    static constexpr bool looks_up = !counted_element<E> && !small_float<E>;
    static constexpr std::size_t scale_bytes = std::same_as<Scale, float> ? 4 : 2;

    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t groups(std::size_t k) noexcept {
        return Group == 0 ? 1 : (k + Group - 1) / (Group == 0 ? 1 : Group);
    }
    /// Stored columns, and tiles of them in a row.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t stored(std::size_t k) noexcept {
        return Sparse ? (k + 3) / 4 * 2 : k;
    }
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t col_tiles(std::size_t k) noexcept {
        return order::col_tiles(stored(k));
    }
};

namespace detail {

/// Whether a bfloat16 holds every finite value of T.
template <class T>
inline constexpr bool fits_bfloat16 = [] {
    if constexpr (std::same_as<T, float>) {
        return false;
    } else if constexpr (T::bits > 8) {
        return std::same_as<T, bfloat16>;
    } else {
        for (unsigned c = 0; c < 1u << T::bits; ++c) {
            const float v = T::decode(static_cast<typename T::code_type>(c));
            if (v == v && float{bfloat16(v)} != v) return false;
        }
        return true;
    }
}();

/// The type of scales on the device: as stored where that is exact, else what the CPU multiplies them out to.
template <class F>
using device_scale =
    std::conditional_t<!std::is_void_v<typename F::super_scale::type> || F::tensor_scale::present, float,
                       std::conditional_t<std::same_as<typename F::scale_type, float16>, float16,
                                          std::conditional_t<fits_bfloat16<typename F::scale_type>, bfloat16, float>>>;

/// Masks that keep two of each four columns, what sparse tensor cores multiply.
template <class F>
inline constexpr bool keeps_2_of_4 = [] {
    if constexpr (F::mask::present) return std::same_as<typename F::mask::mask, n_of_m<2, 4>>;
    return false;
}();

template <any_policy F, int Compute>
struct kind_of_format {
    using E = typename F::element_type;
    static constexpr bool zeros = F::offset::kind == offset_kind::zero_point;
    static constexpr bool minimums = F::offset::kind != offset_kind::none && !zeros;
    static_assert(
        Compute == 16 || (!minimums && !F::column_order::permuted),
        "lowbit: with activations in 8 bits, weights on a GPU have neither minimums nor an order of columns of their own");
    static_assert(E::bits <= 4 || (E::bits <= 8 && (counted_element<E> || small_float<E>)),
                  "lowbit: a GPU takes integers and floats of at most 8 bits, and codebooks of at most 16 entries");
    // minimums are kept as scales are: as floats, where they are not float16 both
    using scale =
        std::conditional_t<minimums && !std::same_as<typename F::scale_type, typename F::offset::type>, float, device_scale<F>>;
    using type = weight_kind<E, scale, zeros, F::granularity::cols, Compute, minimums,
                             keeps_2_of_4<F> && Compute == 16 && stored_bits<E> != 2 && !F::column_order::permuted,
                             F::column_order::permuted>;
};

} // namespace detail

/// The kind of weights that policy P becomes on a GPU, for products in numbers of Compute bits.
template <any_policy P, int Compute = 16>
using kind_of = typename detail::kind_of_format<format_of<P>, Compute>::type;

/// Packed weights in device memory, as kernels take them.
struct weights {
    const words4* codes;
    const void* scales;
    const std::uint8_t* zeros;
    const void* minimums;
    const words4* kept;         ///< of sparse weights, see metadata
    const std::uint32_t* order; ///< of permuted ones: the column of X for each stored column
    std::size_t n;
    std::size_t k;
    float values[16]; ///< of a codebook
};

/// The weights of a kind that lie one after the other from `bytes` on: codes, scales, and where there are, zero points, minimums,
/// which columns are kept, the order of columns.
template <class Kind>
struct weight_image {
    std::size_t n;
    std::size_t k;

    [[nodiscard]] constexpr std::size_t scales_at() const noexcept { return Kind::order::code_bytes(n, Kind::stored(k)); }
    [[nodiscard]] constexpr std::size_t numbers() const noexcept { return scale_count(n, Kind::groups(k)); }
    [[nodiscard]] constexpr std::size_t zeros_at() const noexcept { return scales_at() + numbers() * Kind::scale_bytes; }
    [[nodiscard]] constexpr std::size_t minimums_at() const noexcept { return zeros_at() + (Kind::zeros ? numbers() : 0); }
    [[nodiscard]] constexpr std::size_t kept_at() const noexcept {
        return minimums_at() + (Kind::minimums ? numbers() * Kind::scale_bytes : 0);
    }
    [[nodiscard]] constexpr std::size_t order_at() const noexcept {
        return kept_at() + (Kind::sparse ? metadata::bytes_of(n, k) : 0);
    }
    [[nodiscard]] constexpr std::size_t bytes() const noexcept { return order_at() + (Kind::permuted ? k * 4 : 0); }
    [[nodiscard]] weights over(const std::byte* memory) const noexcept {
        weights w{reinterpret_cast<const words4*>(memory),
                  memory + scales_at(),
                  reinterpret_cast<const std::uint8_t*>(memory + zeros_at()),
                  memory + minimums_at(),
                  reinterpret_cast<const words4*>(memory + kept_at()),
                  reinterpret_cast<const std::uint32_t*>(memory + order_at()),
                  n,
                  k,
                  {}};
        if constexpr (Kind::looks_up) {
            using E = typename Kind::element_type;
            for (unsigned c = 0; c < 1u << Kind::bits; ++c) w.values[c] = E::decode(static_cast<typename E::code_type>(c));
        }
        return w;
    }
};

/// The scales of two rows of a lane, 8 apart, as they are stored side by side.
template <class Scale>
struct scale_pair {
    std::uint32_t bits;
    [[nodiscard]] LOWBIT_DEVICE float row(int half) const noexcept {
        return ptx::to_float<Scale>(static_cast<std::uint16_t>(bits >> (16 * half)));
    }
};
template <>
struct alignas(8) scale_pair<float> {
    float numbers[2];
    [[nodiscard]] LOWBIT_DEVICE float row(int half) const noexcept { return numbers[half]; }
};

/// One of `numbers`, scales or minimums: that of row n and group g.
template <class Kind>
LOWBIT_DEVICE float number_of_group(const weights& w, const void* numbers, std::size_t n, std::size_t g) noexcept {
    using S = typename Kind::scale_type;
    const std::size_t at = scale_slot(n, g, Kind::groups(w.k));
    if constexpr (std::same_as<S, float>) {
        return static_cast<const float*>(numbers)[at];
    } else {
        return ptx::to_float<S>(static_cast<const std::uint16_t*>(numbers)[at]);
    }
}
template <class Kind>
LOWBIT_DEVICE float scale_of(const weights& w, std::size_t n, std::size_t g) noexcept {
    return number_of_group<Kind>(w, w.scales, n, g);
}
/// The level that stands for 0 where no zero point is stored; over a minimum, levels count from 0.
template <class Kind>
inline constexpr int plain_zero = [] {
    if constexpr (Kind::minimums) return 0;
    return zero_level<typename Kind::element_type>;
}();

/// What a decoder needs of a row besides its codes: its zero point, where one is stored, or this lane's table of a codebook.
template <class Kind, class T>
LOWBIT_DEVICE typename Kind::template decoder<T>::side side_of([[maybe_unused]] int zero,
                                                               [[maybe_unused]] const std::uint32_t* table) noexcept {
    using E = typename Kind::element_type;
    using decoder = typename Kind::template decoder<T>;
    if constexpr (decoder::looks_up) {
        return {table};
    } else if constexpr (Kind::zeros) {
        return decoder::side_of(zero);
    } else if constexpr (counted_element<E>) {
        return decoder::side_of(plain_zero<Kind>);
    } else {
        return {};
    }
}
/// One thread's part of the table of a codebook, in shared memory.
template <class Kind, half_number T>
LOWBIT_DEVICE void fill_table(const weights& w, std::uint32_t* table, int thread, int threads) noexcept {
    using decoder = typename Kind::template decoder<T>;
    for (int i = thread; i < decoder::entries * decoder::copies; i += threads) {
        const int entry = i / decoder::copies;
        table[i] = std::uint32_t{ptx::from_float<T>(w.values[entry % (1 << Kind::bits)])} |
                   std::uint32_t{ptx::from_float<T>(w.values[entry >> Kind::bits])} << 16;
    }
}

} // namespace lowbit::inline v0::cuda
