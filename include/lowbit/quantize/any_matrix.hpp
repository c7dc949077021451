// SPDX-License-Identifier: MIT
// any_matrix: quantized weights whose format is known only at run time.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string_view>
#include <utility>

#include <lowbit/core/matrix.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/quantize/formats.hpp>
#include <lowbit/quantize/quantize.hpp>
#include <lowbit/quantize/quantized_matrix.hpp>
#include <lowbit/quantize/quantized_view.hpp>

namespace lowbit::inline v0 {

namespace detail {

/// The place in `formats` whose bytes are those of P, format_count if there is none.
template <any_policy P>
consteval std::size_t place_of_format() {
    return []<std::size_t... I>(std::index_sequence<I...>) {
        std::size_t place = 0;
        static_cast<void>(((std::same_as<format_of<format_at<I>>, format_of<P>> || (++place, false)) || ...));
        return place;
    }(std::make_index_sequence<format_count>{});
}

} // namespace detail

/// A quantized matrix of any format in `formats`: a view of foreign memory, or an owner that its copies share. Read only. visit()
/// gives the typed view.
class any_matrix {
public:
    /// Looks into the memory of a view, which must outlive this and its copies.
    template <any_policy P>
    any_matrix(const quantized_view<P>& view) noexcept // NOLINT: the same bytes
        : planes_(view.planes()), rows_(view.rows()), cols_(view.cols()), size_bytes_(view.size_bytes()),
          tensor_scale_(view.tensor_scale()), format_(detail::place_of_format<P>()) {
        static_assert(detail::place_of_format<P>() != format_count, "only formats in quantize/formats.hpp are known at run time");
    }
    /// Takes the matrix over.
    template <any_policy P>
    explicit any_matrix(quantized_matrix<P> matrix)
        : any_matrix(std::make_shared<const quantized_matrix<P>>(std::move(matrix))) {}

    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
    [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
    /// Exactly what the format stores.
    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
    /// Stored bits over rows x cols; 0 for an empty matrix.
    [[nodiscard]] double bits_per_weight() const noexcept {
        const double weights = static_cast<double>(rows_) * static_cast<double>(cols_);
        return weights == 0 ? 0 : 8.0 * static_cast<double>(size_bytes_) / weights;
    }
    /// The name of the format's preset.
    [[nodiscard]] std::string_view name() const noexcept { return format_name(format_); }
    /// The format's place in `formats`.
    [[nodiscard]] std::size_t format() const noexcept { return format_; }

    /// Calls `f` with the quantized_view of the format; all calls have one type of result. The compiler makes a copy of `f` for
    /// every format.
    template <class F>
    friend decltype(auto) visit(const any_matrix& m, F&& f) {
        return with_format(m.format_, [&]<any_policy P>() -> decltype(auto) {
            return f(quantized_view<P>::over(m.planes_, {m.rows_, m.cols_}, m.tensor_scale_));
        });
    }

private:
    template <any_policy P>
    explicit any_matrix(std::shared_ptr<const quantized_matrix<P>> matrix) : any_matrix(matrix->view()) {
        owner_ = std::move(matrix);
    }

    detail::planes<const std::byte> planes_;
    std::size_t rows_;
    std::size_t cols_;
    std::size_t size_bytes_;
    float tensor_scale_;
    std::size_t format_;
    std::shared_ptr<const void> owner_;
};

/// Decodes weights of any format into new storage, N x K floats.
template <class Here = isa::here>
[[nodiscard]] matrix<float> dequantize(const any_matrix& m,
                                       std::pmr::memory_resource* memory = std::pmr::get_default_resource()) {
    matrix<float> out(m.rows(), m.cols(), memory);
    visit(m, [&out](const auto& view) { dequantize_into<Here>(out.view(), view); });
    return out;
}

} // namespace lowbit::inline v0
