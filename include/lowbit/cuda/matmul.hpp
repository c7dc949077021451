// SPDX-License-Identifier: MIT
// matmul: the kernels, how they are launched, and gemm on a stream.
#pragma once

#if !defined(__CUDACC__)
#error "lowbit: <lowbit/cuda/matmul.hpp> holds kernels; include it, or <lowbit/cuda.hpp>, in a .cu file"
#endif

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <lowbit/cuda/dequantize.hpp>
#include <lowbit/cuda/device_matrix.hpp>
#include <lowbit/cuda/device_rows.hpp>
#include <lowbit/cuda/epilogue.hpp>
#include <lowbit/cuda/hopper_lane.hpp>
#include <lowbit/cuda/pack.hpp>
#include <lowbit/cuda/runtime.hpp>
#include <lowbit/cuda/stream.hpp>
#include <lowbit/cuda/tensor_map.hpp>
#include <lowbit/cuda/tile.hpp>
#include <lowbit/gemm/epilogue.hpp>

namespace lowbit::inline v0::cuda {

template <int Bits, int From, int To>
__global__ void __launch_bounds__(128) relayout_kernel(const std::uint32_t* from, words4* to, std::size_t tiles) {
    relayout_body<Bits, From, To>(device_lane{}, from, to, tiles);
}

template <class Kind, class T>
__global__ void __launch_bounds__(dequantize_block<Kind>::threads)
    dequantize_kernel(const __grid_constant__ weights w, std::uint16_t* out, std::size_t stride, bool whole_lines) {
    __shared__ words4 shared[dequantize_block<Kind>::shared_bytes / 16];
    dequantize_body<Kind, T>(device_lane{}, w, out, stride, whole_lines, reinterpret_cast<std::byte*>(shared));
}

template <class Kind, class T, int Blocks, int Warps, class Product>
__global__ void __launch_bounds__(Warps * 32, 1) stream_kernel(const __grid_constant__ Product p) {
    extern __shared__ words4 lowbit_shared[];
    stream<Kind, T, Blocks, Warps>::body(device_lane{}, p, reinterpret_cast<std::byte*>(lowbit_shared));
}

/// Threads that the kernels for sm_90a are compiled for; where they cannot be compiled, too few to be launched.
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr int tile_threads = 32;
#else
inline constexpr int tile_threads = 384;
#endif

template <class Kind, class T, int MTile, class Y, class Product>
__global__ void __launch_bounds__(tile_threads, 1)
    tile_kernel(const __grid_constant__ Product p, const __grid_constant__ CUtensorMap x) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    extern __shared__ kilobyte lowbit_tile_shared[];
    tile<Kind, T, MTile, Y>::body(hopper_lane{}, p, &x, lowbit_tile_shared[0].at);
#endif
}
/// Says by its attributes what tile_kernel was compiled for.
template <class = void>
__global__ void __launch_bounds__(tile_threads) tile_mark() {}

template <class Kind, class T, class Product>
__global__ void __launch_bounds__(256) finish_kernel(const __grid_constant__ Product p, int slices) {
    finish_body<Kind, T>(device_lane{}, p, slices, 256);
}

namespace detail {

/// Warps of a block: 16, and 8 where the sums of 32 rows, or of 16 and their minimums, want twice the registers.
template <class Kind, int Blocks>
inline constexpr int stream_warps = Blocks == 4 || (Blocks == 2 && Kind::minimums) ? 8 : 16;
/// Rows of X that the stream kernel takes at once.
inline constexpr std::size_t most_streamed = 32;
/// Workspaces are cut at multiples of this.
inline constexpr std::size_t workspace_grain = 256;

[[nodiscard]] inline int attribute(cudaDeviceAttr which) {
    int device = 0, value = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
    return value;
}

template <class... Arguments>
void launch(void (*kernel)(Arguments...), dim3 grid, int threads, std::size_t shared, cudaStream_t stream,
            std::type_identity_t<Arguments>... arguments) {
    void* pointers[] = {static_cast<void*>(&arguments)...};
    check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(static_cast<unsigned>(threads)), pointers, shared,
                           stream),
          "cudaLaunchKernel");
}

/// Blocks that take `units` in turn.
[[nodiscard]] inline dim3 blocks_for(std::size_t units) noexcept {
    return dim3(static_cast<unsigned>(std::min<std::size_t>(units, 1u << 20)));
}

