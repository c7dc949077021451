// SPDX-License-Identifier: MIT
// Levels scalar and baseline: the same bodies as plain C++ and as xsimd batches of whatever the translation unit is compiled for.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/isa/xsimd.hpp>
#include <lowbit/kernel/expand_places.hpp>
#include <lowbit/kernel/product.hpp>

namespace lowbit::inline v0::kernel::scalar {

// Each body needs those before it.
// clang-format off
#include <lowbit/kernel/body/parts.inl>
#include <lowbit/kernel/body/integer.inl>
#include <lowbit/kernel/body/binary.inl>
#include <lowbit/kernel/body/floating.inl>
#include <lowbit/kernel/body/masked.inl>
#include <lowbit/kernel/body/one_row.inl>
#include <lowbit/kernel/body/product.inl>
// clang-format on

/// Vectors of one element: 4 bytes of a column in an int32. Sums wrap around as the other levels' do.
template <class Here>
struct ops {
    using ints = std::int32_t;
    using floats = float;
    static constexpr unsigned lanes = 1;
    static constexpr unsigned tile_rows = 1;
    static constexpr unsigned float_tile_rows = 1;
    template <unsigned>
    static constexpr unsigned tile_vectors = 4;
    static constexpr bool fused = false;

    static LOWBIT_ALWAYS_INLINE ints load(const void* p) {
        ints v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    static LOWBIT_ALWAYS_INLINE void store(void* p, ints v) { std::memcpy(p, &v, sizeof v); }
    static LOWBIT_ALWAYS_INLINE ints splat(std::int32_t x) { return x; }
    static LOWBIT_ALWAYS_INLINE ints load_bytes(const std::byte* p) { return std::to_integer<ints>(*p); }
    static LOWBIT_ALWAYS_INLINE ints bit_and(ints a, ints b) { return a & b; }
    static LOWBIT_ALWAYS_INLINE ints bit_or(ints a, ints b) { return a | b; }
    static LOWBIT_ALWAYS_INLINE ints bit_xor(ints a, ints b) { return a ^ b; }
    static LOWBIT_ALWAYS_INLINE ints masked_or(ints a, ints mask, ints bits) { return (a & mask) | bits; }
    template <unsigned From, unsigned To>
    static LOWBIT_ALWAYS_INLINE ints move_bits(ints a) {
        const auto bits = static_cast<std::uint32_t>(a);
        return static_cast<ints>(From > To ? bits >> (From > To ? From - To : 0) : bits << (From > To ? 0 : To - From));
    }
    static LOWBIT_ALWAYS_INLINE ints add(ints a, ints b) { return wrap(bits(a) + bits(b)); }
    static LOWBIT_ALWAYS_INLINE ints subtract(ints a, ints b) { return wrap(bits(a) - bits(b)); }
    static LOWBIT_ALWAYS_INLINE ints multiply(ints a, ints b) { return wrap(bits(a) * bits(b)); }
    static LOWBIT_ALWAYS_INLINE ints lookup_bytes(const void* table, ints codes) {
        std::uint32_t v = 0;
        for (unsigned b = 0; b < 32; b += 8) {
            v |= std::uint32_t{static_cast<const std::uint8_t*>(table)[bits(codes) >> b & 0xff]} << b;
        }
        return wrap(v);
    }

    static LOWBIT_ALWAYS_INLINE floats load_floats(const float* p) { return *p; }
    static LOWBIT_ALWAYS_INLINE void store_floats(float* p, floats v) { *p = v; }
    static LOWBIT_ALWAYS_INLINE floats splat_float(float x) { return x; }
    static LOWBIT_ALWAYS_INLINE floats as_floats(ints bits) { return std::bit_cast<float>(bits); }
    static LOWBIT_ALWAYS_INLINE floats subtract_floats(floats a, floats b) { return a - b; }
    static LOWBIT_ALWAYS_INLINE floats to_floats(ints a) { return static_cast<float>(a); }
    static LOWBIT_ALWAYS_INLINE floats multiply_floats(floats a, floats b) { return a * b; }
    static LOWBIT_ALWAYS_INLINE floats fma(floats a, floats b, floats c) { return std::fma(a, b, c); }
    template <scale_kind Kind>
    static LOWBIT_ALWAYS_INLINE floats load_scales(const std::byte* p) {
        return scale_value<Kind>(p, 0, nullptr);
    }
    static constexpr unsigned table_bits = 0; // nothing is looked up but tables
    static constexpr bool quick_table = false;
    static LOWBIT_ALWAYS_INLINE floats gather_floats(const float* table, ints codes) { return table[codes]; }
    static LOWBIT_ALWAYS_INLINE void prefetch(const void*) {}
    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void*) {}

