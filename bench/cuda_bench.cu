// SPDX-License-Identifier: MIT
// Products with quantized weights on a GPU: `cuda_bench check` compares every kernel with the CPU's decoder in float64 (`small`:
// on shapes that compute-sanitizer gets through), `cuda_bench time` times them beside cuBLASLt in bfloat16. See cuda_bench.sh.
#include <lowbit/cuda.hpp>
#include <lowbit/cuda/cublaslt.hpp>
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

/// One format: dequantize, download, relayout, and the product for several batches, both ways, against the CPU.
template <class P, class Half>
void check(const char* name, std::size_t n, std::size_t k, std::span<const std::size_t> batches, cudaStream_t stream,
           const cuda::cublaslt& large) {
    using T = typename cuda::number_of<Half>::type;
    using kind = cuda::kind_of<P>;
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    lb::matrix<float> w(n, k);
    for (std::size_t i = 0; i < n * k; ++i) w.data()[i] = normal(random);
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

    const auto back = cuda::download(dw, streamed);
    report(std::ranges::equal(back.bytes(), q.bytes()), "upload and download", 0, 0);

    const device_array<std::uint16_t> whole(std::vector<std::uint16_t>(n * (k + 3)), stream);
    cuda::dequantize_into(streamed, cuda::matrix_view<Half>(reinterpret_cast<Half*>(whole.data()), n, k, k + 3), dw);
    const auto numbers = whole.host();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < k; ++j) wrong += numbers[i * (k + 3) + j] != T(decoded(i, j)).code();
    report(wrong == 0, "dequantize_into", 0, static_cast<double>(wrong));

    {
        using order = typename kind::order;
        const std::size_t tiles = order::row_tiles(n) * order::col_tiles(k);
        const device_array<cuda::words4> there(std::vector<cuda::words4>(tiles * 128), stream);
        const device_array<cuda::words4> again(std::vector<cuda::words4>(tiles * 128), stream);
        cuda::detail::launch(cuda::relayout_kernel<kind::bits, 16, 8>, dim3(static_cast<unsigned>(tiles)), 128, 0, stream,
                             reinterpret_cast<const std::uint32_t*>(dw.data()), there.data(), tiles);
        cuda::detail::launch(cuda::relayout_kernel<kind::bits, 8, 16>, dim3(static_cast<unsigned>(tiles)), 128, 0, stream,
                             reinterpret_cast<const std::uint32_t*>(there.data()), again.data(), tiles);
        const auto image = cuda::pack_image(q);
        report(std::memcmp(again.host().data(), image.data(), tiles * 2048) == 0, "relayout there and back", 0, 0);
    }

    for (const std::size_t m : batches) {
        std::vector<std::uint16_t> x(m * k);
        for (auto& v : x) v = T(normal(random)).code();
        std::vector<float> bias(n);
        for (auto& v : bias) v = normal(random);
        const device_array<std::uint16_t> dx(x, stream);
        const device_array<float> db(bias, stream);
        for (const bool through_dense : {false, true}) {
            if (through_dense && m <= 32) continue;
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
                    double sum = bias[c], magnitude = std::abs(bias[c]);
                    for (std::size_t i = 0; i < k; ++i) {
                        const double one = double{decoded(c, i)} * T::decode(x[r * k + i]);
                        sum += one;
                        magnitude += std::abs(one);
                    }
                    const double ulp = std::ldexp(1.0, -1 - T::mantissa_bits);
                    // with more than 32 rows scales and weights were rounded, and codebooks always
                    const double weights = (m > 32 ? 2 * ulp : 0.0) + (kind::looks_up ? ulp : 0.0);
                    const double bound = std::abs(sum) * 2 * ulp + magnitude * (weights + std::ldexp(double(k), -22)) + 1e-6;
                    const double y = T::decode(runs[0][r * n + c]);
                    const double off = std::abs(y - std::max(sum, 0.0)) / bound;
                    worst = off > worst || off != off ? (off == off ? off : 1e9) : worst;
                }
            }
            report(worst <= 1.0, through_dense ? "gemm, with cuBLASLt" : "gemm", m, worst);
            report(runs[0] == runs[1], "the same bits again", m, 0);
        }
    }
}

