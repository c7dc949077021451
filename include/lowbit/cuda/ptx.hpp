// SPDX-License-Identifier: MIT
// ptx: the instructions that kernels are made of, one a function. What a lane does alone has a plain C++ body beside it, so that
// a host compiler can run it; what the lanes of a block do together is in device_lane, which tests replace by an emulation.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/core/config.hpp>
#include <lowbit/cuda/layout.hpp>
#include <lowbit/numeric/bfloat16.hpp>
#include <lowbit/numeric/float16.hpp>
#include <lowbit/numeric/float8.hpp>

/// Before what runs on the device, or on the host in its place.
#if defined(__CUDACC__)
#define LOWBIT_DEVICE __device__ __forceinline__
#define LOWBIT_DEVICE_UNROLL _Pragma("unroll")
#define LOWBIT_DEVICE_ROLLED _Pragma("unroll 1")
#else
#define LOWBIT_DEVICE inline
#define LOWBIT_DEVICE_UNROLL
#define LOWBIT_DEVICE_ROLLED
#endif

namespace lowbit::inline v0::cuda {

/// A number of 16 bits that tensor cores multiply.
template <class T>
concept half_number = std::same_as<T, float16> || std::same_as<T, bfloat16>;

/// Four words: what one load takes.
struct alignas(16) words4 {
    std::uint32_t at[4];
};

namespace ptx {

/// The bits of x as T, rounded to nearest even; and back.
template <half_number T>
LOWBIT_DEVICE std::uint16_t from_float(float x) noexcept {
#if defined(__CUDA_ARCH__)
    std::uint16_t bits;
    if constexpr (std::same_as<T, bfloat16>) {
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    } else {
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    }
    return bits;
#elif defined(__CUDACC__)
    return 0; // the host's half of a .cu file never runs it
#else
    return T::encode_ieee(x);
#endif
}
template <half_number T>
LOWBIT_DEVICE float to_float(std::uint16_t bits) noexcept {
#if defined(__CUDA_ARCH__)
    float x;
    if constexpr (std::same_as<T, bfloat16>) {
        x = __uint_as_float(std::uint32_t{bits} << 16);
    } else {
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    }
    return x;
#elif defined(__CUDACC__)
    return 0;
#else
    return T::decode(bits);
#endif
}

/// (a & mask) | bits in one instruction, which compilers do not make of two constants.
LOWBIT_DEVICE std::uint32_t and_or(std::uint32_t a, std::uint32_t mask, std::uint32_t bits) noexcept {
#if defined(__CUDA_ARCH__)
    std::uint32_t d;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(d) : "r"(a), "r"(mask), "r"(bits));
    return d;
#else
    return (a & mask) | bits;
#endif
}

/// Four of the eight bytes of low and high: hexadecimal digit i of Which names byte i.
template <std::uint32_t Which>
LOWBIT_DEVICE std::uint32_t bytes(std::uint32_t low, std::uint32_t high) noexcept {
#if defined(__CUDA_ARCH__)
    return __byte_perm(low, high, Which);
#else
    const std::uint64_t both = std::uint64_t{high} << 32 | low;
    std::uint32_t d = 0;
    for (int i = 0; i < 4; ++i) d |= static_cast<std::uint32_t>(both >> (8 * (Which >> (4 * i) & 7)) & 0xff) << (8 * i);
    return d;
#endif
}

/// table[Stride * i], of a table in shared memory: one multiplication and one load.
template <int Stride>
LOWBIT_DEVICE std::uint32_t read_table(const std::uint32_t* table, std::uint32_t i) noexcept {
#if defined(__CUDA_ARCH__)
    std::uint32_t word;
    asm volatile("ld.shared.u32 %0, [%1];"
                 : "=r"(word)
                 : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(table)) + i * (4 * Stride)));
    return word;
#else
    return table[std::size_t{i} * Stride];
#endif
}

/// a * b + c in both halves of a word, rounded once. The host's body is right where the result is exact, as decoders have it.
template <half_number T>
LOWBIT_DEVICE std::uint32_t fma2(std::uint32_t a, std::uint32_t b, std::uint32_t c) noexcept {
#if defined(__CUDA_ARCH__)
    std::uint32_t d;
    if constexpr (std::same_as<T, bfloat16>) {
        asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    } else {
        asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    }
    return d;
#else
    std::uint32_t d = 0;
    for (int half = 0; half < 32; half += 16) {
        const auto number = [&](std::uint32_t word) { return to_float<T>(static_cast<std::uint16_t>(word >> half)); };
        d |= std::uint32_t{from_float<T>(number(a) * number(b) + number(c))} << half;
    }
    return d;
#endif
}

