// SPDX-License-Identifier: MIT
// Encoding beside ggml and plain loops, one thread: rows of activations, weights, whole matrices back to float, and packing. Rows
// are encode/<what>/<whose>/rows:<rows of 4096 floats>; GB/s counts the floats read or written, once, and of `pack` the bytes of
// the quantized weights. Rows that encode check their result first, ours that decode their noise; `pack` is left to the tests.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gemm_case.hpp"
#include "read_all.hpp"

#if LOWBIT_BENCH_HAS_GGML
#include "peers/ggml_codec.hpp"
#endif

namespace lb = lowbit;

namespace {

constexpr std::size_t cols = 4096;

const lb::matrix<float>& weights(std::size_t rows) { return bench::gemm_case{.m = 1, .n = rows, .k = cols}.weights(); }

/// Something to time: null where its result is wrong, and the bytes that a call reads or writes.
struct work {
    std::function<void()> run;
    double bytes;
};

/// `make(rows)` gives the work. `rows` is how many are encoded: few stay in the second-level cache, many come from memory.
template <class Make>
void row(const std::string& what, const std::string& whose, Make make, const std::vector<int>& rows = {32, 4096}) {
    const auto time = [make](benchmark::State& state) {
        const work w = make(static_cast<std::size_t>(state.range(0)));
        if (!w.run) {
            state.SkipWithError("wrong result");
            return;
        }
        for (auto _ : state) w.run();
        state.counters["GB/s"] = benchmark::Counter(w.bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
    };
    auto* b = benchmark::RegisterBenchmark(("encode/" + what + "/" + whose).c_str(), time);
    b->ArgName("rows")->UseRealTime()->Unit(benchmark::kMicrosecond);
    for (const int r : rows) b->Arg(r);
}

double float_bytes(std::size_t rows) { return static_cast<double>(rows * cols * sizeof(float)); }

// ---- Ours ----

/// What gemm does to X: codes and sums in groups of `group`, padded as 4-bit weights ask, one scale a row.
auto activations(lb::isa::level level, std::size_t group) {
    return [=](std::size_t rows) -> work {
        const auto& x = weights(rows);
        const lb::kernel::code_groups groups{group, 8};
        struct result {
            std::vector<std::int8_t> codes;
            std::vector<std::int32_t> sums;
            std::vector<float> scales;
            bool operator==(const result&) const = default;
        };
        const auto encode = [&x, rows, groups](const lb::kernel::row_kernels& kernels, result& r) {
            for (std::size_t i = 0; i < rows; ++i) {
                r.scales[i] = kernels.f32.quantize(x.row(i).data(), cols, groups, r.codes.data() + i * groups.padded(cols),
                                                   r.sums.data() + i * groups.count(cols));
            }
        };
        result ours{std::vector<std::int8_t>(rows * groups.padded(cols)), std::vector<std::int32_t>(rows * groups.count(cols)),
                    std::vector<float>(rows)};
        result plain = ours;
        encode(lb::kernel::rows(level), ours);
        encode(lb::kernel::rows(lb::isa::level::scalar), plain);
        if (ours != plain) return {};
        return {[=]() mutable {
                    encode(lb::kernel::rows(level), ours);
                    benchmark::DoNotOptimize(ours.codes.data());
                },
                float_bytes(rows)};
    };
}

/// quantize_into under policy P at a level; the bytes must be those of the level scalar.
template <class P>
auto quantize(lb::isa::level level) {
    return [=](std::size_t rows) -> work {
        const auto& w = weights(rows);
        auto q = lb::quantize<P>(w);
        {
            const lb::isa::scoped_level plain{lb::isa::level::scalar};
            const auto reference = lb::quantize<P>(w);
            if (!std::ranges::equal(q.bytes(), reference.bytes())) return {};
        }
        return {[=, &w]() mutable {
                    const lb::isa::scoped_level force{level};
                    lb::quantize_into(q, w);
                    benchmark::DoNotOptimize(q.bytes().data());
                },
                float_bytes(rows)};
    };
}

template <class P>
work dequantize(std::size_t rows) {
    const auto q = lb::quantize<P>(weights(rows));
    if (!(lb::error_of(q, weights(rows)).sqnr_db > 9)) return {};
    return {[q, out = lb::matrix<float>(rows, cols)]() mutable {
                lb::dequantize_into(out, q);
                benchmark::DoNotOptimize(out.data());
            },
            float_bytes(rows)};
}

template <class P>
work pack(std::size_t rows) {
    const auto q = lb::quantize<P>(weights(rows));
    return {[q] { benchmark::DoNotOptimize(lb::pack(q).data()); }, static_cast<double>(q.size_bytes())};
}

// ---- Plain loops ----

/// A search of the scale of least squared error for 4 bits in groups of 32, as one would write it down: a grid of candidates of
/// both signs, then ever smaller steps. Ours begins elsewhere, and must not find larger errors (sums may differ by roundings).
work plain_mse(std::size_t rows) {
    const auto& w = weights(rows);
    constexpr std::size_t group = 32;
    std::vector<lb::float16> scales(rows * cols / group);
    const auto error_of = [](const float* x, float scale) {
        float sum = 0;
        for (std::size_t i = 0; i < group; ++i) {
            const float code = std::min(std::max(std::nearbyint(x[i] / scale), -8.0f), 7.0f);
            const float off = x[i] - code * scale;
            sum += off * off;
        }
        return sum;
    };
    const auto run = [=, &w, to = scales.data()] {
        for (std::size_t g = 0; g < rows * cols / group; ++g) {
            const float* x = w.data() + g * group;
            float most = 0;
            for (std::size_t i = 0; i < group; ++i) most = std::max(most, std::fabs(x[i]));
            int reach = 640;
            bool turned = false;
            float least = std::numeric_limits<float>::infinity();
            const auto consider = [&](int part, bool turn) {
                const auto scale = static_cast<float>(lb::float16((turn ? -most : most) * (static_cast<float>(part) / 640) / 7));
                const float error = error_of(x, scale);
                if (!(error < least)) return;
                least = error;
                reach = part;
                turned = turn;
                to[g] = lb::float16(scale);
            };
            consider(640, false);
            for (int part = 40; part >= 7; --part) {
                consider(part * 16, false);
                consider(part * 16, true);
            }
            for (int step = 64; step > 0; step /= 2) {
                for (const int by : {-step, step}) consider(reach + by, turned);
            }
            (void)least;
        }
    };
    run();
    const auto q = lb::quantize<lb::policy<lb::int4, lb::per_group<group>, lb::scale_rule<lb::mse>>>(w);
    double ours = 0;
    double plain = 0;
    const auto back = lb::dequantize(q);
    for (std::size_t i = 0; i < rows * cols; ++i) {
        const double off = static_cast<double>(back.data()[i]) - static_cast<double>(w.data()[i]);
        ours += off * off;
    }
    for (std::size_t g = 0; g < scales.size(); ++g)
        plain += static_cast<double>(error_of(w.data() + g * group, static_cast<float>(scales[g])));
    if (!(ours < plain * (1 + 1e-4))) return {};
    return {[run, scales = std::move(scales)] { run(); }, float_bytes(rows)};
}

#if LOWBIT_HAS_X86
work read_cache(std::size_t rows) {
    const auto& x = weights(rows);
    return {[&x] {
                benchmark::DoNotOptimize(
                    bench::read_all<false>(reinterpret_cast<const std::byte*>(x.data()), x.rows() * x.cols() * sizeof(float)));
            },
            float_bytes(rows)};
}
#endif

/// Takes the memory that pack takes, and copies the same bytes to it.
template <class P>
work copy(std::size_t rows) {
    const auto q = lb::quantize<P>(weights(rows));
    return {[q] {
                lb::aligned_buffer<std::byte> to(q.size_bytes());
                std::memcpy(to.data(), q.bytes().data(), to.size());
                benchmark::DoNotOptimize(to.data());
            },
            static_cast<double>(q.size_bytes())};
}

#if LOWBIT_BENCH_HAS_GGML
// ---- ggml ----

/// Whether blocks decode to the weights again, but for rounding.
bool decodes(ggml_type type, const std::vector<std::byte>& blocks, const lb::matrix<float>& w) {
    lb::matrix<float> back(w.rows(), w.cols());
    bench::ggml_to_float(type, blocks, back);
    double off = 0;
    double all = 0;
    for (std::size_t i = 0; i < w.rows() * w.cols(); ++i) {
        const double v = static_cast<double>(w.data()[i]);
        const double d = static_cast<double>(back.data()[i]) - v;
        off += d * d;
        all += v * v;
    }
    return off < 0.13 * all; // 2 bits
}

auto ggml_chunk(ggml_type type) {
    return [=](std::size_t rows) -> work {
        const auto& w = weights(rows);
        auto blocks = bench::ggml_blocks(type, w);
        if (!decodes(type, blocks, w)) return {};
        return {[=, &w]() mutable {
                    ggml_quantize_chunk(type, w.data(), blocks.data(), 0, static_cast<std::int64_t>(rows), cols, nullptr);
                    benchmark::DoNotOptimize(blocks.data());
                },
                float_bytes(rows)};
    };
}
auto ggml_from_float(ggml_type type) {
    return [=](std::size_t rows) -> work {
        const auto copy = std::make_shared<bench::ggml_copy>(type, weights(rows));
        (*copy)();
        if (!decodes(type, copy->blocks(), weights(rows))) return {};
        return {[copy] { (*copy)(); }, float_bytes(rows)};
    };
}
auto ggml_to_float(ggml_type type) {
    return [=](std::size_t rows) -> work {
        const auto blocks = bench::ggml_blocks(type, weights(rows));
        return {[=, out = lb::matrix<float>(rows, cols)]() mutable {
                    bench::ggml_to_float(type, blocks, out);
                    benchmark::DoNotOptimize(out.data());
                },
                float_bytes(rows)};
    };
}

/// Both ways of a format that ggml has too. Where a search takes its time few rows do.
template <class P>
void beside_ggml(const std::string& name, ggml_type type, const std::vector<int>& encoded_rows = {32}) {
    row(name, "lowbit", quantize<P>(lb::isa::active()), encoded_rows);
    row(name, "ggml_quantize_chunk", ggml_chunk(type), encoded_rows);
    row("from_" + name, "lowbit", dequantize<P>);
    row("from_" + name, "ggml_to_float", ggml_to_float(type));
}
#endif

const bool registered = [] {
    using namespace lb::presets;
    const lb::isa::level best = lb::isa::active();
    using w3g32 = lb::policy<lb::int3, lb::per_group<32>>;
    using w6g32 = lb::policy<lb::int6, lb::per_group<32>>;
    using w4z = lb::policy<lb::int4, lb::per_group<64>, lb::asymmetric>;
    using w4g32_mse = lb::policy<lb::int4, lb::per_group<32>, lb::scale_rule<lb::mse>>;
#if LOWBIT_HAS_X86
    if (lb::isa::supported(lb::isa::level::avx512)) row("ceiling", "read", read_cache);
#endif
    row("int8_rows", "lowbit", activations(best, cols), {32});
    row("int8_rows_sums_of_32", "lowbit", activations(best, 32), {32});
    row("w4g32", "lowbit", quantize<w4g32>(best));
    row("w8g32", "lowbit", quantize<w8g32>(best));
    row("w8", "lowbit", quantize<w8>(best));
    row("w2g32", "lowbit", quantize<w2g32>(best));
    row("w3g32", "lowbit", quantize<w3g32>(best));
    row("w6g32", "lowbit", quantize<w6g32>(best));
    row("w4z", "lowbit", quantize<w4z>(best));
    row("w4g32_mse", "lowbit", quantize<w4g32_mse>(best), {32});
    row("w4g32_mse", "lowbit_scalar", quantize<w4g32_mse>(lb::isa::level::scalar), {32});
    row("w4g32_mse", "plain_loop", plain_mse, {32});
    row("from_w4g32", "lowbit", dequantize<w4g32>);
    row("from_w8g32", "lowbit", dequantize<w8g32>);
    row("pack_w4g32", "lowbit", pack<w4g32>, {4096});
    row("pack_w8", "lowbit", pack<w8>, {4096});
    row("pack_w4g32", "copy", copy<w4g32>, {4096});
    row("pack_w8", "copy", copy<w8>, {4096});
#if LOWBIT_BENCH_HAS_GGML
    row("w4g32", "ggml_quantize_chunk", ggml_chunk(GGML_TYPE_Q4_0));
    row("w4g32", "ggml_from_float", ggml_from_float(GGML_TYPE_Q4_0));
    row("from_w4g32", "ggml_to_float", ggml_to_float(GGML_TYPE_Q4_0));
    row("w8g32", "ggml_quantize_chunk", ggml_chunk(GGML_TYPE_Q8_0));
    row("w8g32", "ggml_from_float", ggml_from_float(GGML_TYPE_Q8_0));
    row("from_w8g32", "ggml_to_float", ggml_to_float(GGML_TYPE_Q8_0));
    const std::vector<int> both{32, 4096};
    beside_ggml<q4_0>("q4_0", GGML_TYPE_Q4_0, both);
    beside_ggml<q4_1>("q4_1", GGML_TYPE_Q4_1, both);
    beside_ggml<q5_0>("q5_0", GGML_TYPE_Q5_0, both);
    beside_ggml<q5_1>("q5_1", GGML_TYPE_Q5_1, both);
    beside_ggml<q8_0>("q8_0", GGML_TYPE_Q8_0, both);
    beside_ggml<q2_k>("q2_k", GGML_TYPE_Q2_K);
    beside_ggml<q3_k>("q3_k", GGML_TYPE_Q3_K);
    beside_ggml<q4_k>("q4_k", GGML_TYPE_Q4_K);
    beside_ggml<q5_k>("q5_k", GGML_TYPE_Q5_K);
    beside_ggml<q6_k>("q6_k", GGML_TYPE_Q6_K);
    beside_ggml<iq4_nl>("iq4_nl", GGML_TYPE_IQ4_NL);
    beside_ggml<iq4_xs>("iq4_xs", GGML_TYPE_IQ4_XS);
    beside_ggml<mxfp4>("mxfp4", GGML_TYPE_MXFP4);
#endif
    return true;
}();

} // namespace
