// SPDX-License-Identifier: MIT
// instantiate_kernels: the kernels that translation units with LOWBIT_EXTERN_KERNELS do not compile, for one without it to
// include, built with the same flags. With other flags the linker misses symbols that name them.
#pragma once

#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/registry.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/kernel/rows/rows.hpp>

namespace lowbit::inline v0::kernel {

template const row_kernels& rows<isa::here>(isa::level l) noexcept;
template const level_product<product_key{.bits = 8}>& select<product_key{.bits = 8}, isa::here>(isa::level l) noexcept;
template const level_product<product_key{.bits = 4}>& select<product_key{.bits = 4}, isa::here>(isa::level l) noexcept;

} // namespace lowbit::inline v0::kernel
