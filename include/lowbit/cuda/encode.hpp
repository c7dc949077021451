// SPDX-License-Identifier: MIT
// encode: weights and activations to codes and scales on a GPU: the bytes that the CPU's encoder makes. The largest magnitude of
// a group is found in registers, lanes exchange it by shuffles, and codes leave as whole 16-byte lines.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <lowbit/cuda/byte_rows.hpp>
#include <lowbit/cuda/decode.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/cuda/weights.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/quantize/group_quantizer.hpp>

namespace lowbit::inline v0::cuda {

/// A number that weights and activations come in.
template <class T>
concept source_number = half_number<T> || std::same_as<T, float>;

/// A row-major matrix of numbers T in device memory, to be encoded; `stride` numbers lie between the starts of two rows.
struct dense_rows {
    const void* data;
    std::size_t stride;
    bool whole_lines; ///< rows begin at multiples of 16 bytes
    std::size_t rows;
    std::size_t cols;
};

namespace detail {

inline constexpr std::int32_t sign_bit = ~0x7fff'ffff;
inline constexpr std::int32_t infinity_bits = 0x7f80'0000;
using kernel::bits_of;
using kernel::float_of;
/// The scale of what the CPU refuses.
inline constexpr float refused = __builtin_bit_cast(float, lowbit::detail::f32_quiet_nan);

/// How many of the columns col .. col + most - 1 of a row lie in the matrix.
[[nodiscard]] LOWBIT_DEVICE int columns_inside(const dense_rows& x, std::size_t row, std::size_t col, std::size_t most) noexcept {
    const std::size_t left = row < x.rows && col < x.cols ? x.cols - col : 0;
    return static_cast<int>(left < most ? left : most);
}

/// Eight numbers of a row, in registers as they lie in memory.
template <source_number T>
struct chunk {
    static constexpr std::size_t size = 8;
    static constexpr std::size_t words = std::same_as<T, float> ? 8 : 4;
    std::uint32_t at[words];

    [[nodiscard]] LOWBIT_DEVICE float operator[](int i) const noexcept {
        if constexpr (std::same_as<T, float>) {
            return __builtin_bit_cast(float, at[i]);
        } else {
            return ptx::to_float<T>(static_cast<std::uint16_t>(at[i / 2] >> (i % 2 * 16)));
        }
    }
    /// Reads columns col .. col + 7 of a row. `inside`: how many columns from col on the matrix has; beyond it there are zeros.
    /// `lines`: whether they are read as whole lines, which they must be, then.
    LOWBIT_DEVICE void load(const dense_rows& x, std::size_t row, std::size_t col, int inside, bool lines) noexcept {
        using stored = std::conditional_t<std::same_as<T, float>, std::uint32_t, std::uint16_t>;
        const auto* from = static_cast<const stored*>(x.data) + row * x.stride + col;
        if (lines) {
            LOWBIT_DEVICE_UNROLL
            for (std::size_t line = 0; line < words / 4; ++line) {
                const words4 four = reinterpret_cast<const words4*>(from)[line];
                LOWBIT_DEVICE_UNROLL
                for (std::size_t i = 0; i < 4; ++i) at[4 * line + i] = four.at[i];
            }
        } else {
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < words; ++i) at[i] = 0;
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < size; ++i) {
                const std::uint32_t one = static_cast<int>(i) < inside ? from[i] : stored{0};
                at[i * sizeof(stored) / 4] |= one << (i * sizeof(stored) % 4 * 8);
            }
        }
    }
    /// All zeros where `live` is 0, unchanged where it is ~0.
    LOWBIT_DEVICE void keep(std::uint32_t live) noexcept {
        LOWBIT_DEVICE_UNROLL
        for (std::size_t i = 0; i < words; ++i) at[i] &= live;
    }
};

