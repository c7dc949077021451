// SPDX-License-Identifier: MIT
// A random product, packed and computed twice by the plainest code: once in the documented order of operations, which every
// level with fused multiply-adds must meet to the bit, and once in double.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/isa/detect.hpp>
#include <lowbit/kernel/pack_lists.hpp>
#include <lowbit/kernel/pack_masked.hpp>
#include <lowbit/kernel/pack_pairs.hpp>
#include <lowbit/kernel/pack_planes.hpp>
#include <lowbit/kernel/registry.hpp>

#include "support/guarded.hpp"
#include "support/levels.hpp"
#include "support/seed.hpp"
#include "unpack_code.hpp"

namespace lowbit_test {

namespace lk = lowbit::kernel;
namespace isa = lowbit::isa;

/// What a case varies besides its key.
struct product_shape {
    std::size_t columns = 64;
    std::size_t depth = 64;
    std::size_t group = 32;
    std::size_t rows = 1;
    lk::scale_kind scale = lk::scale_kind::float16;
    std::size_t scale_rows = 1;
    bool worst =
        false; ///< every operand at its end: the largest code, or zero where that is farther off, and -128 or 127, -1 or 1
    lk::scale_kind super = lk::scale_kind::float16; ///< of scales of two levels
};

/// Leaves large numbers where a kernel's buffers will stand, so that it cannot find there what a call before it has left.
LOWBIT_NOINLINE inline void soil_stack() {
    volatile std::uint64_t soil[16384];
    for (std::size_t i = 0; i < 16384; ++i) soil[i] = 0x7f7f7f7f7f7f7f7f;
    static_cast<void>(soil[0]);
}

/// The kernels of a key, each once, in ascending order of levels: what `products` holds, by way of `select`, which may have been
/// compiled elsewhere.
template <lk::product_key Key>
std::span<const lk::level_product<Key>> kernels_of() {
    static const auto kernels = [] {
        std::vector<lk::level_product<Key>> own;
        for (const isa::level l : isa::levels)
            if (const auto& kernel = lk::select<Key>(l); kernel.level == l) own.push_back(kernel);
        return own;
    }();
    return kernels;
}

template <lk::product_key Key>
class product_case {
public:
    static constexpr bool floating = Key.activations == lk::activation_kind::float32;
    static constexpr bool binary = lk::is_binary(Key.activations);
    static constexpr bool per_group = lk::is_per_group(Key.activations);
    static constexpr bool table = Key.code == lk::decoding::table;
    static constexpr bool masked = Key.kept_bits != 0;
    static constexpr unsigned codes = 1u << (masked ? Key.kept_bits : Key.bits);
    using x_type = lk::activation_t<Key>;
    using y_type = lk::result_t<Key>;

    product_case(const product_shape& shape, std::uint64_t salt)
        : shape_(shape), side_(salt % 4 == 0 ? edge::front : edge::back), random_(seed() * 1000003 + salt) {
        layout_ = {shape.depth, shape.group,     Key.bits, Key.scale_levels != 0 ? shape.scale : lk::scale_kind::none,
                   Key.offset,  shape.scale_rows};
        layout_.record_groups = Key.record_groups;
        layout_.parities = binary;
        if (Key.scale_levels == 2) {
            layout_.run = 3;
            layout_.super = shape.super;
            layout_.scale_zero = shape.scale == lk::scale_kind::nibble ? 5 : 128;
        }
        if (masked) make_masks(salt);
        make_weights();
        make_activations();
        compute();
        pack_activations();
    }

