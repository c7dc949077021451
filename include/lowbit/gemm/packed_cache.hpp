// SPDX-License-Identifier: MIT
// packed_cache: packed weights found again by the quantized ones they were made of, for engines that load lazily.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <span>
#include <utility>

#include <lowbit/exec/executor.hpp>
#include <lowbit/gemm/packed_matrix.hpp>
#include <lowbit/isa/active.hpp>

namespace lowbit::inline v0 {

/// Packs weights when they are first asked for, and keeps them while all that is kept fits a number of bytes; what was not asked
/// for longest leaves first. What it returns is owned together with the cache, so that leaving takes it from nobody.
/// Weights are known by where they lie, their shape, the packed policy and the calling thread's level: erase them before their
/// memory is freed or changed. Any number of threads may call at once; none waits while another packs.
class packed_cache {
public:
    /// `most_bytes`: of packed weights that are kept. `memory` holds them; it must allow for threads where several pack.
    LOWBIT_ALWAYS_INLINE explicit packed_cache(std::size_t most_bytes,
                                               std::pmr::memory_resource* memory = std::pmr::get_default_resource()) noexcept
        : most_bytes_(most_bytes), memory_(memory) {}
    packed_cache(const packed_cache&) = delete;
    packed_cache& operator=(const packed_cache&) = delete;
    LOWBIT_ALWAYS_INLINE ~packed_cache() = default;

    /// lb::pack(q), or what was made of the same q before, as std::shared_ptr<const packed_matrix<...>>. More bytes than the
    /// cache may keep are packed and returned, but not kept. Two threads that ask at once for what is missing both pack, and get
    /// one of the results.
    template <class Activations = void, class Here = isa::here, class Pool, quantized Q>
    [[nodiscard]] auto pack(on_t<Pool> where, const Q& q) {
        using packed = decltype(lowbit::pack<Activations, Here>(where, q, memory_));
        const key wanted = key_of(q.view(), &type_of<packed>, isa::active<Here>());
        std::shared_ptr<const void> found = find<Here>(wanted);
        if (found == nullptr) {
            // the deleter's type carries Here, and with it the code that frees
            const std::shared_ptr<const packed> made(new packed(lowbit::pack<Activations, Here>(where, q, memory_)),
                                                     [](const packed* p) { delete p; });
            found = keep<Here>(wanted, made, made->size_bytes());
        }
        return std::static_pointer_cast<const packed>(std::move(found));
    }
    template <class Activations = void, class Here = isa::here, quantized Q>
    [[nodiscard]] auto pack(const Q& q) {
        return pack<Activations, Here>(detail::here_and_now(), q);
    }
    /// A matrix that dies at once could not be found again, only mistaken for the next one.
    template <class Activations = void, class Here = isa::here, class Pool, any_policy P>
    void pack(on_t<Pool>, const quantized_matrix<P>&&) = delete;
    template <class Activations = void, class Here = isa::here, any_policy P>
    void pack(const quantized_matrix<P>&&) = delete;

    /// Forgets what was made of quantized weights in this memory, for example a matrix's bytes() or a whole mapped file.
    template <class Here = isa::here>
    void erase(std::span<const std::byte> memory) {
        leave<Here>([&](const entry& e) {
            for (const std::byte* plane : e.of.planes) {
                if (!std::less<>{}(plane, memory.data()) && std::less<>{}(plane, memory.data() + memory.size())) return true;
            }
            return false;
        });
    }
    /// Forgets all.
    template <class Here = isa::here>
    void clear() {
        leave<Here>([](const entry&) { return true; });
    }

    /// Bytes of packed weights that are kept now: never more than the number given.
    template <class Here = isa::here>
    [[nodiscard]] std::size_t size_bytes() const {
        const std::lock_guard lock(mutex_);
        return bytes_;
    }

private:
    /// Its address names a type, without RTTI.
    template <class T>
    static constexpr char type_of{};

    struct key {
        const void* type;
        isa::level level;
        const std::byte* planes[8];
        std::size_t rows, cols;
        std::uint32_t tensor_scale; ///< its bits, as NaN is not what it is

