// SPDX-License-Identifier: MIT
// Levels and row kernels, those of every level that runs here, as the function PRODUCT; compiled twice, with different flags.
#include <lowbit/isa/active.hpp>
#include <lowbit/kernel/rows/rows.hpp>

#include <cstring>

namespace lb = lowbit;

double PRODUCT();

namespace {

struct count_of_characters {
    std::size_t count = 0;
    count_of_characters& operator<<(std::string_view text) {
        count += text.size();
        return *this;
    }
    count_of_characters& operator<<(char) {
        ++count;
        return *this;
    }
};

constexpr std::size_t n = 77;

struct results {
    std::int8_t small[n], activations[n];
    std::uint8_t codes[n];
    std::int32_t sums[3];
    float numbers[9], back[n], scales[3];
    std::uint32_t words[3];
    lb::float16 half[n];
    lb::bfloat16 brain[n];
};

void run(lb::isa::level l, const float* x, results& r) {
    std::memset(static_cast<void*>(&r), 0, sizeof r);
    const lb::isa::scoped_level force{l};
    const lb::kernel::row_kernels& rows = lb::kernel::rows(lb::isa::active());
    const lb::kernel::code_grid grid{0.09f, 1, -8, 7, 8};
    r.numbers[0] = rows.f32.absmax(x, n);
    rows.f32.minmax(x, n, &r.numbers[1], &r.numbers[2]);
    r.numbers[3] = rows.f32.sum_abs(x, n);
    r.numbers[4] = rows.f32.quantize(x, n, {32, 1}, r.activations, r.sums);
    r.numbers[5] = rows.squared_error(x, n, grid);
    rows.encode(x, n, grid, r.codes);
    rows.decode(r.codes, n, grid, r.back);
    rows.requantize(x, n, 0.01f, 3, r.small);
    rows.f16.from_float(x, n, r.half);
    rows.bf16.from_float(x, n, r.brain);
    r.numbers[6] = rows.f16.absmax(r.half, n);
    rows.bf16.quantize_groups(r.brain, n, {32, 1}, r.activations, r.scales, nullptr);
    r.numbers[7] = rows.f16.quantize_at(r.half, n, 0.25f, {32, 1}, r.small, nullptr);
    r.numbers[8] = rows.f32.binarize(x, n, {n, 32}, r.words);
}

} // namespace

/// The sum of magnitudes, or 0 where two levels disagree.
double PRODUCT() {
    float x[n];
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) * 0.013f;
    count_of_characters out;
    lb::isa::explain(out);
    results expected, got;
    run(lb::isa::level::scalar, x, expected);
    for (const lb::isa::level l : lb::isa::levels) {
        if (!lb::isa::supported(l)) continue;
        run(l, x, got);
        if (std::memcmp(static_cast<void*>(&expected), static_cast<void*>(&got), sizeof got) != 0) return 0.0;
    }
    return out.count > 0 ? static_cast<double>(expected.numbers[3]) : 0.0;
}