    /// Runs those kernels whose level this machine has on every row partition given, and compares.
    void check(const std::vector<std::size_t>& rows_a_call, std::span<const lk::level_product<Key>> kernels = kernels_of<Key>()) {
        for (const auto& kernel : kernels) {
            if (!isa::supported(kernel.level)) continue;
            first_.clear();
            for (const std::size_t step : rows_a_call) {
                for (const std::size_t pitch : {64u, 67u}) check(kernel, step, pitch);
            }
        }
    }

private:
    /// Rows of results are side by side, or apart: what lies between them stays as it was.
    void check(const lk::level_product<Key>& kernel, std::size_t step, std::size_t pitch) {
        INFO("level ", std::string{isa::name(kernel.level)}, " bits ", Key.bits, " columns ", shape_.columns, " K ", shape_.depth,
             " group ", shape_.group, " rows ", shape_.rows, " by ", step, ", ", pitch, " results apart");
        const lk::weight_panel panel{layout_,
                                     packed_->data(),
                                     shape_.columns,
                                     offset_,
                                     Key.code == lk::decoding::table ? table_data() : nullptr,
                                     scale_table_.data(),
                                     fill_};
        const lk::activation_rows<x_type> x{x_->data(), stride_, x_scales_.data(), sums_.data()};
        const y_type between = 77;
        guarded<y_type> tile((shape_.rows - 1) * pitch + 64, side_);
        std::fill_n(tile.data(), tile.size(), between);
        for (std::size_t r = 0; r < shape_.rows; r += step) {
            soil_stack();
            kernel.run(panel, x, r, std::min(step, shape_.rows - r), {tile.data() + r * pitch, pitch});
        }
        for (std::size_t r = 0; r + 1 < shape_.rows; ++r) {
            for (std::size_t c = 64; c < pitch; ++c) {
                if (tile.data()[r * pitch + c] != between) FAIL("row ", r, " is longer than 64 results");
            }
        }
        // Rows computed together give what rows computed alone give, whether or not the level is fused.
        std::vector<y_type> results;
        for (std::size_t r = 0; r < shape_.rows; ++r)
            results.insert(results.end(), tile.data() + r * pitch, tile.data() + r * pitch + 64);
        if (first_.empty()) first_ = results;
        const bool fused = is_fused(kernel.level);
        for (std::size_t r = 0; r < shape_.rows; ++r) {
            for (std::size_t c = 0; c < shape_.columns; ++c) {
                const y_type got = results[r * 64 + c];
                const y_type want = exact_[r * shape_.columns + c];
                if (std::memcmp(&got, &first_[r * 64 + c], sizeof got) != 0)
                    FAIL("row ", r, " column ", c, " depends on the rows of a call");
                if constexpr (Key.scale_levels != 0) {
                    const double reference = reference_[r * shape_.columns + c];
                    const double bound = bound_[r * shape_.columns + c];
                    if (fused && std::memcmp(&got, &want, sizeof got) != 0) {
                        FAIL("row ", r, " column ", c, ": ", got, " is not ", want, " to the bit");
                    }
                    if (!(std::abs(static_cast<double>(got) - reference) <= bound)) {
                        FAIL("row ", r, " column ", c, ": ", got, " is too far from ", reference, ", more than ", bound);
                    }
                } else if (got != want) {
                    FAIL("row ", r, " column ", c, ": ", got, " is not ", want);
                }
            }
        }
        CHECK(true);
    }

    std::size_t distinct(std::size_t column) const { return column / layout_.columns_per_scale(); }
    unsigned uniform(unsigned below) { return static_cast<unsigned>(random_() % below); }

    const void* table_data() const {
        if constexpr (floating) {
            return float_table_.data();
        } else {
            return byte_table_.data();
        }
    }