/// Products with activations in 8 bits, against the CPU's weights.
template <class P, class X>
void check_bytes(const char* name, std::size_t n, std::size_t k, std::size_t m, cudaStream_t stream) {
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    lb::matrix<float> w(n, k);
    for (std::size_t i = 0; i < n * k; ++i) w.data()[i] = normal(random);
    const auto q = lb::quantize<P>(w);
    const lb::matrix<float> decoded = lb::dequantize(q);
    const cuda::stream_ref s{stream};
    const auto dw = cuda::upload<8>(q, s);
    const cuda::device_rows<X> dx(m, k, s);
    std::vector<typename X::code_type> x(m * dx.stride());
    std::vector<float> scales(m);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % dx.stride() < k ? X(normal(random) * 30).code() : 0;
    for (auto& scale : scales) scale = std::abs(normal(random));
    cuda::check(cudaMemcpyAsync(dx.codes(), x.data(), x.size(), cudaMemcpyHostToDevice, stream), "copy");
    cuda::check(cudaMemcpyAsync(dx.scales(), scales.data(), m * 4, cudaMemcpyHostToDevice, stream), "copy");
    const device_array<float> dy(std::vector<float>(m * n), stream), again(std::vector<float>(m * n), stream);
    lb::gemm(lb::on(s), dx, dw, cuda::matrix_view<float>(dy.data(), m, n));
    lb::gemm(lb::on(s), dx, cuda::relayout<8>(s, cuda::upload(q, s)), cuda::matrix_view<float>(again.data(), m, n));
    const auto y = dy.host();
    if (y != again.host()) ++failures, std::printf("WRONG   %-12s other bits after relayout\n", name);
    double worst = 0;
    for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
            double sum = 0, magnitude = 0;
            for (std::size_t i = 0; i < k; ++i) {
                const double one = double{decoded(c, i)} * static_cast<float>(X::decode(x[r * dx.stride() + i])) * scales[r];
                sum += one;
                magnitude += std::abs(one);
            }
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

void check_all(bool small, cudaStream_t stream, const cuda::cublaslt& large) {
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
    };
    // Bands of 16 rows are more than an H200 has multiprocessors, so that each takes several; and K is cut into slices.
    // Tiles of 64, 128 and 256 rows of X, and more than the tile kernel takes where there is cuBLASLt.
    constexpr std::size_t few[] = {1, 9, 32, 70}, many[] = {1, 3, 8, 9, 16, 17, 32, 33, 70, 120, 250}, most[] = {2100};
    for (const std::size_t m : {std::size_t{1}, std::size_t{70}, std::size_t{250}}) {
        apart("w8a8", [&] { check_bytes<lb::presets::w8, lb::int8>("w8a8", 517, 1100, m, stream); });
        apart("w4a8 g128", [&] { check_bytes<lb::presets::w4g128, lb::int8>("w4a8 g128", 517, 1100, m, stream); });
        apart("fp8", [&] { check_bytes<lb::presets::fp8, lb::float8_e4m3>("fp8", 517, 1100, m, stream); });
    }
    if (small) return formats(2131, 1100, few);
    formats(4243, 1100, many);
    formats(277, 8200, many);
    formats(100, 300, most);
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
    double flops;      ///< of cuBLASLt in bfloat16, 8192^3
};

std::vector<std::uint16_t> random_halves(std::size_t count) {
    std::mt19937_64 random(11);
    std::vector<std::uint16_t> x(count);
    for (auto& v : x) v = static_cast<std::uint16_t>((random() & 0x80ff) | 0x3f00); // 0.5 .. 2, either sign
    return x;
}

