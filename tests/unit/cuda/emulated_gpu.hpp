// SPDX-License-Identifier: MIT
// emulated_gpu: runs the body of a kernel on the host, every thread of a block a fiber, block after block. Barriers, ldmatrix and
// mma wait for the threads that they need on a device, so a barrier that one thread misses hangs here as well, and is reported. A
// warp runs as far as it can before another does, so that who misses a barrier meets what a fast or a slow warp leaves; addresses
// in shared memory are held to their bounds and their alignment.
#pragma once

#include "emulated_mma.hpp"

#include <lowbit/cuda/ptx.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

namespace lowbit_test {

/// When copies to shared memory land that a thread waits for: when it does, or at once. The first warps and lanes are the fast
/// ones, or the last ones.
enum class timing { late, early };

/// The larger of two errors, of which no number is the largest of all: std::max forgets it.
inline double larger(double a, double b) { return a <= b || b != b ? b : a; }

class emulated_block {
public:
    emulated_block(int threads, int block, int blocks, int slice, timing when = timing::late)
        : block_(block), blocks_(blocks), slice_(slice), when_(when) {
        whole_.size = threads;
        warps_.resize(static_cast<std::size_t>(threads / 32));
        fibers_.resize(static_cast<std::size_t>(threads));
        wide.resize(static_cast<std::size_t>(threads));
        bundles_.resize(static_cast<std::size_t>(threads), {{}});
    }

    /// Runs f(thread) as every thread, to the end.
    void run(const std::function<void(int)>& f) {
        for (std::size_t t = 0; t < fibers_.size(); ++t) {
            fiber& one = fibers_[t];
            one.stack = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
            getcontext(&one.context);
            one.context.uc_stack.ss_sp = one.stack.get();
            one.context.uc_stack.ss_size = stack_bytes;
            one.context.uc_link = &scheduler_;
            makecontext(&one.context, reinterpret_cast<void (*)()>(&emulated_block::enter), 0);
        }
        f_ = &f;
        for (std::size_t left = fibers_.size(), idle = 0; left != 0;) {
            bool moved = false;
            for (std::size_t first = 0; first < fibers_.size(); first += 32) {
                do {
                    progress_ = false;
                    for (std::size_t t = first; t < first + 32; ++t) left -= resumed_to_end(t);
                    moved = moved || progress_;
                } while (progress_);
            }
            for (const auto& copy : copies) copy(); // they land late, so that who does not wait reads what was there before
            moved = moved || !copies.empty();
            copies.clear();
            idle = moved ? 0 : idle + 1;
            if (idle > 2) {
                std::printf("emulated GPU: threads wait for a barrier that others have left\n");
                std::abort();
            }
        }
    }

    /// Lets other threads run, until something has happened.
    void pass() { swapcontext(&fibers_[current_].context, &scheduler_); }
    void happened() { progress_ = true; }
    std::vector<std::function<void()>> copies; ///< under way
    std::byte* shared = nullptr;
    std::size_t shared_bytes = 0;
    /// An access to shared memory: a device traps where it is not aligned, and reads what is another's beyond the end.
    void touches(const std::byte* at, std::size_t bytes) const {
        const auto offset = static_cast<std::size_t>(at - shared);
        if (at >= shared && offset % bytes == 0 && offset + bytes <= shared_bytes) return;
        std::printf("emulated GPU: %zu bytes of shared memory at %td of %zu\n", bytes, at - shared, shared_bytes);
        std::abort();
    }
    [[nodiscard]] timing when() const { return when_; }

    struct barrier {
        int size = 32;
        int arrived = 0;
        std::size_t phase = 0;
    };
    void wait(barrier& b) {
        const std::size_t phase = b.phase;
        if (++b.arrived == b.size) {
            b.arrived = 0;
            ++b.phase;
            progress_ = true;
        }
        while (b.phase == phase) pass();
    }