    void make_weights() {
        for (std::size_t i = 0; i < 256; ++i) scale_table_[i] = std::ldexp(1.0f, static_cast<int>(i % 16) - 12);
        for (unsigned i = 0; i < 16; ++i) byte_table_[i] = static_cast<std::uint8_t>(shape_.worst ? (i % 2) * 255 : uniform(256));
        float_table_ = std::vector<float>(codes < 16 ? 16 : codes);
        for (float& f : float_table_) f = static_cast<float>(static_cast<int>(uniform(2001)) - 1000) / 1024.0f;
        constexpr int halves = table ? 128 : Key.step == 2 ? 1 : static_cast<int>(codes / 2);
        offset_ = Key.offset == lk::offset_kind::constant && !(table && floating) ? halves : 0;

        const std::size_t n = shape_.columns;
        codes_.resize(n * shape_.depth);
        for (auto& code : codes_)
            code = static_cast<std::uint8_t>(shape_.worst ? (uniform(8) == 0 ? 0 : codes - 1) : uniform(codes));
        fill_ = static_cast<std::uint8_t>(offset_); // of tables, some code
        packed_.emplace(layout_.panel_bytes(n) + (masked ? lk::chunk_codes : 0), side_);
        const std::size_t scales = layout_.scales(n);
        for (std::size_t g = 0; g < layout_.groups(); ++g) {
            std::vector<std::byte> scale_bits, offset_bits;
            if (Key.scale_levels == 2) {
                if (g % layout_.run == 0) make_super_scales(g / layout_.run);
                make_scales_under(scale_bits, offset_bits);
            }
            for (std::size_t i = 0; i < scales && Key.scale_levels < 2; ++i)
                scale_values_.push_back(number(layout_.scale, scale_bits, true));
            for (std::size_t i = 0; i < scales; ++i) {
                if (Key.offset == lk::offset_kind::zero_point) {
                    const unsigned zero = shape_.worst ? 0 : uniform(codes);
                    offset_bits.push_back(static_cast<std::byte>(zero));
                    offset_values_.push_back(static_cast<float>(zero));
                } else if (Key.offset == lk::offset_kind::minimum && Key.scale_levels < 2) {
                    offset_values_.push_back(number(layout_.scale, offset_bits, false));
                }
            }
            const std::size_t parts = layout_.record_groups;
            const std::size_t start = g / parts * parts * layout_.segment();
            std::byte* record = packed_->data() + layout_.record_start(g / parts, n);
            if constexpr (masked) {
                prune(g);
                std::byte* const beside =
                    layout_.masked(n) ? packed_->data() + layout_.beside_start(g, n) : record + layout_.scale_start(g, n);
                std::copy(scale_bits.begin(), scale_bits.end(), beside);
                std::copy(offset_bits.begin(), offset_bits.end(), beside + layout_.scale_bytes(n));
                continue;
            }
            if (g % parts == 0) {
                const lk::record_source from{codes_.data() + start, shape_.depth,
                                             std::min(parts * layout_.segment(), shape_.depth - start)};
                lk::pack_planes(layout_, g / parts, n, from, record);
            }
            std::byte* beside = record + layout_.scale_start(g / parts, n) + g % parts * layout_.beside_bytes(n);
            REQUIRE(scale_bits.size() + offset_bits.size() == layout_.beside_bytes(n));
            std::copy(scale_bits.begin(), scale_bits.end(), beside);
            std::copy(offset_bits.begin(), offset_bits.end(), beside + layout_.scale_bytes(n));
            for (std::size_t k = 0; k < layout_.length(g); ++k) {
                const std::size_t at = g * layout_.segment() + k;
                REQUIRE(unpack_code(layout_, n, record, layout_.record_depth(g / parts), n - 1, at - start) ==
                        codes_[(n - 1) * shape_.depth + at]);
            }
        }
    }