struct dense_case {
    std::size_t n, k, m;
    [[nodiscard]] double time(cudaStream_t stream, const cuda::cublaslt& large, const std::uint16_t* x, std::uint16_t* y,
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

template <class P>
void time_format(const char* name, std::size_t n, std::size_t k, cudaStream_t stream, const cuda::cublaslt& large,
                 const std::uint16_t* x, std::uint16_t* y, std::span<std::byte> workspace, const ceilings& most,
                 const std::vector<std::pair<std::size_t, double>>& peers) {
    using kind = cuda::kind_of<P>;
    const cuda::weight_image<kind> image{n, k};
    std::vector<std::byte> bytes(image.bytes());
    std::mt19937_64 random(5);
    for (std::size_t i = 0; i + 8 <= image.scales_at(); i += 8) {
        const std::uint64_t codes = random();
        std::memcpy(bytes.data() + i, &codes, 8);
    }
    for (std::size_t i = 0; i < image.numbers(); ++i)
        cuda::detail::store_scale<typename kind::scale_type>(bytes.data() + image.scales_at(), i, 0.01f);
    for (std::size_t i = image.zeros_at(); i < bytes.size(); ++i) bytes[i] = std::byte{8};
    std::vector<cuda::device_matrix<P>> w;
    const std::size_t copies = (cold_bytes + bytes.size() - 1) / bytes.size() + 1;
    for (std::size_t i = 0; i < copies; ++i) {
        cuda::device_buffer memory(bytes.size(), stream);
        cuda::check(cudaMemcpyAsync(memory.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice, stream), "copy");
        w.emplace_back(n, k, std::move(memory));
    }
    const cuda::stream_ref s{stream, &large};
    for (const auto& [m, peer] : peers) {
        try {
            const double us = time_of(stream, [&](int i) {
                lb::gemm(lb::on(s), cuda::matrix_view<const __nv_bfloat16>(reinterpret_cast<const __nv_bfloat16*>(x), m, k),
                         w[static_cast<std::size_t>(i) % copies],
                         cuda::matrix_view<__nv_bfloat16>(reinterpret_cast<__nv_bfloat16*>(y), m, n), lb::epilogue(), workspace);
            });
            const double moved = static_cast<double>(bytes.size() + m * (k + n) * 2);
            const double floor = 1e6 * std::max(moved / most.copy_bytes, 2.0 * double(m) * double(n) * double(k) / most.flops);
            std::printf("| %s | %zu | %zu | %zu | %.1f | %.1f | %.0f %% | %.2f |\n", name, n, k, m, us, floor, 100 * floor / us,
                        peer / us);
        } catch (const std::exception& e) {
            std::printf("| %s | %zu | %zu | %zu | %s | | | |\n", name, n, k, m, e.what());
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

void time_all(cudaStream_t stream, const cuda::cublaslt& large) {
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
        const double us = dense_case{8192, k, 8192}.time(stream, large, x.data(), to, workspace.data());
        std::printf("\ncopy %.2f TB/s, cuBLASLt bf16 8192^3 %.0f TFLOP/s\n\n", 2e-6 * double(bytes) / copy,
                    2 * std::pow(8192.0, 3) / us * 1e-6);
        return ceilings{2e6 * double(bytes) / copy, 2 * std::pow(8192.0, 3) / us * 1e6};
    };
    const ceilings most = measured();
    std::printf("| weights | N | K | M | us | floor us | share | x cuBLASLt bf16 |\n|---|---|---|---|---|---|---|---|\n");
    for (const std::size_t n : {std::size_t{8192}, most_n}) {
        std::vector<std::pair<std::size_t, double>> peers;
        for (const std::size_t m : {1, 8, 16, 32, 64, 256, 1024, 4096}) {
            peers.emplace_back(m, dense_case{n, k, m}.time(stream, large, x.data(), to, workspace.data()));
            std::printf("| bf16 (cuBLASLt) | %zu | %zu | %zu | %.1f | | | 1 |\n", n, k, m, peers.back().second);
        }
        const std::span<std::byte> room(workspace.data(), space);
        time_format<lb::presets::w4g128>("w4a16 g128", n, k, stream, large, x.data(), to, room, most, peers);
        time_format<lb::presets::w4zg64>("w4a16 g64, zero points", n, k, stream, large, x.data(), to, room, most, peers);
        time_format<lb::presets::w8>("w8a16", n, k, stream, large, x.data(), to, room, most, peers);
        time_format<lb::presets::w158>("ternary a16", n, k, stream, large, x.data(), to, room, most, peers);
        time_format<lb::presets::ocp_mxfp4>("mxfp4 a16", n, k, stream, large, x.data(), to, room, most, peers);
        time_format<lb::presets::nf4>("nf4 a16", n, k, stream, large, x.data(), to, room, most, peers);
    }
    time_encoders(stream, most);
    measured(); // again: a clock that fell shows here
}

} // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode != "check" && mode != "small" && mode != "time") {
        std::fprintf(stderr, "usage: cuda_bench check | small | time\n");
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // what was printed stays, whatever comes after
    cudaStream_t stream = nullptr;
    cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    cudaDeviceProp device{};
    cuda::check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
    std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
    {
        const cuda::cublaslt large;
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
    return failures != 0;
}
