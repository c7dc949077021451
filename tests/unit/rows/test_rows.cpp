// SPDX-License-Identifier: MIT
// Every row kernel of every level against the slow reference, byte for byte, between guard pages.
#include <doctest/doctest.h>

#include <lowbit/kernel/rows/rows.hpp>

#include "reference.hpp"
#include "support/guarded.hpp"
#include "support/levels.hpp"
#include "support/seed.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kernel = lowbit::kernel;
using kernel::code_grid;
using kernel::code_grids;
using kernel::code_groups;
using lowbit::bfloat16;
using lowbit::float16;
using lowbit_test::edge;
using lowbit_test::guarded;
using reference::generator;
using reference::kind;
using reference::same;

namespace {

/// Calls check(table) for the row kernels of every level that runs here, once for each table: some levels share one.
template <class F>
void each_table(F&& check) {
    std::set<const kernel::row_kernels*> checked;
    lowbit_test::each_level([&](lowbit::isa::level l) {
        if (checked.insert(&kernel::rows(l)).second) check(kernel::rows(l));
    });
}

std::vector<std::size_t> lengths() {
    std::vector<std::size_t> n;
    for (std::size_t i = 0; i <= 130; ++i) n.push_back(i);
    for (const std::size_t i : {255u, 1000u, 4096u, 4111u, 4296u}) n.push_back(i);
    return n;
}

template <class T>
reference::row values(const guarded<T>& x) {
    return reference::row(x.begin(), x.end());
}

template <class T>
void fill(guarded<T>& x, kind k, generator& r) {
    for (T& v : x) v = T(reference::value(k, r));
}

template <class T>
bool equal(const guarded<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && (b.empty() || std::memcmp(a.data(), b.data(), b.size() * sizeof(T)) == 0);
}

/// Checks without a doctest assertion each, which would cost more than the kernels.
struct tally {
    int wrong = 0;
    std::size_t first_n = 0;
    const char* first_what = "";

