// SPDX-License-Identifier: MIT
// Products with quantized weights on a GPU, a shared library for cuda_bench_main.cpp and for cuda_peers.py, which calls it from
// the process of PyTorch: `check` compares every kernel with the CPU's decoder in float64 (`small`: on shapes that
// compute-sanitizer gets through), `time` times them beside cuBLASLt in bfloat16. LOWBIT_BENCH_CUBLASLT=0: without cuBLASLt. See
// cuda_bench.sh.
#include <lowbit/cuda.hpp>
#if LOWBIT_BENCH_CUBLASLT
#include <lowbit/cuda/cublaslt.hpp>
#endif
#include <lowbit/policy/presets.hpp>
#include <lowbit/quantize/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace lb = lowbit;
namespace cuda = lowbit::cuda;

namespace {

int failures = 0;

#if LOWBIT_BENCH_CUBLASLT
using cuda::cublaslt;
#else
/// In place of cuBLASLt, which is not there: what needs it says so, or is skipped.
struct cublaslt final : cuda::dense_product {
    [[nodiscard]] std::size_t workspace_bytes() const noexcept override { return 0; }
    void multiply(cudaStream_t, const operands&, void*) const override { lb::raise(lb::errc::unsupported, "no cuBLASLt here"); }
};
#endif

template <class T>
struct device_array {
    cuda::device_buffer memory;
    device_array(const std::vector<T>& from, cudaStream_t stream) : memory(from.size() * sizeof(T), stream) {
        cuda::check(cudaMemcpyAsync(memory.data(), from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice, stream), "copy");
        cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    }
    [[nodiscard]] T* data() const { return reinterpret_cast<T*>(memory.data()); }
    [[nodiscard]] std::vector<T> host() const {
        std::vector<T> to(memory.size_bytes() / sizeof(T));
        cuda::check(cudaMemcpyAsync(to.data(), memory.data(), memory.size_bytes(), cudaMemcpyDeviceToHost, memory.stream()),
                    "copy");
        cuda::check(cudaStreamSynchronize(memory.stream()), "cudaStreamSynchronize");
        return to;
    }
};

/// A matrix of random numbers.
lb::matrix<float> drawn(std::size_t rows, std::size_t cols, std::mt19937_64& random, std::normal_distribution<float>& normal) {
    lb::matrix<float> out(rows, cols);
    for (std::size_t i = 0; i < rows * cols; ++i) out.data()[i] = normal(random);
    return out;
}

/// Products in float64 of rows of X with the rows of W, and the sums of their terms' magnitudes. Four rows of X at a time, whose
/// additions do not wait for each other: a minute less.
struct exact_product {
    std::vector<double> sums, magnitudes; ///< m x n

    exact_product(const lb::matrix<float>& w, const std::vector<float>& x, std::size_t m) : sums(m * w.rows()), magnitudes(sums) {
        const std::size_t n = w.rows(), k = w.cols();
        for (std::size_t c = 0; c < n; ++c) {
            for (std::size_t r = 0; r < m; r += 4) {
                const float* rows[4];
                for (std::size_t j = 0; j < 4; ++j) rows[j] = x.data() + std::min(r + j, m - 1) * k;
                double sum[4]{}, magnitude[4]{};
                for (std::size_t i = 0; i < k; ++i) {
                    for (std::size_t j = 0; j < 4; ++j) {
                        const double term = double{w(c, i)} * rows[j][i];
                        sum[j] += term;
                        magnitude[j] += std::abs(term);
                    }
                }
                for (std::size_t j = 0; j < std::min<std::size_t>(4, m - r); ++j) {
                    sums[(r + j) * n + c] = sum[j];
                    magnitudes[(r + j) * n + c] = magnitude[j];
                }
            }
        }
    }
};
/// Of numbers of T, or of codes of 8 bits, their values.
template <class T, class Code>
std::vector<float> values_of(const std::vector<Code>& codes) {
    std::vector<float> values(codes.size());
    std::ranges::transform(codes, values.begin(), [](Code code) { return static_cast<float>(T::decode(code)); });
    return values;
}

/// One format: dequantize, download, relayout, and the product for several batches, both ways, against the CPU.
template <class P, class Half>
void check(const char* name, std::size_t n, std::size_t k, std::span<const std::size_t> batches, cudaStream_t stream,
           const cublaslt& large) {
    using T = typename cuda::number_of<Half>::type;
    using kind = cuda::kind_of<P>;
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    const lb::matrix<float> w = drawn(n, k, random, normal);
    const auto q = lb::quantize<P>(w);
    const lb::matrix<float> decoded = lb::dequantize(q);
    const cuda::stream_ref streamed{stream};
    const cuda::stream_ref dense{stream, &large};
    const auto dw = cuda::upload(q, streamed);
    const auto report = [&](bool right, const char* what, std::size_t m, double error) {
        if (!right) ++failures;
        std::printf("%-7s %-12s %zu x %zu, M = %zu: %s (%.3g of the bound)\n", right ? "ok" : "WRONG", name, n, k, m, what,
                    error);
    };

    if constexpr (std::is_void_v<typename lb::format_of<P>::super_scale::type> && !lb::format_of<P>::tensor_scale::present &&
                  !kind::minimums && !kind::permuted) {
        const auto back = cuda::download(dw, streamed);
        report(std::ranges::equal(back.bytes(), q.bytes()), "upload and download", 0, 0);
    }

    const device_array<std::uint16_t> whole(std::vector<std::uint16_t>(n * (k + 3)), stream);
    cuda::dequantize_into(streamed, cuda::matrix_view<Half>(reinterpret_cast<Half*>(whole.data()), n, k, k + 3), dw);
    const auto numbers = whole.host();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < k; ++j) wrong += numbers[i * (k + 3) + j] != T(decoded(i, j)).code();
    report(wrong == 0, "dequantize_into", 0, static_cast<double>(wrong));

