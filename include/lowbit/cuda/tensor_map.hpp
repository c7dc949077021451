// SPDX-License-Identifier: MIT
// tensor_map: how the copy engine of sm_90 finds a box of a matrix.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <lowbit/core/error.hpp>
#include <lowbit/cuda/runtime.hpp>
#include <lowbit/isa/here.hpp>

namespace lowbit::inline v0::cuda {

/// Of a row-major matrix of numbers of 8 or 16 bits: boxes of `box_rows` rows, at most 256, and 128 bytes, their chunks of 16
/// bytes swizzled over eight rows, zeros behind the matrix's edges. `data` and `stride_bytes` are multiples of 16. The driver's
/// function is found at run time, so nothing is linked for it. Raises errc::device.
template <class Here = isa::here>
[[nodiscard]] CUtensorMap tensor_map(const void* data, std::size_t rows, std::size_t cols, std::size_t stride_bytes,
                                     std::size_t number_bytes, std::size_t box_rows) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult answer{};
    check<Here>(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &answer),
                "cudaGetDriverEntryPointByVersion");
    if (answer != cudaDriverEntryPointSuccess) raise<Here>(errc::device, "the CUDA driver has no cuTensorMapEncodeTiled");
    const auto encode = reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(found);
    CUtensorMap map{};
    const cuuint64_t extents[] = {cols, rows};
    const cuuint64_t strides[] = {stride_bytes};
    const cuuint32_t box[] = {static_cast<cuuint32_t>(128 / number_bytes), static_cast<cuuint32_t>(box_rows)};
    const cuuint32_t steps[] = {1, 1};
    const CUresult status =
        encode(&map, number_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : CU_TENSOR_MAP_DATA_TYPE_UINT16, 2,
               const_cast<void*>(data), extents, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (status != CUDA_SUCCESS) raise<Here>(errc::device, "cuTensorMapEncodeTiled: error ", static_cast<std::uint64_t>(status));
    return map;
}

} // namespace lowbit::inline v0::cuda
