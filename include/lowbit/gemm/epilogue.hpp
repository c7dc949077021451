// SPDX-License-Identifier: MIT
// Epilogues: what happens to a tile of results before it is stored. Parts run in the order given, while the tile is in cache.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <tuple>
#include <type_traits>

#include <lowbit/core/error.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/isa/xsimd.hpp>

LOWBIT_REGION_BEGIN(baseline)
namespace lowbit::inline v0 {

/// A run of results in row `row`, columns [col, col + count).
struct result_run {
    float* values;
    std::size_t count;
    std::size_t row;
    std::size_t col;
};

/// A part of an epilogue: changes a run in place. `check(rows, cols)` raises when the part does not fit the product.
template <class E>
concept epilogue_part = requires(const E& part, const result_run& run) { part.apply(run); };

namespace detail {

/// Applies f to vectors and then to the rest, element by element, at the translation unit's own baseline.
template <class Here, class F>
void for_each_vector(const result_run& run, F f) {
    std::size_t i = 0;
#if LOWBIT_HAS_XSIMD
    using batch = xsimd::batch<float>;
    for (; i + batch::size <= run.count; i += batch::size)
        f(batch::load_unaligned(run.values + i)).store_unaligned(run.values + i);
    if (i < run.count) {
        alignas(batch) float rest[batch::size]{};
        for (std::size_t j = i; j < run.count; ++j) rest[j - i] = run.values[j];
        f(batch::load_aligned(rest)).store_aligned(rest);
        for (std::size_t j = i; j < run.count; ++j) run.values[j] = rest[j - i];
    }
#else
    for (; i < run.count; ++i) run.values[i] = f(run.values[i]);
#endif
}

#if LOWBIT_HAS_XSIMD
namespace vector_math = xsimd;
#else
namespace vector_math {
LOWBIT_ALWAYS_INLINE float max(float a, float b) noexcept { return a > b ? a : b; }
LOWBIT_ALWAYS_INLINE float min(float a, float b) noexcept { return a < b ? a : b; }
LOWBIT_ALWAYS_INLINE float select(bool c, float a, float b) noexcept { return c ? a : b; }
LOWBIT_ALWAYS_INLINE float exp(float a) noexcept { return std::exp(a); }
LOWBIT_ALWAYS_INLINE float erf(float a) noexcept { return std::erf(a); }
} // namespace vector_math
#endif

struct relu_part {
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for_each_vector<Here>(run, [](auto x) { return vector_math::select(x < decltype(x)(0.0f), decltype(x)(0.0f), x); });
    }
};
/// -infinity as the least float, from which both functions below reach their limit, -0; and no infinity times 0.
template <class V>
LOWBIT_ALWAYS_INLINE V bounded_below(V x) {
    const V least(std::numeric_limits<float>::lowest());
    return vector_math::select(x < least, least, x);
}
struct gelu_part {
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for_each_vector<Here>(run, [](auto y) {
            using V = decltype(y);
            const V x = bounded_below(y);
            return V(0.5f) * x * (V(1.0f) + vector_math::erf(x * V(0.70710678118654752f)));
        });
    }
};
struct silu_part {
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for_each_vector<Here>(run, [](auto y) {
            using V = decltype(y);
            const V x = bounded_below(y);
            return x / (V(1.0f) + vector_math::exp(V(0.0f) - x));
        });
    }
};

/// The view of an object that holds floats.
template <viewable V>
LOWBIT_ALWAYS_INLINE constexpr auto floats_of(const V& values) {
    static_assert(std::same_as<typename decltype(view_of(values))::value_type, float>,
                  "lowbit: add_bias and add_residual take float");
    return view_of(values);
}

template <class View>
struct residual_part {
    View residual;

    LOWBIT_ALWAYS_INLINE void check(std::size_t rows, std::size_t cols) const {
        if (residual.rows() != rows || residual.cols() != cols) {
            raise(errc::shape_mismatch, "add_residual: ", residual.rows(), " x ", residual.cols(), " for a product of ", rows,
                  " x ", cols);
        }
    }
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for (std::size_t i = 0; i < run.count; ++i) run.values[i] += residual(run.row, run.col + i);
    }
};

} // namespace detail

/// max(y, 0); NaN stays.
inline constexpr detail::relu_part relu{};
/// y * Phi(y), with the error function (not its tanh approximation).
inline constexpr detail::gelu_part gelu{};
/// y / (1 + exp(-y)).
inline constexpr detail::silu_part silu{};

/// Adds one number to each column: N floats, in a span or vector, or in a matrix of one row or column.
struct add_bias {
    std::span<const float> bias;

    LOWBIT_ALWAYS_INLINE explicit add_bias(std::span<const float> values) noexcept : bias(values) {}
    /// Raises errc::shape_mismatch where `values` is no vector, or its elements do not lie side by side.
    template <viewable V>
    LOWBIT_ALWAYS_INLINE explicit add_bias(const V& values) : bias(detail::elements_of(detail::floats_of(values))) {}
    LOWBIT_ALWAYS_INLINE void check(std::size_t /*rows*/, std::size_t cols) const {
        if (bias.size() != cols) raise(errc::shape_mismatch, "add_bias: ", bias.size(), " values for ", cols, " columns");
    }
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for (std::size_t i = 0; i < run.count; ++i) run.values[i] += bias[run.col + i];
    }
};