/// Whether rows begin at multiples of 16 bytes.
template <class X>
[[nodiscard]] bool whole_lines(const X* data, std::size_t stride) noexcept {
    return stride * sizeof(X) % 16 == 0 && reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
}

/// Calls f with the number of blocks of eight rows that the stream kernel for m rows of X has, at most 32 rows.
template <class F>
auto with_blocks(std::size_t m, F f) {
    if (m <= 8) return f(std::integral_constant<int, 1>{});
    if (m <= 16) return f(std::integral_constant<int, 2>{});
    return f(std::integral_constant<int, 4>{});
}

/// Shared memory that a block may have.
[[nodiscard]] inline int most_shared() { return attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin); }
/// Whether it is enough for the stream kernel. The 99 KB of 8.6, 8.9 and 12.0 are too few for some weights.
template <class Kind, class T>
[[nodiscard]] bool fits_stream(std::size_t m) {
    return with_blocks(m, [m](auto blocks) {
        using kernel = stream<Kind, T, decltype(blocks)::value, stream_warps<Kind, decltype(blocks)::value>>;
        return kernel::shared_bytes(std::min(m, most_streamed), 1) <= static_cast<std::size_t>(most_shared());
    });
}

template <class Kind, class T, int Blocks>
[[nodiscard]] stream_plan plan(std::size_t n, std::size_t k, std::size_t m) {
    return plan_stream<stream<Kind, T, Blocks, stream_warps<Kind, Blocks>>>(n, k, m, attribute(cudaDevAttrMultiProcessorCount),
                                                                            static_cast<std::size_t>(most_shared()));
}

template <class Kind, class T, class Product>
void run_finish(const Product& p, int slices, cudaStream_t stream) {
    const std::size_t blocks = (p.m * p.w.n + 255) / 256;
    launch(finish_kernel<Kind, T, Product>, dim3(static_cast<unsigned>(std::min<std::size_t>(blocks, 4096))), 256, 0, stream, p,
           slices);
}

template <class Kind, class T, int Blocks, class Product>
void run_blocks(Product p, float* workspace, cudaStream_t stream) {
    const stream_plan how = plan<Kind, T, Blocks>(p.w.n, p.w.k, p.m);
    p.units = how.units;
    p.sums = how.slices > 1 ? workspace : nullptr;
    const auto kernel = stream_kernel<Kind, T, Blocks, stream_warps<Kind, Blocks>, Product>;
    // The most there is, whatever this call needs: the limit is the kernel's, and other threads launch it, too.
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most_shared()), "cudaFuncSetAttribute");
    launch(kernel, dim3(static_cast<unsigned>(how.blocks), static_cast<unsigned>(how.slices)), stream_warps<Kind, Blocks> * 32,
           how.shared_bytes, stream, p);
    if (how.slices > 1) run_finish<Kind, T>(p, how.slices, stream);
}
/// Raises errc::unsupported where a block of this device has too little shared memory for m rows of X, at most 32.
template <class Kind, class T>
void require_stream(std::size_t n, std::size_t k, std::size_t m) {
    if (m == 0) return;
    const std::size_t needed =
        with_blocks(m, [=](auto blocks) { return plan<Kind, T, decltype(blocks)::value>(n, k, m).shared_bytes; });
    if (needed > static_cast<std::size_t>(most_shared()))
        raise(errc::unsupported, "gemm: a block has ", most_shared(), " bytes of shared memory on this device, ", needed,
              " are needed; a dense product, which a stream_ref may have, needs fewer");
}
/// At most 32 rows of X.
template <class Kind, class T, class Product>
void run_stream(const Product& p, float* workspace, cudaStream_t stream) {
    with_blocks(p.m, [&](auto blocks) { run_blocks<Kind, T, decltype(blocks)::value>(p, workspace, stream); });
}
template <class Kind, class T>
[[nodiscard]] std::size_t stream_workspace(std::size_t n, std::size_t k, std::size_t m) {
    if (m == 0) return 0;
    return with_blocks(m, [=](auto blocks) { return plan<Kind, T, decltype(blocks)::value>(n, k, m).workspace_bytes(m, n); });
}