    /// Mask bits of every column: so many percent, none or all, or 2 of 4, or 3 of 7.
    void make_masks(std::uint64_t salt) {
        const std::size_t n = shape_.columns, bytes = (shape_.depth + 7) / 8;
        constexpr std::array kept{50u, 10u, 0u, 100u, 3u, 70u};
        const std::size_t kind = Key.pairs ? kept.size() : salt % (kept.size() + 2);
        masks_.assign(n, std::vector<std::byte>(bytes));
        layout_.kept_bits = Key.kept_bits;
        layout_.pairs = Key.pairs && kind == kept.size() && layout_.takes_pairs();
        for (auto& mask : masks_) {
            std::size_t count = 0;
            const auto keep = [&](std::size_t k) {
                mask[k / 8] |= std::byte{1} << (k % 8);
                ++count;
            };
            if (kind < kept.size()) {
                for (std::size_t k = 0; k < shape_.depth; ++k) {
                    if (uniform(100) < kept[kind]) keep(k);
                }
            } else {
                const std::size_t of = kind == kept.size() ? 4 : 7;
                for (std::size_t k = 0; k < shape_.depth; k += of) {
                    const std::size_t here = std::min(of, shape_.depth - k), most = std::min(of / 2, here);
                    const std::size_t first = uniform(static_cast<unsigned>(here));
                    for (std::size_t i = 0; i < most; ++i) keep(k + (first + i) % here);
                }
            }
            layout_.kept = std::max(layout_.kept, count);
        }
        for (const auto& mask : masks_) mask_rows_.push_back(mask.data());
        left_.assign(n, layout_.kept);
        if (Key.lists && n == lk::panel_columns && layout_.takes_lists())
            layout_.list_steps = lk::count_list_steps(layout_, mask_rows_.data());
    }
    /// Group g: what the masks drop becomes the code of 0, and the rest is packed.
    void prune(std::size_t g) {
        const std::size_t n = shape_.columns, start = g * layout_.segment();
        for (std::size_t c = 0; c < n; ++c) {
            for (std::size_t k = start; k < start + layout_.length(g); ++k) {
                if ((std::to_integer<unsigned>(masks_[c][k / 8]) >> k % 8 & 1) != 0) continue;
                const bool zeros = Key.offset == lk::offset_kind::zero_point;
                codes_[c * shape_.depth + k] =
                    zeros ? static_cast<std::uint8_t>(offset_values_[g * layout_.scales(n) + distinct(c)]) : fill_;
            }
        }
        std::byte* const panel = packed_->data();
        std::byte* const first = panel + layout_.kept_start(n);
        std::byte* const end = first + layout_.kept_bytes(n);
        const lk::masked_source from{{codes_.data() + start, shape_.depth, layout_.length(g)}, mask_rows_.data(), start};
        if (layout_.paired(n)) return lk::pack_pairs(layout_, g, from, fill_, panel + layout_.record_start(g, n));
        if (layout_.listed(n)) return lk::pack_lists(layout_, from, fill_, panel);
        kept_ = lk::pack_masked(layout_, g, n, from, left_.data(), panel + layout_.mask_start(g, n), g == 0 ? first : kept_);
        REQUIRE(kept_ <= end);
    }

    /// The second level of a run: scales, then minimums, where they lie.
    void make_super_scales(std::size_t run) {
        std::vector<std::byte> bits;
        supers_.clear();
        const std::size_t count = shape_.columns * (Key.offset == lk::offset_kind::minimum ? 2 : 1);
        for (std::size_t i = 0; i < count; ++i) supers_.push_back(number(layout_.super, bits, i < shape_.columns));
        REQUIRE(bits.size() == layout_.super_bytes(shape_.columns));
        std::memcpy(packed_->data() + run * bits.size(), bits.data(), bits.size());
    }
    /// The first level of a group.
    void make_scales_under(std::vector<std::byte>& scale_bits, std::vector<std::byte>& offset_bits) {
        const bool halves = layout_.scale == lk::scale_kind::nibble;
        for (std::size_t c = 0; c < shape_.columns; ++c) {
            const unsigned scale = uniform(halves ? 16 : 256), minimum = uniform(halves ? 16 : 256);
            scale_bits.push_back(static_cast<std::byte>(halves ? scale | minimum << 4 : scale));
            scale_values_.push_back(static_cast<float>(static_cast<int>(scale) - layout_.scale_zero) * supers_[c]);
            if (Key.offset != lk::offset_kind::minimum) continue;
            if (!halves) offset_bits.push_back(static_cast<std::byte>(minimum));
            offset_values_.push_back(static_cast<float>(minimum) * supers_[shape_.columns + c]);
        }
    }

