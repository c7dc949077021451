// SPDX-License-Identifier: MIT
// hopper_lane: a thread of a kernel for sm_90a, and what such threads do together: barriers in shared memory, bulk copies, wgmma.
// One instruction a function, as in ptx.hpp; tests replace them by an emulation.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <lowbit/cuda/ptx.hpp>
#include <lowbit/numeric/float8.hpp>
#include <lowbit/numeric/int_n.hpp>

namespace lowbit::inline v0::cuda {

#if defined(__CUDACC__)

// The operands of wgmma: as many registers as the sums of a thread, 32, 64 or 128, then those of A.
#define LOWBIT_TEN(tens) \
    "%" tens "0, %" tens "1, %" tens "2, %" tens "3, %" tens "4, %" tens "5, %" tens "6, %" tens "7, %" tens "8, %" tens "9, "
#define LOWBIT_REGISTERS_32 LOWBIT_TEN("") LOWBIT_TEN("1") LOWBIT_TEN("2") "%30, %31"
#define LOWBIT_REGISTERS_64 \
    LOWBIT_TEN("") LOWBIT_TEN("1") LOWBIT_TEN("2") LOWBIT_TEN("3") LOWBIT_TEN("4") LOWBIT_TEN("5") "%60, %61, %62, %63"
#define LOWBIT_REGISTERS_128 \
    LOWBIT_TEN("") \
    LOWBIT_TEN("1") \
    LOWBIT_TEN("2") \
    LOWBIT_TEN("3") \
    LOWBIT_TEN("4") \
    LOWBIT_TEN("5") \
    LOWBIT_TEN("6") \
    LOWBIT_TEN("7") \
    LOWBIT_TEN("8") LOWBIT_TEN("9") LOWBIT_TEN("10") LOWBIT_TEN("11") "%120, %121, %122, %123, %124, %125, %126, %127"
#define LOWBIT_8(f, i) f(i), f(i + 1), f(i + 2), f(i + 3), f(i + 4), f(i + 5), f(i + 6), f(i + 7)
#define LOWBIT_32(f, i) LOWBIT_8(f, i), LOWBIT_8(f, i + 8), LOWBIT_8(f, i + 16), LOWBIT_8(f, i + 24)
#define LOWBIT_64(f, i) LOWBIT_32(f, i), LOWBIT_32(f, i + 32)
#define LOWBIT_128(f, i) LOWBIT_64(f, i), LOWBIT_64(f, i + 64)
#define LOWBIT_FLOAT(i) "+f"(d[i])
#define LOWBIT_INT(i) "+r"(d[i])

// wgmma with A in registers, B[k][n] in shared memory with its columns along K; `count` sums; a0.. their four places in the list.
// Sparse: ".sp" and its two operands, metadata and selector, which come last in the list.
#define LOWBIT_WGMMA(count, a0, a1, a2, a3, b, add, sparse, kept, sum, shape, types, tail, ...) \
    asm volatile("{\n\t.reg .pred add;\n\tsetp.ne.b32 add, %" add ", 0;\n\t" \
                 "wgmma.mma_async" sparse ".sync.aligned." shape "." types " {" LOWBIT_REGISTERS_##count \
                 "}, {%" a0 ", %" a1 ", %" a2 ", %" a3 "}, %" b ", " kept "add" tail ";\n\t}" \
                 : LOWBIT_##count(sum, 0) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b_at), "r"(static_cast<int>(accumulate))__VA_ARGS__)
#define LOWBIT_WGMMA_32(sum, shape, types, tail) \
    LOWBIT_WGMMA(32, "32", "33", "34", "35", "36", "37", "", "", sum, shape, types, tail)
#define LOWBIT_WGMMA_64(sum, shape, types, tail) \
    LOWBIT_WGMMA(64, "64", "65", "66", "67", "68", "69", "", "", sum, shape, types, tail)
#define LOWBIT_WGMMA_128(sum, shape, types, tail) \
    LOWBIT_WGMMA(128, "128", "129", "130", "131", "132", "133", "", "", sum, shape, types, tail)
#define LOWBIT_KEPT , "r"(kept), "n"(Selector)
#define LOWBIT_WGMMA_SP_32(shape, types) \
    LOWBIT_WGMMA(32, "32", "33", "34", "35", "36", "37", ".sp", "%38, %39, ", LOWBIT_FLOAT, shape, types, ", 1, 1, 0", \
                 LOWBIT_KEPT)
#define LOWBIT_WGMMA_SP_64(shape, types) \
    LOWBIT_WGMMA(64, "64", "65", "66", "67", "68", "69", ".sp", "%70, %71, ", LOWBIT_FLOAT, shape, types, ", 1, 1, 0", \
                 LOWBIT_KEPT)
#define LOWBIT_WGMMA_SP_128(shape, types) \
    LOWBIT_WGMMA(128, "128", "129", "130", "131", "132", "133", ".sp", "%134, %135, ", LOWBIT_FLOAT, shape, types, ", 1, 1, 0", \
                 LOWBIT_KEPT)

/// A lane of sm_90a. Barriers are 8 bytes of shared memory; a wait names the parity of the phase whose end it waits for.
struct hopper_lane : device_lane {
    static LOWBIT_DEVICE std::uint32_t shared_address(const void* shared) noexcept {
        return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
    }
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    /// Waits for `threads` threads that name the same barrier, 1 .. 15.
    static LOWBIT_DEVICE void sync_some(int barrier, int threads) noexcept {
        asm volatile("bar.sync %0, %1;" : : "r"(barrier), "r"(threads) : "memory");
    }
    static LOWBIT_DEVICE void make_barrier(std::uint64_t* barrier, int arrivals) noexcept {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(shared_address(barrier)), "r"(arrivals) : "memory");
    }
    /// After make_barrier, before others use them.
    static LOWBIT_DEVICE void publish_barriers() noexcept {
        asm volatile("fence.mbarrier_init.release.cluster;\n\tfence.proxy.async.shared::cta;" : : : "memory");
    }
    static LOWBIT_DEVICE void arrive(std::uint64_t* barrier) noexcept {
        asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" : : "r"(shared_address(barrier)) : "memory");
    }
    /// Arrives; the phase then ends once copies have brought `bytes`.
    static LOWBIT_DEVICE void expect(std::uint64_t* barrier, std::uint32_t bytes) noexcept {
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
                     :
                     : "r"(shared_address(barrier)), "r"(bytes)
                     : "memory");
    }
    static LOWBIT_DEVICE void wait(std::uint64_t* barrier, std::uint32_t parity) noexcept {
        asm volatile("{\n\t.reg .pred over;\n\tagain:\n\t"
                     "mbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n\t"
                     "@!over bra again;\n\t}"
                     :
                     : "r"(shared_address(barrier)), "r"(parity)
                     : "memory");
    }
    /// Starts a copy of whole multiples of 16 bytes to shared memory.
    static LOWBIT_DEVICE void copy(void* shared, const void* from, std::uint32_t bytes, std::uint64_t* barrier) noexcept {
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
                     :
                     : "r"(shared_address(shared)), "l"(from), "r"(bytes), "r"(shared_address(barrier))
                     : "memory");
    }
    /// Starts a copy of the box of a tensor map that begins at (row, col).
    template <class Map>
    static LOWBIT_DEVICE void copy_box(void* shared, const Map* map, int row, int col, std::uint64_t* barrier) noexcept {
        asm volatile(
            "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];"
            :
            : "r"(shared_address(shared)), "l"(map), "r"(col), "r"(row), "r"(shared_address(barrier))
            : "memory");
    }
    /// Registers of a thread from here on; all warps of a warpgroup say the same.
    template <int Registers>
    static LOWBIT_DEVICE void fewer_registers() noexcept {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(Registers));
    }
    template <int Registers>
    static LOWBIT_DEVICE void more_registers() noexcept {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(Registers));
    }
    /// Before the first product, and after other instructions wrote registers that products read.
    static LOWBIT_DEVICE void begin_products() noexcept { asm volatile("wgmma.fence.sync.aligned;" : : : "memory"); }
    /// The products since the last commit are a group.
    static LOWBIT_DEVICE void commit_products() noexcept { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }
    /// Waits until at most `Left` groups are not over.
    template <int Left>
    static LOWBIT_DEVICE void wait_products() noexcept {
        asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(Left) : "memory");
    }
    /// Sums of products that were waited for are read behind this: no compiler moves a read of a register before the wait.
    template <class Sum, std::size_t Sums>
    static LOWBIT_DEVICE void fence_sums(Sum (&d)[Sums]) noexcept {
        LOWBIT_DEVICE_UNROLL
        for (std::size_t i = 0; i < Sums; ++i) {
            if constexpr (std::same_as<Sum, float>) {
                asm volatile("" : "+f"(d[i]) : : "memory");
            } else {
                asm volatile("" : "+r"(d[i]) : : "memory");
            }
        }
    }
    /// Starts d = a * b, or d += a * b: 64 rows, a k-step, as many columns as twice the sums of a thread. b_at: descriptor.
    template <std::same_as<bfloat16> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_32(LOWBIT_FLOAT, "m64n64k16", "f32.bf16.bf16", ", 1, 1, 0");
    }
    template <std::same_as<bfloat16> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_64(LOWBIT_FLOAT, "m64n128k16", "f32.bf16.bf16", ", 1, 1, 0");
    }
    template <std::same_as<bfloat16> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_128(LOWBIT_FLOAT, "m64n256k16", "f32.bf16.bf16", ", 1, 1, 0");
    }
    template <std::same_as<float16> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_32(LOWBIT_FLOAT, "m64n64k16", "f32.f16.f16", ", 1, 1, 0");
    }
    template <std::same_as<float16> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_64(LOWBIT_FLOAT, "m64n128k16", "f32.f16.f16", ", 1, 1, 0");
    }
    template <std::same_as<float16> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_128(LOWBIT_FLOAT, "m64n256k16", "f32.f16.f16", ", 1, 1, 0");
    }
    template <std::same_as<float8_e4m3> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_32(LOWBIT_FLOAT, "m64n64k32", "f32.e4m3.e4m3", ", 1, 1");
    }
    template <std::same_as<float8_e4m3> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_64(LOWBIT_FLOAT, "m64n128k32", "f32.e4m3.e4m3", ", 1, 1");
    }
    template <std::same_as<float8_e4m3> T>
    static LOWBIT_DEVICE void multiply_wide(float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b_at, bool accumulate) {
        LOWBIT_WGMMA_128(LOWBIT_FLOAT, "m64n256k32", "f32.e4m3.e4m3", ", 1, 1");
    }
    template <std::same_as<int8> T>
    static LOWBIT_DEVICE void multiply_wide(std::int32_t (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                            bool accumulate) {
        LOWBIT_WGMMA_32(LOWBIT_INT, "m64n64k32", "s32.s8.s8", "");
    }
    template <std::same_as<int8> T>
    static LOWBIT_DEVICE void multiply_wide(std::int32_t (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                            bool accumulate) {
        LOWBIT_WGMMA_64(LOWBIT_INT, "m64n128k32", "s32.s8.s8", "");
    }
    template <std::same_as<int8> T>
    static LOWBIT_DEVICE void multiply_wide(std::int32_t (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                            bool accumulate) {
        LOWBIT_WGMMA_128(LOWBIT_INT, "m64n256k32", "s32.s8.s8", "");
    }

    /// Starts d += a * b with a sparse A: `a` holds what is kept of 32 columns, `kept` which columns they are, in the lanes that
    /// `selector` (0 or 1) names, as for multiply_sparse; b has 32 columns, 64 bytes.
    template <half_number T, std::size_t Sums>
    static LOWBIT_DEVICE void multiply_wide_sparse(float (&d)[Sums], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                   const std::uint32_t& kept, int selector) {
        if (selector == 0) {
            multiply_wide_selected<0>(T{}, d, a, b_at, kept);
        } else {
            multiply_wide_selected<1>(T{}, d, a, b_at, kept);
        }
    }

private:
    static constexpr bool accumulate = true;
    template <int Selector>
    static LOWBIT_DEVICE void multiply_wide_selected(bfloat16, float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                     std::uint32_t kept) {
        LOWBIT_WGMMA_SP_32("m64n64k32", "f32.bf16.bf16");
    }
    template <int Selector>
    static LOWBIT_DEVICE void multiply_wide_selected(bfloat16, float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                     std::uint32_t kept) {
        LOWBIT_WGMMA_SP_64("m64n128k32", "f32.bf16.bf16");
    }
    template <int Selector>
    static LOWBIT_DEVICE void multiply_wide_selected(bfloat16, float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                     std::uint32_t kept) {
        LOWBIT_WGMMA_SP_128("m64n256k32", "f32.bf16.bf16");
    }
    template <int Selector>
    static LOWBIT_DEVICE void multiply_wide_selected(float16, float (&d)[32], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                     std::uint32_t kept) {
        LOWBIT_WGMMA_SP_32("m64n64k32", "f32.f16.f16");
    }
    template <int Selector>
    static LOWBIT_DEVICE void multiply_wide_selected(float16, float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                     std::uint32_t kept) {
        LOWBIT_WGMMA_SP_64("m64n128k32", "f32.f16.f16");
    }
    template <int Selector>
    static LOWBIT_DEVICE void multiply_wide_selected(float16, float (&d)[128], const std::uint32_t (&a)[4], std::uint64_t b_at,
                                                     std::uint32_t kept) {
        LOWBIT_WGMMA_SP_128("m64n256k32", "f32.f16.f16");
    }
#endif
};

#undef LOWBIT_TEN
#undef LOWBIT_REGISTERS_32
#undef LOWBIT_REGISTERS_64
#undef LOWBIT_REGISTERS_128
#undef LOWBIT_8
#undef LOWBIT_32
#undef LOWBIT_64
#undef LOWBIT_128
#undef LOWBIT_FLOAT
#undef LOWBIT_INT
#undef LOWBIT_WGMMA
#undef LOWBIT_WGMMA_32
#undef LOWBIT_WGMMA_64
#undef LOWBIT_WGMMA_128
#undef LOWBIT_KEPT
#undef LOWBIT_WGMMA_SP_32
#undef LOWBIT_WGMMA_SP_64
#undef LOWBIT_WGMMA_SP_128

#endif

} // namespace lowbit::inline v0::cuda