/// a * b, a * b + c and a / b, each rounded once, whatever flags the caller compiles with: no fused product, no approximation.
LOWBIT_DEVICE float multiply(float a, float b) noexcept {
#if defined(__CUDA_ARCH__)
    float d;
    asm("mul.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
#elif defined(__CUDACC__)
    return 0;
#else
    float d = a * b;
    LOWBIT_NO_CONTRACT(d);
    return d;
#endif
}
LOWBIT_DEVICE float multiply_add(float a, float b, float c) noexcept {
#if defined(__CUDA_ARCH__)
    float d;
    asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(a), "f"(b), "f"(c));
    return d;
#else
    return std::fma(a, b, c);
#endif
}
LOWBIT_DEVICE float divide(float a, float b) noexcept {
#if defined(__CUDA_ARCH__)
    float d;
    asm("div.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
#else
    return a / b;
#endif
}

/// The codes of two numbers in a small float of at most 8 bits, saturating: the first in the low byte.
template <class E>
LOWBIT_DEVICE std::uint32_t encode_pair(float first, float second) noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
    if constexpr (std::same_as<E, float8_e4m3> || std::same_as<E, float8_e5m2>) {
        std::uint16_t codes;
        if constexpr (std::same_as<E, float8_e4m3>) {
            asm("cvt.rn.satfinite.e4m3x2.f32 %0, %2, %1;" : "=h"(codes) : "f"(first), "f"(second));
        } else {
            asm("cvt.rn.satfinite.e5m2x2.f32 %0, %2, %1;" : "=h"(codes) : "f"(first), "f"(second));
        }
        return codes;
    } else
#endif
    {
        return std::uint32_t{E::encode(first)} | std::uint32_t{E::encode(second)} << 8;
    }
}

} // namespace ptx

#if defined(__CUDACC__)

/// A thread of a running kernel, and what it does together with others.
struct device_lane {
    static LOWBIT_DEVICE int thread() noexcept { return static_cast<int>(threadIdx.x); }
    static LOWBIT_DEVICE int block() noexcept { return static_cast<int>(blockIdx.x); }
    static LOWBIT_DEVICE int blocks() noexcept { return static_cast<int>(gridDim.x); }
    static LOWBIT_DEVICE int slice() noexcept { return static_cast<int>(blockIdx.y); }
    static LOWBIT_DEVICE void sync() noexcept { __syncthreads(); }
    static LOWBIT_DEVICE void sync_warp() noexcept { __syncwarp(); }
    /// What the lane whose number differs in the bits of `mask` gives.
    static LOWBIT_DEVICE std::uint32_t shuffle_xor(std::uint32_t value, int mask) noexcept {
        return __shfl_xor_sync(0xffff'ffff, value, mask);
    }

    /// The warp of this thread, as a number that all its lanes are known to share.
    static LOWBIT_DEVICE int warp() noexcept {
#if defined(__CUDA_ARCH__)
        return __shfl_sync(~0u, static_cast<int>(threadIdx.x) / 32, 0);
#else
        return 0;
#endif
    }

    /// Sixteen bytes that are read once: kept out of the L1 cache, and the first to leave the L2 cache.
    static LOWBIT_DEVICE words4 load_once(const words4* from) noexcept {
        words4 w{};
#if defined(__CUDA_ARCH__)
        asm volatile("ld.global.nc.L1::no_allocate.L2::cache_hint.v4.u32 {%0, %1, %2, %3}, [%4], %5;"
                     : "=r"(w.at[0]), "=r"(w.at[1]), "=r"(w.at[2]), "=r"(w.at[3])
                     : "l"(from), "l"(first_to_leave()));
#endif
        return w;
    }

    /// The same pointer, kept in a register instead of being put together anew for each use.
    static LOWBIT_DEVICE const std::uint32_t* kept(const std::uint32_t* p) noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("" : "+l"(p));
#endif
        return p;
    }
    /// Shared memory, as its instructions address it; in bytes.
    using address = std::uint32_t;
    static LOWBIT_DEVICE address address_of(std::byte* shared) noexcept {
        address at = 0;
#if defined(__CUDA_ARCH__)
        // volatile: kept in a register, not made anew wherever it is used
        asm volatile("{\n\t.reg .u64 at;\n\tcvta.to.shared.u64 at, %1;\n\tcvt.u32.u64 %0, at;\n\t}" : "=r"(at) : "l"(shared));
#endif
        return at;
    }
    template <class V>
    static LOWBIT_DEVICE V read(address from) noexcept {
        V value{};
#if defined(__CUDA_ARCH__)
        if constexpr (sizeof(V) == 1) {
            std::uint16_t byte;
            asm volatile("ld.shared.u8 %0, [%1];" : "=h"(byte) : "r"(from));
            value = static_cast<V>(byte);
        } else {
            struct alignas(sizeof(V)) {
                std::uint32_t at[sizeof(V) / 4];
            } w;
            if constexpr (sizeof(V) == 4) {
                asm volatile("ld.shared.u32 %0, [%1];" : "=r"(w.at[0]) : "r"(from));
            } else if constexpr (sizeof(V) == 8) {
                asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(w.at[0]), "=r"(w.at[1]) : "r"(from));
            } else {
                static_assert(sizeof(V) == 16);
                asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                             : "=r"(w.at[0]), "=r"(w.at[1]), "=r"(w.at[2]), "=r"(w.at[3])
                             : "r"(from));
            }
            value = __builtin_bit_cast(V, w);
        }