    struct warp {
        barrier all;
        const void* rows[32]{};
        std::uint32_t given[32]{};
        std::uint32_t a[32][4]{};
        std::uint32_t b[32][4]{};
        std::uint32_t kept[32]{};
    };
    /// Products that a thread has started and not waited for, and how many make each group.
    struct products {
        struct one {
            void* d;
            const std::uint32_t (*a)[4];
            std::uint64_t b;
            bool accumulate;
            const std::uint32_t* kept; ///< of a sparse A, and which lanes hold it; else null
            int selector;
            void (*finish)(emulated_block&, int thread, std::size_t index);
        };
        std::deque<one> issued;
        std::deque<std::size_t> groups;
        std::size_t committed = 0;
        bool fenced = false; ///< since the last one was started
    };
    std::vector<products> wide; ///< of each thread
    barrier named[16];
    /// Copies of a thread to shared memory that nobody waited for yet, in bundles; the last one is open. `from` null: zeros.
    struct late_copy {
        std::byte* to;
        const void* from;
    };
    std::deque<std::vector<late_copy>>& bundles(int thread) { return bundles_[static_cast<std::size_t>(thread)]; }
    barrier& whole() { return whole_; }
    warp& of(int thread) { return warps_[static_cast<std::size_t>(thread / 32)]; }
    [[nodiscard]] int block() const { return block_; }
    [[nodiscard]] int blocks() const { return blocks_; }
    [[nodiscard]] int slice() const { return slice_; }

private:
    static constexpr std::size_t stack_bytes = 256 << 10;
    struct fiber {
        ucontext_t context{};
        std::unique_ptr<std::byte[]> stack;
        bool done = false;
    };
    /// Runs a thread until it waits; 1 where that was its end.
    std::size_t resumed_to_end(std::size_t t) {
        if (when_ == timing::early) t = fibers_.size() - 1 - t;
        if (fibers_[t].done) return 0;
        running_ = this;
        current_ = t;
        swapcontext(&scheduler_, &fibers_[t].context);
        progress_ = progress_ || fibers_[t].done;
        return fibers_[t].done ? 1 : 0;
    }
    static void enter() {
        emulated_block& self = *running_;
        const std::size_t me = self.current_;
        (*self.f_)(static_cast<int>(me));
        self.fibers_[me].done = true;
    }

    inline static emulated_block* running_ = nullptr;
    ucontext_t scheduler_{};
    std::vector<fiber> fibers_;
    std::vector<warp> warps_;
    std::vector<std::deque<std::vector<late_copy>>> bundles_;
    barrier whole_;
    const std::function<void(int)>* f_ = nullptr;
    std::size_t current_ = 0;
    bool progress_ = false;
    int block_, blocks_, slice_;
    timing when_;
};

/// What device_lane is on a device.
class emulated_lane {
public:
    emulated_lane(emulated_block& block, int thread) : block_(&block), thread_(thread) {}
    [[nodiscard]] int thread() const { return thread_; }
    [[nodiscard]] int block() const { return block_->block(); }
    [[nodiscard]] int blocks() const { return block_->blocks(); }
    [[nodiscard]] int slice() const { return block_->slice(); }
    void sync() const { block_->wait(block_->whole()); }
    void sync_warp() const { block_->wait(block_->of(thread_).all); }
    [[nodiscard]] std::uint32_t shuffle_xor(std::uint32_t value, int mask) const {
        auto& warp = block_->of(thread_);
        warp.given[thread_ % 32] = value;
        block_->wait(warp.all);
        const std::uint32_t other = warp.given[thread_ % 32 ^ mask];
        block_->wait(warp.all);
        return other;
    }
    [[nodiscard]] int warp() const { return thread_ / 32; }
    static lowbit::cuda::words4 load_once(const lowbit::cuda::words4* from) { return *from; }

    static const std::uint32_t* kept(const std::uint32_t* p) { return p; }
    using address = std::byte*;
    static address address_of(std::byte* shared) { return shared; }
    template <class V>
    V read(address from) const {
        block_->touches(from, sizeof(V));
        V value;
        std::memcpy(&value, from, sizeof(V));
        return value;
    }
    void write(address to, const lowbit::cuda::words4& w) const {
        block_->touches(to, 16);
        std::memcpy(to, &w, 16);
    }

    /// What stands at its source comes when it is waited for, or at once.
    void copy(address to, const lowbit::cuda::words4* from) const {
        block_->touches(to, 16);
        if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0) std::abort();
        const emulated_block::late_copy one{to, from};
        if (block_->when() == timing::early) {
            land(one);
        } else {
            block_->bundles(thread_).back().push_back(one);
        }
    }
    void copy_once(address to, const lowbit::cuda::words4* from, bool there, bool wanted) const {
        if (wanted) copy(to, there ? from : nullptr);
    }
    void commit_copies() const { block_->bundles(thread_).emplace_back(); }
    template <int Newer>
    void wait_copies() const {
        auto& bundles = block_->bundles(thread_);
        for (; bundles.size() > Newer + 1; bundles.pop_front()) {
            for (const auto& one : bundles.front()) land(one);
        }
    }