template <class Kind, class T>
inline constexpr bool streams = stream<Kind, T, 1, stream_warps<Kind, 1>>::takes_groups;

template <class Kind, class T>
inline constexpr bool tiles = !Kind::minimums && !Kind::permuted && tile<Kind, T, 64>::takes_groups;
/// Rows of X from which on dequantizing once and a dense product are about as fast, where there is one: writing and reading
/// dequantized weights then takes a few percent of the product.
inline constexpr std::size_t most_tiled = 2048;

/// Whether this device has what tile_kernel needs, and the program was compiled for it (sm_90a).
[[nodiscard]] inline bool has_tiles() {
    if (attribute(cudaDevAttrComputeCapabilityMajor) != 9 || attribute(cudaDevAttrComputeCapabilityMinor) != 0) return false;
    cudaFuncAttributes mark{};
    check(cudaFuncGetAttributes(&mark, tile_mark<>), "cudaFuncGetAttributes");
    return mark.maxThreadsPerBlock >= tile_threads;
}

/// Weights as finish takes them where the scales are in the sums already, or nothing is scaled: as if there were groups.
template <class Kind>
using scaled = weight_kind<typename Kind::element_type, typename Kind::scale_type, Kind::zeros, 32>;

enum class way { streamed, tiled, dense };
/// Which way m rows of X go.
template <class Kind, class T>
[[nodiscard]] way way_of(const stream_ref& s, std::size_t m) {
    bool large = m > most_streamed;
    if constexpr (streams<Kind, T>) {
        large = large || !fits_stream<Kind, T>(m);
    } else {
        large = true;
    }
    if constexpr (tiles<Kind, T>)
        if (large && (s.large() == nullptr || m <= most_tiled) && has_tiles()) return way::tiled;
    return large && s.large() != nullptr ? way::dense : way::streamed;
}

[[nodiscard]] constexpr std::size_t in_grains(std::size_t bytes) noexcept {
    return (bytes + workspace_grain - 1) / workspace_grain * workspace_grain;
}
[[nodiscard]] constexpr std::size_t in_eights(std::size_t cols) noexcept { return (cols + 7) / 8 * 8; }

/// How the tile kernel cuts a product of numbers T. Sums in int32 have room for 2^17 products of int8.
template <class Kind, class T>
[[nodiscard]] tile_plan tiled(std::size_t n, std::size_t k, std::size_t m) {
    constexpr std::size_t most_units = std::same_as<T, int8> && Kind::group == 0 ? 1024 : ~std::size_t{0};
    return plan_tile(n, k, m, attribute(cudaDevAttrMultiProcessorCount), tile<Kind, T, 64>::most_x_rows, most_units);
}

/// `whole_lines`: rows of X are known to begin at multiples of 16 bytes.
template <class Kind, class T>
[[nodiscard]] std::size_t workspace_for(const stream_ref& s, std::size_t n, std::size_t k, std::size_t m, bool whole_lines) {
    switch (way_of<Kind, T>(s, m)) {
    case way::tiled: return tiled<Kind, T>(n, k, m).workspace_bytes(m, n) + (whole_lines ? 0 : in_grains(m * in_eights(k) * 2));
    case way::dense: return in_grains(n * in_eights(k) * 2) + in_grains(m * n * 4) + s.large()->workspace_bytes();
    case way::streamed: break;
    }
    if constexpr (!streams<Kind, T>) {
        return 0;
    } else {
        return std::max(stream_workspace<Kind, T>(n, k, std::min(m, most_streamed)),
                        stream_workspace<Kind, T>(n, k, m % most_streamed));
    }
}