/// What a scale rule asks of a group, as the bits of magnitudes: these compare as integers, with NaN above infinity above all
/// numbers. Either the largest of all, or that of the numbers with each sign, -1 where there are none.
template <bool BySign>
struct extremes {
    static constexpr std::size_t count = BySign ? 2 : 1;
    std::int32_t most[count];

    LOWBIT_DEVICE extremes() noexcept {
        LOWBIT_DEVICE_UNROLL
        for (std::size_t i = 0; i < count; ++i) most[i] = BySign ? -1 : 0;
    }
    LOWBIT_DEVICE void join(const std::int32_t (&other)[count]) noexcept {
        LOWBIT_DEVICE_UNROLL
        for (std::size_t i = 0; i < count; ++i) most[i] = most[i] < other[i] ? other[i] : most[i];
    }
    LOWBIT_DEVICE void take(float x) noexcept {
        if constexpr (BySign) {
            join({bits_of(x), bits_of(x) ^ sign_bit});
        } else {
            join({bits_of(x) & ~sign_bit});
        }
    }
    /// Joins those of lanes that differ in the bits below `lanes`.
    template <class Lane>
    LOWBIT_DEVICE void join_lanes(Lane lane, int lanes) noexcept {
        LOWBIT_DEVICE_UNROLL
        for (int by = 1; by < lanes; by *= 2) {
            std::int32_t other[count];
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < count; ++i)
                other[i] = static_cast<std::int32_t>(lane.shuffle_xor(static_cast<std::uint32_t>(most[i]), by));
            join(other);
        }
    }
    [[nodiscard]] LOWBIT_DEVICE bool finite() const noexcept {
        bool all = true;
        LOWBIT_DEVICE_UNROLL
        for (std::size_t i = 0; i < count; ++i) all = all && most[i] < infinity_bits;
        return all;
    }
};

/// x / scale, rounded as a division rounds it, for many x by one division.
///
/// By the inverse the quotient is off by two units in the last place at most, and what it leaves of x corrects it (Markstein).
/// Once is enough for scales of at most 12 digits, see to_grid in kernel/body/rows.inl; others leave a remainder that may have
/// been rounded, but then the quotient is a neighbour of the right one, and a second correction ends there. A power of two takes
/// scales whose inverse or remainders might not be normal numbers back to where they are.
template <bool FewDigits, bool Narrow>
class quotient {
public:
    explicit LOWBIT_DEVICE quotient(float scale) noexcept {
        if constexpr (!Narrow) {
            const std::int32_t magnitude = bits_of(scale) & ~sign_bit;
            factor_ = magnitude < bits_of(0x1p-64f) ? 0x1p64f : magnitude > bits_of(0x1p64f) ? 0x1p-64f : 1.0f;
            scale = ptx::multiply(scale, factor_);
        }
        minus_scale_ = -scale;
        inverse_ = ptx::divide(1.0f, scale);
    }
    [[nodiscard]] LOWBIT_DEVICE float of(float x) const noexcept {
        if constexpr (!Narrow) x = ptx::multiply(x, factor_);
        float q = ptx::multiply(x, inverse_);
        LOWBIT_DEVICE_UNROLL
        for (int i = 0; i < (FewDigits ? 1 : 2); ++i) q = ptx::multiply_add(ptx::multiply_add(q, minus_scale_, x), inverse_, q);
        return q;
    }
    /// The same for a scale above 0, with the sign of x where it is 0, which a correction loses.
    [[nodiscard]] LOWBIT_DEVICE float signed_of(float x) const noexcept {
        return float_of((bits_of(of(x)) & ~sign_bit) | (bits_of(x) & sign_bit));
    }

private:
    float minus_scale_, inverse_;
    float factor_ = 1.0f;
};

/// The integer nearest to x, ties to even, |x| below 2^22: an addition rounds and leaves it in the low bits.
[[nodiscard]] LOWBIT_DEVICE std::int32_t nearest(float x) noexcept {
    constexpr float anchor = 0x1.8p23f;
    return bits_of(ptx::multiply_add(x, 1.0f, anchor)) - bits_of(anchor);
}

