// SPDX-License-Identifier: MIT
// The order of weights on a GPU: every code has a place of its own, and what the lanes of an emulated mma or wgmma decode from it
// multiplies to the exact product.
#include <doctest/doctest.h>

#include "emulated_mma.hpp"
#include "support/seed.hpp"

#include <lowbit/cuda/layout.hpp>

#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

namespace cuda = lowbit::cuda;

namespace {

/// Cases for every width of code and product.
template <class F>
void for_each_layout(F f) {
    f(cuda::layout<2, 16>{});
    f(cuda::layout<4, 16>{});
    f(cuda::layout<8, 16>{});
    f(cuda::layout<2, 8>{});
    f(cuda::layout<4, 8>{});
    f(cuda::layout<8, 8>{});
}

template <class L>
std::vector<std::uint32_t> packed(const std::vector<int>& codes, std::size_t n, std::size_t k) {
    std::vector<std::uint32_t> words(L::code_bytes(n, k) / 4);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < k; ++j) {
            const auto at = L::slot_of(i, j, L::col_tiles(k));
            words[at.word] |= static_cast<std::uint32_t>(codes[i * k + j]) << at.shift;
        }
    }
    return words;
}

/// The elements of the A registers of a k-step, by shift and mask alone.
template <class L>
void decode_step(const std::uint32_t* lane_words, int step, int (&a)[4][4]) {
    for (int index = 0; index < 4; ++index) {
        for (int e = 0; e < L::elements; ++e) {
            a[index][e] = static_cast<int>(
                lane_words[L::word_of(step, index)] >> (L::bits * L::place_of(step, index)) >> (e * L::compute) & L::field_mask);
        }
    }
}

} // namespace

TEST_CASE("every code has a place of its own and no bit is left over") {
    for_each_layout([]<class L>(L) {
        const std::size_t n = 2 * L::rows, k = 3 * L::cols;
        std::vector<std::uint32_t> taken(L::code_bytes(n, k) / 4);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < k; ++j) {
                const auto at = L::slot_of(i, j, L::col_tiles(k));
                REQUIRE(at.word < taken.size());
                const std::uint32_t bits = L::field_mask << at.shift;
                REQUIRE((taken[at.word] & bits) == 0);
                taken[at.word] |= bits;
            }
        }
        for (const std::uint32_t word : taken) REQUIRE(word == 0xffff'ffff);
        CHECK(L::code_bytes(n, k) * 8 == n * k * std::size_t{L::bits});
        CHECK(L::code_bytes(n - 63, k - L::cols + 1) == L::code_bytes(n, k)); // filled up
    });
}

TEST_CASE("every four columns of sparse weights have a place of their own in the metadata") {
    constexpr std::size_t n = 128, k = 768;
    std::vector<std::uint32_t> taken(cuda::metadata::bytes_of(n, k) / 4);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t chunk = 0; chunk < k / 4; ++chunk) {
            const auto at = cuda::metadata::slot_of(i, chunk, cuda::metadata::col_tiles(k));
            REQUIRE(at.word < taken.size());
            REQUIRE((taken[at.word] >> at.shift & 15) == 0);
            taken[at.word] |= 15u << at.shift;
        }
    }
    for (const std::uint32_t word : taken) REQUIRE(word == 0xffff'ffff);
    CHECK(cuda::metadata::bytes_of(n, k) * 8 == n * k);
}

TEST_CASE("every scale has a place of its own, and a lane's two lie together") {
    constexpr std::size_t n = 192, groups = 5;
    std::vector<bool> taken(cuda::scale_count(n, groups));
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t g = 0; g < groups; ++g) {
            const std::size_t at = cuda::scale_slot(i, g, groups);
            REQUIRE(at < taken.size());
            REQUIRE(!taken[at]);
            taken[at] = true;
            if (i % 16 < 8) CHECK(cuda::scale_slot(i + 8, g, groups) == at + 1);
            CHECK(at / 64 == i / 64 * groups + g);
        }
    }
}

TEST_CASE("an emulated mma and wgmma over the packed words are the exact product") {
    std::mt19937_64 random(lowbit_test::seed());
    for_each_layout([&]<class L>(L) {
        constexpr std::size_t n = 128, m = 8;
        const std::size_t k = 2 * L::cols;
        std::vector<int> w(n * k), x(m * k);
        for (int& v : w) v = static_cast<int>(random() & L::field_mask);
        for (int& v : x) v = static_cast<int>(random() % 255) - 127;
        const auto words = packed<L>(w, n, k);

        std::vector<long> d(n * m);
        using fragment = cuda::fragment<L::compute>;
        for (std::size_t tile = 0; tile < L::row_tiles(n); ++tile) {
            for (std::size_t col_tile = 0; col_tile < L::col_tiles(k); ++col_tile) {
                for (int step = 0; step < L::steps; ++step) {
                    // wgmma: four warps at once. The registers of warp w are those of an mma of rows 16 w and on.
                    lowbit_test::wgmma_a<L::compute> a;
                    for (int warp = 0; warp < L::warps; ++warp) {
                        for (int lane = 0; lane < L::lanes; ++lane) {
                            const std::size_t band = tile * L::warps + static_cast<std::size_t>(warp);
                            decode_step<L>(words.data() + L::lane_word(band, col_tile, L::col_tiles(k), lane), step,
                                           a.registers[warp * 32 + lane]);
                        }
                    }
                    const std::size_t first_k = col_tile * L::cols + static_cast<std::size_t>(step) * L::step_cols;
                    const auto x_at = [&](int row, int col) {
                        return x[static_cast<std::size_t>(row) * k + first_k + static_cast<std::size_t>(col)];
                    };
                    const auto at_once = lowbit_test::wgmma<L::compute>(a, x_at);
                    for (int warp = 0; warp < L::warps; ++warp) {
                        lowbit_test::mma_operands<L::compute> operands;
                        for (int lane = 0; lane < 32; ++lane) {
                            for (int i = 0; i < 4; ++i)
                                for (int e = 0; e < L::elements; ++e)
                                    operands.a[lane][i][e] = a.registers[warp * 32 + lane][i][e];
                            for (int i = 0; i < 2; ++i)
                                for (int e = 0; e < L::elements; ++e) {
                                    const auto at = fragment::b(lane, i, e);
                                    operands.b[lane][i][e] = x_at(at.row, at.col);
                                }
                        }
                        const auto result = lowbit_test::mma(operands);
                        for (int lane = 0; lane < 32; ++lane) {
                            for (int i = 0; i < 4; ++i) {
                                const auto at = fragment::d(lane, i);
                                const std::size_t row = tile * 64 + static_cast<std::size_t>(warp * 16 + at.row);
                                const auto col = static_cast<std::size_t>(at.col);
                                d[row * m + col] += result[static_cast<std::size_t>(lane)][static_cast<std::size_t>(i)];
                                REQUIRE(result[static_cast<std::size_t>(lane)][static_cast<std::size_t>(i)] ==
                                        at_once[static_cast<std::size_t>(warp * 16 + at.row)][col]);
                            }
                        }
                    }
                }
            }
        }
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < m; ++j) {
                long exact = 0;
                for (std::size_t l = 0; l < k; ++l) exact += long{w[i * k + l]} * x[j * k + l];
                REQUIRE(d[i * m + j] == exact);
            }
        }
    });
}