template <class Kind, class T, int MTile, class Y, class Product>
void run_tiles(const tile_plan& how, const Product& p, const void* x, std::size_t x_stride_bytes, cudaStream_t stream) {
    using tile = cuda::tile<Kind, T, MTile, Y>;
    static_assert(tile::threads == 384);
    const auto kernel = tile_kernel<Kind, T, MTile, Y, Product>;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(tile::shared_bytes)),
          "cudaFuncSetAttribute");
    launch(kernel, dim3(static_cast<unsigned>(how.blocks), static_cast<unsigned>(how.slices)), tile::threads, tile::shared_bytes,
           stream, p, tensor_map(x, p.m, p.w.k, x_stride_bytes, sizeof(typename T::code_type), tile::box_rows(p.m)));
    if (how.slices > 1) run_finish<Kind, Y>(p, how.slices, stream);
}
/// X: p.m rows of numbers T, `x_stride_bytes` apart.
template <class Kind, class T, class Y, class Product>
void run_tiled(Product p, const void* x, std::size_t x_stride_bytes, std::byte* workspace, cudaStream_t stream) {
    const tile_plan how = tiled<Kind, T>(p.w.n, p.w.k, p.m);
    p.units = how.units;
    p.sums = how.slices > 1 ? reinterpret_cast<float*>(workspace) : nullptr;
    if (how.x_rows == 64) return run_tiles<Kind, T, 64, Y>(how, p, x, x_stride_bytes, stream);
    if (how.x_rows == 128) return run_tiles<Kind, T, 128, Y>(how, p, x, x_stride_bytes, stream);
    if constexpr (tile<Kind, T, 64, Y>::most_x_rows == 256) run_tiles<Kind, T, 256, Y>(how, p, x, x_stride_bytes, stream);
}
/// X of 16 bits. The copy engine takes rows that begin at multiples of 16 bytes: others are moved to such a place first.
template <class Kind, class T, class Product>
void run_tiled(const Product& p, std::byte* workspace, cudaStream_t stream) {
    const std::size_t stride = in_eights(p.w.k) * 2;
    if (p.whole_lines) // of one row x_stride may be anything
        return run_tiled<Kind, T, T>(p, p.x, std::max(p.x_stride * 2, stride), workspace, stream);
    check(cudaMemcpy2DAsync(workspace, stride, p.x, std::max(p.x_stride, p.w.k) * 2, p.w.k * 2, p.m, cudaMemcpyDeviceToDevice,
                            stream),
          "cudaMemcpy2DAsync");
    run_tiled<Kind, T, T>(p, workspace, stride, workspace + in_grains(p.m * stride), stream);
}

/// The stream kernel for every 32 rows of X, the tile kernel, or dequantized weights and a dense product.
template <class Kind, class T, class Out, class Epilogue>
void run(const stream_ref& s, product<Out, Epilogue> p, std::byte* workspace) {
    constexpr bool plain = std::is_same_v<Epilogue, device_epilogue<>>;
    if (p.w.k == 0) return run_finish<scaled<Kind>, T>(p, 0, s.get());
    const way how = way_of<Kind, T>(s, p.m);
    if constexpr (tiles<Kind, T>)
        if (how == way::tiled) return run_tiled<Kind, T>(p, workspace, s.get());
    if (how == way::dense) {
        const std::size_t w_stride = in_eights(p.w.k);
        auto* const w = reinterpret_cast<std::uint16_t*>(workspace);
        auto* const sums = reinterpret_cast<float*>(workspace + in_grains(p.w.n * w_stride * 2));
        std::byte* const rest = reinterpret_cast<std::byte*>(sums) + in_grains(p.m * p.w.n * 4);
        const std::size_t tiles = Kind::order::row_tiles(p.w.n) * Kind::col_tiles(p.w.k);
        launch(dequantize_kernel<Kind, T>, blocks_for(tiles), dequantize_block<Kind>::threads, 0, s.get(), p.w, w, w_stride,
               true);
        dense_product::operands o{};
        o.x = p.x;
        o.w = w;
        o.y = plain ? static_cast<void*>(p.y) : static_cast<void*>(sums);
        o.m = p.m;
        o.n = p.w.n;
        o.k = p.w.k;
        o.x_stride = std::max(p.x_stride, p.w.k); // of one row it may be anything
        o.w_stride = w_stride;
        o.y_stride = plain ? std::max(p.y_stride, p.w.n) : p.w.n;
        o.bfloat16 = std::is_same_v<T, bfloat16>;
        o.float_result = !plain || std::is_same_v<Out, float>;
        s.large()->multiply(s.get(), o, rest);
        if constexpr (!plain) {
            p.sums = sums;
            run_finish<scaled<Kind>, T>(p, 1, s.get());
        }
    } else if constexpr (streams<Kind, T>) {
        require_stream<Kind, T>(p.w.n, p.w.k, std::min(most_streamed, p.m)); // before anything is written
        require_stream<Kind, T>(p.w.n, p.w.k, p.m % most_streamed);
        for (std::size_t row = 0; row < p.m; row += most_streamed) {
            product<Out, shifted_rows<Epilogue>> part{p.w,
                                                      p.x + row * p.x_stride,
                                                      p.x_stride,
                                                      p.whole_lines,
                                                      std::min(most_streamed, p.m - row),
                                                      p.y + row * p.y_stride,
                                                      p.y_stride,
                                                      {p.epilogue, row},
                                                      0,
                                                      nullptr};
            run_stream<Kind, T>(part, reinterpret_cast<float*>(workspace), s.get());
        }
    } else {
        raise(errc::unsupported, "gemm: groups of ", Kind::group,
              " columns go through a dense product alone: give the stream_ref one, a cuda::cublaslt");
    }
}