    {
        using order = typename kind::order;
        const std::size_t tiles = order::row_tiles(n) * kind::col_tiles(k);
        const device_array<cuda::words4> there(std::vector<cuda::words4>(tiles * 128), stream);
        const device_array<cuda::words4> again(std::vector<cuda::words4>(tiles * 128), stream);
        cuda::detail::launch(cuda::relayout_kernel<kind::bits, 16, 8>, dim3(static_cast<unsigned>(tiles)), 128, 0, stream,
                             reinterpret_cast<const std::uint32_t*>(dw.data()), there.data(), tiles);
        cuda::detail::launch(cuda::relayout_kernel<kind::bits, 8, 16>, dim3(static_cast<unsigned>(tiles)), 128, 0, stream,
                             reinterpret_cast<const std::uint32_t*>(there.data()), again.data(), tiles);
        const auto image = cuda::pack_image(q);
        report(std::memcmp(again.host().data(), image.data(), tiles * 2048) == 0, "relayout there and back", 0, 0);
    }

    const std::size_t most = std::ranges::max(batches); // others are its first rows
    std::vector<std::uint16_t> x(most * k);
    for (auto& v : x) v = T(normal(random)).code();
    std::vector<float> bias(n);
    for (auto& v : bias) v = normal(random);
    const exact_product exact(decoded, values_of<T>(x), most);
    const device_array<std::uint16_t> dx(x, stream);
    const device_array<float> db(bias, stream);
    for (const std::size_t m : batches) {
        for (const bool through_dense : {false, true}) {
            if (through_dense && (m <= 32 || !LOWBIT_BENCH_CUBLASLT)) continue;
            const cuda::stream_ref& s = through_dense ? dense : streamed;
            std::vector<std::uint16_t> runs[2];
            for (auto& run : runs) {
                const device_array<std::uint16_t> dy(std::vector<std::uint16_t>(m * n, 0x7fff), stream);
                lb::gemm(lb::on(s), cuda::matrix_view<const Half>(reinterpret_cast<const Half*>(dx.data()), m, k), dw,
                         cuda::matrix_view<Half>(reinterpret_cast<Half*>(dy.data()), m, n),
                         lb::epilogue(lb::add_bias(std::span<const float>(db.data(), n)), lb::relu));
                run = dy.host();
            }
            double worst = 0;
            for (std::size_t r = 0; r < m; ++r) {
                for (std::size_t c = 0; c < n; ++c) {
                    const double sum = exact.sums[r * n + c] + bias[c];
                    const double magnitude = exact.magnitudes[r * n + c] + std::abs(bias[c]);
                    const double ulp = std::ldexp(1.0, -1 - T::mantissa_bits);
                    // with more than 32 rows scales and weights were rounded, and codebooks always
                    const double weights = (m > 32 ? 2 * ulp : 0.0) + (kind::looks_up ? ulp : 0.0);
                    const double bound = std::abs(sum) * 2 * ulp + magnitude * (weights + std::ldexp(double(k), -22)) + 1e-6;
                    const double y = T::decode(runs[0][r * n + c]);
                    const double off = std::abs(y - std::max(sum, 0.0)) / bound;
                    worst = off > worst || off != off ? (off == off ? off : 1e9) : worst;
                }
            }
            const bool by_dense = cuda::detail::way_of<kind, T>(s, m) == cuda::detail::way::dense;
            report(worst <= 1.0, by_dense ? "gemm, with cuBLASLt" : "gemm", m, worst);
            report(runs[0] == runs[1], "the same bits again", m, 0);
        }
    }
}

/// Products with activations in 8 bits, against the CPU's weights.
template <class P, class X>
void check_bytes(const char* name, std::size_t n, std::size_t k, std::size_t m, cudaStream_t stream) {
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    const lb::matrix<float> w = drawn(n, k, random, normal);
    const auto q = lb::quantize<P>(w);
    const lb::matrix<float> decoded = lb::dequantize(q);
    const cuda::stream_ref s{stream};
    const auto dw = cuda::upload<8>(q, s);
    const cuda::device_rows<X> dx(m, k, s);
    std::vector<typename X::code_type> x(m * k);
    std::vector<float> scales(m);
    for (auto& code : x) code = X(normal(random) * 30).code();
    for (auto& scale : scales) scale = std::abs(normal(random));
    const exact_product exact(decoded, values_of<X>(x), m);
    cuda::check(cudaMemsetAsync(dx.codes(), 0, m * dx.stride(), stream), "cudaMemsetAsync"); // behind the rows
    cuda::check(cudaMemcpy2DAsync(dx.codes(), dx.stride(), x.data(), k, k, m, cudaMemcpyHostToDevice, stream), "copy");
    cuda::check(cudaMemcpyAsync(dx.scales(), scales.data(), m * 4, cudaMemcpyHostToDevice, stream), "copy");
    const device_array<float> dy(std::vector<float>(m * n), stream), again(std::vector<float>(m * n), stream);
    lb::gemm(lb::on(s), dx, dw, cuda::matrix_view<float>(dy.data(), m, n));
    lb::gemm(lb::on(s), dx, cuda::relayout<8>(s, cuda::upload(q, s)), cuda::matrix_view<float>(again.data(), m, n));
    const auto y = dy.host();
    if (y != again.host()) ++failures, std::printf("WRONG   %-12s other bits after relayout\n", name);
    double worst = 0;
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            const double sum = exact.sums[r * n + c] * scales[r], magnitude = exact.magnitudes[r * n + c] * scales[r];
            // floats of 8 bits are summed with 14 bits or so, 128 at a time
            const double bound = magnitude * (std::is_same_v<X, lb::int8> ? 0x1p-20 : 0x1p-9) + 1e-6;
            const double off = std::abs(y[r * n + c] - sum) / bound;
            worst = off > worst || off != off ? (off == off ? off : 1e9) : worst;
        }
    }
    if (worst > 1.0) ++failures;
    std::printf("%-7s %-12s %zu x %zu, M = %zu: gemm, activations in 8 bits (%.3g of the bound)\n", worst > 1.0 ? "WRONG" : "ok",
                name, n, k, m, worst);
}

