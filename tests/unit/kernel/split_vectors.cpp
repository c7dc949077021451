// SPDX-License-Identifier: MIT
// Products of level avx512vnni as processors run them that take a vector in halves, and as others do, whichever this one is.
#include "product_case.hpp"

#if LOWBIT_HAS_X86

using namespace lowbit_test;

namespace {

template <bool Split>
struct ops : lk::avx512vnni::ops<isa::here> {
    static constexpr bool splits_vectors() { return Split; }
};

template <lk::product_key Key>
void check_both() {
    constexpr std::array<lk::level_product<Key>, 2> kernels{{
        {isa::level::avx512vnni, lk::avx512vnni::multiply_panel<ops<false>, Key>},
        {isa::level::avx512vnni, lk::avx512vnni::multiply_panel<ops<true>, Key>},
    }};
    if (isa::supported(isa::level::avx512vnni)) {
        check_shapes<Key>(kernels);
    } else {
        MESSAGE("skipped: this machine has no avx512vnni");
    }
}

} // namespace

TEST_CASE("whole and split vectors, 2 bits") { check_both<lk::product_key{.bits = 2}>(); }
TEST_CASE("whole and split vectors, 3 bits") { check_both<lk::product_key{.bits = 3}>(); }
TEST_CASE("whole and split vectors, 4 bits") { check_both<lk::product_key{.bits = 4}>(); }
TEST_CASE("whole and split vectors, 4 bits of groups that share a unit") {
    check_both<lk::product_key{.bits = 4, .record_groups = 2}>();
}
TEST_CASE("whole and split vectors, pairs of bytes") { check_both<lk::product_key{.kept_bits = 8, .pairs = true}>(); }
TEST_CASE("whole and split vectors, lists") { check_both<lk::product_key{.kept_bits = 8, .lists = true}>(); }

#endif
