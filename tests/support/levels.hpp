// SPDX-License-Identifier: MIT
// each_level: runs a check at every level of this architecture, one after the other, and says which this machine lacks.
#pragma once

#include <cstdio>
#include <set>
#include <string_view>

#include <doctest/doctest.h>

#include <lowbit/isa/active.hpp>

namespace lowbit_test {

/// Whether a level runs here; says so once in a program.
inline bool runs(lowbit::isa::level l) {
    static std::set<lowbit::isa::level> told;
    const bool here = lowbit::isa::supported(l);
    if (told.insert(l).second) {
        const std::string_view name = lowbit::isa::name(l);
        std::printf(here ? "level %.*s: runs\n" : "level %.*s: SKIPPED, this machine cannot run it\n",
                    static_cast<int>(name.size()), name.data());
    }
    return here;
}

/// Whether a level has fused multiply-adds, and so owes the bits of every other one that has. Scalar has std::fma.
constexpr bool is_fused(lowbit::isa::level l) {
#if defined(__FMA__) || defined(__aarch64__)
    constexpr bool baseline_is_fused = true;
#else
    constexpr bool baseline_is_fused = false;
#endif
    return l != lowbit::isa::level::baseline || baseline_is_fused;
}

/// Calls check(level) with that level forced, at every level that runs here.
template <class F>
void each_level(F&& check) {
    int ran = 0;
    for (const lowbit::isa::level l : lowbit::isa::levels) {
        if (!runs(l)) continue;
        const lowbit::isa::scoped_level force{l};
        const std::string_view name = lowbit::isa::name(l);
        CAPTURE(name);
        check(l);
        ++ran;
    }
    CHECK(ran >= 2); // scalar and baseline run everywhere
}

} // namespace lowbit_test
