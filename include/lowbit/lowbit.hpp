// SPDX-License-Identifier: MIT
// The library for a CPU, without Eigen: policies, quantize, pack, gemm. Opt-in parts: eigen.hpp, calibrate.hpp, io.hpp, cuda.hpp.
#pragma once

#include <lowbit/core/expected.hpp>
#include <lowbit/core/matrix.hpp>
#include <lowbit/core/view.hpp>
#include <lowbit/exec/executor.hpp>
#include <lowbit/exec/openmp.hpp>
#include <lowbit/fwd.hpp>
#include <lowbit/gemm/epilogue.hpp>
#include <lowbit/gemm/explain.hpp>
#include <lowbit/gemm/gemm.hpp>
#include <lowbit/gemm/integer_gemm.hpp>
#include <lowbit/gemm/packed_cache.hpp>
#include <lowbit/gemm/packed_matrix.hpp>
#include <lowbit/isa/active.hpp>
#include <lowbit/numeric/rounding.hpp>
#include <lowbit/policy/policy.hpp>
#include <lowbit/policy/presets.hpp>
#include <lowbit/prune/criteria.hpp>
#include <lowbit/prune/cubic_schedule.hpp>
#include <lowbit/prune/keep_mask.hpp>
#include <lowbit/prune/movement_scores.hpp>
#include <lowbit/quantize/any_matrix.hpp>
#include <lowbit/quantize/constant.hpp>
#include <lowbit/quantize/error_report.hpp>
#include <lowbit/quantize/quantize.hpp>
#include <lowbit/quantize/scale_rule.hpp>
#include <lowbit/version.hpp>
