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
#else
#define LOWBIT_DEVICE inline
#define LOWBIT_DEVICE_UNROLL
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

    /// Sixteen bytes that are read once: kept out of the L1 cache, and the first to leave the L2 cache.
    static LOWBIT_DEVICE words4 load_once(const words4* from) noexcept {
        words4 w{};
#if defined(__CUDA_ARCH__)
        asm volatile("{\n\t.reg .b64 policy;\n\t"
                     "createpolicy.fractional.L2::evict_first.b64 policy, 1.0;\n\t"
                     "ld.global.nc.L1::no_allocate.L2::cache_hint.v4.u32 {%0, %1, %2, %3}, [%4], policy;\n\t}"
                     : "=r"(w.at[0]), "=r"(w.at[1]), "=r"(w.at[2]), "=r"(w.at[3])
                     : "l"(from));
#endif
        return w;
    }
    /// The B fragments of two k-steps: each lane names 16 bytes of shared memory, a row of one of four 8 x 8 matrices.
    static LOWBIT_DEVICE void load_matrices(std::uint32_t (&b)[4], const void* shared) noexcept {
#if defined(__CUDA_ARCH__)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3])
                     : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(shared)))
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
};

#endif

} // namespace lowbit::inline v0::cuda
