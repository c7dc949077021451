// SPDX-License-Identifier: MIT
// Executors: where work runs. lowbit starts no thread of its own; the caller lends a pool.
#pragma once

#include <concepts>
#include <cstddef>

namespace lowbit::inline v0::exec {

/// The calling thread alone.
struct serial {
    [[nodiscard]] static constexpr std::size_t concurrency() noexcept { return 1; }
    template <class F>
    static constexpr void parallel_for(std::size_t n, F&& f) {
        for (std::size_t i = 0; i < n; ++i) f(i);
    }
};

} // namespace lowbit::inline v0::exec

namespace lowbit::inline v0 {

/// A pool: `parallel_for(n, f)` calls f(i) once for each i in [0, n), in any order and on any threads, and returns when
/// all have returned. `concurrency()` is how many run at once.
template <class Pool>
concept executor = requires(Pool& pool, std::size_t n, void (*f)(std::size_t)) {
    { pool.concurrency() } -> std::convertible_to<std::size_t>;
    pool.parallel_for(n, f);
};

/// Names the place where a call runs: the first argument of quantize, gemm and others.
template <class Where>
struct on_t {
    Where* where;
};

/// Runs a call on `pool`, which must outlive the call.
template <executor Pool>
[[nodiscard]] constexpr on_t<Pool> on(Pool& pool) noexcept {
    return {&pool};
}

namespace detail {

inline exec::serial the_calling_thread; // stateless: only its address is taken

constexpr on_t<exec::serial> here_and_now() noexcept { return {&the_calling_thread}; }

/// Splits [0, n) into at most `concurrency * 4` runs of about `grain` indices or more, none below half of that unless n is; calls
/// f(first, last) for each.
template <class Pool, class F>
constexpr void for_ranges(on_t<Pool> on, std::size_t n, std::size_t grain, F&& f) {
    const auto threads = static_cast<std::size_t>(on.where->concurrency());
    std::size_t runs = threads > 1 ? threads * 4 : 1;
    const std::size_t most = grain == 0 ? n : (n + grain - 1) / grain;
    if (runs > most) runs = most;
    if (runs <= 1) {
        if (n != 0) f(std::size_t{0}, n);
        return;
    }
    on.where->parallel_for(
        runs, [&](std::size_t i) { f(n / runs * i + n % runs * i / runs, n / runs * (i + 1) + n % runs * (i + 1) / runs); });
}

} // namespace detail

} // namespace lowbit::inline v0
