// SPDX-License-Identifier: MIT
// The executor over OpenMP, where the tests are compiled with it.
#include <doctest/doctest.h>

#include <lowbit/exec/openmp.hpp>

#include "any_pool.hpp"

TEST_CASE("OpenMP") {
#if defined(_OPENMP)
    for (const int threads : {1, 2, 4}) {
        lowbit::exec::openmp pool(threads);
        CHECK(pool.concurrency() == static_cast<std::size_t>(threads));
        lowbit_test::check_executor(lowbit_test::any_pool(pool));
    }
    CHECK(lowbit::exec::openmp().concurrency() >= 1);
#else
    MESSAGE("SKIPPED: compiled without OpenMP");
#endif
}
