// SPDX-License-Identifier: MIT
// The peer oneDNN: its matmul primitive with int8 weights, in the order of weights that it likes best.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "gemm_case.hpp"
#include "peers/plain_codes.hpp"

namespace bench {

/// u8 activations, quantized before the clock starts, times s8 weights with a scale for each output. (With scales for groups of
/// weights, and with float activations whatever the scales, oneDNN 3.7 falls to its reference code here, a thousand times
/// slower.)
class onednn_product {
    using type = dnnl::memory::data_type;
    using tag = dnnl::memory::format_tag;

public:
    explicit onednn_product(const gemm_case& shape)
        : shape_(shape), inputs_(shape.inputs()), y_(shape.m, shape.n), w_(plain_codes::of(shape, 8, shape.k)),
          engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), turn_(shape.copies) {
#if defined(_OPENMP)
        omp_set_num_threads(static_cast<int>(shape.threads));
#endif
        const auto m = static_cast<dnnl::memory::dim>(shape.m), n = static_cast<dnnl::memory::dim>(shape.n);
        const auto k = static_cast<dnnl::memory::dim>(shape.k);
        quantize_inputs();

        dnnl::primitive_attr attributes;
        attributes.set_scales_mask(DNNL_ARG_WEIGHTS, 2);
        attributes.set_scales_mask(DNNL_ARG_SRC, 0);
        attributes.set_zero_points_mask(DNNL_ARG_SRC, 0);
        const dnnl::memory::desc x_desc({m, k}, type::u8, tag::ab);
        const dnnl::memory::desc any({k, n}, type::s8, tag::any);
        const dnnl::memory::desc y_desc({m, n}, type::f32, tag::ab);
        const dnnl::matmul::primitive_desc what(engine_, x_desc, any, y_desc, attributes);
        product_ = dnnl::matmul(what);

        dnnl::memory plain({{k, n}, type::s8, tag::ba}, engine_, w_.codes.data());
        for (std::size_t i = 0; i < shape.copies; ++i) {
            weights_.emplace_back(what.weights_desc(), engine_);
            dnnl::reorder(plain, weights_.back()).execute(stream_, plain, weights_.back());
        }
        stream_.wait();
        arguments_ = {
            {DNNL_ARG_SRC, dnnl::memory(x_desc, engine_, x_.data())},
            {DNNL_ARG_DST, dnnl::memory(y_desc, engine_, y_.data())},
            {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, dnnl::memory({{n}, type::f32, tag::a}, engine_, w_.scales.data())},
            {DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, dnnl::memory({{1}, type::f32, tag::a}, engine_, &x_scale_)},
            {DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, dnnl::memory({{1}, type::s32, tag::a}, engine_, &x_zero_)}};
    }

    void operator()() {
        arguments_[DNNL_ARG_WEIGHTS] = weights_[turn_()];
        product_.execute(stream_, arguments_);
        stream_.wait();
    }
    [[nodiscard]] std::size_t weight_bytes() const { return w_.codes.size() + w_.scales.size() * sizeof(float); }
    [[nodiscard]] double error() {
        (*this)();
        return relative_error(shape_, inputs_, y_);
    }

private:
    static std::int8_t code(float x, float scale) {
        return static_cast<std::int8_t>(std::clamp(std::nearbyint(x / scale), -127.0f, 127.0f));
    }
    static float reach(const float* x, std::size_t count) {
        float most = 0;
        for (std::size_t i = 0; i < count; ++i) most = std::max(most, std::fabs(x[i]));
        return most;
    }
    void quantize_inputs() {
        const std::size_t count = shape_.m * shape_.k;
        x_scale_ = reach(inputs_.data(), count) / 127;
        x_.resize(count);
        for (std::size_t i = 0; i < count; ++i) x_[i] = static_cast<std::uint8_t>(code(inputs_.data()[i], x_scale_) + x_zero_);
    }

    gemm_case shape_;
    lowbit::matrix<float> inputs_;
    lowbit::matrix<float> y_;
    plain_codes w_;
    std::vector<std::uint8_t> x_;
    float x_scale_ = 1;
    std::int32_t x_zero_ = 128;
    dnnl::engine engine_;
    dnnl::stream stream_;
    dnnl::matmul product_;
    std::vector<dnnl::memory> weights_;
    std::unordered_map<int, dnnl::memory> arguments_;
    turns turn_;
};

} // namespace bench
