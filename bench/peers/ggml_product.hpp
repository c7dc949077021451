// SPDX-License-Identifier: MIT
// The peer ggml: one matrix product of its CPU backend, with its repacked weight buffers where it has them for the type.
#pragma once

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "gemm_case.hpp"

namespace bench {

/// The CPU device and a way to set its threads. The backend is ggml's choice for this CPU, or the library that the environment
/// variable LOWBIT_BENCH_GGML names: with LOWBIT_ISA for ours, older levels are compared.
class ggml_cpu {
public:
    ggml_cpu() {
        if (const char* one = std::getenv("LOWBIT_BENCH_GGML")) {
            ggml_backend_load(one);
        } else {
            ggml_backend_load_all();
        }
        device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
        if (device == nullptr) throw std::runtime_error("ggml finds no CPU backend");
        backend = ggml_backend_dev_init(device, nullptr);
        ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(device);
        set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
            ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"));
        extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
            ggml_backend_reg_get_proc_address(registry, "ggml_backend_dev_get_extra_bufts"));
    }
    static ggml_cpu& instance() {
        static ggml_cpu cpu;
        return cpu;
    }

    ggml_backend_dev_t device;
    ggml_backend_t backend;
    ggml_backend_dev_get_extra_bufts_t extra;
    ggml_backend_set_n_threads_t set_threads;
};

class ggml_product {
public:
    /// `repacked`: ask for the buffer type that reorders weights at load.
    ggml_product(const gemm_case& shape, ggml_type type, bool repacked) : shape_(shape), turn_(shape.copies) {
        ggml_cpu& cpu = ggml_cpu::instance();
        if (cpu.set_threads != nullptr) cpu.set_threads(cpu.backend, static_cast<int>(shape.threads));
        const std::size_t copies = shape.copies;
        const auto k = static_cast<std::int64_t>(shape.k);
        const auto n = static_cast<std::int64_t>(shape.n);
        ggml_init_params params{};
        params.mem_size = (copies + 1) * 4 * ggml_tensor_overhead() + copies * ggml_graph_overhead();
        params.no_alloc = true;
        weight_context_ = ggml_init(params);
        work_context_ = ggml_init(params);
        ggml_tensor* x = ggml_new_tensor_2d(work_context_, GGML_TYPE_F32, k, static_cast<std::int64_t>(shape.m));
        for (std::size_t i = 0; i < copies; ++i) {
            ggml_tensor* w = ggml_new_tensor_2d(weight_context_, type, k, n);
            weights_.push_back(w);
            results_.push_back(ggml_mul_mat(work_context_, w, x));
            graphs_.push_back(ggml_new_graph(work_context_));
            ggml_build_forward_expand(graphs_.back(), results_.back());
        }
        ggml_backend_buffer_type_t weight_type = ggml_backend_dev_buffer_type(cpu.device);
        if (repacked && cpu.extra != nullptr) {
            for (ggml_backend_buffer_type_t* t = cpu.extra(cpu.device); t != nullptr && *t != nullptr; ++t) {
                if (ggml_backend_dev_supports_op(cpu.device, results_[0]) &&
                    std::strcmp(ggml_backend_buft_name(*t), "CPU_REPACK") == 0)
                    weight_type = *t;
            }
        }
        weight_buffer_ = ggml_backend_alloc_ctx_tensors_from_buft(weight_context_, weight_type);
        work_buffer_ = ggml_backend_alloc_ctx_tensors(work_context_, cpu.backend);
        if (weight_buffer_ == nullptr || work_buffer_ == nullptr) throw std::runtime_error("ggml cannot hold the tensors");

        const std::vector<std::byte>& blocks = blocks_of(shape, type);
        weight_bytes_ = blocks.size();
        for (ggml_tensor* t : weights_) ggml_backend_tensor_set(t, blocks.data(), 0, blocks.size());
        input_ = shape.inputs();
        ggml_backend_tensor_set(x, input_.data(), 0, shape.m * shape.k * sizeof(float));
    }
    ggml_product(const ggml_product&) = delete;
    ggml_product& operator=(const ggml_product&) = delete;
    ~ggml_product() {
        ggml_backend_buffer_free(weight_buffer_);
        ggml_backend_buffer_free(work_buffer_);
        ggml_free(weight_context_);
        ggml_free(work_context_);
    }

    void operator()() { ggml_backend_graph_compute(ggml_cpu::instance().backend, graphs_[turn_()]); }
    [[nodiscard]] std::size_t weight_bytes() const { return weight_bytes_; }
    [[nodiscard]] double error() {
        const std::size_t first = turn_();
        ggml_backend_graph_compute(ggml_cpu::instance().backend, graphs_[first]);
        lowbit::matrix<float> y(shape_.m, shape_.n);
        ggml_backend_tensor_get(results_[first], y.data(), 0, shape_.m * shape_.n * sizeof(float));
        return relative_error(shape_, input_, y);
    }

private:
    /// The weights of a case; made once, since some types take seconds.
    static const std::vector<std::byte>& blocks_of(const gemm_case& shape, ggml_type type) {
        static std::map<std::tuple<std::size_t, zeros, ggml_type>, std::vector<std::byte>> all;
        std::vector<std::byte>& blocks = all[{shape.n, shape.zeros, type}];
        if (blocks.empty()) {
            const auto n = static_cast<std::int64_t>(shape.n), k = static_cast<std::int64_t>(shape.k);
            blocks.resize(ggml_row_size(type, k) * shape.n);
            ggml_quantize_chunk(type, shape.weights().data(), blocks.data(), 0, n, k, nullptr);
        }
        return blocks;
    }

    gemm_case shape_;
    ggml_context* weight_context_;
    ggml_context* work_context_;
    ggml_backend_buffer_t weight_buffer_;
    ggml_backend_buffer_t work_buffer_;
    std::vector<ggml_tensor*> weights_;
    std::vector<ggml_tensor*> results_;
    std::vector<ggml_cgraph*> graphs_;
    lowbit::matrix<float> input_;
    std::size_t weight_bytes_ = 0;
    turns turn_;
};

} // namespace bench
