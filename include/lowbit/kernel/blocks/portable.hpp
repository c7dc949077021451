// SPDX-License-Identifier: MIT
// Block-sparse products in plain C++, for every level that has none of its own.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/blocks/block_product.hpp>
#include <lowbit/kernel/generic.hpp>

namespace lowbit::inline v0::kernel::scalar {

#include <lowbit/kernel/body/blocks.inl>

/// Vectors of 8 numbers as loops, which compilers turn into vectors of what they are told the machine has.
template <class Here>
struct block_ops {
    static constexpr unsigned lanes = 8;
    struct ints {
        std::int32_t at[lanes];
    };
    struct floats {
        float at[lanes];
    };

    static LOWBIT_ALWAYS_INLINE ints load(const void* p) {
        ints v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    static LOWBIT_ALWAYS_INLINE void store(void* p, const ints& v) { std::memcpy(p, &v, sizeof v); }
    static LOWBIT_ALWAYS_INLINE floats load_floats(const float* p) {
        floats v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    static LOWBIT_ALWAYS_INLINE void store_floats(float* p, const floats& v) { std::memcpy(p, &v, sizeof v); }
    static LOWBIT_ALWAYS_INLINE ints splat(std::int32_t x) {
        return each<ints>([=](unsigned) { return x; });
    }
    static LOWBIT_ALWAYS_INLINE floats splat_float(float x) {
        return each<floats>([=](unsigned) { return x; });
    }
    static LOWBIT_ALWAYS_INLINE floats as_floats(const ints& a) { return std::bit_cast<floats>(a); }
    static LOWBIT_ALWAYS_INLINE ints as_ints(const floats& a) { return std::bit_cast<ints>(a); }
    static LOWBIT_ALWAYS_INLINE floats to_floats(const ints& a) {
        return each<floats>([&](unsigned i) { return static_cast<float>(a.at[i]); });
    }
    static LOWBIT_ALWAYS_INLINE ints add(const ints& a, const ints& b) {
        return each<ints>([&](unsigned i) { return a.at[i] + b.at[i]; });
    }
    static LOWBIT_ALWAYS_INLINE ints subtract(const ints& a, const ints&) { return a; } // there are no offsets
    static LOWBIT_ALWAYS_INLINE floats multiply_floats(const floats& a, const floats& b) {
        return each<floats>([&](unsigned i) { return a.at[i] * b.at[i]; });
    }
    static LOWBIT_ALWAYS_INLINE floats fma(const floats& a, const floats& b, const floats& c) {
        return each<floats>([&](unsigned i) { return std::fma(a.at[i], b.at[i], c.at[i]); });
    }
    static LOWBIT_ALWAYS_INLINE void prefetch(const void*) {}
    static LOWBIT_ALWAYS_INLINE void prefetch_near(const void*) {}
    static LOWBIT_ALWAYS_INLINE void transpose(ints (&a)[lanes]) {
        for (unsigned i = 0; i < lanes; ++i) {
            for (unsigned j = 0; j < i; ++j) std::swap(a[i].at[j], a[j].at[i]);
        }
    }

    template <unsigned>
    static constexpr unsigned strip_chains = 1;
    template <unsigned Unit>
    struct strip {
        std::int32_t sums[Unit]{};
        LOWBIT_ALWAYS_INLINE void add(const std::int8_t* x, const std::int8_t* codes) {
            for (unsigned r = 0; r < Unit; ++r) {
                for (unsigned k = 0; k < 16; ++k) sums[r] += x[k] * codes[16 * r + k];
            }
        }
        LOWBIT_ALWAYS_INLINE void add(const strip& other) {
            for (unsigned r = 0; r < Unit; ++r) sums[r] += other.sums[r];
        }
        LOWBIT_ALWAYS_INLINE void totals(std::int32_t* to) const { std::memcpy(to, sums, sizeof sums); }
    };

    template <unsigned>
    static constexpr unsigned lane_vectors = 1;
    static constexpr unsigned held_lanes = 0;
    static constexpr unsigned lane_step = 2; ///< of 16 bits each
    static constexpr std::int32_t code_bias = 0;
    static LOWBIT_ALWAYS_INLINE ints lane_piece(const std::int8_t* x) {
        return each<ints>([&](unsigned i) { return pair(x + 2 * i); });
    }
    template <unsigned>
    struct lane_codes {
        const std::int8_t* from;
        LOWBIT_ALWAYS_INLINE explicit lane_codes(const std::int8_t* codes) : from(codes) {}
        [[nodiscard]] LOWBIT_ALWAYS_INLINE ints at(unsigned i) const { return splat(pair(from + i)); }
    };
    static LOWBIT_ALWAYS_INLINE ints lane_dot(const ints& sum, const ints& x, const ints& w) {
        return each<ints>([&](unsigned i) {
            return sum.at[i] + (x.at[i] >> 16) * (w.at[i] >> 16) +
                   static_cast<std::int16_t>(x.at[i]) * static_cast<std::int16_t>(w.at[i]);
        });
    }

private:
    static LOWBIT_ALWAYS_INLINE std::int32_t pair(const std::int8_t* p) {
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(p[1]) << 16 | static_cast<std::uint16_t>(p[0]));
    }
    template <class V, class F>
    static LOWBIT_ALWAYS_INLINE V each(F&& f) {
        V v;
        for (unsigned i = 0; i < lanes; ++i) v.at[i] = f(i);
        return v;
    }
};

template <block_key Key, class Here = isa::here>
inline constexpr auto block_kernel = block_body<block_ops<Here>, Key>::of(isa::level::scalar);

} // namespace lowbit::inline v0::kernel::scalar
