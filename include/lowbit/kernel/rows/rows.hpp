// SPDX-License-Identifier: MIT
// rows: the row kernels of a level.
#pragma once

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/kernel/rows/avx2.hpp>
#include <lowbit/kernel/rows/avx512.hpp>
#include <lowbit/kernel/rows/baseline.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/kernel/rows/scalar.hpp>

namespace lowbit::inline v0::kernel {

/// The row kernels that run at a level; this machine must support it. Dot products have no use here, so avxvnni runs
/// avx2's, avx512vnni runs avx512's, and the levels of AArch64 run the baseline's.
template <class Here = isa::here>
[[nodiscard]] const row_kernels& rows(isa::level l) noexcept {
    using isa::level;
    switch (l) {
    case level::scalar: return scalar::row_body<scalar::row_ops<Here>>::table;
#if LOWBIT_HAS_X86
    case level::avx2:
    case level::avxvnni: return avx2::row_body<avx2::row_ops<Here>>::table;
    case level::avx512:
    case level::avx512vnni: return avx512::row_body<avx512::row_ops<Here>>::table;
#endif
    default: return baseline::row_body<baseline::row_ops<>>::table;
    }
}

#if defined(LOWBIT_EXTERN_KERNELS)
extern template const row_kernels& rows<isa::here>(isa::level l) noexcept;
#endif

} // namespace lowbit::inline v0::kernel