    void load_matrices(std::uint32_t (&b)[4], address row) const {
        auto& warp = block_->of(thread_);
        const auto lane = static_cast<std::size_t>(thread_ % 32);
        block_->touches(row, 16);
        warp.rows[lane] = row;
        block_->wait(warp.all);
        for (std::size_t i = 0; i < 4; ++i) { // matrix i: its row lane / 4, numbers 2 * (lane % 4) and the next
            std::memcpy(&b[i], static_cast<const std::byte*>(warp.rows[8 * i + lane / 4]) + lane % 4 * 4, 4);
        }
        block_->wait(warp.all);
    }

    /// Number e of the two in a register.
    template <class T>
    static float half_of(std::uint32_t word, std::size_t e) {
        return T::decode(static_cast<std::uint16_t>(word >> (16 * e)));
    }

    template <class T>
    void multiply(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) const {
        auto& warp = block_->of(thread_);
        const auto lane = static_cast<std::size_t>(thread_ % 32);
        std::memcpy(warp.a[lane], a, sizeof(a));
        warp.b[lane][0] = b0;
        warp.b[lane][1] = b1;
        block_->wait(warp.all);
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
            double sum = d[i];
            for (std::size_t k = 0; k < 16; ++k) {
                // row and k of A, k and column of B, by the figures of the PTX manual
                const std::uint32_t wa = warp.a[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
                const std::uint32_t wb = warp.b[col * 4 + k % 8 / 2][k / 8];
                sum += double{half_of<T>(wa, k % 2)} * double{half_of<T>(wb, k % 2)};
            }
            d[i] = static_cast<float>(sum);
        }
        block_->wait(warp.all);
    }

    /// mma.sp.m16n8k32, after the PTX manual: a lane's pair of A is what is kept of a chunk of four columns; which ones says a
    /// nibble in the registers of two lanes of each four, 16 columns a lane, rows 0 .. 7 in the low halves.
    template <class T>
    void multiply_sparse(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[4], std::uint32_t kept,
                         int selector) const {
        auto& warp = block_->of(thread_);
        const auto lane = static_cast<std::size_t>(thread_ % 32);
        std::memcpy(warp.a[lane], a, sizeof(a));
        std::memcpy(warp.b[lane], b, sizeof(b));
        warp.kept[lane] = kept;
        block_->wait(warp.all);
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
            double sum = d[i];
            for (std::size_t chunk = 0; chunk < 8; ++chunk) {
                const std::uint32_t pair = warp.a[row % 8 * 4 + chunk % 4][row / 8 + chunk / 4 * 2];
                const std::uint32_t word = warp.kept[row % 8 * 4 + static_cast<std::size_t>(selector) * 2 + chunk / 4];
                const std::uint32_t nibble = word >> (row / 8 * 16 + chunk % 4 * 4) & 15;
                if ((nibble & 3) >= nibble >> 2) std::abort(); // equal or descending indices are undefined
                for (std::size_t e = 0; e < 2; ++e) {
                    const std::size_t k = chunk * 4 + (nibble >> (2 * e) & 3);
                    sum += double{half_of<T>(pair, e)} * double{half_of<T>(warp.b[col * 4 + k % 8 / 2][k / 8], k % 2)};
                }
            }
            d[i] = static_cast<float>(sum);
        }
        block_->wait(warp.all);
    }

protected:
    emulated_block* block_;
    int thread_;

private:
    static void land(const emulated_block::late_copy& one) {
        if (one.from != nullptr) {
            std::memcpy(one.to, one.from, 16);
        } else {
            std::memset(one.to, 0, 16);
        }
    }
};

/// Runs body(lane, shared memory) as a grid of blocks x slices. Shared memory begins as garbage, at a multiple of 1024.
template <class Lane = emulated_lane, class Body>
void emulate(int blocks, int slices, int threads, std::size_t shared_bytes, Body body, timing when = timing::late) {
    for (int slice = 0; slice < slices; ++slice) {
        for (int block = 0; block < blocks; ++block) {
            struct alignas(1024) line {
                std::byte at[1024];
            };
            const auto memory = std::make_unique<line[]>((shared_bytes + 1023) / 1024);
            std::byte* const shared = memory[0].at;
            std::memset(shared, 0xff, shared_bytes);
            emulated_block here(threads, block, blocks, slice, when);
            here.shared = shared;
            here.shared_bytes = shared_bytes;
            here.run([&](int thread) { body(Lane(here, thread), shared); });
        }
    }
}

} // namespace lowbit_test
