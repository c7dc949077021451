// SPDX-License-Identifier: MIT
// quantize and dequantize: the calls that turn a matrix of weights into a policy's bytes and back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory_resource>

#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/scratch.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/isa/detect.hpp>
#include <lowbit/quantize/active_rows.hpp>
#include <lowbit/quantize/encoder.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>
#include <lowbit/quantize/side_input.hpp>
#include <lowbit/quantize/source.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// What is given but asked for by no axis of the policy, in words; null if nothing is.
template <any_policy P, class Rows>
const char* unasked(const side_input& side) {
    if (!P::mask::present && (side.scores.data() != nullptr || side.mask.data() != nullptr)) {
        return "a mask or scores are given, but the policy prunes nothing; add prune<Mask>";
    }
    // other rules have nothing to weigh, so that one set of statistics may go with every format of a file
    constexpr bool searches = fit_rule<typename P::rule, group_quantizer<P, Rows>>;
    if (P::mask::present && std::same_as<typename P::mask::criterion, by_magnitude> && !searches && !side.statistics.empty()) {
        return "column statistics are given, but the policy prunes by magnitude alone; add a criterion that asks for them, "
               "prune<Mask, Criterion>, or scale_rule<mse>";
    }
    if (!P::column_order::permuted && !side.order.empty())
        return "a column order is given, but the policy keeps none; add permuted_columns";
    if (!seeded_rounding<typename P::rounding> && side.rounding_seed)
        return "a seed is given, but the policy rounds nothing at random; add rounding<stochastic>";
    return nullptr;
}

/// The first given thing of another shape than the weights, and that shape; no message if all fit.
struct misfit {
    const char* message = nullptr;
    std::size_t rows = 0;
    std::size_t cols = 0;
};
template <class Here>
misfit first_misfit(const side_input& side, std::size_t rows, std::size_t cols) {
    const auto matrix_fits = [&](const auto& given) {
        return given.data() == nullptr || (given.rows() == rows && given.cols() == cols);
    };
    const auto vector_fits = [&](const auto& given) { return given.empty() || given.size() == cols; };
    if (!matrix_fits(side.scores))
        return {"the given scores have another shape than the weights", side.scores.rows(), side.scores.cols()};
    if (!matrix_fits(side.mask)) return {"the given mask has another shape than the weights", side.mask.rows(), side.mask.cols()};
    if (!vector_fits(side.statistics)) return {"the given statistics are not one for each column", 1, side.statistics.size()};
    if (!vector_fits(side.order)) return {"the given order is not one index for each column", 1, side.order.size()};
    return {};
}

/// What is given for each column; an error carries the column.
template <class Here>
expected<bool> check_columns(const side_input& side) {
    for (std::size_t k = 0; k < side.statistics.size(); ++k) {
        if (side.statistics[k] - side.statistics[k] != 0.0f || side.statistics[k] < 0.0f)
            return fail(errc::non_finite, "a column statistic is negative, NaN or infinite", k);
    }
    const std::size_t k = first_out_of_order<Here>(side.order.size(), [&](std::size_t i) { return side.order[i]; });
    if (k != side.order.size()) return fail(errc::invalid_argument, "the given order is not a permutation of the columns", k);
    return true;
}

/// The tensor scale with which the scales of a matrix use the range of their type. 1 where they have the range of floats, and
/// where all weights are 0.
template <class F, class Source, class Rows>
float tensor_scale_of(const Source& source, const Rows& rows) {
    constexpr float largest_scale = scalar_codec<typename F::scale_type>::max();
    if constexpr (largest_scale < 0x1p127f) {
        scratch<float> row(source.cols());
        float largest = 0.0f;
        for (std::size_t i = 0; i < source.rows(); ++i) {
            const float* x = source.row(i, row.data());
            const float reach = rows.absmax(x, source.cols());
            if (reach - reach == 0.0f) {
                largest = std::max(largest, reach);
            } else { // the encoder refuses the row, or takes what is finite
                for (std::size_t k = 0; k < source.cols(); ++k) {
                    if (x[k] - x[k] == 0.0f) largest = std::max({largest, x[k], -x[k]});
                }
            }
        }
        using E = typename F::element_type;
        // what the largest scale is multiplied with: the largest code, or half of the steps where a range may lie on both sides
        // of 0
        constexpr float reach = F::offset::kind != offset_kind::none ? (E::max() - E::lowest()) * 0.5f
                                : E::max() > 0.0f                    ? E::max()
                                                                     : -E::lowest();
        constexpr float most = reach * largest_scale;
        // a subnormal scale would be too coarse to divide by, an infinite one is none
        if (largest > 0.0f) {
            return F::tensor_scale::divides ? std::min(most / largest, std::numeric_limits<float>::max())
                                            : std::max(largest / most, std::numeric_limits<float>::min());
        }
    }
    return 1.0f;
}