    void operator()(bool ok, const char* what, std::size_t n) {
        if (!ok && wrong++ == 0) {
            first_n = n;
            first_what = what;
        }
    }
};

template <class T>
void check_reader(const kernel::row_reader<T>& rows, const guarded<T>& x, edge side, std::size_t group, std::size_t unit,
                  float given_scale, tally& check) {
    const std::size_t n = x.size();
    const reference::row v = values(x);

    check(same(rows.absmax(x.data(), n), reference::absmax(v)), "absmax", n);
    float lo = 1;
    float hi = 1;
    rows.minmax(x.data(), n, &lo, &hi);
    check(same(lo, reference::smallest(v)) && same(hi, reference::largest(v)), "minmax", n);
    const float sum = reference::sum_abs(v);
    const float got = rows.sum_abs(x.data(), n);
    check(same(got, sum) || (sum != sum && got != got), "sum_abs", n); // which NaN comes out of a sum is not promised

    const code_groups groups{group, unit};
    check(groups.padded(n) == reference::quantize(v, groups).code.size(), "padded", n);
    guarded<std::int8_t> codes(groups.padded(n), side);
    guarded<std::int32_t> sums(groups.count(n), side);
    guarded<float> scales(groups.count(n), side);
    const auto spoil = [&] {
        std::fill(codes.begin(), codes.end(), std::int8_t{99});
        std::fill(sums.begin(), sums.end(), -1);
    };

    spoil();
    reference::codes expected = reference::quantize(v, groups);
    check(same(rows.quantize(x.data(), n, groups, codes.data(), sums.data()), expected.scales[0]), "quantize: scale", n);
    check(equal(codes, expected.code) && equal(sums, expected.sums), "quantize", n);
    spoil();
    rows.quantize(x.data(), n, groups, codes.data(), nullptr);
    check(equal(codes, expected.code), "quantize without sums", n);

    spoil();
    expected = reference::quantize_at(v, given_scale, groups);
    check(same(rows.quantize_at(x.data(), n, given_scale, groups, codes.data(), sums.data()), expected.scales[0]),
          "quantize_at: scale", n);
    check(equal(codes, expected.code) && equal(sums, expected.sums), "quantize_at", n);

    spoil();
    expected = reference::quantize_groups(v, groups);
    rows.quantize_groups(x.data(), n, groups, codes.data(), scales.data(), sums.data());
    check(equal(codes, expected.code) && equal(sums, expected.sums), "quantize_groups", n);
    bool scales_agree = true;
    for (std::size_t g = 0; g < scales.size(); ++g) scales_agree = scales_agree && same(scales[g], expected.scales[g]);
    check(scales_agree, "quantize_groups: scales", n);

    for (const std::size_t padding : {32u, 96u}) {
        const code_groups whole_words{group, padding};
        const reference::signs signs = reference::binarize(v, whole_words);
        guarded<std::uint32_t> words(whole_words.padded(n) / 32, side);
        std::fill(words.begin(), words.end(), 99u);
        check(same(rows.binarize(x.data(), n, whole_words, words.data()), signs.scale), "binarize: scale", n);
        check(equal(words, signs.words), "binarize", n);
    }

    guarded<float> wide(n, side);
    rows.to_float(x.data(), n, wide.data());
    guarded<T> back(n, side);
    rows.from_float(wide.data(), n, back.data());
    bool exact = true;
    bool returns = true;
    for (std::size_t i = 0; i < n; ++i) {
        const T narrow(v[i]);
        exact = exact && same(wide[i], v[i]);
        returns = returns && std::memcmp(&back[i], &narrow, sizeof(T)) == 0;
    }
    check(exact, "to_float", n);
    check(returns, "from_float", n);
}

void check_grid(const kernel::row_kernels& rows, const guarded<float>& x, edge side, code_grid grid, tally& check) {
    const std::size_t n = x.size();
    const reference::row v = values(x);
    guarded<std::uint8_t> codes(n, side);
    guarded<float> back(n, side);
    rows.encode(x.data(), n, grid, codes.data());
    rows.decode(codes.data(), n, grid, back.data());
    bool encoded = true;
    bool decoded = true;
    for (std::size_t i = 0; i < n; ++i) {
        encoded = encoded && codes[i] == reference::encode(v[i], grid);
        decoded = decoded && same(back[i], reference::decode(codes[i], grid));
    }
    check(encoded, "encode", n);
    check(decoded, "decode", n);
    const float error = reference::squared_error(v, grid);
    const float got = rows.squared_error(x.data(), n, grid);
    check(same(got, error) || (error != error && got != got), "squared_error", n);

    if (grid.scale == 0) return;
    guarded<std::int8_t> small(n, side);
    rows.requantize(x.data(), n, grid.scale, grid.zero, small.data());
    bool requantized = true;
    for (std::size_t i = 0; i < n; ++i) {
        const code_grid int8{grid.scale, grid.zero, -128, 127, 0};
        requantized = requantized && small[i] == reference::code_of(v[i], int8);
    }
    check(requantized, "requantize", n);
}

void report(const tally& check) {
    CAPTURE(std::string{check.first_what});
    CAPTURE(check.first_n);
    CHECK(check.wrong == 0);
}

} // namespace

TEST_CASE_TEMPLATE("rows of every type give the reference's bytes on every level", T, float, float16, bfloat16) {
    each_table([](const kernel::row_kernels& rows) {
        tally check;
        generator r{lowbit_test::seed()};
        for (const std::size_t n : lengths()) {
            for (const kind k : reference::kinds) {
                for (const edge side : lowbit_test::edges) {
                    guarded<T> x(n, side);
                    fill(x, k, r);
                    constexpr std::size_t group_lengths[] = {1, 7, 16, 32, 64, 100, 5000};
                    constexpr std::size_t units[] = {1, 4, 8, 32};
                    constexpr float scales[] = {1.0f, 0.0078125f, 1e-3f, 3.0f, 0.0f, 1e-42f, 1e38f};
                    check_reader(rows.template of<T>(), x, side, group_lengths[r.below(std::size(group_lengths))],
                                 units[r.below(std::size(units))], scales[r.below(std::size(scales))], check);
                }
            }
        }
        report(check);
    });
}

