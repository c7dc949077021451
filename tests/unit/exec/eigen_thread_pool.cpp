// SPDX-License-Identifier: MIT
// The executor over a pool of Eigen's.
#include <doctest/doctest.h>

#include <lowbit/exec/eigen_thread_pool.hpp>

#include "any_pool.hpp"

TEST_CASE("Eigen's thread pool") {
    for (const int threads : {1, 2, 4}) {
        Eigen::ThreadPool threads_of_eigen(threads);
        lowbit::exec::eigen_thread_pool pool(threads_of_eigen);
        CHECK(pool.concurrency() == static_cast<std::size_t>(threads));
        lowbit_test::check_executor(lowbit_test::any_pool(pool));
    }
}