/// Whole-matrix planes: the column order and the tensor scale.
template <any_policy P, class Source, class Rows>
void store_matrix_planes(const Source& source, const side_input& side, const Rows& rows, const planes<std::byte>& to) {
    using F = format_of<P>;
    if constexpr (F::column_order::permuted) {
        for (std::size_t k = 0; k < source.cols(); ++k) store_le<4>(to.order + 4 * k, side.order.empty() ? k : side.order[k]);
    }
    if constexpr (F::tensor_scale::present) {
        if (source.rows() == 0 || source.cols() == 0) return; // nothing is stored
        store_scalar<float>(to.tensor_scale, scalar_codec<float>::encode(tensor_scale_of<F>(source, rows)));
    }
}

template <any_policy P, class Pool, class Source, class Rows>
expected<bool> encode_into(on_t<Pool> where, quantized_matrix<P>& q, const Source& source, const side_input& side,
                           const Rows& rows) {
    using F = format_of<P>;
    const shape_of<F> shape{q.rows(), q.cols()};
    const auto to = layout_access<F>::split(q.bytes().data(), shape);
    store_matrix_planes<P>(source, side, rows, to);
    if (q.rows() == 0 || q.cols() == 0) return true;

    // Only the ratios of statistics mean anything: with the largest at 1..2 no product of theirs leaves the floats.
    side_input known = side;
    scratch<float> statistics(side.statistics.size());
    if (const float largest = rows.absmax(side.statistics.data(), side.statistics.size()); largest > 0.0f) {
        const float factor = 1.0f / unit_of(largest);
        for (std::size_t k = 0; k < side.statistics.size(); ++k) statistics[k] = side.statistics[k] * factor;
        known.statistics = statistics.span();
    }

    // the first error in row order wins, whatever the threads do
    const std::size_t unit = encoder<P, Source, Rows>::unit_rows(shape);
    const std::size_t units = ceil_div(q.rows(), unit);
    scratch<error> failures(units);
    scratch<bool> failed(units);
    const std::size_t grain = std::max<std::size_t>(1, 16384 / (unit * (q.cols() + 1)));
    for_ranges(where, units, grain, [&](std::size_t first, std::size_t last) {
        encoder<P, Source, Rows> encode(source, known, rows, to, shape);
        if (auto ok = encode(first * unit, std::min(last * unit, shape.rows)); !ok) {
            failures[first] = ok.error();
            failed[first] = true;
        }
    });
    for (std::size_t i = 0; i < units; ++i) {
        if (failed[i]) return unexpected<error>(failures[i]);
    }
    return true;
}

template <any_policy P, class Here, class Pool, class Source>
expected<bool> try_encode(on_t<Pool> where, quantized_matrix<P>& q, const Source& source, const side_input& side) {
    if (const char* message = unasked<P, level_rows<Here>>(side)) return fail(errc::invalid_argument, message);
    if (const misfit other = first_misfit<Here>(side, q.rows(), q.cols()); other.message != nullptr)
        return fail(errc::shape_mismatch, other.message, other.cols);
    if (auto ok = check_columns<Here>(side); !ok) return ok;
    return encode_into<P>(where, q, source, side, active_rows<Here>());
}
/// The same, with the numbers in words.
template <any_policy P, class Here, class Pool, class Source>
void encode_or_raise(on_t<Pool> where, quantized_matrix<P>& q, const Source& source, const side_input& side) {
    if (const char* message = unasked<P, level_rows<Here>>(side)) raise(errc::invalid_argument, "quantize: ", message);
    if (const misfit other = first_misfit<Here>(side, q.rows(), q.cols()); other.message != nullptr) {
        raise(errc::shape_mismatch, "quantize: ", other.message, " (", other.rows, " x ", other.cols, ", weights are ", q.rows(),
              " x ", q.cols(), ")");
    }
    if (auto ok = check_columns<Here>(side); !ok)
        raise(ok.error().code, "quantize: ", ok.error().message, " (column ", ok.error().offset, ")");
    if (auto ok = encode_into<P>(where, q, source, side, active_rows<Here>()); !ok) {
        const error& e = ok.error();
        raise(e.code, "quantize: ", e.message, " (row ", e.offset / q.cols(), ", column ", e.offset % q.cols(), ")");
    }
}

} // namespace detail

