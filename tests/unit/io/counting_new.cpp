// SPDX-License-Identifier: MIT
// The replaced operators new and delete behind heap_watch. Each block carries its size in front of itself.
#if defined(__SANITIZE_THREAD__)
#define LOWBIT_TEST_COUNTS_HEAP 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LOWBIT_TEST_COUNTS_HEAP 0
#endif
#endif
#ifndef LOWBIT_TEST_COUNTS_HEAP
#define LOWBIT_TEST_COUNTS_HEAP 1
#endif

#include <doctest/doctest.h>

#include "counting_new.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

namespace {

struct counters {
    bool on = false;
    std::size_t start = 0;
    std::size_t live = 0; // always counted, so that a watch may see blocks die that are older than itself
    std::size_t peak = 0;
    std::size_t count = 0;
    std::size_t failing = 0;
};
constinit thread_local counters heap;

#if LOWBIT_TEST_COUNTS_HEAP
constexpr std::size_t most = ~std::size_t{0} >> (sizeof(void*) == 8 ? 25 : 1); // half a TiB where pointers have 64 bits

struct block_head {
    void* block;
    std::size_t size;
};

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (heap.on && ++heap.count == heap.failing) return nullptr;
    alignment = std::max(alignment, alignof(std::max_align_t));
    const std::size_t lead = std::max(alignment, sizeof(block_head));
    if (size > most) return nullptr; // sanitizers end the program where malloc would say no
    void* const block = std::malloc(size + 2 * lead);
    if (block == nullptr) return nullptr;
    void* user = static_cast<char*>(block) + lead;
    std::size_t space = size + lead;
    user = std::align(alignment, size, user, space);
    static_cast<block_head*>(user)[-1] = {block, size};
    heap.live += size;
    heap.peak = std::max(heap.peak, heap.live);
    return user;
}

void release(void* user) noexcept {
    if (user == nullptr) return;
    const block_head head = static_cast<block_head*>(user)[-1];
    heap.live -= head.size;
    std::free(head.block);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    if (void* const user = allocate(size, alignment)) return user;
#if defined(__cpp_exceptions)
    throw std::bad_alloc();
#else
    std::abort();
#endif
}

constexpr std::size_t usual = alignof(std::max_align_t);

#endif

} // namespace

#if LOWBIT_TEST_COUNTS_HEAP
void* operator new(std::size_t size) { return allocate_or_throw(size, usual); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, usual); }
void* operator new(std::size_t size, std::align_val_t a) { return allocate_or_throw(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return allocate_or_throw(size, static_cast<std::size_t>(a)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, usual); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, usual); }
void* operator new(std::size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(size, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(size, static_cast<std::size_t>(a));
}
void operator delete(void* user) noexcept { release(user); }
void operator delete[](void* user) noexcept { release(user); }
void operator delete(void* user, std::size_t) noexcept { release(user); }
void operator delete[](void* user, std::size_t) noexcept { release(user); }
void operator delete(void* user, std::align_val_t) noexcept { release(user); }
void operator delete[](void* user, std::align_val_t) noexcept { release(user); }
void operator delete(void* user, std::size_t, std::align_val_t) noexcept { release(user); }
void operator delete[](void* user, std::size_t, std::align_val_t) noexcept { release(user); }
void operator delete(void* user, const std::nothrow_t&) noexcept { release(user); }
void operator delete[](void* user, const std::nothrow_t&) noexcept { release(user); }
void operator delete(void* user, std::align_val_t, const std::nothrow_t&) noexcept { release(user); }
void operator delete[](void* user, std::align_val_t, const std::nothrow_t&) noexcept { release(user); }

#endif

namespace lowbit_test {

bool heap_watch::possible() {
    if (!LOWBIT_TEST_COUNTS_HEAP) MESSAGE("skipped: this build cannot count what is allocated");
    return LOWBIT_TEST_COUNTS_HEAP != 0;
}

heap_watch::heap_watch(std::size_t failing) noexcept {
    heap.start = heap.live;
    heap.peak = heap.live;
    heap.count = 0;
    heap.failing = failing;
    heap.on = true;
}
heap_watch::~heap_watch() { heap.on = false; }

std::size_t heap_watch::peak() const noexcept { return heap.peak - heap.start; }
std::size_t heap_watch::live() const noexcept { return heap.live - heap.start; }
std::size_t heap_watch::allocations() const noexcept { return heap.count; }

} // namespace lowbit_test