    /// Appends the bits of a random scale (or minimum) of a kind and returns its value.
    float number(lk::scale_kind kind, std::vector<std::byte>& bits, bool positive) {
        const auto append = [&](auto value) {
            const auto* p = reinterpret_cast<const std::byte*>(&value);
            bits.insert(bits.end(), p, p + sizeof value);
        };
        float value = static_cast<float>(1 + uniform(2000)) / 4096.0f;
        if (!positive && uniform(2) == 0) value = -value;
        switch (kind) {
        case lk::scale_kind::float32: append(value); return value;
        case lk::scale_kind::float16:
            append(lowbit::float16::encode(value));
            return lowbit::float16::decode(lowbit::float16::encode(value));
        case lk::scale_kind::bfloat16:
            append(lowbit::bfloat16::encode(value));
            return lowbit::bfloat16::decode(lowbit::bfloat16::encode(value));
        case lk::scale_kind::table8: {
            const auto code = static_cast<std::uint8_t>(uniform(256));
            append(code);
            return scale_table_[code];
        }
        case lk::scale_kind::byte:
        case lk::scale_kind::nibble:
        case lk::scale_kind::none: break;
        }
        return 1.0f;
    }

    void make_activations() {
        const std::size_t groups = layout_.groups();
        const std::size_t packed = layout_.packed_depth() / lk::k_of<x_type>;
        stride_ = lk::recommended_stride(packed * sizeof(x_type)) / sizeof(x_type);
        // The last row ends where its values do, so that reading on is noticed.
        x_.emplace((shape_.rows - 1) * stride_ + packed, side_);
        std::memset(x_->data(), 0x55, x_->size() * sizeof(x_type));
        for (std::size_t r = 0; r < shape_.rows; ++r) {
            std::memset(x_->data() + r * stride_, 0, packed * sizeof(x_type));
            if (!per_group) x_scales_.push_back(static_cast<float>(1 + uniform(1000)) / 8192.0f);
            for (std::size_t g = 0; g < groups; ++g) {
                if (per_group) x_scales_.push_back(static_cast<float>(1 + uniform(1000)) / 8192.0f);
                typename lk::activation_rows<x_type>::sum_type sum = 0;
                for (std::size_t k = 0; k < layout_.length(g); ++k) {
                    const std::size_t at = layout_.packed_start(g) + k;
                    if constexpr (binary) {
                        const unsigned bit = shape_.worst ? (r + g) % 2 : uniform(2);
                        word(r, at) |= bit << shift(at);
                        sum += 1;
                    } else if constexpr (floating) {
                        sum += word(r, at) = static_cast<float>(static_cast<int>(uniform(20001)) - 10000) / 4096.0f;
                    } else {
                        sum += word(r, at) = static_cast<std::int8_t>(shape_.worst ? ((r + g) % 2 == 0 ? -128 : 127)
                                                                                   : static_cast<int>(uniform(256)) - 128);
                    }
                }
                sums_.push_back(sum);
            }
        }
    }

    /// The element of row r that has activation `at`, and that activation's bit in a binary word.
    x_type& word(std::size_t r, std::size_t at) { return x_->data()[r * stride_ + at / lk::k_of<x_type>]; }
    /// Turns the words of binary activations into what kernels read.
    void pack_activations() {
        if constexpr (binary) {
            for (std::size_t r = 0; r < shape_.rows; ++r) {
                for (std::size_t g = 0; g < layout_.groups(); ++g) {
                    if (layout_.length(g) == 0) continue;
                    lk::to_parities(&word(r, layout_.packed_start(g)), layout_.padded(layout_.length(g)) / 32, 1);
                }
            }
        }
    }
    static unsigned shift(std::size_t at) { return static_cast<unsigned>(at % 4 * 8 + at % 32 / 4); }
    /// The activation's value.
    float x_value(std::size_t r, std::size_t at) {
        if constexpr (binary) return (word(r, at) >> shift(at) & 1) != 0 ? 1.0f : -1.0f;
        return static_cast<float>(word(r, at));
    }