/// Adds a matrix of the product's shape: a view of float, transposed or not, or what stands for one.
template <viewable V>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr auto add_residual(const V& values) {
    return detail::residual_part<decltype(view_of(values))>{detail::floats_of(values)};
}
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr auto add_residual(matrix_view<const float> values) {
    return detail::residual_part<matrix_view<const float>>{values};
}

/// min(max(y, low), high); NaN stays.
struct clamp {
    float low;
    float high;

    LOWBIT_ALWAYS_INLINE clamp(float lowest, float highest) : low(lowest), high(highest) {
        if (!(low <= high)) raise(errc::invalid_argument, "clamp: the lower bound is not below the upper one");
    }
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for (std::size_t i = 0; i < run.count; ++i) {
            const float y = run.values[i];
            run.values[i] = y < low ? low : y > high ? high : y;
        }
    }
};

/// To int8: clamp(round_half_even(y / scale) + zero, -128, 127); NaN becomes `zero`. Last in an epilogue, and for int8 Y alone.
struct requantize {
    float scale;
    std::int32_t zero = 0;

    LOWBIT_ALWAYS_INLINE explicit requantize(float step, std::int32_t zero_point = 0) : scale(step), zero(zero_point) {
        if (!(scale > 0.0f) || scale - scale != 0.0f)
            raise(errc::invalid_argument, "requantize: the scale must be a positive number");
        if (zero < -128 || zero > 127) raise(errc::invalid_argument, "requantize: zero point ", zero, " is no int8");
    }
};

namespace detail {

/// A user's function: float(float), or float(float, std::size_t row, std::size_t col).
template <class F>
struct function_part {
    F f;
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        for (std::size_t i = 0; i < run.count; ++i) {
            if constexpr (std::is_invocable_r_v<float, const F&, float, std::size_t, std::size_t>) {
                run.values[i] = f(run.values[i], run.row, run.col + i);
            } else {
                run.values[i] = f(run.values[i]);
            }
        }
    }
};

/// An object that is a part, or a function, as one; a function itself is kept as a pointer.
template <class E>
LOWBIT_ALWAYS_INLINE constexpr auto as_part(const E& e) {
    if constexpr (epilogue_part<E> || std::same_as<E, requantize>) {
        return e;
    } else {
        static_assert(std::is_invocable_r_v<float, const E&, float> ||
                          std::is_invocable_r_v<float, const E&, float, std::size_t, std::size_t>,
                      "lowbit: an epilogue takes relu, gelu, silu, clamp, add_bias, add_residual, requantize, or a function "
                      "float(float) or float(float, row, column)");
        return function_part<std::decay_t<const E&>>{e};
    }
}

template <class... Parts>
inline constexpr bool requantizes_at_most_last = [] {
    std::size_t left = sizeof...(Parts);
    return ((--left == 0 || !std::same_as<Parts, requantize>) && ...);
}();

} // namespace detail

/// A sequence of parts; see lb::epilogue.
template <class... Parts>
struct epilogue_t {
    std::tuple<Parts...> parts;

    static constexpr bool requantizes = (std::same_as<Parts, requantize> || ...);
    static_assert(detail::requantizes_at_most_last<Parts...>, "lowbit: requantize is the last part of an epilogue");

    template <class Here = isa::here>
    void check(std::size_t rows, std::size_t cols) const {
        std::apply([&](const Parts&... part) { (check_part(part, rows, cols), ...); }, parts);
    }
    template <class Here = isa::here>
    void apply(const result_run& run) const {
        std::apply([&](const Parts&... part) { (apply_part<Here>(part, run), ...); }, parts);
    }
    [[nodiscard]] LOWBIT_ALWAYS_INLINE const requantize& output() const noexcept
        requires requantizes
    {
        return std::get<requantize>(parts);
    }

private:
    template <class Part>
    static LOWBIT_ALWAYS_INLINE void check_part(const Part& part, std::size_t rows, std::size_t cols) {
        if constexpr (requires { part.check(rows, cols); }) part.check(rows, cols);
    }
    template <class Here, class Part>
    static void apply_part(const Part& part, const result_run& run) {
        if constexpr (requires { part.template apply<Here>(run); }) {
            part.template apply<Here>(run);
        } else if constexpr (epilogue_part<Part>) {
            part.apply(run);
        }
    }
};

/// Makes an epilogue: lb::epilogue(lb::add_bias(b), lb::relu). Objects that parts refer to must outlive the product.
template <class... Parts>
[[nodiscard]] LOWBIT_ALWAYS_INLINE constexpr auto epilogue(const Parts&... parts) {
    return epilogue_t<decltype(detail::as_part(parts))...>{{detail::as_part(parts)...}};
}

namespace detail {

template <class T>
inline constexpr bool is_epilogue = false;
template <class... Parts>
inline constexpr bool is_epilogue<epilogue_t<Parts...>> = true;

} // namespace detail

template <class E>
concept any_epilogue = detail::is_epilogue<E>;

} // namespace lowbit::inline v0
LOWBIT_REGION_END(baseline)