/// What a format does wrong does not keep the others from being checked.
template <class F>
void apart(const char* name, F check_one) {
    try {
        check_one();
    } catch (const std::exception& e) {
        ++failures;
        std::printf("WRONG   %-12s %s\n", name, e.what());
    }
}

/// A part of an epilogue of one's own.
struct halved {
    __host__ __device__ float operator()(float y) const { return 0.5f * y; }
};

/// What few products have: rows that are not aligned and far apart, Y in float, a workspace, every part of an epilogue.
void check_unusual(cudaStream_t stream) {
    using P = lb::presets::nvfp4;
    constexpr std::size_t n = 333, k = 1104, x_stride = k + 5, y_stride = n + 3;
    std::mt19937_64 random(3);
    std::normal_distribution<float> normal;
    const lb::matrix<float> w = drawn(n, k, random, normal);
    const auto q = lb::quantize<P>(w);
    const lb::matrix<float> decoded = lb::dequantize(q);
    const cuda::stream_ref s{stream};
    const auto dw = cuda::upload(q, s);
    for (const std::size_t m : {1, 8, 13, 32, 40}) {
        std::vector<std::uint16_t> numbers(m * k), x(m * x_stride, 0x7fff); // NaN between the rows
        for (auto& v : numbers) v = lb::bfloat16(normal(random)).code();
        for (std::size_t r = 0; r < m; ++r) std::copy_n(numbers.begin() + r * k, k, x.begin() + r * x_stride);
        const exact_product exact(decoded, values_of<lb::bfloat16>(numbers), m);
        std::vector<float> residual(m * n);
        for (auto& v : residual) v = normal(random);
        const device_array<std::uint16_t> dx(x, stream);
        const device_array<float> dr(residual, stream);
        const auto one = [&](const char* what, const auto& epilogue, auto expected) {
            const device_array<float> dy(std::vector<float>(m * y_stride, -7.0f), stream);
            const cuda::device_buffer workspace(cuda::workspace_bytes<__nv_bfloat16>(s, dw, m), stream);
            lb::gemm(lb::on(s),
                     cuda::matrix_view<const __nv_bfloat16>(reinterpret_cast<const __nv_bfloat16*>(dx.data()), m, k, x_stride),
                     dw, cuda::matrix_view<float>(dy.data(), m, n, y_stride), epilogue,
                     std::span<std::byte>(workspace.data(), workspace.size_bytes()));
            const auto y = dy.host();
            double worst = 0;
            bool untouched = true;
            for (std::size_t r = 0; r < m; ++r) {
                for (std::size_t c = 0; c < y_stride; ++c) {
                    if (c >= n) {
                        untouched = untouched && y[r * y_stride + c] == -7.0f;
                        continue;
                    }
                    const double off = std::abs(y[r * y_stride + c] - expected(exact.sums[r * n + c], residual[r * n + c]));
                    const double bound = exact.magnitudes[r * n + c] * std::ldexp(double(k), -22) + 1e-5;
                    worst = std::max(worst, off == off ? off / bound : 1e9);
                }
            }
            // above 32 rows weights are rounded with their scales on the way through the tile kernel
            const bool right = worst <= (m > 32 ? 64.0 : 1.0) && untouched;
            if (!right) ++failures;
            std::printf("%-7s nvfp4, M = %zu, float Y, odd strides, %s (%.3g of the bound)\n", right ? "ok" : "WRONG", m, what,
                        worst);
        };
        one("no epilogue", lb::epilogue(), [](double v, float) { return v; });
        one("gelu", lb::epilogue(lb::gelu), [](double v, float) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); });
        one("silu", lb::epilogue(lb::silu), [](double v, float) { return v / (1 + std::exp(-v)); });
        one("residual, clamp, a function",
            lb::epilogue(lb::add_residual(lb::matrix_view<const float>(dr.data(), m, n)), lb::clamp(-3.0f, 4.0f), halved{}),
            [](double v, float r) { return 0.5 * std::clamp(v + r, -3.0, 4.0); });
    }
}

using s4g128 = lb::policy<lb::int4, lb::per_group<128>, lb::prune<lb::n_of_m<2, 4>>>;

void check_all(bool small, cudaStream_t stream, const cublaslt& large) {
    using w2g64 = lb::policy<lb::int2, lb::per_group<64>>;
    const auto formats = [&](std::size_t n, std::size_t k, std::span<const std::size_t> batches) {
        const auto one = [&]<class P, class Half>(const char* name) {
            apart(name, [&] { check<P, Half>(name, n, k, batches, stream, large); });
        };
        one.operator()<lb::presets::w4g128, __nv_bfloat16>("w4g128");
        one.operator()<lb::presets::w4g32, __half>("w4g32 f16");
        one.operator()<lb::presets::w4zg64, __nv_bfloat16>("w4zg64");
        one.operator()<lb::presets::w8, __nv_bfloat16>("w8");
        one.operator()<w2g64, __half>("w2g64 f16");
        one.operator()<lb::presets::w158, __nv_bfloat16>("ternary");
        one.operator()<lb::presets::ocp_mxfp4, __nv_bfloat16>("mxfp4");
        one.operator()<lb::presets::nf4, __nv_bfloat16>("nf4");
        one.operator()<lb::presets::fp8, __nv_bfloat16>("fp8");
        one.operator()<s4g128, __nv_bfloat16>("2:4 w4g128");
        one.operator()<lb::presets::q4_k, __half>("q4_k f16");
    };
    // Bands of 16 rows are more than an H200 has multiprocessors, so that each takes several; and K is cut into slices.
    // Tiles of 64, 128 and 256 rows of X, and more than the tile kernel takes where there is cuBLASLt.
    constexpr std::size_t few[] = {1, 9, 32, 70}, many[] = {1, 3, 8, 9, 16, 17, 32, 33, 70, 120, 250}, most[] = {2100};
    apart("unusual", [&] { check_unusual(stream); });
    for (const std::size_t m : {std::size_t{1}, std::size_t{70}, std::size_t{250}}) {
        apart("w8a8", [&] { check_bytes<lb::presets::w8, lb::int8>("w8a8", 517, 1100, m, stream); });
        apart("w4a8 g128", [&] { check_bytes<lb::presets::w4g128, lb::int8>("w4a8 g128", 517, 1100, m, stream); });
        apart("fp8", [&] { check_bytes<lb::presets::fp8, lb::float8_e4m3>("fp8", 517, 1100, m, stream); });
    }
    if (small) return formats(2131, 1280, few);
    formats(4243, 1280, many);
    formats(277, 8448, many);
    formats(100, 512, most);
}