TEST_CASE("grids give the reference's bytes on every level") {
    each_table([](const kernel::row_kernels& rows) {
        tally check;
        generator r{lowbit_test::seed() + 1};
        for (const std::size_t n : lengths()) {
            for (const kind k : reference::kinds) {
                for (const edge side : lowbit_test::edges) {
                    guarded<float> x(n, side);
                    fill(x, k, r);
                    constexpr float scales[] = {1.0f, 0.125f, 0.13f, -0.13f, 0.0f, 1e-40f, 1e37f, 0x1p-149f, -1e-3f};
                    const float scale = scales[r.below(std::size(scales))];
                    const auto bits = static_cast<int>(1 + r.below(8));
                    const int half = 1 << (bits - 1);
                    check_grid(rows, x, side, {scale, 0, -half, half - 1, half}, check);
                    check_grid(rows, x, side, {scale, static_cast<int>(r.below(256)), 0, 2 * half - 1, 0}, check);
                    check_grid(rows, x, side, {scale, -300, -128, 127, 128}, check);
                }
            }
        }
        report(check);
    });
}

TEST_CASE("groups of a row have their own grids, reaches and errors on every level") {
    each_table([](const kernel::row_kernels& rows) {
        tally check;
        generator r{lowbit_test::seed() + 2};
        for (const std::size_t n : lengths()) {
            for (const kind k : reference::kinds) {
                guarded<float> x(n, n % 2 == 0 ? edge::front : edge::back);
                fill(x, k, r);
                const std::size_t length = r.below(2) == 0 ? std::size_t{8} << r.below(3) : 1 + r.below(70);
                const std::size_t groups = (n + length - 1) / length;
                const bool zeroed = r.below(2) == 0;
                const int half = 1 << r.below(8);
                guarded<float> scales(groups, edge::back), reaches(groups, edge::back), errors(groups, edge::back);
                guarded<float> farthest(groups, edge::back), lows(groups, edge::back), highs(groups, edge::back);
                guarded<float> minimums(groups, edge::back);
                guarded<std::int32_t> zeros(groups, edge::back);
                const float all = rows.absmax_groups(x.data(), n, length, reaches.data());
                check(same(all, reference::absmax(values(x))), "absmax_groups: all", n);
                check(same(all, rows.farthest_groups(x.data(), n, length, farthest.data())), "farthest_groups: all", n);
                check(same(all, rows.minmax_groups(x.data(), n, length, lows.data(), highs.data())), "minmax_groups: all", n);
                for (std::size_t g = 0; g < groups; ++g) {
                    const std::size_t count = std::min(length, n - g * length);
                    const reference::row v(x.data() + g * length, x.data() + g * length + count);
                    check(same(reaches[g], reference::absmax(v)), "absmax_groups", n);
                    const float low = reference::smallest(v), high = reference::largest(v);
                    check(same(farthest[g], -low >= high ? low : std::isnan(low) ? reference::nan : high), "farthest_groups", n);
                    check(reference::has_nan(v) || (same(lows[g], low) && same(highs[g], high)), "minmax_groups", n);
                    minimums[g] =
                        r.below(5) == 0 || std::isinf(low) || std::isnan(low) ? 0.0f : static_cast<float>(bfloat16(low));
                    // scales of few digits near the one that reaches all, and others
                    const float ideal = reaches[g] / static_cast<float>(half) * (r.below(3) == 0 ? 0.5f : 1.0f);
                    scales[g] = r.below(4) == 0 ? ideal : static_cast<float>(bfloat16(ideal));
                    if (!(scales[g] - scales[g] == 0)) scales[g] = 1.0f;
                    zeros[g] = zeroed ? static_cast<int>(r.below(256)) - 128 : 0;
                }
                const code_grids grids{length, scales.data(), zeroed ? zeros.data() : nullptr, -half, half - 1, half};
                code_grids known = grids;
                known.reaches = reaches.data();
                guarded<std::uint8_t> codes(n, edge::back), again(n, edge::back);
                guarded<float> back(n, edge::back), aligned(n, edge::front), past(n, edge::back);
                const auto decodes_past_caches = [&](code_grids same_grids, const char* what) {
                    same_grids.past_caches = true;
                    same_grids.next = std::as_bytes(std::span(codes.data(), n));
                    for (guarded<float>* to : {&aligned, &past}) {
                        rows.decode(codes.data(), n, same_grids, to->data());
                        rows.order_stores();
                        for (std::size_t i = 0; i < n; ++i) check(same((*to)[i], back[i]), what, n);
                    }
                };
                rows.encode(x.data(), n, grids, codes.data());
                rows.encode(x.data(), n, known, again.data());
                rows.decode(codes.data(), n, grids, back.data());
                decodes_past_caches(grids, "decode past the caches");
                for (std::size_t i = 0; i < n; ++i) {
                    const code_grid grid = grids[i / length];
                    check(codes[i] == reference::encode(x[i], grid) && again[i] == codes[i], "encode", n);
                    check(same(back[i], reference::decode(codes[i], grid)), "decode", n);
                }
                rows.squared_errors(x.data(), n, grids, groups, errors.data());
                for (std::size_t g = 0; g < groups; ++g) {
                    const float error = reference::squared_error(values(x), grids[g]);
                    check(same(errors[g], error) || (error != error && errors[g] != errors[g]), "squared_errors", n);
                }

                // over minimums, and by a table
                code_grids over = grids;
                over.minimums = minimums.data();
                rows.encode(x.data(), n, over, codes.data());
                rows.decode(codes.data(), n, over, back.data());
                decodes_past_caches(over, "decode over minimums past the caches");
                for (std::size_t i = 0; i < n; ++i) {
                    const code_grid grid = over[i / length];
                    const volatile float above = x[i] - minimums[i / length];
                    const volatile float value = reference::decode(codes[i], grid);
                    check(codes[i] == reference::encode(above, grid), "encode over minimums", n);
                    check(same(back[i], value + minimums[i / length]), "decode over minimums", n);
                }
                rows.squared_errors(x.data(), n, over, groups, errors.data());
                for (std::size_t g = 0; g < groups; ++g) {
                    reference::row above;
                    for (const float v : x) above.push_back(v - minimums[g]);
                    const float error = reference::squared_error(above, over[g]);
                    check(same(errors[g], error) || (error != error && errors[g] != errors[g]), "squared_errors over minimums",
                          n);
                }
                kernel::code_table table; // of 11 codes, of which the lower ones change next to 0
                for (std::size_t i = 0; i < 16; ++i) {
                    const float begin = (static_cast<float>(i) - 3.0f) * (i < 6 ? 0x1p-4f : 0.5f);
                    const auto bits = std::bit_cast<std::int32_t>(begin);
                    table.values[i] = static_cast<float>(i) - 2.75f;
                    table.begins[i] = i > 10 ? INT32_MAX : bits < 0 ? bits ^ 0x7fff'ffff : bits;
                    table.codes[i] = static_cast<std::int32_t>((i * 5 + 3) % 16);
                }
                over.table = &table;
                if (r.below(2) == 0) over.minimums = nullptr;
                if (r.below(2) == 0) over.reaches = reaches.data();
                if (over.minimums != nullptr) over.reaches = nullptr;
                rows.encode(x.data(), n, over, codes.data());
                rows.decode(codes.data(), n, over, back.data());
                decodes_past_caches(over, "decode by a table past the caches");
                for (std::size_t i = 0; i < n; ++i) {
                    const std::size_t g = i / length;
                    const volatile float above = over.minimums == nullptr ? x[i] : x[i] - minimums[g];
                    const volatile float value = table.values[codes[i] % 16] * scales[g];
                    const float minimum = over.minimums == nullptr ? -0.0f : minimums[g];
                    check(std::isnan(float{above}) || codes[i] == reference::encode(above, scales[g], table), "encode by a table",
                          n);
                    check(same(back[i], value + minimum), "decode by a table", n);
                }
            }
        }
        report(check);
    });
}

