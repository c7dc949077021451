// SPDX-License-Identifier: MIT
// error_of: how far a quantized matrix is from the weights it came from.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include <lowbit/core/error.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/quantize/active_rows.hpp>
#include <lowbit/quantize/decode.hpp>
#include <lowbit/quantize/source.hpp>

namespace lowbit::inline v0 {

/// The distance between weights w and their decoded values v, in double precision; NaN where one of them is.
struct error_report {
    double mse = 0;     ///< mean of (w - v)^2
    double max_abs = 0; ///< largest |w - v|
    double sqnr_db = 0; ///< 10 log10(sum w^2 / sum (w - v)^2); infinite when they are equal
    double cosine = 1;  ///< of the angle between w and v as vectors; 1 when both are zero
};

/// Compares a quantized matrix with the weights. Raises errc::shape_mismatch.
template <class Here = isa::here, quantized Q, viewable W>
[[nodiscard]] error_report error_of(const Q& q, const W& weights) {
    const auto source = detail::rows_of(weights);
    const auto view = q.view();
    if (view.rows() != source.rows() || view.cols() != source.cols()) {
        raise(errc::shape_mismatch, "error_of: ", view.rows(), " x ", view.cols(), " quantized against ", source.rows(), " x ",
              source.cols());
    }
    using reader_type = detail::row_reader<typename decltype(view)::policy_type, Here>;
    const reader_type reader{view};
    const auto rows = detail::active_rows<Here>();
    typename reader_type::room room;
    detail::scratch<float> values(view.cols());
    detail::scratch<float> row(view.cols());
    double noise = 0, signal = 0, decoded = 0, product = 0, largest = 0;
    const std::size_t count_rows = view.cols() == 0 ? 0 : view.rows(); // of which a file may claim any number, of nothing
    for (std::size_t i = 0; i < count_rows; ++i) {
        const float* w = source.row(i, row.data());
        reader.values(rows, i, room, values.span());
        for (std::size_t k = 0; k < view.cols(); ++k) {
            const double a = static_cast<double>(w[k]);
            const double b = static_cast<double>(values[k]);
            const double off = a - b;
            noise += off * off;
            signal += a * a;
            decoded += b * b;
            product += a * b;
            largest = std::max(largest, std::abs(off));
        }
    }
    error_report r;
    const double count = static_cast<double>(view.rows()) * static_cast<double>(view.cols());
    r.mse = count == 0 ? 0 : noise / count;
    r.max_abs = std::isnan(noise) ? noise : largest; // which no NaN exceeds
    r.sqnr_db = noise == 0 ? std::numeric_limits<double>::infinity() : 10.0 * std::log10(signal / noise);
    r.cosine = signal == 0 && decoded == 0 ? 1.0 : signal == 0 || decoded == 0 ? 0.0 : product / std::sqrt(signal * decoded);
    return r;
}

} // namespace lowbit::inline v0