/// The median of 11 runs of a graph of 20 calls, in microseconds a call, once the clock is up.
template <class F>
double time_of(cudaStream_t stream, F call) {
    constexpr int calls = 20;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t ready = nullptr;
    call(0); // loads kernels, which a capture may forbid
    cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    cuda::check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    try {
        for (int i = 0; i < calls; ++i) call(i);
    } catch (...) {
        static_cast<void>(cudaStreamEndCapture(stream, &graph));
        throw;
    }
    cuda::check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    cuda::check(cudaGraphInstantiate(&ready, graph, 0), "cudaGraphInstantiate");
    cudaEvent_t begin = nullptr, end = nullptr;
    cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
    cuda::check(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<float> times;
    double warm = 0; // milliseconds that the device was busy
    while (times.size() < 11) {
        cuda::check(cudaEventRecord(begin, stream), "cudaEventRecord");
        cuda::check(cudaGraphLaunch(ready, stream), "cudaGraphLaunch");
        cuda::check(cudaEventRecord(end, stream), "cudaEventRecord");
        cuda::check(cudaEventSynchronize(end), "cudaEventSynchronize");
        float ms = 0;
        cuda::check(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
        if (warm >= 100) times.push_back(ms * 1000 / calls);
        warm += ms;
    }
    cuda::check(cudaEventDestroy(begin), "cudaEventDestroy");
    cuda::check(cudaEventDestroy(end), "cudaEventDestroy");
    cuda::check(cudaGraphExecDestroy(ready), "cudaGraphExecDestroy");
    cuda::check(cudaGraphDestroy(graph), "cudaGraphDestroy");
    std::nth_element(times.begin(), times.begin() + 5, times.end());
    return times[5];
}

constexpr std::size_t cold_bytes = std::size_t{256} << 20; // weights are rotated over as much, several times the L2 cache
struct ceilings {
    double copy_bytes; ///< a second, read and written
    double read_bytes; ///< a second, read alone
    double flops;      ///< of cuBLASLt in bfloat16, 8192^3; 0 without it
};

/// Reads everything once, as the stream kernel does.
__global__ void __launch_bounds__(512) read_all(const cuda::words4* from, std::size_t count, std::uint32_t* to) {
    std::uint32_t sum = 0;
    const std::size_t step = std::size_t{gridDim.x} * 512;
    std::size_t i = std::size_t{blockIdx.x} * 512 + threadIdx.x;
    for (; i + 7 * step < count; i += 8 * step) {
        cuda::words4 w[8];
#pragma unroll
        for (int j = 0; j < 8; ++j) w[j] = cuda::device_lane::load_once(from + i + j * step);
#pragma unroll
        for (int j = 0; j < 8; ++j) sum ^= w[j].at[0] ^ w[j].at[1] ^ w[j].at[2] ^ w[j].at[3];
    }
    if (sum == 0x1234'5678) *to = sum; // so that the loads stay
}
__global__ void nothing() {}

/// Bytes a second of a kernel that only reads, the best of some grids.
double read_rate(cudaStream_t stream) {
    const std::size_t bytes = std::size_t{1} << 30;
    const cuda::device_buffer a(bytes + 16, stream);
    cuda::check(cudaMemsetAsync(a.data(), 1, bytes, stream), "cudaMemsetAsync");
    double best = 0;
    for (const int blocks : {1, 2, 4}) {
        const int grid = blocks * cuda::detail::attribute(cudaDevAttrMultiProcessorCount);
        const double us = time_of(stream, [&](int) {
            cuda::detail::launch(read_all, dim3(static_cast<unsigned>(grid)), 512, 0, stream,
                                 reinterpret_cast<const cuda::words4*>(a.data()), bytes / 16,
                                 reinterpret_cast<std::uint32_t*>(a.data() + bytes));
        });
        best = std::max(best, 1e6 * double(bytes) / us);
    }
    return best;
}

/// Products of tensor cores alone, of the stream kernel's kind: 16 warps a multiprocessor, each with eight sums to add to.
template <bool Sparse>
__global__ void __launch_bounds__(512) multiply_all(int rounds, float* to) {
    constexpr int apart = 8;
    std::uint32_t a[4], b[4];
    for (int i = 0; i < 4; ++i) { // numbers of 0.5 .. 2 and either sign: zeros would let the clock rise
        a[i] = ((threadIdx.x * 4 + i) * 0x9e37'79b9u & 0x80ff'80ff) | 0x3f00'3f00;
        b[i] = ((threadIdx.x * 4 + i) * 0x85eb'ca6bu & 0x80ff'80ff) | 0x3f00'3f00;
    }
    float d[apart][4]{};
    for (int round = 0; round < rounds; ++round) {
#pragma unroll
        for (int i = 0; i < apart; ++i) {
            if constexpr (Sparse) {
                cuda::device_lane::multiply_sparse<lb::bfloat16>(d[i], a, b, cuda::metadata::unkept, 0);
            } else {
                cuda::device_lane::multiply<lb::bfloat16>(d[i], a, b[0], b[1]);
            }
        }
    }
    float sum = 0;
#pragma unroll
    for (int i = 0; i < apart; ++i) sum += d[i][0] + d[i][1] + d[i][2] + d[i][3];
    if (sum == 0.125f) *to = sum; // so that the products stay
}
/// Products a second, times two, of mma.m16n8k16 in bfloat16, or of mma.sp.m16n8k32, which counts what is pruned as well.
template <bool Sparse>
double mma_rate(cudaStream_t stream) {
    constexpr int rounds = 4096;
    const int blocks = cuda::detail::attribute(cudaDevAttrMultiProcessorCount);
    const cuda::device_buffer to(sizeof(float), stream);
    const double us = time_of(stream, [&](int) {
        cuda::detail::launch(multiply_all<Sparse>, dim3(static_cast<unsigned>(blocks)), 512, 0, stream, rounds,
                             reinterpret_cast<float*>(to.data()));
    });
    return 1e6 / us * blocks * 16 * 8 * rounds * (Sparse ? 2.0 * 16 * 8 * 32 : 2.0 * 16 * 8 * 16);
}

std::vector<std::uint16_t> random_halves(std::size_t count) {
    std::mt19937_64 random(11);
    std::vector<std::uint16_t> x(count);
    for (auto& v : x) v = static_cast<std::uint16_t>((random() & 0x80ff) | 0x3f00); // 0.5 .. 2, either sign
    return x;
}

struct dense_case {
    std::size_t n, k, m;
    [[nodiscard]] double time(cudaStream_t stream, const cublaslt& large, const std::uint16_t* x, std::uint16_t* y,
                              std::byte* workspace) const {
        const std::size_t copies = (cold_bytes + n * k * 2 - 1) / (n * k * 2) + 1;
        const auto one = random_halves(n * k);
        std::vector<device_array<std::uint16_t>> w;
        for (std::size_t i = 0; i < copies; ++i) w.emplace_back(one, stream);
        return time_of(stream, [&](int i) {
            cuda::dense_product::operands o{};
            o.x = x;
            o.w = w[static_cast<std::size_t>(i) % copies].data();
            o.y = y;
            o.m = m;
            o.n = n;
            o.k = k;
            o.x_stride = k;
            o.w_stride = k;
            o.y_stride = n;
            o.bfloat16 = true;
            large.multiply(stream, o, workspace);
        });
    }
};

/// Weights of some format with random codes, as many copies as the caches do not hold.
class timed_weights {
public:
    virtual ~timed_weights() = default;
    virtual void multiply(const cuda::stream_ref& s, int copy, const __nv_bfloat16* x, std::size_t m, __nv_bfloat16* y,
                          std::span<std::byte> workspace) const = 0;
    [[nodiscard]] virtual std::size_t workspace_bytes(const cuda::stream_ref& s, std::size_t m) const = 0;
    std::size_t n = 0, k = 0, bytes = 0; ///< of a copy
    std::size_t x_bytes = 2;             ///< of a number of X
    double rate = 1;                     ///< of products, against dense ones of 16 bits
};
template <class P, int Compute>
class rotated_weights : public timed_weights {
protected:
    rotated_weights(std::size_t rows, std::size_t cols, cudaStream_t stream) {
        using kind = cuda::kind_of<P, Compute>;
        const cuda::weight_image<kind> image{rows, cols};
        std::vector<std::byte> one(image.bytes());
        std::mt19937_64 random(5);
        for (std::size_t i = 0; i + 8 <= image.scales_at(); i += 8) {
            std::uint64_t codes = random();
            if (std::is_same_v<typename kind::element_type, lb::float8_e4m3>) codes &= ~0x4040'4040'4040'4040u; // no NaN
            std::memcpy(one.data() + i, &codes, 8);
        }
        for (std::size_t i = 0; i < image.numbers(); ++i)
            cuda::detail::store_scale<typename kind::scale_type>(one.data() + image.scales_at(), i, 0.01f);
        for (std::size_t i = image.zeros_at(); i < image.minimums_at(); ++i) one[i] = std::byte{8};
        for (std::size_t i = image.kept_at(); i < image.order_at(); ++i) { // two different columns of four, in order
            constexpr int pairs[] = {4, 8, 12, 9, 13, 14};
            one[i] = static_cast<std::byte>(pairs[random() % 6] | pairs[random() % 6] << 4);
        }
        n = rows;
        k = cols;
        bytes = one.size();
        x_bytes = Compute / 8;
        rate = static_cast<double>(kind::spread * 16 / Compute);
        for (std::size_t i = 0; i < cold_bytes / bytes + 2; ++i) {
            cuda::device_buffer memory(bytes, stream);
            cuda::check(cudaMemcpyAsync(memory.data(), one.data(), bytes, cudaMemcpyHostToDevice, stream), "copy");
            copies_.emplace_back(n, k, std::move(memory));
        }
        cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    }
    [[nodiscard]] const cuda::device_matrix<P, Compute>& copy(int i) const {
        return copies_[static_cast<std::size_t>(i) % copies_.size()];
    }

private:
    std::vector<cuda::device_matrix<P, Compute>> copies_;
};
/// With activations in bfloat16.
template <class P>
class timed_weights_of final : public rotated_weights<P, 16> {
public:
    timed_weights_of(std::size_t rows, std::size_t cols, cudaStream_t stream) : rotated_weights<P, 16>(rows, cols, stream) {}
    void multiply(const cuda::stream_ref& s, int i, const __nv_bfloat16* x, std::size_t m, __nv_bfloat16* y,
                  std::span<std::byte> workspace) const override {
        lb::gemm(lb::on(s), cuda::matrix_view<const __nv_bfloat16>(x, m, this->k), this->copy(i),
                 cuda::matrix_view<__nv_bfloat16>(y, m, this->n), lb::epilogue(), workspace);
    }
    [[nodiscard]] std::size_t workspace_bytes(const cuda::stream_ref& s, std::size_t m) const override {
        return cuda::workspace_bytes<__nv_bfloat16>(s, this->copy(0), m);
    }
};
/// With activations in elements E of 8 bits, which the first call of a batch makes: what is timed is the product, as of peers.
template <class P, class E>
class timed_bytes_of final : public rotated_weights<P, 8> {
public:
    timed_bytes_of(std::size_t rows, std::size_t cols, cudaStream_t stream)
        : rotated_weights<P, 8>(rows, cols, stream), x_(0, 0, cuda::stream_ref{stream}) {}
    void multiply(const cuda::stream_ref& s, int i, const __nv_bfloat16* x, std::size_t m, __nv_bfloat16* y,
                  std::span<std::byte> workspace) const override {
        if (x_.rows() != m) x_ = cuda::quantize_rows<E>(s, cuda::matrix_view<const __nv_bfloat16>(x, m, this->k));
        lb::gemm(lb::on(s), x_, this->copy(i), cuda::matrix_view<__nv_bfloat16>(y, m, this->n), lb::epilogue(), workspace);
    }
    [[nodiscard]] std::size_t workspace_bytes(const cuda::stream_ref& s, std::size_t m) const override {
        return cuda::workspace_bytes<E>(s, this->copy(0), m);
    }

private:
    mutable cuda::device_rows<E> x_;
};

/// The formats that are timed. A new one is a line here.
struct timed_format {
    const char* name;
    std::unique_ptr<timed_weights> (*make)(std::size_t n, std::size_t k, cudaStream_t stream);
};
template <class Timed>
std::unique_ptr<timed_weights> make_timed(std::size_t n, std::size_t k, cudaStream_t stream) {
    return std::make_unique<Timed>(n, k, stream);
}
constexpr timed_format timed_formats[] = {
    {"w4a16 g128", make_timed<timed_weights_of<lb::presets::w4g128>>},
    {"w4a16 g64, zero points", make_timed<timed_weights_of<lb::presets::w4zg64>>},
    {"w8a16", make_timed<timed_weights_of<lb::presets::w8>>},
    {"ternary a16", make_timed<timed_weights_of<lb::presets::w158>>},
    {"w2a16 g64", make_timed<timed_weights_of<lb::policy<lb::int2, lb::per_group<64>>>>},
    {"mxfp4 a16", make_timed<timed_weights_of<lb::presets::ocp_mxfp4>>},
    {"nf4 a16", make_timed<timed_weights_of<lb::presets::nf4>>},
    {"2:4 w4a16 g128", make_timed<timed_weights_of<s4g128>>},
    {"w8a8", make_timed<timed_bytes_of<lb::presets::w8, lb::int8>>},
    {"w4a8 g128", make_timed<timed_bytes_of<lb::presets::w4g128, lb::int8>>},
    {"fp8", make_timed<timed_bytes_of<lb::presets::fp8, lb::float8_e4m3>>},
};

void time_format(const timed_format& format, std::size_t n, std::size_t k, cudaStream_t stream, const cublaslt& large,
                 const std::uint16_t* x, std::uint16_t* y, std::span<std::byte> workspace, const ceilings& most,
                 const std::vector<std::pair<std::size_t, double>>& peers) {
    const auto w = format.make(n, k, stream);
    const cuda::stream_ref s{stream, LOWBIT_BENCH_CUBLASLT ? &large : nullptr};
    for (const auto& [m, peer] : peers) {
        try {
            const double us = time_of(stream, [&](int i) {
                w->multiply(s, i, reinterpret_cast<const __nv_bfloat16*>(x), m, reinterpret_cast<__nv_bfloat16*>(y), workspace);
            });
            const double moved = static_cast<double>(w->bytes + m * (k * w->x_bytes + n * 2));
            const double products = most.flops > 0 ? 2.0 * double(m) * double(n) * double(k) / (w->rate * most.flops) : 0.0;
            const double floor = 1e6 * std::max(moved / most.read_bytes, products);
            std::printf("| %s | %zu | %zu | %zu | %.1f | %.1f | %.0f %% | %.2f |\n", format.name, n, k, m, us, floor,
                        100 * floor / us, peer / us);
        } catch (const std::exception& e) {
            std::printf("| %s | %zu | %zu | %zu | %s | | | |\n", format.name, n, k, m, e.what());
        }
    }
}

// ---- Encoders: bytes against the CPU's, time against the floor of what is read and written ----

/// Normal numbers as X, k + extra of them in a row; as floats in `numbers`.
template <class X>
device_array<X> encoder_input(lb::matrix<float>& numbers, std::size_t extra, cudaStream_t stream) {
    using T = typename cuda::number_of<X>::type;
    std::mt19937_64 random(9);
    std::normal_distribution<float> normal;
    std::vector<X> x(numbers.rows() * (numbers.cols() + extra));
    for (std::size_t i = 0; i < numbers.rows(); ++i) {
        for (std::size_t j = 0; j < numbers.cols(); ++j) {
            const T one(normal(random));
            std::memcpy(&x[i * (numbers.cols() + extra) + j], &one, sizeof(X));
            numbers(i, j) = static_cast<float>(one);
        }
    }
    return device_array<X>(x, stream);
}
void report_bytes(const char* what, std::size_t n, std::size_t k, std::size_t wrong) {
    if (wrong != 0) ++failures;
    std::printf("%-7s %s, %zu x %zu: %zu bytes are not the CPU's\n", wrong == 0 ? "ok" : "WRONG", what, n, k, wrong);
}

template <class P, class X>
void check_encoder(const char* name, std::size_t n, std::size_t k, std::size_t extra, cudaStream_t stream) {
    apart(name, [&] {
        lb::matrix<float> w(n, k);
        const auto x = encoder_input<X>(w, extra, stream);
        auto dw = cuda::quantize<P>(cuda::stream_ref{stream}, cuda::matrix_view<const X>(x.data(), n, k, k + extra));
        const auto right = cuda::pack_image(lb::quantize<P>(w));
        std::vector<std::byte> ours(right.size());
        cuda::check(cudaMemcpyAsync(ours.data(), dw.data(), ours.size(), cudaMemcpyDeviceToHost, stream), "copy");
        cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < ours.size(); ++i) wrong += ours[i] != right.data()[i];
        report_bytes(name, n, k, wrong);
    });
}
template <class E, class X>
void check_row_encoder(const char* name, std::size_t m, std::size_t k, cudaStream_t stream) {
    apart(name, [&] {
        lb::matrix<float> w(m, k);
        const auto x = encoder_input<X>(w, 0, stream);
        const auto rows = cuda::quantize_rows<E>(cuda::stream_ref{stream}, cuda::matrix_view<const X>(x.data(), m, k));
        std::vector<std::uint8_t> codes(m * rows.stride());
        std::vector<float> scales(m);
        cuda::check(cudaMemcpyAsync(codes.data(), rows.codes(), codes.size(), cudaMemcpyDeviceToHost, stream), "copy");
        cuda::check(cudaMemcpyAsync(scales.data(), rows.scales(), 4 * m, cudaMemcpyDeviceToHost, stream), "copy");
        cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
        std::size_t wrong = 0;
        for (std::size_t r = 0; r < m; ++r) {
            float most = 0;
            for (std::size_t j = 0; j < k; ++j) most = std::max(most, std::abs(w(r, j)));
            wrong += scales[r] != most / E::max() ? 4 : 0;
            for (std::size_t j = 0; j < rows.stride(); ++j) {
                int right = 0;
                if constexpr (std::is_same_v<E, lb::int8>) {
                    if (j < k) right = static_cast<int>(std::nearbyint(w(r, j) * (127.0f / most))) & 0xff;
                } else {
                    if (j < k) right = E::encode(w(r, j) / (most / E::max()));
                }
                wrong += codes[r * rows.stride() + j] != right;
            }
        }
        report_bytes(name, m, k, wrong);
    });
}
void check_encoders(bool small, cudaStream_t stream) {
    const std::size_t n = small ? 130 : 2131;
    using lb::presets::fp8, lb::presets::w4g128, lb::presets::w4zg64, lb::presets::w8;
    check_encoder<w4g128, __nv_bfloat16>("encode w4g128", n, 1100, 0, stream);
    check_encoder<w4zg64, __half>("encode w4zg64", n, 1100, 4, stream);
    check_encoder<w8, __nv_bfloat16>("encode w8", n, 8200, 0, stream);
    check_encoder<w8, float>("encode w8 of floats", 300, 1101, 0, stream);
    check_encoder<fp8, __nv_bfloat16>("encode fp8", n, 1100, 1, stream);
    check_encoder<lb::presets::ocp_mxfp8_e4m3, __nv_bfloat16>("encode mxfp8", 300, 1100, 0, stream);
    check_encoder<lb::presets::ocp_mxfp4, __nv_bfloat16>("encode mxfp4", 300, 1100, 0, stream);
    check_row_encoder<lb::int8, __nv_bfloat16>("encode int8 rows", n, 8200, stream);
    check_row_encoder<lb::float8_e4m3, __half>("encode fp8 rows", n, 8205, stream);
}

/// `run(i)` encodes one of several matrices that together are larger than the L2 cache.
template <class F>
void time_encoder(const char* name, std::size_t n, std::size_t k, double bytes, cudaStream_t stream, const ceilings& most,
                  F run) {
    const double us = time_of(stream, run), floor = 1e6 * bytes / most.copy_bytes;
    std::printf("| %s | %zu | %zu | %.1f | %.1f | %.0f %% |\n", name, n, k, us, floor, 100 * floor / us);
}
template <class P>
void time_weights(const char* name, std::size_t n, std::size_t k, const __nv_bfloat16* x, cudaStream_t stream,
                  const ceilings& most) {
    const cuda::weight_image<cuda::kind_of<P>> image{n, k};
    cuda::device_matrix<P> w(n, k, cuda::device_buffer(image.bytes(), stream));
    time_encoder(name, n, k, double(n * k * 2 + image.bytes()), stream, most, [&](int i) {
        cuda::quantize_into(cuda::stream_ref{stream}, w, cuda::matrix_view<const __nv_bfloat16>(x + i % 4 * n * k, n, k));
    });
}
template <class E>
void time_rows(const char* name, std::size_t m, std::size_t k, const __nv_bfloat16* x, cudaStream_t stream,
               const ceilings& most) {
    cuda::device_rows<E> rows(m, k, cuda::stream_ref{stream});
    time_encoder(name, m, k, double(m * k * 3 + m * 4), stream, most, [&](int i) {
        cuda::quantize_rows_into(cuda::stream_ref{stream}, rows, cuda::matrix_view<const __nv_bfloat16>(x + i % 4 * m * k, m, k));
    });
}
void time_encoders(cudaStream_t stream, const ceilings& most) {
    std::printf("\n| from bf16 to | N or M | K | us | floor us | share |\n|---|---|---|---|---|---|\n");
    const std::size_t k = 8192;
    const device_array<std::uint16_t> numbers(random_halves(4 * 8192 * k), stream);
    const auto* x = reinterpret_cast<const __nv_bfloat16*>(numbers.data());
    time_weights<lb::presets::w4g128>("w4g128", 8192, k, x, stream, most);
    time_weights<lb::presets::w4zg64>("w4zg64", 8192, k, x, stream, most);
    time_weights<lb::presets::w8>("w8", 8192, k, x, stream, most);
    time_weights<lb::presets::fp8>("fp8", 8192, k, x, stream, most);
    time_weights<lb::presets::ocp_mxfp8_e4m3>("mxfp8", 8192, k, x, stream, most);
    for (const std::size_t m : {1, 64, 4096}) {
        time_rows<lb::int8>("int8 rows", m, k, x, stream, most);
        time_rows<lb::float8_e4m3>("fp8 rows", m, k, x, stream, most);
    }
}

void time_all(cudaStream_t stream, const cublaslt& large) {
    constexpr std::size_t most_n = 28672, k = 8192, most_m = 8192;
    const device_array<std::uint16_t> x(random_halves(most_m * k), stream);
    const cuda::device_buffer y(std::size_t{4096} * most_n * 2, stream);
    const std::size_t space = most_n * k * 2 + std::size_t{4096} * most_n * 4 + large.workspace_bytes() + 1024;
    const cuda::device_buffer workspace(space, stream);
    auto* const to = reinterpret_cast<std::uint16_t*>(y.data());

    const auto measured = [&] {
        const std::size_t bytes = std::size_t{1} << 30;
        const cuda::device_buffer a(bytes, stream), b(bytes, stream);
        const double copy = time_of(stream, [&](int) {
            cuda::check(cudaMemcpyAsync(a.data(), b.data(), bytes, cudaMemcpyDeviceToDevice, stream), "copy");
        });
        const double launch = time_of(stream, [&](int) { cuda::detail::launch(nothing, dim3(1), 32, 0, stream); });
        ceilings found{2e6 * double(bytes) / copy, read_rate(stream), 0};
        if (LOWBIT_BENCH_CUBLASLT) {
            const double us = dense_case{8192, k, 8192}.time(stream, large, x.data(), to, workspace.data());
            found.flops = 2 * std::pow(8192.0, 3) / us * 1e6;
        }
        int clock = 0; // the most it may be, in kHz; what it is says nvidia-smi, see cuda_bench.sh
        cuda::check(cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, 0), "cudaDeviceGetAttribute");
        std::printf(
            "\nread %.2f TB/s, copy %.2f TB/s, cuBLASLt bf16 8192^3 %.0f TFLOP/s, mma.sync bf16 %.0f TFLOP/s, mma.sp %.0f, a launch in "
            "a graph %.2f us, clock at most %d MHz\n\n",
            1e-12 * found.read_bytes, 1e-12 * found.copy_bytes, 1e-12 * found.flops, 1e-12 * mma_rate<false>(stream),
            1e-12 * mma_rate<true>(stream), launch, clock / 1000);
        return found;
    };
    const ceilings most = measured();
    std::printf("| weights | N | K | M | us | floor us | share | x cuBLASLt bf16 |\n|---|---|---|---|---|---|---|---|\n");
    for (const std::size_t n : {std::size_t{8192}, most_n}) {
        std::vector<std::pair<std::size_t, double>> peers;
        for (const std::size_t m : {1, 8, 16, 32, 64, 256, 1024, 4096}) {
            if (LOWBIT_BENCH_CUBLASLT) {
                peers.emplace_back(m, dense_case{n, k, m}.time(stream, large, x.data(), to, workspace.data()));
                std::printf("| bf16 (cuBLASLt) | %zu | %zu | %zu | %.1f | | | 1 |\n", n, k, m, peers.back().second);
            } else {
                peers.emplace_back(m, 0.0);
            }
        }
        const std::span<std::byte> room(workspace.data(), space);
        for (const timed_format& format : timed_formats)
            time_format(format, n, k, stream, large, x.data(), to, room, most, peers);
    }
    time_encoders(stream, most);
    measured(); // again: a clock that fell shows here
}

} // namespace

