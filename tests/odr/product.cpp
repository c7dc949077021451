// SPDX-License-Identifier: MIT
// The whole way from weights to a product, as the function PRODUCT; compiled twice, with different flags.
#include <lowbit/lowbit.hpp>

#include <cmath>

namespace lb = lowbit;

double PRODUCT();
double PRODUCT() {
    lb::matrix<float> weights(48, 200), x(5, 200), y(5, 48);
    for (std::size_t i = 0; i < weights.rows(); ++i)
        for (std::size_t k = 0; k < weights.cols(); ++k) weights(i, k) = std::sin(0.37f * static_cast<float>(200 * i + k));
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t k = 0; k < x.cols(); ++k) x(i, k) = std::cos(0.11f * static_cast<float>(200 * i + k));

    double sum = 0;
    const auto add_product_of = [&](const auto& q) {
        lb::gemm(x.view(), lb::pack(q), y.view());
        for (std::size_t i = 0; i < y.rows(); ++i)
            for (std::size_t j = 0; j < y.cols(); ++j) sum += std::fabs(static_cast<double>(y(i, j)));
    };
    add_product_of(lb::quantize<lb::policy<lb::int8, lb::per_channel>>(weights.view()));
    add_product_of(lb::quantize<lb::policy<lb::int4, lb::per_group<32>, lb::symmetric, lb::scale_as<lb::float16>>>(weights.view()));
    return sum;
}
