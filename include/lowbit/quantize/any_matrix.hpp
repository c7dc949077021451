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
/// gives the typed view. Moving leaves 0 x 0.
class any_matrix {
public:
    /// Looks into the memory of a view, which must outlive this and its copies.
    template <any_policy P>
    LOWBIT_ALWAYS_INLINE any_matrix(const quantized_view<P>& view) noexcept // NOLINT: the same bytes
        : seen_{view.planes(), view.rows(), view.cols(), view.size_bytes(), view.tensor_scale(), detail::place_of_format<P>()} {
        static_assert(detail::place_of_format<P>() != format_count, "only formats in quantize/formats.hpp are known at run time");
    }
    /// Takes the matrix over.
    template <any_policy P, class Here = isa::here>
    LOWBIT_ALWAYS_INLINE explicit any_matrix(quantized_matrix<P> matrix) : any_matrix(shared<Here>(std::move(matrix))) {}

    LOWBIT_ALWAYS_INLINE any_matrix(const any_matrix&) noexcept = default;
    LOWBIT_ALWAYS_INLINE any_matrix(any_matrix&& other) noexcept
        : seen_(std::exchange(other.seen_, {})), owner_(std::move(other.owner_)) {}
    LOWBIT_ALWAYS_INLINE any_matrix& operator=(any_matrix other) noexcept {
        std::swap(seen_, other.seen_);
        owner_.swap(other.owner_);
        return *this;
    }
    LOWBIT_ALWAYS_INLINE ~any_matrix() = default;

    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t rows() const noexcept { return seen_.rows; }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t cols() const noexcept { return seen_.cols; }
    /// Exactly what the format stores.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t size_bytes() const noexcept { return seen_.size_bytes; }
    /// Stored bits over rows x cols; 0 for an empty matrix.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE double bits_per_weight() const noexcept {
        const double weights = static_cast<double>(rows()) * static_cast<double>(cols());
        return weights == 0 ? 0 : 8.0 * static_cast<double>(size_bytes()) / weights;
    }
    /// The name of the format's preset.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::string_view name() const noexcept { return format_name(seen_.format); }
    /// The format's place in `formats`.
    [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t format() const noexcept { return seen_.format; }

    /// Calls `f` with the quantized_view of the format; all calls have one type of result. The compiler makes a copy of `f` for
    /// every format.
    template <class F>
    friend LOWBIT_ALWAYS_INLINE decltype(auto) visit(const any_matrix& m, F&& f) {
        return with_format(m.seen_.format, [&]<any_policy P>() -> decltype(auto) {
            return f(quantized_view<P>::over(m.seen_.planes, {m.seen_.rows, m.seen_.cols}, m.seen_.tensor_scale));
        });
    }

private:
    /// A view whose format is a number.
    struct view_of_any {
        detail::planes<const std::byte> planes{};
        std::size_t rows = 0;
        std::size_t cols = 0;
        std::size_t size_bytes = 0;
        float tensor_scale = 1.0f;
        std::size_t format = 0;
    };

    template <any_policy P>
    LOWBIT_ALWAYS_INLINE explicit any_matrix(std::shared_ptr<const quantized_matrix<P>> matrix) : any_matrix(matrix->view()) {
        owner_ = std::move(matrix);
    }
    /// The deleter's type carries Here, and with it the code that frees.
    template <class Here, any_policy P>
    static std::shared_ptr<const quantized_matrix<P>> shared(quantized_matrix<P>&& matrix) {
        return {new quantized_matrix<P>(std::move(matrix)), [](const quantized_matrix<P>* m) { delete m; }};
    }

    view_of_any seen_;
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
