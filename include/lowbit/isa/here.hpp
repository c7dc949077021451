// SPDX-License-Identifier: MIT
// isa::here: the instruction-set flags of the translation unit, as a template parameter of what must not be shared.
#pragma once

#include <lowbit/core/build_flags.hpp>

namespace lowbit::inline v0::isa {

/// See build_flags.
using here = build_flags;

} // namespace lowbit::inline v0::isa
