// SPDX-License-Identifier: MIT
// extern_rows: for programs of many translation units. Where this is included, the row kernels are not compiled: one translation
// unit, built with the same flags, includes instantiate_rows.hpp. With other flags the linker misses a symbol that names them.
#pragma once

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/kernel/rows/rows.hpp>

namespace lowbit::inline v0::kernel {

extern template const row_kernels& rows<isa::here>(isa::level l) noexcept;

} // namespace lowbit::inline v0::kernel
