// SPDX-License-Identifier: MIT
// The library's part for NVIDIA GPUs, for .cu files: upload, download, quantize, dequantize_into, and gemm on a stream. Large
// batches through cuBLASLt: <lowbit/cuda/cublaslt.hpp>, which needs -lcublasLt.
#pragma once

#include <lowbit/cuda/device_matrix.hpp>
#include <lowbit/cuda/device_rows.hpp>
#include <lowbit/cuda/epilogue.hpp>
#include <lowbit/cuda/matmul.hpp>
#include <lowbit/cuda/quantize.hpp>
#include <lowbit/cuda/runtime.hpp>