TEST_CASE("of many grids the best is found, whatever it is judged by") {
    using kernel::trial_grids;
    using kernel::trial_result;
    each_table([](const kernel::row_kernels& rows) {
        tally check;
        generator r{lowbit_test::seed()};
        const auto number = [&] { return static_cast<float>(r.below(4001)) / 1000.0f - 2.0f; };
        const std::array<float, 5> levels{-3.0f, -1.0f, 0.0f, 0.5f, 4.0f};
        const std::array<float, 5> begins{-3.0f, -2.0f, -0.5f, 0.25f, 2.25f};
        for (std::size_t n = 0; n < 70; ++n) {
            guarded<float> x(n, edge::back), weights(n, edge::back);
            for (float& v : x) v = number();
            for (float& v : weights) v = r.below(5) == 0 ? 0.0f : number() + 2.0f;
            guarded<float> steps(32, edge::back), minimums(32, edge::back);
            for (std::size_t i = 0; i < 32; ++i) { // a grid of scale 0 is among them
                steps[i] = static_cast<float>(i / 4);
                minimums[i] = static_cast<float>(i % 4);
            }
            trial_grids g;
            g.count = n % 3 == 0 ? 16 : 32;
            g.scale_steps = steps.data();
            g.minimum_steps = minimums.data();
            g.scale_first = n % 7 == 0 ? 1.0f : 0.0f;
            g.scale_unit = n % 11 == 0 ? 100.0f : number() * 0.25f; // 100: all levels are 0
            g.lo = n % 2 == 0 ? 0.0f : -4.0f;
            g.hi = 3.0f;
            if (n % 5 == 0) {
                g.levels = levels.data();
                g.begins = begins.data();
                g.size = levels.size();
            }
            for (const bool weighted : {false, true}) {
                const reference::row v = values(x), w = weighted ? values(weights) : reference::row{};
                g.weight = weighted ? 0.0f : static_cast<float>(n);
                g.sum = 0.0f;
                for (std::size_t i = 0; i < n; ++i) {
                    g.weight += weighted ? w[i] : 0.0f;
                    g.sum += weighted ? w[i] * v[i] : v[i];
                }
                for (const auto judge :
                     {trial_grids::by::grid, trial_grids::by::scale, trial_grids::by::low_line, trial_grids::by::line}) {
                    g.judge = judge;
                    g.minimum_first = 0.5f;
                    g.minimum_unit = judge == trial_grids::by::scale ? 0.0f : -0.3f;
                    const trial_result got = rows.try_grids(x.data(), weighted ? weights.data() : nullptr, n, g);
                    const trial_result expected = reference::try_grids(v, w, g);
                    check(got.index == expected.index && same(got.error, expected.error), "try_grids: the best", n);
                    check(same(got.scale, expected.scale) && same(got.minimum, expected.minimum), "try_grids: its line", n);
                    check(same(got.levels, expected.levels) && same(got.squares, expected.squares) &&
                              same(got.products, expected.products),
                          "try_grids: its sums", n);
                }
            }
        }
        report(check);
    });
}

