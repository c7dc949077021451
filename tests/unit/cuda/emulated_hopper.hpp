// SPDX-License-Identifier: MIT
// emulated_hopper: what lanes of sm_90a do together, for kernels that run on the host: barriers in shared memory, bulk copies,
// wgmma. Everything happens as late as a device may do it: copies land when all threads have run, products read their registers
// and shared memory when they are waited for. So who reads, overwrites or gives back too early computes something else.
#pragma once

#include "emulated_gpu.hpp"

#include <lowbit/cuda/layout.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>

namespace lowbit_test {

/// A matrix that is copied in boxes of 128 bytes a row, swizzled, as a tensor map describes it.
struct boxed_matrix {
    const std::byte* data;
    std::size_t rows, row_bytes, stride_bytes;
    int number_bytes;
    std::size_t box_rows;
};

class emulated_hopper_lane : public emulated_lane {
public:
    emulated_hopper_lane(emulated_block& block, int thread) : emulated_lane(block, thread) {}

    /// Shared memory begins at 1024, as on a device, where the system has what is before.
    [[nodiscard]] std::uint32_t shared_address(const void* shared) const {
        return static_cast<std::uint32_t>(static_cast<const std::byte*>(shared) - block_->shared) + 1024;
    }
    void sync_some(int barrier, int threads) const {
        auto& b = block_->named[static_cast<std::size_t>(barrier)];
        b.size = threads;
        block_->wait(b);
    }

    /// The eight bytes of a barrier.
    struct phase {
        std::uint8_t arrivals, missing;
        std::uint16_t parity;
        std::int32_t bytes; ///< that are still to come
    };
    void make_barrier(std::uint64_t* at, int arrivals) const {
        store(at, {static_cast<std::uint8_t>(arrivals), static_cast<std::uint8_t>(arrivals), 0, 0});
    }
    static void publish_barriers() {}
    void arrive(std::uint64_t* at) const { expect_and_arrive(*block_, at, 0, 1); }
    void expect(std::uint64_t* at, std::uint32_t bytes) const {
        expect_and_arrive(*block_, at, static_cast<std::int32_t>(bytes), 1);
    }
    void wait(std::uint64_t* at, std::uint32_t parity) const {
        while (load(at).parity == parity) block_->pass();
    }

    void copy(void* shared, const void* from, std::uint32_t bytes, std::uint64_t* at) const {
        CHECK(bytes % 16 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(from) % 16 == 0);
        CHECK(shared_address(shared) % 16 == 0);
        block_->copies.push_back([block = block_, shared, from, bytes, at] {
            std::memcpy(shared, from, bytes);
            expect_and_arrive(*block, at, -static_cast<std::int32_t>(bytes), 0);
        });
    }
    void copy_box(void* shared, const boxed_matrix* map, int row, int col, std::uint64_t* at) const {
        CHECK(shared_address(shared) % 1024 == 0);
        block_->copies.push_back([block = block_, to = static_cast<std::byte*>(shared), map, row, col, at] {
            const std::size_t first = static_cast<std::size_t>(col) * static_cast<std::size_t>(map->number_bytes);
            for (std::size_t r = 0; r < map->box_rows; ++r) {
                for (std::size_t b = 0; b < 128; ++b) {
                    const std::size_t from = static_cast<std::size_t>(row) + r;
                    const bool inside = from < map->rows && first + b < map->row_bytes;
                    to[swizzled(r * 128 + b)] = inside ? map->data[from * map->stride_bytes + first + b] : std::byte{0};
                }
            }
            expect_and_arrive(*block, at, -static_cast<std::int32_t>(map->box_rows * 128), 0);
        });
    }

    template <int Registers>
    static void fewer_registers() {
        static_assert(Registers % 8 == 0 && Registers >= 24);
    }
    template <int Registers>
    static void more_registers() {
        static_assert(Registers % 8 == 0 && Registers <= 256);
    }

    /// Every product of this kernel reads registers that were written since the one before, so each needs a fence of its own.
    void begin_products() const { mine().fenced = true; }
    template <class T, class Sum, std::size_t Sums>
    void multiply_wide(Sum (&d)[Sums], const std::uint32_t (&a)[4], std::uint64_t b, bool accumulate) const {
        issue({&d, &a, b, accumulate, nullptr, 0, &finish_product<T, Sum, Sums, 1>});
    }
    template <class T, std::size_t Sums>
    void multiply_wide_sparse(float (&d)[Sums], const std::uint32_t (&a)[4], std::uint64_t b, const std::uint32_t& kept,
                              int selector) const {
        issue({&d, &a, b, true, &kept, selector, &finish_product<T, float, Sums, 2>});
    }
    template <class Sum, std::size_t Sums>
    static void fence_sums(Sum (&)[Sums]) {}
    void commit_products() const {
        auto& q = mine();
        q.groups.push_back(q.issued.size() - q.committed);
        q.committed = q.issued.size();
    }
    template <int Left>
    void wait_products() const {
        auto& q = mine();
        auto& warp = block_->of(thread_).all;
        block_->wait(warp);
        std::size_t over = 0;
        for (; q.groups.size() > Left; q.groups.pop_front()) over += q.groups.front();
        for (std::size_t i = 0; i < over; ++i) q.issued[i].finish(*block_, thread_, i);
        block_->wait(warp);
        q.issued.erase(q.issued.begin(), q.issued.begin() + static_cast<std::ptrdiff_t>(over));
        q.committed -= over;
    }

private:
    void issue(const emulated_block::products::one& product) const {
        CHECK(mine().fenced);
        mine().fenced = false;
        mine().issued.push_back(product);
    }
    [[nodiscard]] emulated_block::products& mine() const { return block_->wide[static_cast<std::size_t>(thread_)]; }