    template <unsigned>
    struct dot {
        using partial = ints;
        using weights = ints;
        using quad = const std::int8_t*;
        static constexpr unsigned quads = 1u << 30;
        static constexpr std::int32_t bias = 0;

        static LOWBIT_ALWAYS_INLINE partial begin(ints acc) { return acc; }
        static LOWBIT_ALWAYS_INLINE ints end(ints, partial p) { return p; }
        static LOWBIT_ALWAYS_INLINE weights prepare(ints codes) { return codes; }
        static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) { return x; }
        static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) {
            for (unsigned b = 0; b < 4; ++b) p = ops::add(p, static_cast<ints>(bits(w) >> (8 * b) & 0xff) * x[b]);
            return p;
        }
    };
    template <unsigned>
    static constexpr unsigned dot_class = 255;

private:
    static LOWBIT_ALWAYS_INLINE std::uint32_t bits(ints a) { return static_cast<std::uint32_t>(a); }
    static LOWBIT_ALWAYS_INLINE ints wrap(std::uint32_t a) { return static_cast<ints>(a); }
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<Here>, Key>;

} // namespace lowbit::inline v0::kernel::scalar

LOWBIT_REGION_BEGIN(baseline)
namespace lowbit::inline v0::kernel::baseline {

#if LOWBIT_HAS_XSIMD

// Each body needs those before it.
// clang-format off
#include <lowbit/kernel/body/parts.inl>
#include <lowbit/kernel/body/integer.inl>
#include <lowbit/kernel/body/binary.inl>
#include <lowbit/kernel/body/floating.inl>
#include <lowbit/kernel/body/masked.inl>
#include <lowbit/kernel/body/one_row.inl>
#include <lowbit/kernel/body/product.inl>
// clang-format on

/// xsimd has no dot product. Bytes are widened to 16 bits, even and odd ones apart, multiplied there exactly (255 * 128 < 2^15),
/// and added up in 16 bits as long as they fit, for 8-bit codes not at all.
template <class Arch, unsigned MaxCode>
struct short_dot {
    using ints = xsimd::batch<std::int32_t, Arch>;
    using shorts = xsimd::batch<std::int16_t, Arch>;
    struct pair {
        typename shorts::register_type even, odd; // not batches: AArch64's compilers remark on how those would be passed
    };
    static constexpr bool sums_fit = 2 * 128 * MaxCode < 32768;
    using partial = std::conditional_t<sums_fit, shorts, ints>;
    using weights = pair;
    using quad = pair;
    static constexpr unsigned quads = sums_fit ? 32767 / (2 * 128 * MaxCode) : 1u << 30;
    static constexpr std::int32_t bias = 0;

    static LOWBIT_ALWAYS_INLINE ints widen(shorts a) {
        const auto both = xsimd::bitwise_cast<std::int32_t>(a);
        return (both >> 16) + ((both << 16) >> 16);
    }
    static LOWBIT_ALWAYS_INLINE partial begin(ints acc) {
        if constexpr (sums_fit) {
            return shorts(std::int16_t{0});
        } else {
            return acc;
        }
    }
    static LOWBIT_ALWAYS_INLINE ints end(ints acc, partial p) {
        if constexpr (sums_fit) {
            return acc + widen(p);
        } else {
            return p;
        }
    }
    static LOWBIT_ALWAYS_INLINE weights prepare(ints codes) {
        using words = xsimd::batch<std::uint16_t, Arch>;
        const auto both = xsimd::bitwise_cast<std::uint16_t>(codes);
        return {xsimd::bitwise_cast<std::int16_t>(both & words(std::uint16_t{0xff})),
                xsimd::bitwise_cast<std::int16_t>(both >> 8)};
    }
    static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) {
        const auto both = [](std::int8_t low, std::int8_t high) LOWBIT_INLINE_LAMBDA {
            const auto words = static_cast<std::uint32_t>(static_cast<std::uint16_t>(low)) |
                               static_cast<std::uint32_t>(static_cast<std::uint16_t>(high)) << 16;
            return xsimd::bitwise_cast<std::int16_t>(ints(static_cast<std::int32_t>(words)));
        };
        return {both(x[0], x[2]), both(x[1], x[3])};
    }
    static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) {
        if constexpr (sums_fit) {
            return p + shorts(w.even) * shorts(x.even) + shorts(w.odd) * shorts(x.odd);
        } else {
            return p + widen(shorts(w.even) * shorts(x.even)) + widen(shorts(w.odd) * shorts(x.odd));
        }
    }
};

/// xsimd's vectors of the architecture that the command line names.
template <class Arch, class Here>
struct ops {
    using ints = xsimd::batch<std::int32_t, Arch>;
    using words = xsimd::batch<std::uint32_t, Arch>;
    using floats = xsimd::batch<float, Arch>;
    static constexpr unsigned lanes = ints::size;

