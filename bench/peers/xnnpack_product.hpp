// SPDX-License-Identifier: MIT
// The peer XNNPACK: its fully connected operators for weights of 8 and 4 bits, behind the operator that quantizes their inputs.
#pragma once

#include <pthreadpool.h>
#include <xnnpack.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "gemm_case.hpp"
#include "peers/plain_codes.hpp"

namespace bench {

constexpr float no_limit = std::numeric_limits<float>::infinity();

/// 8-bit weights with a scale for each output.
struct qd8_f32_qc8w {
    static constexpr int bits = 8;
    static constexpr std::size_t group = 0;
    static constexpr auto reshape = xnn_reshape_fully_connected_nc_qd8_f32_qc8w;
    static constexpr auto setup = xnn_setup_fully_connected_nc_qd8_f32_qc8w;
    static xnn_status create(const gemm_case& s, const plain_codes& w, xnn_operator_t* made) {
        return xnn_create_fully_connected_nc_qd8_f32_qc8w(s.k, s.n, s.k, s.n, w.scales.data(), w.codes.data(), nullptr, -no_limit,
                                                          no_limit, 0, nullptr, nullptr, made);
    }
};

/// 4-bit weights with a scale for each output.
struct qd8_f32_qc4w {
    static constexpr int bits = 4;
    static constexpr std::size_t group = 0;
    static constexpr auto reshape = xnn_reshape_fully_connected_nc_qd8_f32_qc4w;
    static constexpr auto setup = xnn_setup_fully_connected_nc_qd8_f32_qc4w;
    static xnn_status create(const gemm_case& s, const plain_codes& w, xnn_operator_t* made) {
        return xnn_create_fully_connected_nc_qd8_f32_qc4w(s.k, s.n, s.k, s.n, 8, w.scales.data(), w.excess(4).data(), nullptr,
                                                          -no_limit, no_limit, 0, nullptr, nullptr, made);
    }
};

/// 4-bit weights with a bfloat16 scale for each group.
template <std::size_t Group>
struct qd8_f32_qb4w {
    static constexpr int bits = 4;
    static constexpr std::size_t group = Group;
    static constexpr auto reshape = xnn_reshape_fully_connected_nc_qd8_f32_qb4w;
    static constexpr auto setup = xnn_setup_fully_connected_nc_qd8_f32_qb4w;
    static xnn_status create(const gemm_case& s, const plain_codes& w, xnn_operator_t* made) {
        const std::vector<lowbit::bfloat16> scales(w.scales.begin(), w.scales.end());
        return xnn_create_fully_connected_nc_qd8_f32_qb4w(
            s.k, s.n, s.k, s.n, group, 8, reinterpret_cast<const std::uint16_t*>(scales.data()), w.excess(4).data(), nullptr,
            -no_limit, no_limit, 0, nullptr, nullptr, made);
    }
};

template <class Operation>
class xnnpack_product {
public:
    explicit xnnpack_product(const gemm_case& shape)
        : shape_(shape), x_(shape.inputs()), y_(shape.m, shape.n), codes_(shape.m * shape.k + XNN_EXTRA_BYTES),
          parameters_(shape.m + XNN_EXTRA_QUANTIZATION_PARAMS),
          pool_(shape.threads > 1 ? pthreadpool_create(shape.threads) : nullptr, pthreadpool_destroy), turn_(shape.copies) {
        check(xnn_initialize(nullptr));
        convert_ = created([](xnn_operator_t* made) { return xnn_create_convert_nc_f32_qd8(0, made); });
        check(xnn_reshape_convert_nc_f32_qd8(convert_.get(), shape.m, shape.k, shape.k, shape.k, pool_.get()));
        check(xnn_setup_convert_nc_f32_qd8(convert_.get(), x_.data(), codes_.data(), parameters_.data()));
        const auto& weights = plain_codes::of(shape, Operation::bits, Operation::group == 0 ? shape.k : Operation::group);
        for (std::size_t i = 0; i < shape.copies; ++i) {
            products_.push_back(created([&](xnn_operator_t* made) { return Operation::create(shape, weights, made); }));
            check(Operation::reshape(products_.back().get(), shape.m, pool_.get()));
            check(Operation::setup(products_.back().get(), codes_.data(), y_.data(), parameters_.data()));
        }
        weight_bytes_ = weights.codes.size() * Operation::bits / 8 + weights.scales.size() * (Operation::group == 0 ? 4 : 2);
    }

    void operator()() {
        xnn_run_operator(convert_.get(), pool_.get());
        xnn_run_operator(products_[turn_()].get(), pool_.get());
    }
    [[nodiscard]] std::size_t weight_bytes() const { return weight_bytes_; }
    [[nodiscard]] double error() {
        (*this)();
        return relative_error(shape_, x_, y_);
    }

private:
    using operation = std::unique_ptr<xnn_operator, decltype(&xnn_delete_operator)>;

    template <class Create>
    static operation created(Create create) {
        xnn_operator_t made = nullptr;
        check(create(&made));
        return {made, xnn_delete_operator};
    }
    static void check(xnn_status status) {
        if (status != xnn_status_success) throw std::runtime_error("XNNPACK refuses, status " + std::to_string(status));
    }

    gemm_case shape_;
    lowbit::matrix<float> x_;
    lowbit::matrix<float> y_;
    std::vector<std::int8_t> codes_;
    std::vector<xnn_quantization_params> parameters_;
    std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> pool_;
    operation convert_{nullptr, xnn_delete_operator};
    std::vector<operation> products_;
    std::size_t weight_bytes_ = 0;
    turns turn_;
};

} // namespace bench