    static phase load(const std::uint64_t* at) {
        phase b;
        std::memcpy(&b, at, sizeof(b));
        return b;
    }
    static void store(std::uint64_t* at, phase b) { std::memcpy(at, &b, sizeof(b)); }
    static void expect_and_arrive(emulated_block& block, std::uint64_t* at, std::int32_t bytes, int arrivals) {
        phase b = load(at);
        b.bytes += bytes;
        b.missing = static_cast<std::uint8_t>(b.missing - arrivals);
        if (b.missing == 0 && b.bytes == 0) {
            b.missing = b.arrivals;
            b.parity ^= 1;
        }
        store(at, b);
        block.happened();
    }
    [[nodiscard]] static constexpr std::size_t swizzled(std::size_t address) { return address ^ (address >> 7 & 7) << 4; }

    template <class T>
    static double number(const std::byte* at) {
        typename T::code_type code;
        std::memcpy(&code, at, sizeof(code));
        return double{static_cast<float>(T::decode(code))};
    }
    /// This thread's part of wgmma: A from the registers of its warp, B by its descriptor, both by the figures of the PTX manual.
    /// Of a sparse A (Spread 2) the registers hold two of each four columns, in the places of a dense one of half the columns.
    /// Which ones say nibbles, low index first, in lanes 2 * selector and the next of each four: the first of them has columns 0
    /// .. 15, the other 16 .. 31, both the row of the low registers in bits 0 .. 15, that of the high ones above.
    template <class T, class Sum, std::size_t Sums, std::size_t Spread>
    static void finish_product(emulated_block& block, int thread, std::size_t index) {
        static_assert(Sums == 32 || Sums == 64 || Sums == 128);
        constexpr std::size_t number_bytes = sizeof(typename T::code_type);
        constexpr std::size_t stored = 32 / number_bytes;
        constexpr std::size_t depth = stored * Spread;
        constexpr std::size_t elements = 4 / number_bytes;
        const auto lane = static_cast<std::size_t>(thread % 32);
        const auto& mine = block.wide[static_cast<std::size_t>(thread)].issued[index];
        auto& d = *static_cast<Sum(*)[Sums]>(mine.d);
        const auto of_lane = [&](std::size_t other) -> const emulated_block::products::one& {
            return block.wide[static_cast<std::size_t>(thread) / 32 * 32 + other].issued[index];
        };
        double a[2][depth]{};
        for (std::size_t half = 0; half < 2; ++half) {
            for (std::size_t k = 0; k < stored; ++k) {
                const auto& from = of_lane(lane / 4 * 4 + k % (stored / 2) / elements);
                CHECK(from.b == mine.b);
                const std::uint32_t word = (*from.a)[half + k / (stored / 2) * 2];
                std::byte bytes[4];
                std::memcpy(bytes, &word, 4);
                std::size_t col = k;
                if constexpr (Spread == 2) {
                    const std::size_t chunk = k / 2;
                    const auto& holder = of_lane(lane / 4 * 4 + static_cast<std::size_t>(mine.selector) * 2 + chunk / 4);
                    CHECK(holder.selector == mine.selector);
                    const std::uint32_t nibble = *holder.kept >> (half * 16 + chunk % 4 * 4) & 15;
                    CHECK((nibble & 3) < nibble >> 2); // equal indices are undefined
                    col = chunk * 4 + (nibble >> (k % 2 * 2) & 3);
                }
                a[half][col] = number<T>(bytes + k % elements * number_bytes);
            }
        }
        CHECK((mine.b >> 62) == 1);     // 128 bytes of swizzle
        CHECK((mine.b >> 49 & 7) == 0); // a pattern begins at a multiple of 1024
        CHECK((mine.b >> 46 & 7) == 0); // reserved
        const auto start = static_cast<std::size_t>(mine.b & 0x3fff) << 4;
        const auto eight_rows = static_cast<std::size_t>(mine.b >> 32 & 0x3fff) << 4;
        for (std::size_t eight = 0; eight < Sums / 4; ++eight) {
            for (std::size_t e = 0; e < 2; ++e) {
                const std::size_t row = lane % 4 * 2 + e;
                double b[depth];
                for (std::size_t k = 0; k < depth; ++k) {
                    const std::size_t address = swizzled(start + eight * eight_rows + row * 128 + k * number_bytes);
                    b[k] = number<T>(block.shared + address - 1024);
                }
                for (std::size_t half = 0; half < 2; ++half) {
                    Sum& to = d[eight * 4 + half * 2 + e];
                    double sum = mine.accumulate ? double{static_cast<double>(to)} : 0.0;
                    for (std::size_t k = 0; k < depth; ++k) sum += a[half][k] * b[k];
                    to = static_cast<Sum>(sum);
                }
            }
        }
    }
};

} // namespace lowbit_test