#endif
        return value;
    }
    static LOWBIT_DEVICE void write(address to, const words4& w) noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(w.at[0]), "r"(w.at[1]), "r"(w.at[2]), "r"(w.at[3])
                     : "memory");
#endif
    }

    /// Sixteen bytes from global to shared memory, without waiting for them; copy_once: as load_once, or zeros where they are
    /// not `there`, or nothing. commit_copies ends a bundle, wait_copies waits until all but the last `Newer` bundles of this
    /// thread have come.
    static LOWBIT_DEVICE void copy(address to, const words4* from) noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
#endif
    }
    static LOWBIT_DEVICE void copy_once(address to, const words4* from, bool there, bool wanted) noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("{\n\t.reg .pred wanted;\n\tsetp.ne.s32 wanted, %4, 0;\n\t"
                     "@wanted cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2, %3;\n\t}" ::"r"(to),
                     "l"(from), "r"(there ? 16 : 0), "l"(first_to_leave()), "r"(static_cast<int>(wanted))
                     : "memory");
#endif
    }
    static LOWBIT_DEVICE void commit_copies() noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("cp.async.commit_group;" ::: "memory");
#endif
    }
    template <int Newer>
    static LOWBIT_DEVICE void wait_copies() noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("cp.async.wait_group %0;" ::"n"(Newer) : "memory");
#endif
    }

    /// The B fragments of two k-steps: each lane names 16 bytes of shared memory, a row of one of four 8 x 8 matrices.
    static LOWBIT_DEVICE void load_matrices(std::uint32_t (&b)[4], address row) noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3])
                     : "r"(row)
                     : "memory");
#endif
    }
    /// d += a * b: mma.m16n8k16 over numbers T, summed in float.
    template <half_number T>
    static LOWBIT_DEVICE void multiply(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) noexcept {
#if defined(__CUDA_ARCH__)
        if constexpr (std::same_as<T, bfloat16>) {
            asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                "{%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
        } else {
            asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                "{%0, %1, %2, %3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
        }
#endif
    }

    /// d += a * b, mma.sp.m16n8k32: a holds what is kept of A, `kept` which columns they are, in the lanes that `selector` (0 or
    /// 1) names; b the B fragments of two k-steps.
    template <half_number T>
    static LOWBIT_DEVICE void multiply_sparse(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[4],
                                              std::uint32_t kept, int selector) noexcept {
        if (selector == 0) {
            multiply_sparse<T, 0>(d, a, b, kept);
        } else {
            multiply_sparse<T, 1>(d, a, b, kept);
        }
    }

private:
    template <half_number T, int Selector>
    static LOWBIT_DEVICE void multiply_sparse(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[4],
                                              std::uint32_t kept) noexcept {
#if defined(__CUDA_ARCH__)
        if constexpr (std::same_as<T, bfloat16>) {
            asm("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                "{%8, %9, %10, %11}, {%0, %1, %2, %3}, %12, %13;"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(kept),
                  "n"(Selector));
        } else {
            asm("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                "{%8, %9, %10, %11}, {%0, %1, %2, %3}, %12, %13;"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(kept),
                  "n"(Selector));
        }
#endif
    }
    /// What marks lines of the L2 cache as the first to go.
    static LOWBIT_DEVICE std::uint64_t first_to_leave() noexcept {
        std::uint64_t policy = 0;
#if defined(__CUDA_ARCH__)
        asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
#endif
        return policy;
    }
};

#endif

} // namespace lowbit::inline v0::cuda