    void compute() {
        const std::size_t n = shape_.columns;
        const std::size_t groups = layout_.groups();
        const std::size_t scales = layout_.scales(n);
        for (std::size_t r = 0; r < shape_.rows; ++r) {
            for (std::size_t c = 0; c < n; ++c) {
                float acc = 0;
                double reference = 0, magnitude = 0;
                std::int64_t plain = 0;
                for (std::size_t g = 0; g < groups; ++g) {
                    const std::size_t at = g * scales + distinct(c);
                    const float scale = scale_values_[at];
                    const float minimum = Key.offset == lk::offset_kind::minimum ? offset_values_[at] : 0.0f;
                    const int zero = Key.offset == lk::offset_kind::zero_point ? static_cast<int>(offset_values_[at]) : offset_;
                    float chain = 0;
                    std::int64_t isum = 0;
                    double dsum = 0;
                    for (std::size_t k = 0; k < layout_.length(g); ++k) {
                        const float x = x_value(r, layout_.packed_start(g) + k);
                        const unsigned code = codes_[c * shape_.depth + g * layout_.segment() + k];
                        float value;
                        if constexpr (floating && table) {
                            value = float_table_[code];
                        } else {
                            value = static_cast<float>(static_cast<int>(table ? byte_table_[code % 16] : code * Key.step) - zero);
                        }
                        chain = std::fma(x, value, chain);
                        isum += static_cast<std::int64_t>(x) * static_cast<std::int64_t>(value);
                        const double term = static_cast<double>(x) * (static_cast<double>(value) * scale + minimum);
                        dsum += term * x_scale(r, g);
                        magnitude +=
                            (std::abs(static_cast<double>(x) * value * scale) + std::abs(static_cast<double>(x) * minimum)) *
                            x_scale(r, g);
                    }
                    plain += isum;
                    reference += dsum;
                    const auto sum = static_cast<float>(sums_[r * groups + g]);
                    const float s = per_group ? scale * static_cast<float>(x_scale(r, g)) : scale;
                    const float m = per_group ? minimum * static_cast<float>(x_scale(r, g)) : minimum;
                    acc = floating ? std::fma(chain, s, acc) : std::fma(static_cast<float>(isum), s, acc);
                    if (Key.offset == lk::offset_kind::minimum) acc = std::fma(m, sum, acc);
                }
                if constexpr (Key.scale_levels != 0) {
                    exact_.push_back(floating || per_group ? acc : acc * x_scales_[r]);
                } else {
                    exact_.push_back(static_cast<std::int32_t>(plain));
                }
                reference_.push_back(reference);
                // One rounding an addition of the longest chain, and a few of the scales, each of at most the sum of magnitudes.
                const double roundings = static_cast<double>(groups * 2 + 8 + (floating ? layout_.segment() * 2 : 0));
                bound_.push_back(magnitude * roundings * 0x1p-24 + 1e-30);
            }
        }
    }

    double x_scale(std::size_t r, std::size_t g) const {
        return floating || Key.scale_levels == 0 ? 1.0 : static_cast<double>(x_scales_[per_group ? r * layout_.groups() + g : r]);
    }