/// Encodes `weights` (N x K) under policy P into new storage. An error carries the index row * K + column of the weight:
/// errc::non_finite, errc::scale_range (a scale above its stored type). Of side input it is errc::shape_mismatch with
/// the length of a row, errc::non_finite and errc::invalid_argument with the column, errc::invalid_argument alone for what the
/// policy asks not for (statistics: only where it prunes). Scales below the smallest stored number flush to 0, and their weights
/// with them.
template <any_policy P, class Here = isa::here, class Pool, viewable W>
[[nodiscard]] expected<quantized_matrix<P>> try_quantize(on_t<Pool> where, const W& weights, const side_input& side = {},
                                                         std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    const auto source = detail::rows_of(weights);
    quantized_matrix<P> q(source.rows(), source.cols(), memory);
    if (auto ok = detail::try_encode<P, Here>(where, q, source, side); !ok) return unexpected<error>(ok.error());
    return q;
}
template <any_policy P, class Here = isa::here, viewable W>
[[nodiscard]] expected<quantized_matrix<P>> try_quantize(const W& weights, const side_input& side = {},
                                                         std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    return try_quantize<P, Here>(detail::here_and_now(), weights, side, memory);
}

/// Encodes `weights` into the storage of `q` again, as training loops do; nothing of the result is allocated. Raises what
/// try_quantize returns, and errc::shape_mismatch. When weights are at fault, rows of `q` are old, new or half written: they read
/// as some numbers, and quantizing again makes them whole.
template <any_policy P, class Here = isa::here, class Pool, viewable W>
void quantize_into(on_t<Pool> where, quantized_matrix<P>& q, const W& weights, const side_input& side = {}) {
    const auto source = detail::rows_of(weights);
    if (q.rows() != source.rows() || q.cols() != source.cols()) {
        raise<Here>(errc::shape_mismatch, "quantize_into: storage for ", q.rows(), " x ", q.cols(), ", weights are ",
                    source.rows(), " x ", source.cols());
    }
    detail::encode_or_raise<P, Here>(where, q, source, side);
}
template <any_policy P, class Here = isa::here, viewable W>
void quantize_into(quantized_matrix<P>& q, const W& weights, const side_input& side = {}) {
    quantize_into<P, Here>(detail::here_and_now(), q, weights, side);
}

/// Encodes `weights` (N x K) under policy P. Raises what try_quantize returns.
template <any_policy P, class Here = isa::here, class Pool, viewable W>
[[nodiscard]] quantized_matrix<P> quantize(on_t<Pool> where, const W& weights, const side_input& side = {},
                                           std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    const auto source = detail::rows_of(weights);
    quantized_matrix<P> q(source.rows(), source.cols(), memory);
    detail::encode_or_raise<P, Here>(where, q, source, side);
    return q;
}
template <any_policy P, class Here = isa::here, viewable W>
[[nodiscard]] quantized_matrix<P> quantize(const W& weights, const side_input& side = {},
                                           std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    return quantize<P, Here>(detail::here_and_now(), weights, side, memory);
}

namespace detail {
/// Decoded floats beyond which no cache keeps what was written first: 32 MiB, the third-level cache of eight cores of Zen 5.
inline constexpr std::size_t most_cached_floats = std::size_t{8} << 20;
} // namespace detail

/// Decodes a quantized matrix or view into `out`, N x K floats. Raises errc::shape_mismatch.
template <class Here = isa::here, quantized Q>
void dequantize_into(matrix_view<float> out, const Q& q) {
    const auto view = q.view();
    if (out.rows() != view.rows() || out.cols() != view.cols()) {
        raise<Here>(errc::shape_mismatch, "dequantize_into: room for ", out.rows(), " x ", out.cols(), ", weights are ",
                    view.rows(), " x ", view.cols());
    }
    if (view.cols() == 0) return; // a file may claim any number of rows of nothing
    using reader_type = detail::row_reader<typename decltype(view)::policy_type, Here>;
    const reader_type reader{view};
    const auto rows = detail::active_rows<Here>();
    typename reader_type::room room;
    // Zen 5 decodes 16 to 40 % more past the caches, Zen 4 less; Intel's were not measured (docs/design/encoding.md).
    const bool past_caches = out.rows() * out.cols() > detail::most_cached_floats && isa::has_wide_pipes<Here>();
    for (std::size_t i = 0; i < view.rows(); ++i) reader.values(rows, i, room, out.row(i), past_caches);
    if (past_caches) rows.order_stores();
}
/// Decodes a quantized matrix or view into new storage, N x K floats.
template <class Here = isa::here, quantized Q>
[[nodiscard]] matrix<float> dequantize(const Q& q, std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    matrix<float> out(q.view().rows(), q.view().cols(), memory);
    dequantize_into<Here>(out.view(), q);
    return out;
}

} // namespace lowbit::inline v0
