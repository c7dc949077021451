// SPDX-License-Identifier: MIT
// packed_cache: the same weights are packed once, different ones never mistaken, and the bound holds. Threads: unit/exec.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

#include "support/counting_resource.hpp"
#include "support/noise.hpp"

using namespace lowbit_test;
namespace lb = lowbit;

namespace {

using policy = lb::presets::w8;
constexpr std::size_t n = 64, k = 128;
constexpr std::size_t plenty = 1 << 20;

lb::quantized_matrix<policy> weights(std::uint64_t salt) { return lb::quantize<policy>(noise(salt).weights(n, k)); }

template <class P>
bool same_bytes(const lb::packed_matrix<P>& a, const lb::packed_matrix<P>& b) {
    return a.size_bytes() == b.size_bytes() && std::memcmp(a.data(), b.data(), a.layout().panel_bytes(n)) == 0;
}

template <class Q>
concept can_be_cached = requires(lb::packed_cache& cache, Q&& q) { cache.pack(std::forward<Q>(q)); };
static_assert(can_be_cached<lb::quantized_matrix<policy>&> && can_be_cached<lb::quantized_view<policy>>);
static_assert(!can_be_cached<lb::quantized_matrix<policy>>, "its bytes are gone before anybody can ask again");

} // namespace

TEST_CASE("cache: the same weights are packed once") {
    counting_resource memory;
    lb::packed_cache cache(plenty, &memory);
    const auto q = weights(1);
    const auto p = cache.pack(q);
    CHECK(same_bytes(*p, lb::pack(q)));
    CHECK(cache.size_bytes() == p->size_bytes());
    const std::size_t taken = memory.total;
    CHECK(cache.pack(q) == p);
    CHECK(cache.pack(q.view()) == p);
    CHECK(cache.pack(lb::quantized_view<lb::policy<lb::int8, lb::per_channel, lb::scale_rule<lb::mse>>>(q.view())) == p);
    CHECK(memory.total == taken);
    CHECK(cache.size_bytes() == p->size_bytes());
}

TEST_CASE("cache: what differs in anything is packed anew") {
    lb::packed_cache cache(plenty);
    const auto q = weights(1), other = q;
    const auto p = cache.pack(q);
    CHECK(cache.pack(other) != p); // equal bytes, elsewhere
    CHECK(static_cast<const void*>(cache.pack<lb::activations<float>>(q).get()) != p.get());
    using scaled = lb::policy<lb::int8, lb::per_channel, lb::tensor_scale>;
    const std::vector<float> scales(n, 1.0f), equal = scales;
    const auto of = [&](std::size_t rows, std::size_t cols, const std::vector<float>& from, float tensor_scale) {
        const lb::quantized_parts parts{
            .codes = q.bytes(), .scales = std::as_bytes(std::span(from)), .tensor_scale = tensor_scale};
        return cache.pack(lb::quantized_view<scaled>::from(parts, rows, cols).value());
    };
    const auto whole = of(n, k, scales, 1.0f);
    CHECK(of(n, k, scales, 1.0f) == whole);
    CHECK(of(n / 2, k, scales, 1.0f) != whole);
    CHECK(of(n, k / 2, scales, 1.0f) != whole);
    CHECK(of(n, k, equal, 1.0f) != whole);
    CHECK(of(n, k, scales, 2.0f) != whole);
    auto bad = lb::quantized_matrix<scaled>(1, 4); // as a file may have it: NaN is the same NaN again
    const auto nan = std::bit_cast<std::array<std::byte, 4>>(std::numeric_limits<float>::quiet_NaN());
    std::copy(nan.begin(), nan.end(), bad.bytes().end() - 4);
    CHECK(cache.pack(bad) == cache.pack(bad));
    const bool is_scalar = lb::isa::active() == lb::isa::level::scalar;
    const lb::isa::scoped_level scalar{lb::isa::level::scalar};
    CHECK((cache.pack(q) == p) == is_scalar);
}

