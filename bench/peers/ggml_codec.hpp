// SPDX-License-Identifier: MIT
// The peer ggml's encoders and decoders, one thread: ggml_quantize_chunk, the CPU backend's from_float (through a copy),
// to_float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ggml_product.hpp"

namespace bench {

inline std::vector<std::byte> ggml_blocks(ggml_type type, const lowbit::matrix<float>& w) {
    const auto k = static_cast<std::int64_t>(w.cols());
    std::vector<std::byte> blocks(ggml_row_size(type, k) * w.rows());
    ggml_quantize_chunk(type, w.data(), blocks.data(), 0, static_cast<std::int64_t>(w.rows()), k, nullptr);
    return blocks;
}

inline void ggml_to_float(ggml_type type, const std::vector<std::byte>& blocks, lowbit::matrix<float>& to) {
    const auto k = static_cast<std::int64_t>(to.cols());
    const auto* traits = ggml_get_type_traits(type);
    for (std::size_t i = 0; i < to.rows(); ++i) traits->to_float(blocks.data() + i * ggml_row_size(type, k), to.row(i).data(), k);
}

/// The CPU backend's from_float, which its copies run a row at a time.
class ggml_copy {
public:
    ggml_copy(ggml_type to, const lowbit::matrix<float>& w) {
        ggml_cpu& cpu = ggml_cpu::instance();
        if (cpu.set_threads != nullptr) cpu.set_threads(cpu.backend, 1);
        ggml_init_params params{};
        params.mem_size = 4 * ggml_tensor_overhead() + ggml_graph_overhead();
        params.no_alloc = true;
        context_ = ggml_init(params);
        const auto k = static_cast<std::int64_t>(w.cols());
        const auto n = static_cast<std::int64_t>(w.rows());
        ggml_tensor* from = ggml_new_tensor_2d(context_, GGML_TYPE_F32, k, n);
        result_ = ggml_cpy(context_, from, ggml_new_tensor_2d(context_, to, k, n));
        graph_ = ggml_new_graph(context_);
        ggml_build_forward_expand(graph_, result_);
        buffer_ = ggml_backend_alloc_ctx_tensors(context_, cpu.backend);
        if (buffer_ == nullptr) throw std::runtime_error("ggml cannot hold the tensors");
        ggml_backend_tensor_set(from, w.data(), 0, w.rows() * w.cols() * sizeof(float));
    }
    ggml_copy(const ggml_copy&) = delete;
    ggml_copy& operator=(const ggml_copy&) = delete;
    ~ggml_copy() {
        ggml_backend_buffer_free(buffer_);
        ggml_free(context_);
    }

    void operator()() { ggml_backend_graph_compute(ggml_cpu::instance().backend, graph_); }
    [[nodiscard]] std::vector<std::byte> blocks() const {
        std::vector<std::byte> bytes(ggml_nbytes(result_));
        ggml_backend_tensor_get(result_, bytes.data(), 0, bytes.size());
        return bytes;
    }

private:
    ggml_context* context_;
    ggml_tensor* result_;
    ggml_cgraph* graph_;
    ggml_backend_buffer_t buffer_;
};

} // namespace bench