TEST_CASE("quotients by scales of few digits round as divisions do, next to every tie") {
    each_table([](const kernel::row_kernels& rows) {
        int wrong = 0;
        for (std::uint16_t code = 1; code < 0x7c00; code = static_cast<std::uint16_t>(code + 7)) {
            const auto scale = static_cast<float>(float16::from_bits(code));
            std::vector<float> x;
            for (int k = -9; k <= 8; ++k) {
                const float tie = (static_cast<float>(k) + 0.5f) * scale;
                float below = tie;
                float above = tie;
                for (int step = 0; step < 3; ++step, below = std::nextafter(below, -1e9f), above = std::nextafter(above, 1e9f))
                    x.insert(x.end(), {below, above});
            }
            std::vector<std::uint8_t> codes(x.size());
            const code_grid grid{scale, 0, -8, 7, 8};
            rows.encode(x.data(), x.size(), grid, codes.data());
            for (std::size_t i = 0; i < x.size(); ++i) wrong += codes[i] != reference::encode(x[i], grid);
        }
        CHECK(wrong == 0);
    });
}

TEST_CASE("codes of all widths are packed and unpacked as pack_codes does on every level") {
    each_table([](const kernel::row_kernels& rows) {
        generator r{lowbit_test::seed() + 3};
        int wrong = 0;
        for (int bits = 1; bits <= 8; ++bits) {
            for (std::size_t n = 0; n < 70; ++n) {
                guarded<std::uint8_t> codes(n, edge::back), back(n, edge::back);
                for (std::uint8_t& c : codes) c = static_cast<std::uint8_t>(r.below(std::size_t{1} << bits));
                const auto flip = static_cast<std::uint8_t>(r.below(std::size_t{1} << bits));
                guarded<std::byte> packed(lowbit::packed_bytes(n, bits), edge::back);
                std::vector<std::byte> expected(packed.size());
                std::vector<std::uint8_t> flipped(codes.begin(), codes.end());
                for (std::uint8_t& c : flipped) c ^= flip;
                lowbit::pack_codes(flipped, bits, expected.data());
                rows.pack(codes.data(), n, bits, flip, packed.data());
                rows.unpack(packed.data(), n, bits, flip, back.data());
                wrong += !equal(packed, expected) || !std::equal(codes.begin(), codes.end(), back.begin());
            }
        }
        CHECK(wrong == 0);
    });
}

