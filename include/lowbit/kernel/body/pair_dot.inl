// SPDX-License-Identifier: MIT
// Dot products of 4 bytes where the level has only pairwise products: two roads, both without saturation.

/// Codes up to 127: u8 x s8 pairs give 16-bit sums that cannot saturate (2 * 127 * 128 < 2^15), and as many of them are added
/// up in 16 bits as fit before they are widened.
template <class Ops, unsigned MaxCode>
struct pair_dot {
    using partial = typename Ops::ints;
    using weights = typename Ops::ints;
    using quad = typename Ops::ints;
    static constexpr unsigned quads = 32767 / (2 * 128 * MaxCode);
    static constexpr std::int32_t bias = 0;

    static LOWBIT_ALWAYS_INLINE partial begin(typename Ops::ints) { return Ops::splat(0); }
    static LOWBIT_ALWAYS_INLINE typename Ops::ints end(typename Ops::ints acc, partial p) {
        return Ops::add(acc, Ops::multiply_shorts(p, Ops::splat(0x00010001)));
    }
    static LOWBIT_ALWAYS_INLINE weights prepare(typename Ops::ints codes) { return codes; }
    static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) { return Ops::splat_quad(x); }
    static LOWBIT_ALWAYS_INLINE partial first(weights w, quad x) { return Ops::multiply_bytes(w, x); }
    static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) { return Ops::add_shorts(p, first(w, x)); }
};

/// Codes above 127: bytes are widened to 16 bits, even and odd ones apart, and the pair products are 32-bit at once.
template <class Ops, unsigned MaxCode>
    requires(MaxCode > 127)
struct pair_dot<Ops, MaxCode> {
    struct shorts {
        typename Ops::ints even, odd;
    };
    using partial = typename Ops::ints;
    using weights = shorts;
    using quad = shorts;
    static constexpr unsigned quads = 1u << 30;
    static constexpr std::int32_t bias = 0;

    static LOWBIT_ALWAYS_INLINE partial begin(typename Ops::ints acc) { return acc; }
    static LOWBIT_ALWAYS_INLINE typename Ops::ints end(typename Ops::ints, partial p) { return p; }
    static LOWBIT_ALWAYS_INLINE weights prepare(typename Ops::ints codes) {
        return {Ops::bit_and(codes, Ops::splat(0x00ff00ff)), Ops::high_bytes(codes)};
    }
    static LOWBIT_ALWAYS_INLINE quad broadcast(const std::int8_t* x) {
        const typename Ops::ints bytes = Ops::splat_quad(x);
        return {Ops::signed_low_bytes(bytes), Ops::signed_high_bytes(bytes)};
    }
    static LOWBIT_ALWAYS_INLINE partial add(partial p, weights w, quad x) {
        return Ops::add(p, Ops::add(Ops::multiply_shorts(w.even, x.even), Ops::multiply_shorts(w.odd, x.odd)));
    }
};