    product_shape shape_;
    edge side_;
    std::mt19937_64 random_;
    lk::panel_layout layout_;
    std::vector<float> scale_table_ = std::vector<float>(256);
    std::vector<std::uint8_t> byte_table_ = std::vector<std::uint8_t>(16);
    std::vector<float> float_table_;
    std::int32_t offset_ = 0;
    std::uint8_t fill_ = 0;
    std::vector<std::uint8_t> codes_;
    std::vector<std::vector<std::byte>> masks_;
    std::vector<const std::byte*> mask_rows_;
    std::vector<std::size_t> left_;
    std::byte* kept_ = nullptr;
    std::optional<guarded<std::byte>> packed_;
    std::vector<float> scale_values_, offset_values_, supers_;
    std::size_t stride_ = 0;
    std::optional<guarded<x_type>> x_;
    std::vector<float> x_scales_;
    std::vector<typename lk::activation_rows<x_type>::sum_type> sums_;
    std::vector<y_type> exact_, first_;
    std::vector<double> reference_, bound_;
};

/// The shapes that every key goes through.
template <lk::product_key Key>
void check_shapes(std::span<const lk::level_product<Key>> kernels = kernels_of<Key>()) {
    std::uint64_t salt = 0;
    const auto run = [&](product_shape shape, const std::vector<std::size_t>& calls) {
        if (Key.record_groups > 1) shape.group = lk::unit_depth(Key.bits) / Key.record_groups;
        if (Key.scale_levels == 2) {
            if (shape.scale_rows != 1 || shape.scale == lk::scale_kind::table8) return;
            shape.super = shape.scale;
            const bool halves = Key.offset == lk::offset_kind::minimum && salt % 2 == 0;
            shape.scale = halves ? lk::scale_kind::nibble : lk::scale_kind::byte;
        }
        product_case<Key>(shape, ++salt).check(calls, kernels);
    };
    for (const std::size_t group : {32u, 64u, 128u, 10u, 48u, 1u, 300u}) run({64, 3 * group + 5, group, 13}, {13, 5, 1, 2});
    for (const std::size_t depth : {1u, 31u, 256u, 257u, 700u, 1100u}) run({64, depth, depth, 13}, {13, 6, 1});
    for (const std::size_t columns : {1u, 2u, 15u, 16u, 17u, 33u, 63u}) run({columns, 160, 64, 13}, {13, 3, 1});
    for (const std::size_t columns : {1u, 40u}) run({columns, 600, 600, 5}, {5, 1});
    for (std::size_t rows = 1; rows <= 9; ++rows) run({64, 96, 32, rows}, {rows});
    run({64, 96, 32, 50}, {50, 13}); // so many that a level unpacks weights for them, if it ever does
    run({64, 96, 32, 67}, {67, 1, 3, 64});
    run({64, 700, 32, 40}, {40, 8, 11, 12, 13}); // several blocks of several groups
    run({64, 520, 520, lk::most_rows}, {lk::most_rows});
    run({64, lk::deep_block_depth + 36, lk::deep_block_depth + 36, 29}, {29, 13, 12, 7}); // cut, deep blocks too
    run({64, 9000, 4500, 13}, {13, 7, 1});                                                // in groups
    run({64, 300, 300, 23}, {23, 4, 7, 9, 10, 11, 15});                                   // tiles of every number of rows
    run({64, 2 * 4096, 4096, 3}, {3, 1});
    for (const auto scale : {lk::scale_kind::float32, lk::scale_kind::bfloat16, lk::scale_kind::table8}) {
        run({64, 96, 32, 5, scale}, {5, 1});
        run({29, 96, 32, 5, scale}, {5, 1});
    }
    for (const std::size_t shared : {2u, 32u, 64u, 128u, 3u}) {
        run({64, 96, 32, 5, lk::scale_kind::float16, shared}, {5, 1});
        run({37, 96, 32, 5, lk::scale_kind::float32, shared}, {5, 1});
    }
    for (std::size_t depth = 4; Key.pairs && depth <= 100; depth += 4) { // parts of units of pairs
        run({64, depth, depth, 5}, {5, 1});
        run({64, depth, 36, 5}, {5, 1});
    }
    run({64, 640, 640, 5, lk::scale_kind::float32, 1, true}, {5, 1});
    run({64, 640, 128, 5, lk::scale_kind::float32, 1, true}, {5, 1});
}

} // namespace lowbit_test
