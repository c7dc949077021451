// SPDX-License-Identifier: MIT
// epilogue: the parts of an epilogue as kernels apply them, one number at a time. Pointers in them are device memory.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>

#include <lowbit/core/view.hpp>
#include <lowbit/cuda/ptx.hpp>
#include <lowbit/gemm/epilogue.hpp>

namespace lowbit::inline v0::cuda {

/// y, or the lowest float for less: gelu and silu reach their limits there, and no infinity meets 0.
LOWBIT_DEVICE float at_least_lowest(float y) {
    constexpr float lowest = -0x1.fffffep127f;
    return y < lowest ? lowest : y;
}

/// A part of an epilogue on the device: a function float(float, row, column).
template <class Part>
struct device_part {
    static_assert(!std::same_as<Part, Part>,
                  "lowbit: an epilogue on a GPU takes relu, gelu, silu, clamp, add_bias, add_residual of a lb::matrix_view, and "
                  "functions that a device can call");
};
template <>
struct device_part<lowbit::detail::relu_part> {
    explicit device_part(const lowbit::detail::relu_part&) noexcept {}
    LOWBIT_DEVICE float operator()(float y, std::size_t, std::size_t) const { return y < 0.0f ? 0.0f : y; }
};
template <>
struct device_part<lowbit::detail::gelu_part> {
    explicit device_part(const lowbit::detail::gelu_part&) noexcept {}
    LOWBIT_DEVICE float operator()(float y, std::size_t, std::size_t) const {
        const float x = at_least_lowest(y);
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    }
};
template <>
struct device_part<lowbit::detail::silu_part> {
    explicit device_part(const lowbit::detail::silu_part&) noexcept {}
    LOWBIT_DEVICE float operator()(float y, std::size_t, std::size_t) const {
        const float x = at_least_lowest(y);
        return x / (1.0f + expf(-x));
    }
};
template <>
struct device_part<clamp> {
    float low, high;
    explicit device_part(const clamp& c) noexcept : low(c.low), high(c.high) {}
    LOWBIT_DEVICE float operator()(float y, std::size_t, std::size_t) const { return y < low ? low : y > high ? high : y; }
};
template <>
struct device_part<add_bias> {
    const float* bias;
    explicit device_part(const add_bias& b) noexcept : bias(b.bias.data()) {}
    LOWBIT_DEVICE float operator()(float y, std::size_t, std::size_t column) const { return y + bias[column]; }
};
template <>
struct device_part<lowbit::detail::residual_part<lowbit::matrix_view<const float>>> {
    const float* residual;
    std::size_t stride;
    explicit device_part(const lowbit::detail::residual_part<lowbit::matrix_view<const float>>& r) noexcept
        : residual(r.residual.data()), stride(r.residual.stride()) {}
    LOWBIT_DEVICE float operator()(float y, std::size_t row, std::size_t column) const {
        return y + residual[row * stride + column];
    }
};

/// A user's function object, float(float) or float(float, row, column), whose operator() is __device__.
template <class F>
struct device_part<lowbit::detail::function_part<F>> {
    F f;
    explicit device_part(const lowbit::detail::function_part<F>& part) noexcept : f(part.f) {}
    LOWBIT_DEVICE float operator()(float y, [[maybe_unused]] std::size_t row, [[maybe_unused]] std::size_t column) const {
        if constexpr (std::is_invocable_r_v<float, const F&, float, std::size_t, std::size_t>) {
            return f(y, row, column);
        } else {
            return f(y);
        }
    }
};

/// Parts in their order. (No std::tuple: a device cannot call its functions.)
template <class... Parts>
struct device_epilogue {
    LOWBIT_DEVICE float operator()(float y, std::size_t, std::size_t) const { return y; }
};
template <class First, class... Rest>
struct device_epilogue<First, Rest...> {
    device_part<First> first;
    device_epilogue<Rest...> rest;
    LOWBIT_DEVICE float operator()(float y, std::size_t row, std::size_t column) const {
        return rest(first(y, row, column), row, column);
    }
};

/// An epilogue for the rows of a product from `first` on.
template <class Epilogue>
struct shifted_rows {
    Epilogue epilogue;
    std::size_t first;
    LOWBIT_DEVICE float operator()(float y, std::size_t row, std::size_t column) const {
        return epilogue(y, first + row, column);
    }
};

namespace detail {

inline device_epilogue<> joined() noexcept { return {}; }
template <class First, class... Rest>
device_epilogue<First, Rest...> joined(const First& first, const Rest&... rest) noexcept {
    return {device_part<First>(first), joined(rest...)};
}

} // namespace detail

/// An epilogue for the device.
template <class... Parts>
[[nodiscard]] device_epilogue<Parts...> on_device(const epilogue_t<Parts...>& ep) noexcept {
    return std::apply([](const Parts&... parts) { return detail::joined(parts...); }, ep.parts);
}

} // namespace lowbit::inline v0::cuda