// What cuda_bench_main.cpp and cuda_peers.py call. Functions that fail return null, 0 or less than 0, and bench_error says why.
extern "C" {

int bench_main(int argc, char** argv);
const char* bench_error();
const char* bench_format(int i);
void* bench_weights(int format, std::size_t n, std::size_t k);
std::size_t bench_bytes(const void* weights);
std::ptrdiff_t bench_workspace(const void* weights, std::size_t m);
int bench_multiply(const void* weights, int copy, const void* x, std::size_t m, void* y, void* workspace, std::size_t bytes,
                   cudaStream_t stream);
void bench_free(void* weights);
double bench_read_rate();

} // extern "C"

namespace {

std::string last_error;
template <class F, class R>
R or_error(R failed, F f) {
    try {
        return f();
    } catch (const std::exception& e) {
        last_error = e.what();
        return failed;
    }
}
const timed_weights& of(const void* weights) { return *static_cast<const timed_weights*>(weights); }

} // namespace

const char* bench_error() { return last_error.c_str(); }
const char* bench_format(int i) { return i < static_cast<int>(std::size(timed_formats)) ? timed_formats[i].name : nullptr; }
void* bench_weights(int format, std::size_t n, std::size_t k) {
    return or_error(static_cast<void*>(nullptr),
                    [&] { return static_cast<void*>(timed_formats[format].make(n, k, nullptr).release()); });
}
std::size_t bench_bytes(const void* weights) { return of(weights).bytes; }
std::ptrdiff_t bench_workspace(const void* weights, std::size_t m) {
    return or_error(std::ptrdiff_t{-1},
                    [&] { return static_cast<std::ptrdiff_t>(of(weights).workspace_bytes(cuda::stream_ref{nullptr}, m)); });
}
int bench_multiply(const void* weights, int copy, const void* x, std::size_t m, void* y, void* workspace, std::size_t bytes,
                   cudaStream_t stream) {
    return or_error(-1, [&] {
        of(weights).multiply(cuda::stream_ref{stream}, copy, static_cast<const __nv_bfloat16*>(x), m,
                             static_cast<__nv_bfloat16*>(y), {static_cast<std::byte*>(workspace), bytes});
        return 0;
    });
}
void bench_free(void* weights) { delete static_cast<timed_weights*>(weights); }
double bench_read_rate() {
    return or_error(0.0, [] {
        cudaStream_t stream = nullptr;
        cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
        const double rate = read_rate(stream);
        cuda::check(cudaStreamDestroy(stream), "cudaStreamDestroy");
        return rate;
    });
}

int bench_main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode != "check" && mode != "small" && mode != "time") {
        std::fprintf(stderr, "usage: cuda_bench check | small | time\n");
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // what was printed stays, whatever comes after
    const int failed = or_error(-1, [&] {
        cudaStream_t stream = nullptr;
        cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
        cudaDeviceProp device{};
        cuda::check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
        std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
        if (!LOWBIT_BENCH_CUBLASLT) std::printf("skipped: what needs cuBLASLt, which was not there to build with\n");
        {
            const cublaslt large;
            if (mode == "time") {
                time_all(stream, large);
            } else {
                check_all(mode == "small", stream, large);
                check_encoders(mode == "small", stream);
            }
            cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
        }
        cuda::check(cudaStreamDestroy(stream), "cudaStreamDestroy");
        if (failures != 0) std::printf("%d checks failed\n", failures);
        return failures;
    });
    if (failed < 0) std::fprintf(stderr, "cuda_bench: %s\n", last_error.c_str());
    return failed != 0;
}