        /// Chosen by where the codes lie; weights start on cache lines or at least far apart.
        [[nodiscard]] LOWBIT_ALWAYS_INLINE std::size_t bucket() const noexcept {
            const auto at = std::uint64_t{reinterpret_cast<std::uintptr_t>(planes[0])};
            return static_cast<std::size_t>(at * 0x9e3779b97f4a7c15 >> (64 - bucket_bits)); // 2^64 over the golden ratio
        }
        [[nodiscard]] LOWBIT_ALWAYS_INLINE bool operator==(const key& b) const noexcept {
            for (std::size_t i = 0; i < std::size(planes); ++i) {
                if (planes[i] != b.planes[i]) return false;
            }
            return type == b.type && level == b.level && rows == b.rows && cols == b.cols && tensor_scale == b.tensor_scale;
        }
    };
    /// Where nothing is stored, planes point behind the one before, perhaps at somebody else's weights.
    static LOWBIT_ALWAYS_INLINE const std::byte* plane(const std::byte* at, std::size_t bytes) noexcept {
        return bytes != 0 ? at : nullptr;
    }
    template <class P>
    static LOWBIT_ALWAYS_INLINE key key_of(const quantized_view<P>& q, const void* type, isa::level level) noexcept {
        using access = detail::layout_access<format_of<P>>;
        const auto& p = q.planes();
        const auto& shape = q.layout_shape();
        return {type,
                level,
                {plane(p.codes, access::codes_bytes(shape)), plane(p.scales, access::scales_bytes(shape)),
                 plane(p.offsets, access::offsets_bytes(shape)), plane(p.super_scales, access::super_scales_bytes(shape)),
                 plane(p.super_minimums, access::super_minimums_bytes(shape)), plane(p.mask, access::mask_bytes(shape)),
                 plane(p.order, access::order_bytes(shape)), plane(p.tensor_scale, access::tensor_bytes(shape))},
                q.rows(),
                q.cols(),
                std::bit_cast<std::uint32_t>(q.tensor_scale())};
    }

    struct entry {
        key of;
        std::shared_ptr<const void> packed;
        std::size_t bytes;
        std::uint64_t last_use;
        entry* next;
    };
    /// Owns its entries.
    struct chain {
        entry* first = nullptr;

        LOWBIT_ALWAYS_INLINE chain() noexcept = default;
        chain(const chain&) = delete;
        chain& operator=(const chain&) = delete;
        LOWBIT_ALWAYS_INLINE ~chain() {
            while (first != nullptr) delete std::exchange(first, first->next);
        }
        LOWBIT_ALWAYS_INLINE void push(entry* e) noexcept { e->next = std::exchange(first, e); }
    };

    template <class Here>
    std::shared_ptr<const void> find(const key& wanted) {
        const std::lock_guard lock(mutex_);
        return find_locked<Here>(wanted);
    }
    template <class Here>
    std::shared_ptr<const void> find_locked(const key& wanted) {
        for (entry* e = buckets_[wanted.bucket()].first; e != nullptr; e = e->next) {
            if (e->of == wanted) {
                e->last_use = ++uses_;
                return e->packed;
            }
        }
        return nullptr;
    }

    /// Keeps what was made, if it can be, and returns it; or what another thread has made meanwhile.
    template <class Here>
    std::shared_ptr<const void> keep(const key& of, std::shared_ptr<const void> made, std::size_t bytes) {
        if (bytes > most_bytes_) return made;
        chain fresh, left; // freed after the lock
        fresh.push(new entry{of, made, bytes, 0, nullptr});
        const std::lock_guard lock(mutex_);
        if (auto other = find_locked<Here>(of)) return other;
        while (bytes_ > most_bytes_ - bytes) {
            const std::uint64_t oldest = oldest_use<Here>();
            move_to<Here>(left, [&](const entry& e) { return e.last_use == oldest; });
        }
        entry* const e = std::exchange(fresh.first, nullptr);
        e->last_use = ++uses_;
        bytes_ += bytes;
        buckets_[of.bucket()].push(e);
        return made;
    }

    template <class Here>
    [[nodiscard]] std::uint64_t oldest_use() const noexcept {
        std::uint64_t oldest = uses_;
        for (const chain& c : buckets_) {
            for (const entry* e = c.first; e != nullptr; e = e->next) oldest = e->last_use < oldest ? e->last_use : oldest;
        }
        return oldest;
    }
    template <class Here, class Leaves>
    void leave(Leaves leaves) {
        chain left; // freed after the lock
        const std::lock_guard lock(mutex_);
        move_to<Here>(left, leaves);
    }
    template <class Here, class Leaves>
    void move_to(chain& left, Leaves leaves) noexcept {
        for (chain& c : buckets_) {
            for (entry** link = &c.first; *link != nullptr;) {
                entry* const e = *link;
                if (leaves(*e)) {
                    *link = e->next;
                    bytes_ -= e->bytes;
                    left.push(e);
                } else {
                    link = &e->next;
                }
            }
        }
    }

    static constexpr unsigned bucket_bits = 8; // a model has some hundred weights

    std::size_t most_bytes_;
    std::pmr::memory_resource* memory_;
    mutable std::mutex mutex_;
    std::size_t bytes_ = 0;
    std::uint64_t uses_ = 0;
    chain buckets_[std::size_t{1} << bucket_bits];
};

} // namespace lowbit::inline v0