    // For 16 registers, which is what SSE2 and AVX2 have: 2 x 2 sums, each with a partial sum, and weights of twice the width.
    static constexpr unsigned tile_rows = 2;
    static constexpr unsigned float_tile_rows = 2;
    template <unsigned Rows>
    static constexpr unsigned tile_vectors = 4 / Rows;
    static constexpr bool fused = false; // that would double the time to compile

    static LOWBIT_ALWAYS_INLINE ints load(const void* p) { return ints::load_unaligned(static_cast<const std::int32_t*>(p)); }
    static LOWBIT_ALWAYS_INLINE void store(void* p, ints v) { v.store_unaligned(static_cast<std::int32_t*>(p)); }
    static LOWBIT_ALWAYS_INLINE ints splat(std::int32_t x) { return ints(x); }
    static LOWBIT_ALWAYS_INLINE ints load_bytes(const std::byte* p) {
        std::int32_t wide[lanes];
        for (unsigned i = 0; i < lanes; ++i) wide[i] = std::to_integer<std::int32_t>(p[i]);
        return load(wide);
    }
    static LOWBIT_ALWAYS_INLINE ints bit_and(ints a, ints b) { return a & b; }
    static LOWBIT_ALWAYS_INLINE ints bit_or(ints a, ints b) { return a | b; }
    static LOWBIT_ALWAYS_INLINE ints bit_xor(ints a, ints b) { return a ^ b; }
    static LOWBIT_ALWAYS_INLINE ints masked_or(ints a, ints mask, ints bits) { return (a & mask) | bits; }
    template <unsigned From, unsigned To>
    static LOWBIT_ALWAYS_INLINE ints move_bits(ints a) {
        if constexpr (From > To) {
            return xsimd::bitwise_cast<std::int32_t>(xsimd::bitwise_cast<std::uint32_t>(a) >> static_cast<int>(From - To));
        } else if constexpr (From < To) {
            return a << static_cast<int>(To - From);
        } else {
            return a;
        }
    }
    static LOWBIT_ALWAYS_INLINE ints add(ints a, ints b) { return a + b; }
    static LOWBIT_ALWAYS_INLINE ints subtract(ints a, ints b) { return a - b; }
    static LOWBIT_ALWAYS_INLINE ints multiply(ints a, ints b) { return a * b; }
    static LOWBIT_ALWAYS_INLINE ints lookup_bytes(const void* table, ints codes) {
        std::uint8_t bytes[4 * lanes];
        store(bytes, codes);
        for (std::uint8_t& b : bytes) b = static_cast<const std::uint8_t*>(table)[b];
        return load(bytes);
    }

    static LOWBIT_ALWAYS_INLINE floats load_floats(const float* p) { return floats::load_unaligned(p); }
    static LOWBIT_ALWAYS_INLINE void store_floats(float* p, floats v) { v.store_unaligned(p); }
    static LOWBIT_ALWAYS_INLINE floats splat_float(float x) { return floats(x); }
    static LOWBIT_ALWAYS_INLINE floats as_floats(ints bits) { return xsimd::bitwise_cast<float>(bits); }
    static LOWBIT_ALWAYS_INLINE floats subtract_floats(floats a, floats b) { return a - b; }
    static LOWBIT_ALWAYS_INLINE floats to_floats(ints a) { return xsimd::to_float(a); }
    static LOWBIT_ALWAYS_INLINE floats multiply_floats(floats a, floats b) { return a * b; }
    static LOWBIT_ALWAYS_INLINE floats fma(floats a, floats b, floats c) { return xsimd::fma(a, b, c); }
    template <scale_kind Kind>
    static LOWBIT_ALWAYS_INLINE floats load_scales(const std::byte* p) {
        float wide[lanes];
        for (unsigned i = 0; i < lanes; ++i) wide[i] = scale_value<Kind>(p, i, nullptr);
        return load_floats(wide);
    }
    static constexpr unsigned table_bits = 0;
    static constexpr bool quick_table = false;
    static LOWBIT_ALWAYS_INLINE floats gather_floats(const float* table, ints codes) {
        std::int32_t index[lanes];
        float value[lanes];
        store(index, codes);
        for (unsigned i = 0; i < lanes; ++i) value[i] = table[index[i]];
        return load_floats(value);
    }
    static LOWBIT_ALWAYS_INLINE void prefetch(const void*) {}
    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void*) {}

    template <unsigned MaxCode>
    using dot = short_dot<Arch, MaxCode>;
    template <unsigned MaxCode>
    static constexpr unsigned dot_class = MaxCode;
};

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = &multiply_panel<ops<xsimd::default_arch, Here>, Key>;

#else

template <product_key Key, class Here = isa::here>
inline constexpr product_fn<Key> product = scalar::product<Key, Here>;

#endif

} // namespace lowbit::inline v0::kernel::baseline
LOWBIT_REGION_END(baseline)