template <class Here, class Y, any_epilogue E>
void check_shapes(std::size_t m, std::size_t x_cols, std::size_t n, std::size_t k, const matrix_view<Y>& y, const E& ep) {
    static_assert(!std::is_const_v<Y>, "lowbit: Y is const; a product needs somewhere to write");
    if (x_cols != k) {
        raise<Here>(errc::shape_mismatch, "gemm: X is ", m, " x ", x_cols, " but W is ", n, " x ", k,
                    "; X needs as many columns as W");
    }
    if (y.rows() != m || y.cols() != n)
        raise<Here>(errc::shape_mismatch, "gemm: Y is ", y.rows(), " x ", y.cols(), " but X * W^T is ", m, " x ", n);
    if (y.stride() < n && m > 1)
        raise<Here>(errc::invalid_argument, "gemm: the row stride ", y.stride(), " of Y lets rows overlap");
    ep.check(m, n);
}
template <class Here>
void check_workspace(std::span<std::byte> workspace, std::size_t need, std::size_t m) {
    if (workspace.size() < need) {
        raise<Here>(errc::short_buffer, "gemm: a workspace of ", workspace.size(), " bytes; workspace_bytes(s, W, ", m, ") is ",
                    need);
    }
    if (reinterpret_cast<std::uintptr_t>(workspace.data()) % workspace_grain != 0)
        raise<Here>(errc::invalid_argument, "gemm: the workspace does not begin at a multiple of ", workspace_grain, " bytes");
}

template <class Here, class X, any_policy P, class Y, any_epilogue E>
void start(const stream_ref& s, matrix_view<X> x, const device_matrix<P>& w, matrix_view<Y> y, const E& ep,
           std::span<std::byte> workspace, bool given) {
    using kind = kind_of<P>;
    using T = typename number_of<std::remove_const_t<X>>::type;
    using out = typename number_of<Y>::type;
    static_assert(half_number<T>, "lowbit: on a GPU X holds __half or __nv_bfloat16");
    static_assert(std::same_as<out, T> || std::same_as<out, float>, "lowbit: on a GPU Y holds what X holds, or float");
    const std::size_t m = x.rows(), n = w.rows(), k = w.cols();
    check_shapes<Here>(x.rows(), x.cols(), n, k, y, ep);
    if (x.stride() < k && m > 1)
        raise<Here>(errc::invalid_argument, "gemm: the row stride ", x.stride(), " of X lets rows overlap");
    if (m == 0 || n == 0) return;
    const auto* const numbers = reinterpret_cast<const std::uint16_t*>(x.data());
    const bool lines = whole_lines(numbers, x.stride());
    const std::size_t need = workspace_for<kind, T>(s, n, k, m, lines);
    if (given) check_workspace<Here>(workspace, need, m);
    const device_buffer own(given ? 0 : need, s.get());
    using stored = std::conditional_t<std::same_as<out, float>, float, std::uint16_t>;
    const auto epilogue = on_device(ep);
    run<kind, T>(s,
                 product<stored, std::remove_const_t<decltype(epilogue)>>{w.weights(), numbers, x.stride(), lines, m,
                                                                          reinterpret_cast<stored*>(y.data()), y.stride(),
                                                                          epilogue, 0, nullptr},
                 given ? workspace.data() : own.data());
}

