// SPDX-License-Identifier: MIT
// The whole way from weights to a product, with what may go wrong on it, as the function PRODUCT; compiled twice, with different
// flags.
#include <lowbit/lowbit.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

namespace lb = lowbit;

double PRODUCT();

namespace {

using pruned =
    lb::policy<lb::int8, lb::per_channel, lb::prune<lb::unstructured<50>, lb::by_magnitude>, lb::scale_rule<lb::percentile<99>>>;

using blocks = lb::policy<lb::int8, lb::per_channel, lb::prune<lb::block_sparse<2, 8, 50>>>;

using signs = lb::policy<lb::binary, lb::per_channel, lb::scale_rule<lb::abs_mean>, lb::activations<lb::binary>>;

/// What the sum below counts for an error that is raised: that it was, and with a text.
template <class F>
double raised(F f) {
    try {
        f();
    } catch (const lb::exception& e) {
        return e.what()[0] != '\0' ? 1.0 : std::numeric_limits<double>::quiet_NaN();
    }
    return std::numeric_limits<double>::quiet_NaN();
}

} // namespace

double PRODUCT() {
    lb::matrix<float> weights(48, 200), x(5, 200), y(5, 48);
    for (std::size_t i = 0; i < weights.rows(); ++i)
        for (std::size_t k = 0; k < weights.cols(); ++k) weights(i, k) = std::sin(0.37f * static_cast<float>(200 * i + k));
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t k = 0; k < x.cols(); ++k) x(i, k) = std::cos(0.11f * static_cast<float>(200 * i + k));

    double sum = 0;
    const auto add = [&](const lb::matrix<float>& m) {
        for (std::size_t i = 0; i < m.rows(); ++i)
            for (std::size_t j = 0; j < m.cols(); ++j) sum += std::fabs(static_cast<double>(m(i, j)));
    };
    lb::packed_cache cache(12000); // a little
    const auto add_product_of = [&](const auto& q) {
        const auto first = lb::pack(q);
        auto copy = *cache.pack(q), other = first;
        copy = other;
        lb::gemm(x, copy, y, lb::epilogue(lb::add_bias(std::span(x.data(), y.cols())), lb::clamp(-100.0f, 100.0f), lb::relu));
        add(y);
        lb::matrix<float> back = lb::dequantize(q);
        add(back);
        lb::gemm(x, first, y, lb::epilogue(lb::add_residual(y)));
        add(y);
        sum += static_cast<double>(lb::kernel_name(first).size());
        sum += raised([&] { lb::gemm(x, first, back); });
        sum += static_cast<double>(cache.size_bytes());
        if (cache.pack(q)->rows() != first.rows()) cache.clear();
        cache.erase(q.bytes());
        sum += raised([&] { lb::gemm(x, first, y, lb::epilogue(lb::add_bias(std::span(x.data(), 3)))); });
    };
    add_product_of(lb::quantize<pruned>(weights));
    add_product_of(lb::quantize<blocks>(weights));
    add_product_of(lb::try_quantize<lb::presets::w4g32>(weights).value());
    add_product_of(lb::quantize<lb::presets::nf4>(weights));
    add_product_of(lb::quantize<signs>(weights));
    lb::matrix<lb::float16> halves(weights.rows(), weights.cols());
    for (std::size_t i = 0; i < halves.rows(); ++i)
        for (std::size_t k = 0; k < halves.cols(); ++k) halves(i, k) = static_cast<lb::float16>(weights(i, k));
    add_product_of(lb::quantize<pruned>(halves));

    lb::any_matrix any(lb::quantize<lb::presets::w4g32>(weights)), taken = std::move(any);
    any = taken;
    sum += visit(any, [](const auto& view) { return view.bits_per_weight(); }) + any.bits_per_weight();
    sum += static_cast<double>(any.name().size());

    std::array<std::array<float, 32>, 2> rows{};
    for (std::size_t k = 0; k < 32; ++k) rows[k % 2][k] = weights(0, k);
    const auto constant = lb::quantize_constant<lb::presets::w4g32>(rows);
    add(lb::dequantize(constant));
    sum += constant.bits_per_weight();

    std::ostringstream text;
    lb::isa::explain(text);
    sum += static_cast<double>(text.str().size());

    weights(1, 3) = std::numeric_limits<float>::infinity();
    sum += raised([&] { static_cast<void>(lb::quantize<pruned>(weights)); });
    sum += raised([&] { static_cast<void>(lb::try_quantize<lb::presets::w4g32>(weights).value()); });
    sum += raised([&] { lb::matrix_view<const float>(x.data(), 2, 20, x.rows()); });
    sum += raised([&] { lb::matrix<float>(std::numeric_limits<std::size_t>::max(), x.rows()); });
    sum += raised([&] { lb::clamp(static_cast<float>(x.rows()), 0.0f); });
    return sum;
}