TEST_CASE("all float16 and bfloat16 codes become the number they stand for") {
    each_table([](const kernel::row_kernels& rows) {
        const auto all = [&]<class T>(T) {
            std::vector<T> x(65536);
            std::vector<float> y(x.size());
            for (std::size_t i = 0; i < x.size(); ++i) x[i] = T::from_bits(static_cast<std::uint16_t>(i));
            rows.of<T>().to_float(x.data(), x.size(), y.data());
            int wrong = 0;
            for (std::size_t i = 0; i < x.size(); ++i) wrong += !same(y[i], static_cast<float>(x[i]));
            CHECK(wrong == 0);
        };
        all(float16{});
        all(bfloat16{});
    });
}

TEST_CASE("floats round to float16 and bfloat16 as those types do") {
    std::vector<float> x; // the neighbourhood of every code boundary, and a walk over all bits
    for (std::uint32_t code = 0; code < 65536; ++code)
        for (const std::uint32_t low : {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x3000u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
            x.push_back(std::bit_cast<float>(code << 16 | low));
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 4099)
        x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    each_table([&](const kernel::row_kernels& rows) {
        const auto all = [&]<class T>(T) {
            std::vector<T> y(x.size());
            rows.of<T>().from_float(x.data(), x.size(), y.data());
            int wrong = 0;
            for (std::size_t i = 0; i < x.size(); ++i) wrong += y[i].code() != T(x[i]).code();
            CHECK(wrong == 0);
        };
        all(float16{});
        all(bfloat16{});
    });
}

TEST_CASE("a row that holds NaN or infinity gets the scale NaN and no codes") {
    each_table([](const kernel::row_kernels& table) {
        const auto& rows = table.f32;
        for (const float bad : {reference::nan, -reference::nan, reference::infinity, -reference::infinity}) {
            for (std::size_t at = 0; at < 40; ++at) {
                std::array<float, 40> x;
                x.fill(1.5f);
                x[at] = bad;
                std::array<std::int8_t, 40> codes;
                codes.fill(77);
                std::array<std::int32_t, 3> sums{5, 5, 5};
                CHECK(std::isnan(rows.quantize(x.data(), x.size(), {16, 1}, codes.data(), sums.data())));
                CHECK(std::count(codes.begin(), codes.end(), 0) == 40);
                CHECK(sums == std::array<std::int32_t, 3>{0, 0, 0});
                std::array<float, 3> scales;
                rows.quantize_groups(x.data(), x.size(), {16, 1}, codes.data(), scales.data(), nullptr);
                for (std::size_t g = 0; g < 3; ++g) CHECK(std::isnan(scales[g]) == (g == at / 16));
                CHECK(std::isnan(rows.absmax(x.data(), x.size())) == std::isnan(bad));
            }
        }
    });
}

TEST_CASE("the sum of a long row of the largest codes fits, whatever it is added up in") {
    each_table([](const kernel::row_kernels& table) {
        const std::size_t n = 40000;
        const std::vector<float> x(n, -2.5f);
        std::vector<std::int8_t> codes(n);
        std::int32_t sum = 0;
        table.f32.quantize(x.data(), n, {n, 1}, codes.data(), &sum);
        CHECK(std::count(codes.begin(), codes.end(), -127) == std::ptrdiff_t{n});
        CHECK(sum == -127 * 40000);
    });
}

TEST_CASE("codes of a row use its whole range, however small or large it is") {
    each_table([](const kernel::row_kernels& table) {
        const auto& rows = table.f32;
        for (const float amax : {0x1p-149f * 127, 1e-40f, 1e-37f, 0x1p-64f, 0x1.fffffep-65f, 1.0f, 3e38f, 0x1.fffffep127f}) {
            const std::array<float, 3> x{amax, -amax, amax / 2};
            std::array<std::int8_t, 3> codes;
            const float scale = rows.quantize(x.data(), x.size(), {3, 1}, codes.data(), nullptr);
            CHECK(codes[0] == 127);
            CHECK(codes[1] == -127);
            CHECK((codes[2] == 63 || codes[2] == 64));
            CHECK(scale > 0);
            CHECK(std::isfinite(scale));
        }
        const std::array<float, 3> zeros{0.0f, -0.0f, 0.0f};
        std::array<std::int8_t, 3> codes{1, 1, 1};
        CHECK(rows.quantize(zeros.data(), 3, {3, 1}, codes.data(), nullptr) == 0.0f);
        CHECK(codes == std::array<std::int8_t, 3>{0, 0, 0});
    });
}

TEST_CASE("the scalar level runs at compile time") {
    using body = kernel::scalar::row_body<kernel::scalar::row_ops<>>;
    static constexpr std::array<float, 5> x{0.5f, -1.0f, 0.25f, 0.0f, 0.75f};
    static_assert(body::absmax(x.data(), x.size()) == 1.0f);
    static_assert(body::sum_abs(x.data(), x.size()) == 2.5f);
    constexpr auto codes = [] {
        std::array<std::uint8_t, 5> c{};
        body::encode(x.data(), x.size(), kernel::code_grid{0.25f, 0, -2, 1, 2}, c.data());
        return c;
    }();
    static_assert(codes == std::array<std::uint8_t, 5>{3, 0, 3, 2, 3});
    constexpr float error = [] {
        float e = 0;
        body::squared_errors(x.data(), x.size(), kernel::code_grid{0.25f, 0, -2, 1, 2}, 1, &e);
        return e;
    }();
    static_assert(error == 0.0625f + 0.25f + 0.25f);
    CHECK(codes[1] == 0);
    constexpr auto signs = [] {
        std::uint32_t word = 0;
        const float scale = body::binarize(x.data(), x.size(), {5, 32}, &word);
        return std::pair{word, scale};
    }();
    static_assert(signs == std::pair{0x01010003u, 0.5f});
}

TEST_CASE("levels share the tables they are meant to share") {
    using lowbit::isa::level;
    CHECK((&kernel::rows(level::scalar) != &kernel::rows(level::baseline)) == (LOWBIT_HAS_XSIMD == 1));
#if LOWBIT_HAS_X86
    CHECK(&kernel::rows(level::avx2) == &kernel::rows(level::avxvnni));
    CHECK(&kernel::rows(level::avx512) == &kernel::rows(level::avx512vnni));
    CHECK(&kernel::rows(level::avx2) != &kernel::rows(level::avx512));
    CHECK(&kernel::rows(level::avx2) != &kernel::rows(level::baseline));
#else
    CHECK(&kernel::rows(level::i8mm) == &kernel::rows(level::baseline));
#endif
}

// The same bytes as every other compiler, set of flags and architecture: any contraction or reordering shows here.
TEST_CASE("the results are those of every other build") {
    static constexpr std::uint64_t golden = 12224821493389189714u;
    each_table([](const kernel::row_kernels& rows) {
        std::uint64_t hash = 0xcbf2'9ce4'8422'2325u; // FNV-1a
        const auto mix = [&](const auto& bytes) {
            for (const auto& v : bytes) {
                unsigned char raw[sizeof v];
                std::memcpy(raw, &v, sizeof v);
                if constexpr (std::endian::native == std::endian::big) std::reverse(raw, raw + sizeof v);
                for (const unsigned char byte : raw) hash = (hash ^ byte) * 0x100'0000'01b3u;
            }
        };
        generator r{20240229};
        for (std::size_t n = 1; n < 300; n += 13) {
            for (const kind k : {kind::plain, kind::ties, kind::tiny}) {
                std::vector<float> x(n);
                for (float& v : x) v = reference::value(k, r);
                const float amax = rows.f32.absmax(x.data(), n);
                std::vector<float> numbers{amax, rows.f32.sum_abs(x.data(), n)};
                std::vector<std::uint8_t> codes(n);
                for (int step = 4; step < 12; ++step) {
                    const code_grid grid{amax * 0.1f * static_cast<float>(step) / 7.0f, 1, -8, 7, 8};
                    numbers.push_back(rows.squared_error(x.data(), n, grid));
                    rows.encode(x.data(), n, grid, codes.data());
                    mix(codes);
                    std::vector<float> back(n);
                    rows.decode(codes.data(), n, grid, back.data());
                    mix(back);
                }
                std::vector<std::int8_t> small(n);
                std::vector<std::int32_t> sums((n + 31) / 32);
                numbers.push_back(rows.f32.quantize(x.data(), n, {32, 1}, small.data(), sums.data()));
                mix(small);
                mix(sums);
                mix(numbers);
                std::vector<float16> half(n);
                rows.f16.from_float(x.data(), n, half.data());
                mix(half);
            }
        }
        CHECK(hash == golden);
    });
}