/// The same for activations in 8 bits.
template <class Here, byte_element X, any_policy P, class Y, any_epilogue E>
void start(const stream_ref& s, const device_rows<X>& x, const device_matrix<P, 8>& w, matrix_view<Y> y, const E& ep,
           std::span<std::byte> workspace, bool given) {
    using kind = kind_of<P, 8>;
    using out = typename number_of<Y>::type;
    static_assert(half_number<out> || std::same_as<out, float>, "lowbit: on a GPU Y holds __half, __nv_bfloat16 or float");
    static_assert(tile<kind, X, 64>::takes_groups,
                  "lowbit: activations in 8 bits go with groups of 32, 64 or multiples of 128 columns, or rows");
    const std::size_t m = x.rows(), n = w.rows(), k = w.cols();
    check_shapes<Here>(m, x.cols(), n, k, y, ep);
    if (m == 0 || n == 0) return;
    if (!has_tiles())
        raise<Here>(errc::unsupported,
                    "gemm: activations in 8 bits need a device of compute capability 9.0, and code for sm_90a");
    const std::size_t need = tiled<kind, X>(n, k, m).workspace_bytes(m, n);
    if (given) check_workspace<Here>(workspace, need, m);
    const device_buffer own(given ? 0 : need, s.get());
    using half = std::conditional_t<std::same_as<out, float>, bfloat16, out>;
    using stored = std::conditional_t<std::same_as<out, float>, float, std::uint16_t>;
    const auto epilogue = on_device(ep);
    const product<stored, std::remove_const_t<decltype(epilogue)>> p{w.weights(),
                                                                     nullptr,
                                                                     0,
                                                                     true,
                                                                     m,
                                                                     reinterpret_cast<stored*>(y.data()),
                                                                     y.stride(),
                                                                     epilogue,
                                                                     0,
                                                                     nullptr,
                                                                     k == 0 ? nullptr : x.scales()};
    if (k == 0) return run_finish<scaled<kind>, half>(p, 0, s.get());
    run_tiled<kind, X, half>(p, x.codes(), x.stride(), given ? workspace.data() : own.data(), s.get());
}

} // namespace detail

/// Device memory that a product of `w` with m rows of X, of element type X, takes on this device: with that much it allocates
/// nothing. It may be 0.
template <class X, any_policy P>
[[nodiscard]] std::size_t workspace_bytes(const stream_ref& s, const device_matrix<P>& w, std::size_t m) {
    return detail::workspace_for<kind_of<P>, typename number_of<std::remove_const_t<X>>::type>(s, w.rows(), w.cols(), m, false);
}

/// The same for m rows of activations in 8 bits, device_rows<X>.
template <byte_element X, any_policy P>
[[nodiscard]] std::size_t workspace_bytes(const stream_ref&, const device_matrix<P, 8>& w, std::size_t m) {
    return detail::tiled<kind_of<P, 8>, X>(w.rows(), w.cols(), m).workspace_bytes(m, w.rows());
}

/// The same weights in the order for products of numbers of `To` bits: 8 for those that go with device_rows. Raises errc::device.
template <int To, any_policy P, int From>
[[nodiscard]] device_matrix<P, To> relayout(const stream_ref& s, const device_matrix<P, From>& w) {
    using order = typename kind_of<P, To>::order;
    static_assert(!kind_of<P, To>::sparse && !kind_of<P, From>::sparse,
                  "lowbit: weights of which two of four columns are stored have one order on a GPU; upload them again");
    device_buffer memory(w.size_bytes(), s.get());
    const std::size_t tiles = order::row_tiles(w.rows()) * order::col_tiles(w.cols());
    if (tiles != 0) {
        const std::size_t codes = tiles * order::bytes; // scales and zero points lie behind them either way
        detail::launch(relayout_kernel<order::bits, From, To>, detail::blocks_for(tiles), 128, 0, s.get(),
                       reinterpret_cast<const std::uint32_t*>(w.data()), reinterpret_cast<words4*>(memory.data()), tiles);
        check(cudaMemcpyAsync(memory.data() + codes, w.data() + codes, w.size_bytes() - codes, cudaMemcpyDeviceToDevice, s.get()),
              "cudaMemcpyAsync");
    }
    return device_matrix<P, To>(w.rows(), w.cols(), std::move(memory));
}

