// SPDX-License-Identifier: MIT
// Dot products of 4 bytes where one instruction, Ops::dot_bytes, adds them to 32-bit sums.

template <class Ops>
struct byte_dot {
    using partial = typename Ops::ints;
    using weights = typename Ops::ints;
    using quad = decltype(Ops::splat_quad(nullptr));
    static constexpr unsigned quads = 1u << 30;
    static constexpr bool any_code = true; ///< codes up to 255 cost no more than others
    static constexpr std::int32_t bias = 0;

    static LOWBIT_ALWAYS_INLINE partial begin(typename Ops::ints acc) { return acc; }
    static LOWBIT_ALWAYS_INLINE typename Ops::ints end(typename Ops::ints, partial p) { return p; }
    static LOWBIT_ALWAYS_INLINE weights prepare(typename Ops::ints codes) { return codes; }
    static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) { return Ops::splat_quad(x); }
    static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) { return Ops::dot_bytes(p, w, x); }
};