/// Exchanges a bit of the number of a lane with a bit of that of its word.
template <class Lane>
LOWBIT_DEVICE void exchange(Lane lane, std::uint32_t (&w)[4], int lane_bit, int word_bit) noexcept {
    const bool upper = (lane.thread() & lane_bit) != 0;
    LOWBIT_DEVICE_UNROLL
    for (int i = 0; i < 4; ++i) {
        if ((i & word_bit) != 0) continue;
        const std::uint32_t other = lane.shuffle_xor(upper ? w[i] : w[i + word_bit], lane_bit);
        w[i] = upper ? other : w[i];
        w[i + word_bit] = upper ? w[i + word_bit] : other;
    }
}

} // namespace detail

/// Weights being made: where their image lies, see weight_image.
struct encoded_weights {
    words4* codes;
    void* scales;
    std::uint8_t* zeros;
};

/// Encodes weights of numbers T under policy P.
///
/// A warp takes 16 rows, as a tile has them. A quarter of the columns of a tile, in rows g and g + 8, is what a lane reads, and
/// it is one word of each lane of its quad that it makes: the four words of a lane are the quarters. So a quad turns a 4 x 4
/// matrix of words, and all codes leave in their order. Where groups are short a warp takes as many tiles as a group is long, or
/// one; where a row has one scale a block takes 16 rows, its warps tile after tile, and keeps in registers what fits.
///
/// Codes of 8 bits for products in 8 bits are the exception: a quarter is two words of two lanes. There the lanes 1 and 2 read
/// each other's quarters, and one exchange is enough.
template <any_policy P, source_number T, int Compute = 16>
class weight_encoder {
    using F = format_of<P>;
    using E = typename P::element_type;
    using kind = kind_of<P, Compute>;
    using order = typename kind::order;
    using stored_scale = typename F::scale_type;
    using device_scale = typename kind::scale_type;
    using codec = lowbit::detail::scalar_codec<stored_scale>;
    using rule = lowbit::detail::group_quantizer<P, lowbit::detail::reference_rows<>>;
    using chunk = detail::chunk<T>;
    using asks = lowbit::detail::group_extremes;

    static constexpr std::size_t quarter = order::cols / 4;
    static constexpr std::size_t group = kind::group;
    static constexpr bool by_row = group == 0;
    static constexpr bool in_pairs = order::bits == 8 && Compute == 8;

    static_assert(counted_element<E> || small_float<E>,
                  "lowbit: a GPU encodes integers and small floats; quantize codebooks on the CPU, and upload");
    static_assert(rule::extremes != asks::other,
                  "lowbit: a GPU encodes by absmax, minmax and signed_absmax; use one of these, or "
                  "quantize on the CPU, and upload");
    static_assert(std::same_as<typename P::rounding, nearest_even>,
                  "lowbit: a GPU rounds codes to nearest even; drop lb::rounding, or quantize on the CPU, and upload");
    static_assert(!kind::minimums && !kind::permuted,
                  "lowbit: a GPU encodes neither minimums nor orders of columns; quantize on the CPU, and upload");
    static_assert(!F::mask::present, "lowbit: a GPU does not prune; quantize on the CPU, and upload");
    static_assert(std::is_void_v<typename F::super_scale::type> && !F::tensor_scale::present,
                  "lowbit: a GPU encodes one level of scales; quantize on the CPU, and upload");
    static_assert(std::same_as<stored_scale, float> || lowbit::detail::row_scalar<stored_scale> ||
                      lowbit::detail::is_e8m0<stored_scale> || small_float<stored_scale>,
                  "lowbit: a GPU encodes scales of float, float16, bfloat16, E8M0 and small floats");
    static_assert(!P::non_finite::zeroed, "lowbit: a GPU marks groups that are not finite; it does not put zeros for them");
    static_assert(F::granularity::rows == 1 &&
                      (by_row || ((in_pairs ? order::cols : quarter) <= group && group <= 128 && (group & (group - 1)) == 0)),
                  "lowbit: a GPU encodes groups of 32, 64 or 128 columns (of 4 and 8 bits also 16), and whole rows");

