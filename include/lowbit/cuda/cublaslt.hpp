// SPDX-License-Identifier: MIT
// cublaslt: cuBLASLt as the dense product of a stream_ref. Link CUDA::cublasLt.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <cublasLt.h>

#include <lowbit/core/error.hpp>
#include <lowbit/cuda/runtime.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0::cuda {

/// Raises errc::device where a call of cuBLAS did not succeed, with its sentence.
template <class Here = isa::here>
void check(cublasStatus_t status, const char* call) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    static_cast<void>(cudaGetLastError()); // reported here, not to who asks next
    raise<Here>(errc::device, call, ": ", cublasLtGetStatusString(status));
}

/// A handle of cuBLASLt for the device that is current when it is made. `workspace`: what its algorithms may use; NVIDIA
/// advises 32 MiB for Hopper. May be shared by threads. It asks cuBLASLt for an algorithm at each call, so before a stream is
/// captured into a graph a product should have run once.
class cublaslt final : public dense_product {
public:
    explicit cublaslt(std::size_t workspace = std::size_t{32} << 20) : workspace_(workspace) {
        check(cublasLtCreate(&handle_), "cublasLtCreate");
    }
    cublaslt(const cublaslt&) = delete;
    cublaslt& operator=(const cublaslt&) = delete;
    ~cublaslt() override { static_cast<void>(cublasLtDestroy(handle_)); }

    [[nodiscard]] std::size_t workspace_bytes() const noexcept override { return workspace_; }

    void multiply(cudaStream_t stream, const operands& o, void* workspace) const override {
        // By columns, as cuBLAS counts, Y is N x M: the transpose of W, which stands as K x N, times X, which stands as K x M.
        const cudaDataType_t number = o.bfloat16 ? CUDA_R_16BF : CUDA_R_16F;
        owner<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> how;
        check(cublasLtMatmulDescCreate(&how.it, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
        const cublasOperation_t transpose = CUBLAS_OP_T;
        check(cublasLtMatmulDescSetAttribute(how.it, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof(transpose)),
              "cublasLtMatmulDescSetAttribute");
        const layout w(number, o.k, o.n, o.w_stride);
        const layout x(number, o.k, o.m, o.x_stride);
        const layout y(o.float_result ? CUDA_R_32F : number, o.n, o.m, o.y_stride);
        owner<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> wish;
        check(cublasLtMatmulPreferenceCreate(&wish.it), "cublasLtMatmulPreferenceCreate");
        const auto want = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
            check(cublasLtMatmulPreferenceSetAttribute(wish.it, what, &value, sizeof(value)),
                  "cublasLtMatmulPreferenceSetAttribute");
        };
        want(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_);
        // parts of K are added up as floats, also where y is narrower
        want(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
        want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(o.w));
        want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(o.x));
        want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(o.y));
        want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(o.y));
        cublasLtMatmulHeuristicResult_t best{};
        int found = 0;
        check(cublasLtMatmulAlgoGetHeuristic(handle_, how.it, w.it, x.it, y.it, y.it, wish.it, 1, &best, &found),
              "cublasLtMatmulAlgoGetHeuristic");
        if (found == 0)
            raise(errc::device, "cuBLASLt has no algorithm for a product of ", o.m, " x ", o.k, " and ", o.n, " x ", o.k);
        const float one = 1.0f, zero = 0.0f;
        check(cublasLtMatmul(handle_, how.it, &one, o.w, w.it, o.x, x.it, &zero, o.y, y.it, o.y, y.it, &best.algo, workspace,
                             workspace_, stream),
              "cublasLtMatmul");
    }

private:
    template <class Handle, auto Destroy>
    struct owner {
        Handle it = nullptr;
        owner() = default;
        owner(const owner&) = delete;
        owner& operator=(const owner&) = delete;
        ~owner() {
            if (it != nullptr) static_cast<void>(Destroy(it));
        }
    };
    struct layout : owner<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy> {
        layout(cudaDataType_t type, std::size_t rows, std::size_t cols, std::size_t stride) {
            check(cublasLtMatrixLayoutCreate(&this->it, type, rows, cols, static_cast<std::int64_t>(stride)),
                  "cublasLtMatrixLayoutCreate");
        }
    };
    /// The largest power of two, at most 256, that divides an address: cuBLASLt takes 256 for granted otherwise.
    [[nodiscard]] static std::uint32_t alignment(const void* p) noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(p);
        return static_cast<std::uint32_t>(std::min<std::uintptr_t>(address & (~address + 1), 256));
    }

    cublasLtHandle_t handle_ = nullptr;
    std::size_t workspace_;
};

} // namespace lowbit::inline v0::cuda
