// SPDX-License-Identifier: MIT
// The peer oneDNN: its matmul primitive with sparse float weights in compressed rows.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "gemm_case.hpp"

namespace bench {

/// Y^T = W * X^T: only a first operand in compressed rows has a kernel. X is transposed before the clock starts, Y is left so.
class onednn_sparse_product {
    using type = dnnl::memory::data_type;
    using tag = dnnl::memory::format_tag;

public:
    explicit onednn_sparse_product(const gemm_case& shape)
        : shape_(shape), inputs_(shape.inputs()), x_(shape.k, shape.m), y_(shape.n, shape.m), engine_(dnnl::engine::kind::cpu, 0),
          stream_(engine_), turn_(shape.copies) {
#if defined(_OPENMP)
        omp_set_num_threads(static_cast<int>(shape.threads));
#endif
        for (std::size_t i = 0; i < shape.m; ++i) {
            for (std::size_t k = 0; k < shape.k; ++k) x_(k, i) = inputs_(i, k);
        }
        compressed one;
        const auto& w = shape.weights();
        for (std::size_t j = 0; j < shape.n; ++j) {
            for (std::size_t k = 0; k < shape.k; ++k) {
                if (w(j, k) == 0) continue;
                one.values.push_back(w(j, k));
                one.columns.push_back(static_cast<std::int32_t>(k));
            }
            one.rows.push_back(static_cast<std::int32_t>(one.values.size()));
        }
        weights_.assign(shape.copies, one);

        const auto m = static_cast<dnnl::memory::dim>(shape.m), n = static_cast<dnnl::memory::dim>(shape.n);
        const auto k = static_cast<dnnl::memory::dim>(shape.k), count = static_cast<dnnl::memory::dim>(one.values.size());
        const auto w_desc = dnnl::memory::desc::csr({n, k}, type::f32, count, type::s32, type::s32);
        const dnnl::memory::desc x_desc({k, m}, type::f32, tag::ab), y_desc({n, m}, type::f32, tag::ab);
        product_ = dnnl::matmul(dnnl::matmul::primitive_desc(engine_, w_desc, x_desc, y_desc));
        for (compressed& c : weights_)
            operands_.emplace_back(w_desc, engine_, std::vector<void*>{c.values.data(), c.columns.data(), c.rows.data()});
        arguments_ = {{DNNL_ARG_WEIGHTS, dnnl::memory(x_desc, engine_, x_.data())},
                      {DNNL_ARG_DST, dnnl::memory(y_desc, engine_, y_.data())}};
    }

    void operator()() {
        arguments_[DNNL_ARG_SRC] = operands_[turn_()];
        product_.execute(stream_, arguments_);
        stream_.wait();
    }
    [[nodiscard]] std::size_t weight_bytes() const {
        const compressed& c = weights_[0];
        return c.values.size() * (sizeof(float) + sizeof(std::int32_t)) + c.rows.size() * sizeof(std::int32_t);
    }
    [[nodiscard]] double error() {
        (*this)();
        lowbit::matrix<float> y(shape_.m, shape_.n);
        for (std::size_t i = 0; i < shape_.m; ++i) {
            for (std::size_t j = 0; j < shape_.n; ++j) y(i, j) = y_(j, i);
        }
        return relative_error(shape_, inputs_, y);
    }

private:
    struct compressed {
        std::vector<float> values;
        std::vector<std::int32_t> columns, rows{0};
    };

    gemm_case shape_;
    lowbit::matrix<float> inputs_;
    lowbit::matrix<float> x_;
    lowbit::matrix<float> y_;
    dnnl::engine engine_;
    dnnl::stream stream_;
    dnnl::matmul product_;
    std::vector<compressed> weights_;
    std::vector<dnnl::memory> operands_;
    std::unordered_map<int, dnnl::memory> arguments_;
    turns turn_;
};

} // namespace bench