    /// Chunks of a lane in a row of a tile; tiles that a warp keeps, of whole rows as many as 32 registers hold.
    static constexpr std::size_t chunks = quarter / chunk::size;
    static constexpr std::size_t room = 32 / (2 * chunks * chunk::words);
    static constexpr std::size_t kept = by_row ? (room == 0 ? 1 : room) : group > order::cols ? group / order::cols : 1;
    /// Lanes of a quad that share a group.
    static constexpr int sharing = static_cast<int>(by_row || group >= order::cols ? 4 : group / quarter);
    using extremes = detail::extremes<rule::extremes != asks::reach>;

public:
    static constexpr int warps = by_row ? 16 : 4; ///< of a block
    static constexpr int threads = 32 * warps;
    static constexpr std::size_t shared_bytes = by_row ? sizeof(std::int32_t) * warps * 16 * extremes::count : 16;
    /// Where an image of N x K is made, from `memory` on.
    [[nodiscard]] static encoded_weights into(std::byte* memory, std::size_t n, std::size_t k) noexcept {
        const weight_image<kind> image{n, k};
        return {reinterpret_cast<words4*>(memory), memory + image.scales_at(),
                reinterpret_cast<std::uint8_t*>(memory + image.zeros_at())};
    }
    /// What blocks take in turn.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t units(std::size_t n, std::size_t k) noexcept {
        return by_row ? order::row_tiles(n) * order::warps : order::row_tiles(n) * spans(k);
    }

    /// One lane's part. `shared` has shared_bytes.
    template <class Lane>
    static LOWBIT_DEVICE void body(Lane lane, const dense_rows& x, const encoded_weights& to, std::byte* shared) {
        const int warp = lane.thread() / 32;
        const int l = lane.thread() % 32;
        const std::size_t col_tiles = order::col_tiles(x.cols);
        for (auto unit = static_cast<std::size_t>(lane.block()); unit < units(x.rows, x.cols);
             unit += static_cast<std::size_t>(lane.blocks())) {
            // of a row the tiles warp, warp + warps, ...; of groups those of a span
            const std::size_t band = by_row ? unit : unit / spans(x.cols) * order::warps + static_cast<std::size_t>(warp);
            const std::size_t first = by_row ? static_cast<std::size_t>(warp) : unit % spans(x.cols) * kept;
            constexpr std::size_t step = by_row ? warps : 1;
            const std::size_t row = band * 16 + static_cast<std::size_t>(l / 4);
            const std::size_t col = static_cast<std::size_t>(in_pairs ? l % 2 * 2 + l / 2 % 2 : l % 4) * quarter;

            quarters held[kept];
            extremes most[2];
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < kept; ++i) {
                held[i].load(x, row, (first + i * step) * order::cols + col);
            }
            LOWBIT_DEVICE_UNROLL
            for (const auto& t : held) t.measure(most);
            if constexpr (by_row) {
                for (std::size_t t = first + kept * step; t < col_tiles; t += step) {
                    quarters passing;
                    passing.load(x, row, t * order::cols + col);
                    passing.measure(most);
                }
            }
            LOWBIT_DEVICE_UNROLL
            for (auto& m : most) m.join_lanes(lane, sharing);
            if constexpr (by_row) join_warps(lane, most, reinterpret_cast<std::int32_t*>(shared));

            const fit fits[2] = {fit(most[0]), fit(most[1])};
            const std::size_t g = by_row ? 0 : (first * order::cols + col) / (by_row ? 1 : group);
            if (l % sharing == 0 && (!by_row || warp == 0) && g < kind::groups(x.cols)) store_scales(x, to, row, g, fits);

            const auto finish = [&](quarters& weights, std::size_t t) {
                std::uint32_t words[4]{};
                weights.encode(fits, words);
                if (band * 16 + 16 > x.rows || (t + 1) * order::cols > x.cols)
                    clear_outside(x, row, t * order::cols + col, words);
                turn(lane, words);
                if (t < col_tiles)
                    to.codes[order::lane_word(band, t, col_tiles, l) / 4] = {{words[0], words[1], words[2], words[3]}};
            };
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < kept; ++i) finish(held[i], first + i * step);
            if constexpr (by_row) {
                for (std::size_t t = first + kept * step; t < col_tiles; t += step) {
                    quarters passing;
                    passing.load(x, row, t * order::cols + col);
                    finish(passing, t);
                }
                lane.sync(); // before others write to `shared`
            }
        }
    }