TEST_CASE("cache: what was not asked for longest leaves first, and from nobody who uses it") {
    const std::array q{weights(1), weights(2), weights(3), weights(4)};
    const std::size_t bytes = lb::pack(q[0]).size_bytes();
    counting_resource memory;
    lb::packed_cache cache(3 * bytes + bytes / 2, &memory);
    auto p0 = cache.pack(q[0]);
    const auto p1 = cache.pack(q[1]), p2 = cache.pack(q[2]);
    CHECK(cache.size_bytes() == 3 * bytes);
    CHECK(cache.pack(q[0]) == p0);
    (void)cache.pack(q[3]);
    CHECK(cache.size_bytes() == 3 * bytes);
    CHECK(cache.pack(q[0]) == p0);
    CHECK(cache.pack(q[2]) == p2);
    CHECK(cache.pack(q[1]) != p1); // had left
    CHECK(same_bytes(*p1, lb::pack(q[1])));
    CHECK(memory.alive == 4); // three that are kept, and p1

    lb::packed_cache small(bytes - 1, &memory);
    const auto alone = small.pack(q[0]);
    CHECK(same_bytes(*alone, *p0));
    CHECK(small.size_bytes() == 0);
    CHECK(small.pack(q[0]) != alone);

    lb::packed_cache exact(bytes, &memory);
    CHECK(exact.pack(q[0]) == exact.pack(q[0]));
}

TEST_CASE("cache: erased weights are forgotten") {
    counting_resource memory;
    lb::packed_cache cache(plenty, &memory);
    const auto q = weights(1), other = weights(2);
    std::weak_ptr first = cache.pack(q);
    (void)cache.pack<lb::activations<float>>(q);
    const auto kept = cache.pack(other);
    CHECK(memory.alive == 3);
    cache.erase(q.bytes());
    CHECK(memory.alive == 1);
    CHECK(first.expired());
    CHECK(cache.size_bytes() == kept->size_bytes());
    CHECK(cache.pack(other) == kept);
    cache.erase(q.bytes());
    cache.erase({});
    cache.erase(other.bytes().first(1)); // some of it is enough
    CHECK(cache.size_bytes() == 0);
    (void)cache.pack(lb::quantized_view<policy>(q.data() + 1000, n / 2, k));
    cache.erase(q.bytes()); // all weights in a file
    CHECK(cache.size_bytes() == 0);
    (void)cache.pack(q);
    cache.clear();
    CHECK(cache.size_bytes() == 0);
    CHECK(memory.alive == 1); // ours
}

TEST_CASE("cache: erased weights take no neighbour with them") {
    lb::packed_cache cache(plenty);
    const auto q = weights(1);
    const std::size_t size = q.size_bytes();
    std::vector<std::byte> file(2 * size);
    for (const std::size_t at : {std::size_t{0}, size}) std::copy_n(q.data(), size, file.data() + at);
    const lb::quantized_view<policy> first(file.data(), n, k), second(file.data() + size, n, k);
    const auto of_first = cache.pack(first), of_second = cache.pack(second);
    cache.erase(std::span(file).subspan(size));
    CHECK(cache.pack(first) == of_first);
    CHECK(cache.pack(second) != of_second);
    cache.erase(std::span(file).subspan(0, size));
    CHECK(cache.pack(first) != of_first);
}

TEST_CASE("cache: no lock is held while weights are packed") {
    lb::packed_cache cache(plenty);
    const auto q = lb::quantize<policy>(noise(1).weights(1000, k)), other = weights(2);
    std::shared_ptr<const void> same, another;
    struct meanwhile { // asks in the middle of packing, as another thread may; under a lock it would wait forever
        lb::packed_cache& cache;
        const lb::quantized_matrix<policy>&q, &other;
        std::shared_ptr<const void>&same, &another;
        [[nodiscard]] std::size_t concurrency() const { return 2; }
        void parallel_for(std::size_t count, const std::function<void(std::size_t)>& f) const {
            another = cache.pack(other);
            same = cache.pack(q);
            for (std::size_t i = 0; i < count; ++i) f(i);
        }
    } pool{cache, q, other, same, another};
    const auto p = cache.pack(lb::on(pool), q);
    CHECK(another != nullptr);
    CHECK(p == same); // the first to finish is kept for both
    CHECK(cache.size_bytes() == p->size_bytes() + cache.pack(other)->size_bytes());
}
