// SPDX-License-Identifier: MIT
// Work on all threads whose results are wanted one after the other.
#pragma once

#include "interrupt.hpp"

#include "../common/workers.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>

namespace demo {

/// Calls work(i, room, take) for each i below `count`, on all threads at once; each has a Room of its own. When a piece of work
/// is ready it calls take(f): f() then runs after that of i - 1 and before that of i + 1, while others work already on what comes
/// later. No thread is set aside to read or to write, so none waits while there is something to do. The first failure in order of
/// i ends it all and is thrown, as is a signal.
template <class Room, class Work>
void in_order(workers& pool, std::size_t count, Work work) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::condition_variable moved;
    std::size_t turn = 0;
    std::exception_ptr failure;

    const auto take_turn = [&](std::size_t i, auto f) {
        std::unique_lock lock(mutex);
        moved.wait(lock, [&] { return turn == i || failure; });
        if (failure) return;
        try {
            stop_if_interrupted();
            f();
            ++turn;
        } catch (...) {
            failure = std::current_exception();
            next = count;
        }
        moved.notify_all();
    };
    pool.parallel_for(pool.concurrency(), [&](std::size_t) noexcept {
        Room room;
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                work(i, room, [&](auto f) { take_turn(i, f); });
            } catch (...) {
                take_turn(i, [caught = std::current_exception()] { std::rethrow_exception(caught); });
            }
        }
    });
    if (failure) std::rethrow_exception(failure);
}

} // namespace demo