private:
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t spans(std::size_t k) noexcept {
        return (order::col_tiles(k) + kept - 1) / kept;
    }

    /// The scale of a group, as the CPU makes it.
    struct fit {
        float scale; ///< NaN where the CPU refuses the weights
        std::int32_t zero = 0;
        bool live; ///< whether codes depend on the weights

        explicit LOWBIT_DEVICE fit(const extremes& most) noexcept {
            group_fit found;
            if constexpr (rule::extremes == asks::reach) {
                found = rule::from_range({-detail::float_of(most.most[0]), detail::float_of(most.most[0])});
            } else if constexpr (rule::extremes == asks::farthest) {
                found = rule::from_farthest(most.most[1] >= most.most[0] ? -detail::float_of(most.most[1])
                                                                         : detail::float_of(most.most[0]));
            } else { // 0 is in every range
                found = rule::from_range({most.most[1] < 0 ? 0.0f : -detail::float_of(most.most[1]),
                                          most.most[0] < 0 ? 0.0f : detail::float_of(most.most[0])});
            }
            const float size = detail::float_of(detail::bits_of(found.scale) & ~detail::sign_bit);
            bool good = most.finite() && size <= largest_scale;
            if constexpr (lowbit::detail::row_scalar<stored_scale>) {
                scale = ptx::to_float<stored_scale>(ptx::from_float<stored_scale>(found.scale));
            } else {
                scale = codec::decode(lowbit::detail::encode_scale<F>(found.scale));
            }
            if constexpr (kind::zeros) zero = found.zero - lowest;
            good = good && reach(scale, zero) < detail::infinity_bits;
            live = good && scale != 0.0f;
            if (!good) {
                scale = detail::refused;
                zero = 0;
            }
        }
    };
    static constexpr float largest_scale = codec::max();
    static constexpr float largest_value = E::max();
    static constexpr int lowest = [] {
        if constexpr (counted_element<E>) return lowbit::detail::integer_levels<E>::low;
        return 0;
    }();
    static constexpr int highest_level = [] {
        if constexpr (counted_element<E>) return lowbit::detail::integer_levels<E>::high - lowest;
        return 0;
    }();

    /// The bits of the largest magnitude that a code of a group stands for.
    [[nodiscard]] static LOWBIT_DEVICE std::int32_t reach(float scale, std::int32_t zero) noexcept {
        float farthest;
        if constexpr (counted_element<E>) {
            const std::int32_t below = kind::zeros ? zero : -lowest;
            const std::int32_t above = highest_level - below;
            farthest = static_cast<float>(below < above ? above : below);
        } else {
            farthest = largest_value;
        }
        return detail::bits_of(ptx::multiply(scale, farthest)) & ~detail::sign_bit;
    }

    /// A lane's quarters of the rows g and g + 8 of a tile.
    struct quarters {
        chunk at[2][chunks];

        LOWBIT_DEVICE void load(const dense_rows& x, std::size_t row, std::size_t col) noexcept {
            const int inside[2] = {detail::columns_inside(x, row, col, quarter),
                                   detail::columns_inside(x, row + 8, col, quarter)};
            if (x.whole_lines && inside[0] == static_cast<int>(quarter) && inside[1] == static_cast<int>(quarter)) {
                load(x, row, col, inside, true);
            } else {
                load(x, row, col, inside, false);
            }
        }
        LOWBIT_DEVICE void load(const dense_rows& x, std::size_t row, std::size_t col, const int (&inside)[2],
                                bool lines) noexcept {
            LOWBIT_DEVICE_UNROLL
            for (int half = 0; half < 2; ++half) {
                LOWBIT_DEVICE_UNROLL
                for (std::size_t c = 0; c < chunks; ++c) {
                    at[half][c].load(x, row + 8 * static_cast<std::size_t>(half), col + c * chunk::size,
                                     inside[half] - static_cast<int>(c * chunk::size), lines);
                }
            }
        }
        LOWBIT_DEVICE void measure(extremes (&most)[2]) const noexcept {
            LOWBIT_DEVICE_UNROLL
            for (int half = 0; half < 2; ++half) {
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < static_cast<int>(quarter); ++i) most[half].take(at[half][i / 8][i % 8]);
            }
        }
        /// words[u] is what lane u of the quad gets, or see word_of.
        LOWBIT_DEVICE void encode(const fit (&fits)[2], std::uint32_t (&words)[4]) noexcept {
            LOWBIT_DEVICE_UNROLL
            for (int half = 0; half < 2; ++half) {
                LOWBIT_DEVICE_UNROLL
                for (auto& c : at[half]) c.keep(fits[half].live ? ~0u : 0u);
                const detail::quotient<!std::same_as<device_scale, float>, std::same_as<stored_scale, float16>> by(
                    fits[half].live ? fits[half].scale : 1.0f);
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < static_cast<int>(quarter); i += 2) {
                    const chunk& c = at[half][i / 8];
                    std::uint32_t levels[2];
                    if constexpr (counted_element<E>) {
                        levels[0] = level(by.of(c[i % 8]), fits[half].zero);
                        levels[1] = level(by.of(c[i % 8 + 1]), fits[half].zero);
                    } else {
                        const std::uint32_t both = ptx::encode_pair<E>(by.signed_of(c[i % 8]), by.signed_of(c[i % 8 + 1]));
                        levels[0] = both & 0xff;
                        levels[1] = both >> 8;
                    }
                    LOWBIT_DEVICE_UNROLL
                    for (int e = 0; e < 2; ++e) {
                        const auto slot = slot_of(half, i + e);
                        words[word_of(slot)] |= levels[e] << slot.shift;
                    }
                }
            }
        }
    };
    /// The word in which a lane makes a code; and the way of the words to their lanes.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr std::size_t word_of(const typename order::slot& slot) noexcept {
        return in_pairs ? slot.word / 4 * 2 + slot.word % 4 : slot.word / 4;
    }
    template <class Lane>
    static LOWBIT_DEVICE void turn(Lane lane, std::uint32_t (&words)[4]) noexcept {
        if constexpr (in_pairs) {
            detail::exchange(lane, words, 1, 2);
        } else {
            detail::exchange(lane, words, 1, 1);
            detail::exchange(lane, words, 2, 2);
        }
    }
    /// Where column i of a quarter goes, had lane 0 it.
    [[nodiscard]] static LOWBIT_HOST_DEVICE constexpr auto slot_of(int half, int i) noexcept {
        return order::slot_of(8 * static_cast<std::size_t>(half), static_cast<std::size_t>(i), 1);
    }
    [[nodiscard]] static LOWBIT_DEVICE std::uint32_t level(float quotient, std::int32_t zero) noexcept {
        const std::int32_t at = detail::nearest(quotient) + (kind::zeros ? zero : -lowest);
        return static_cast<std::uint32_t>(at < 0 ? 0 : highest_level < at ? highest_level : at);
    }

    /// What lies outside the matrix is 0, which is no level of 0.
    static LOWBIT_DEVICE void clear_outside(const dense_rows& x, std::size_t row, std::size_t col,
                                            std::uint32_t (&words)[4]) noexcept {
        std::uint32_t inside[4]{};
        LOWBIT_DEVICE_UNROLL
        for (int half = 0; half < 2; ++half) {
            const int columns = detail::columns_inside(x, row + 8 * static_cast<std::size_t>(half), col, quarter);
            LOWBIT_DEVICE_UNROLL
            for (int i = 0; i < static_cast<int>(quarter); ++i) {
                const auto slot = slot_of(half, i);
                if (i < columns) inside[word_of(slot)] |= order::field_mask << slot.shift;
            }
        }
        LOWBIT_DEVICE_UNROLL
        for (int u = 0; u < 4; ++u) words[u] &= inside[u];
    }

    static LOWBIT_DEVICE void store_scales(const dense_rows& x, const encoded_weights& to, std::size_t row, std::size_t g,
                                           const fit (&fits)[2]) noexcept {
        const std::size_t at = scale_slot(row, g, kind::groups(x.cols));
        LOWBIT_DEVICE_UNROLL
        for (std::size_t half = 0; half < 2; ++half) {
            const bool inside = row + 8 * half < x.rows;
            const float scale = inside ? fits[half].scale : 0.0f;
            if constexpr (std::same_as<device_scale, float>) {
                static_cast<float*>(to.scales)[at + half] = scale;
            } else {
                static_cast<std::uint16_t*>(to.scales)[at + half] = ptx::from_float<device_scale>(scale);
            }
            if constexpr (kind::zeros) to.zeros[at + half] = static_cast<std::uint8_t>(inside ? fits[half].zero : 0);
        }
    }

    /// The extremes of a row from those of its warps; the lanes of a quad have the same.
    template <class Lane>
    static LOWBIT_DEVICE void join_warps(Lane lane, extremes (&most)[2], std::int32_t* shared) {
        const int l = lane.thread() % 32;
        const auto at = [&](int warp, int half) {
            return shared + static_cast<std::size_t>((warp * 2 + half) * 8 + l / 4) * extremes::count;
        };
        LOWBIT_DEVICE_UNROLL
        for (int half = 0; half < 2; ++half) {
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; l % 4 == 0 && i < extremes::count; ++i) at(lane.thread() / 32, half)[i] = most[half].most[i];
        }
        lane.sync();
        for (int warp = 0; warp < warps; ++warp) {
            LOWBIT_DEVICE_UNROLL
            for (int half = 0; half < 2; ++half) {
                std::int32_t other[extremes::count];
                LOWBIT_DEVICE_UNROLL
                for (std::size_t i = 0; i < extremes::count; ++i) other[i] = at(warp, half)[i];
                most[half].join(other);
            }
        }
    }
};

