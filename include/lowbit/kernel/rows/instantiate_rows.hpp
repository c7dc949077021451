// SPDX-License-Identifier: MIT
// instantiate_rows: the row kernels of all levels, compiled here for every translation unit that includes extern_rows.hpp.
#pragma once

#include <lowbit/kernel/rows/extern_rows.hpp>

namespace lowbit::inline v0::kernel {

template const row_kernels& rows<isa::here>(isa::level l) noexcept;

} // namespace lowbit::inline v0::kernel
