// SPDX-License-Identifier: MIT
// openmp: an executor over an OpenMP parallel loop, for programs that are compiled with OpenMP.
#pragma once

#include <cstddef>

#if defined(_OPENMP)

#include <omp.h>

namespace lowbit::inline v0::exec {

/// Runs work in an OpenMP team of `threads`, or of OpenMP's own choice when 0. What f throws must not leave f.
class openmp {
public:
    explicit openmp(int threads = 0) noexcept : threads_(threads > 0 ? threads : omp_get_max_threads()) {}

    [[nodiscard]] std::size_t concurrency() const noexcept { return static_cast<std::size_t>(threads_); }

    template <class F>
    void parallel_for(std::size_t n, F&& f) const {
        const auto count = static_cast<std::ptrdiff_t>(n);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
        for (std::ptrdiff_t i = 0; i < count; ++i) f(static_cast<std::size_t>(i));
    }

private:
    int threads_;
};

} // namespace lowbit::inline v0::exec

#endif