/// Encodes activations of numbers T to elements E, int8 or float8_e4m3, with a scale for each row: codes of int8 as the CPU's
/// products quantize their rows (kernel::row_reader::quantize), those of floats as weights of one scale a row. A block takes a
/// row; 8192 columns stay in registers, others are read twice.
template <class E, source_number T>
class row_encoder {
    using chunk = detail::chunk<T>;
    using extremes = detail::extremes<false>;
    static constexpr std::size_t kept = 4;
    static constexpr float farthest = E::max();

public:
    static constexpr int warps = 8;
    static constexpr int threads = 32 * warps;
    static constexpr std::size_t shared_bytes = 4 * warps;

    template <class Lane>
    static LOWBIT_DEVICE void body(Lane lane, const dense_rows& x, std::uint8_t* codes, float* scales, std::byte* shared) {
        auto* const of_warps = reinterpret_cast<std::int32_t*>(shared);
        const std::size_t stride = byte_rows::stride_of(x.cols);
        const auto thread = static_cast<std::size_t>(lane.thread());
        for (auto row = static_cast<std::size_t>(lane.block()); row < x.rows; row += static_cast<std::size_t>(lane.blocks())) {
            const auto col_of = [&](std::size_t i) { return (thread + i * threads) * chunk::size; };
            chunk held[kept];
            extremes most;
            const auto load = [&](chunk& c, std::size_t i) {
                const int inside = detail::columns_inside(x, row, col_of(i), chunk::size);
                c.load(x, row, col_of(i), inside, x.whole_lines && inside == static_cast<int>(chunk::size));
            };
            const auto measure = [&](const chunk& c) {
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 8; ++i) most.take(c[i]);
            };
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < kept; ++i) {
                load(held[i], i);
            }
            LOWBIT_DEVICE_UNROLL
            for (const auto& c : held) measure(c);
            for (std::size_t i = kept; col_of(i) < x.cols; ++i) {
                chunk passing;
                load(passing, i);
                measure(passing);
            }
            most.join_lanes(lane, 32);
            if (thread % 32 == 0) of_warps[thread / 32] = most.most[0];
            lane.sync();
            LOWBIT_DEVICE_UNROLL
            for (int warp = 0; warp < warps; ++warp) most.join({of_warps[warp]});
            lane.sync(); // before others write to `shared`

