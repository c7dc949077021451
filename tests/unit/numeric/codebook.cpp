// SPDX-License-Identifier: MIT
// codebook: the tables of the library, and tables made to be awkward.
#include "oracle.hpp"

#include <lowbit/numeric/codebook.hpp>

#include <array>

namespace lb = lowbit;

namespace {

struct four_unsorted {
    static constexpr std::array<float, 4> values{3.0f, -1.0f, 0.5f, -8.0f};
};
struct eight_with_twins {
    static constexpr std::array<float, 8> values{1.0f, 0.0f, 1.0f, -0.0f, -1.0f, 2.0f, -1.0f, 2.0f};
};
struct far_apart { // a double cannot hold 2^54 + 1, and rounded to 2^54 it would make a tie of 2^53, which is none
    static constexpr std::array<float, 4> values{0x1p54f, 1.0f, -0x1p54f, -1.0f};
};
struct all_the_same {
    static constexpr std::array<float, 2> values{5.0f, 5.0f};
};
struct two_hundred_fifty_six {
    static constexpr std::string_view name = "squares";
    static constexpr std::array<float, 256> values = [] {
        std::array<float, 256> squares{};
        for (int i = 0; i < 256; ++i)
            squares[static_cast<std::size_t>(i * 77 % 256)] = static_cast<float>((i - 100) * (i < 100 ? 100 - i : i - 100));
        return squares;
    }();
};

#define TABLES \
    lb::nf4_table, lb::iq4_nl_table, lb::fp4_bnb_table, lb::e2m1_ggml_table, four_unsorted, eight_with_twins, far_apart, \
        all_the_same, two_hundred_fifty_six

} // namespace

TEST_CASE_TEMPLATE("codebook: every code is its entry, every float goes to the nearest one", T, TABLES) {
    using C = lb::codebook<T>;
    static_assert(lb::element<C>);
    static_assert(std::size_t{1} << C::bits == T::values.size());
    std::vector<oracle::level> levels;
    for (unsigned code = 0; code < T::values.size(); ++code) {
        CHECK(C::decode(static_cast<std::uint8_t>(code)) == T::values[code]);
        CHECK(C::decode(static_cast<std::uint8_t>(code | ~(T::values.size() - 1))) == T::values[code]);
        const auto same = [&](const oracle::level& l) { return l.value == static_cast<long double>(T::values[code]); };
        if (std::none_of(levels.begin(), levels.end(), same))
            levels.push_back({T::values[code], code}); // the lower code of equals
    }
    std::sort(levels.begin(), levels.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
    CHECK(static_cast<long double>(C::lowest()) == levels.front().value);
    CHECK(static_cast<long double>(C::max()) == levels.back().value);
    const std::int64_t usual = T::values.size() == 16 ? 64 : 1024;
    oracle::check_line(
        oracle::cut(levels, [](const auto& lower, const auto& upper) { return upper.code < lower.code; }),
        [](float x) { return C::encode(x); }, oracle::stride(usual));
    CHECK(C::encode(std::numeric_limits<float>::quiet_NaN()) == C::encode(0.0f));
    CHECK(C::encode(-std::numeric_limits<float>::quiet_NaN()) == C::encode(0.0f));
}

TEST_CASE("codebook: names and well-known codes") {
    static_assert(lb::element_name<lb::nf4_codebook>() == "nf4" && lb::element_name<lb::iq4_nl_codebook>() == "iq4_nl");
    static_assert(lb::element_name<lb::codebook<four_unsorted>>() == "codebook" &&
                  lb::element_name<lb::codebook<two_hundred_fifty_six>>() == "squares");
    static_assert(lb::nf4_codebook::encode(0.0f) == 7 && lb::nf4_codebook::encode(1.0f) == 15 &&
                  lb::nf4_codebook::encode(-1.0f) == 0);
    static_assert(lb::fp4_bnb_codebook::encode(0.0f) == 0 && lb::fp4_bnb_codebook::encode(-0.0f) == 0);
}

TEST_CASE("codebook: NF4 is what its paper constructs") {
    // QLoRA: quantiles of the normal distribution at 8 points of [delta, 1/2] and 9 of [1/2, 1 - delta], scaled to 1
    const auto quantile = [](double p) { // bisection of the distribution function
        double low = -10;
        double high = 10;
        for (int i = 0; i < 100; ++i) {
            const double middle = (low + high) / 2;
            (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
        }
        return low;
    };
    const double delta = (1.0 / 32 + 1.0 / 30) / 2;
    const double scale = quantile(1 - delta);
    for (int code = 0; code < 16; ++code) {
        const double p = code < 8 ? delta + (0.5 - delta) * code / 7 : 0.5 + (0.5 - delta) * (code - 7) / 8;
        CHECK(std::fabs(static_cast<double>(lb::nf4_table::values[static_cast<std::size_t>(code)]) - quantile(p) / scale) < 2e-6);
    }
}