/// Decodes weights into `out`, N x K of __half or __nv_bfloat16: the CPU's floats, rounded once. Raises errc::shape_mismatch,
/// errc::invalid_argument and errc::device.
template <class Here = isa::here, class T, any_policy P>
void dequantize_into(const stream_ref& s, matrix_view<T> out, const device_matrix<P>& w) {
    using kind = kind_of<P>;
    using number = typename number_of<T>::type;
    static_assert(half_number<number>, "lowbit: weights on a GPU are decoded to __half or __nv_bfloat16");
    if (out.rows() != w.rows() || out.cols() != w.cols()) {
        raise<Here>(errc::shape_mismatch, "dequantize_into: room for ", out.rows(), " x ", out.cols(), ", weights are ", w.rows(),
                    " x ", w.cols());
    }
    if (out.stride() < w.cols() && w.rows() > 1)
        raise<Here>(errc::invalid_argument, "dequantize_into: the row stride ", out.stride(), " lets rows overlap");
    const std::size_t tiles = kind::order::row_tiles(w.rows()) * kind::col_tiles(w.cols());
    if (tiles == 0) return;
    auto* const to = reinterpret_cast<std::uint16_t*>(out.data());
    detail::launch(dequantize_kernel<kind, number>, detail::blocks_for(tiles), dequantize_block<kind>::threads, 0, s.get(),
                   w.weights(), to, out.stride(), detail::whole_lines(to, out.stride()));
}

} // namespace lowbit::inline v0::cuda

namespace lowbit::inline v0 {

/// Y[M, N] = X[M, K] * W[N, K]^T on a stream of the current device, then the epilogue, whose pointers are device memory. X:
/// __half or __nv_bfloat16; Y: the same, or float. At most 32 rows take the stream kernel, where it takes the groups. On a device
/// of compute capability 9.0, where the program was compiled for sm_90a, more rows take the tile kernel, but for more than 2048
/// where the stream_ref has a dense product. Else larger batches dequantize the weights and call the dense product, or without
/// one take the stream kernel 32 rows at a time. Enqueues and returns. Where no workspace is given, takes what
/// cuda::workspace_bytes says at most, in the order of the stream. Raises errc::shape_mismatch, errc::short_buffer,
/// errc::invalid_argument, errc::unsupported and errc::device.
template <class Here = isa::here, class X, any_policy P, class Y, any_epilogue E = epilogue_t<>>
void gemm(on_t<const cuda::stream_ref> where, cuda::matrix_view<X> x, const cuda::device_matrix<P>& w, cuda::matrix_view<Y> y,
          const E& ep = {}) {
    cuda::detail::start<Here>(*where.where, x, w, y, ep, {}, false);
}
/// The same with a workspace of device memory, at a multiple of 256 bytes.
template <class Here = isa::here, class X, any_policy P, class Y, any_epilogue E>
void gemm(on_t<const cuda::stream_ref> where, cuda::matrix_view<X> x, const cuda::device_matrix<P>& w, cuda::matrix_view<Y> y,
          const E& ep, std::span<std::byte> workspace) {
    cuda::detail::start<Here>(*where.where, x, w, y, ep, workspace, true);
}

/// Y = X * W^T for activations in 8 bits, which quantize_rows made, and weights from upload<8>: whole numbers with int8, sums of
/// which are exact in int32 over a slice of a row, or a group, float8_e4m3 with float8_e4m3. Y: __half, __nv_bfloat16 or float.
/// The tile kernel for any number of rows; raises errc::unsupported where it cannot run, else as above.
template <class Here = isa::here, cuda::byte_element X, any_policy P, class Y, any_epilogue E = epilogue_t<>>
void gemm(on_t<const cuda::stream_ref> where, const cuda::device_rows<X>& x, const cuda::device_matrix<P, 8>& w,
          cuda::matrix_view<Y> y, const E& ep = {}) {
    cuda::detail::start<Here>(*where.where, x, w, y, ep, {}, false);
}
/// The same with a workspace.
template <class Here = isa::here, cuda::byte_element X, any_policy P, class Y, any_epilogue E>
void gemm(on_t<const cuda::stream_ref> where, const cuda::device_rows<X>& x, const cuda::device_matrix<P, 8>& w,
          cuda::matrix_view<Y> y, const E& ep, std::span<std::byte> workspace) {
    cuda::detail::start<Here>(*where.where, x, w, y, ep, workspace, true);
}

} // namespace lowbit::inline v0