            const float reach = detail::float_of(most.most[0]);
            const float scale = ptx::divide(reach, farthest);
            const bool live = most.finite() && (counted_element<E> ? reach : scale) != 0.0f;
            if (thread == 0) scales[row] = most.finite() ? scale : detail::refused;
            const steps by(live ? reach : 1.0f, live ? scale : 1.0f);
            const auto finish = [&](chunk& c, std::size_t col) {
                if (col >= stride) return;
                c.keep(live ? ~0u : 0u);
                std::uint32_t words[2]{};
                LOWBIT_DEVICE_UNROLL
                for (int i = 0; i < 8; i += 2) words[i / 4] |= by.pair(c[i], c[i + 1]) << (i % 4 * 8);
                auto* const to = reinterpret_cast<std::uint32_t*>(codes + row * stride + col);
                to[0] = words[0];
                to[1] = words[1];
            };
            LOWBIT_DEVICE_UNROLL
            for (std::size_t i = 0; i < kept; ++i) finish(held[i], col_of(i));
            for (std::size_t i = kept; col_of(i) < stride; ++i) {
                chunk passing;
                load(passing, i);
                finish(passing, col_of(i));
            }
        }
    }

private:
    /// Codes of a row of this largest magnitude, or scale.
    struct steps_of_integers {
        float factor, inverse;
        LOWBIT_DEVICE steps_of_integers(float reach, float) noexcept
            : factor(reach < 0x1p-64f ? 0x1p64f : 1.0f), inverse(ptx::divide(127.0f, ptx::multiply(reach, factor))) {}
        [[nodiscard]] LOWBIT_DEVICE std::uint32_t pair(float first, float second) const noexcept {
            return code(first) | code(second) << 8;
        }
        [[nodiscard]] LOWBIT_DEVICE std::uint32_t code(float x) const noexcept {
            return static_cast<std::uint32_t>(detail::nearest(ptx::multiply(ptx::multiply(x, factor), inverse))) & 0xff;
        }
    };
    struct steps_of_floats {
        detail::quotient<false, false> by;
        LOWBIT_DEVICE steps_of_floats(float, float scale) noexcept : by(scale) {}
        [[nodiscard]] LOWBIT_DEVICE std::uint32_t pair(float first, float second) const noexcept {
            return ptx::encode_pair<E>(by.signed_of(first), by.signed_of(second));
        }
    };
    using steps = std::conditional_t<counted_element<E>, steps_of_integers, steps_of_floats>;
};

} // namespace lowbit::inline v0::cuda
