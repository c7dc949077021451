// SPDX-License-Identifier: MIT
// The packed layout: sizes, and that every code comes back from where pack_record put it.
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <lowbit/kernel/pack_planes.hpp>
#include <lowbit/kernel/panel.hpp>
#include <lowbit/kernel/registry.hpp>

#include "support/guarded.hpp"
#include "support/seed.hpp"
#include "unpack_code.hpp"

using namespace lowbit;
using kernel::panel_layout;
using kernel::scale_kind;

TEST_CASE("planes are the binary digits of the number of bits") {
    for (unsigned bits = 1; bits <= 8; ++bits) {
        unsigned shift = 0;
        for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(bits)); ++p) {
            const kernel::bit_plane plane = kernel::plane_of(bits, p);
            CHECK(std::has_single_bit(plane.width));
            CHECK(plane.shift == shift);
            if (p > 0) CHECK(plane.width < kernel::plane_of(bits, p - 1).width);
            shift += plane.width;
            CHECK(kernel::unit_depth(bits) % (32 / plane.width) == 0);
        }
        CHECK(shift == bits);
    }
}

TEST_CASE("quad after quad, a unit is read from its first byte to its last") {
    for (unsigned bits = 1; bits <= 8; ++bits) {
        std::size_t next = 0;
        for (std::size_t quad = 0; quad < kernel::unit_depth(bits) / 4; ++quad) {
            for (unsigned p = 0; p < static_cast<unsigned>(std::popcount(bits)); ++p) {
                const std::size_t run_quads = 8 / kernel::plane_of(bits, p).width;
                if (quad % run_quads != 0) continue; // read with an earlier one
                CHECK(kernel::run_start(bits, p, quad / run_quads, 3) == next);
                next += 4 * 3;
            }
        }
        CHECK(next == panel_layout{64, 64, bits, scale_kind::none}.unit_bytes(3));
    }
}

TEST_CASE("packed weights take what their format takes") {
    const auto bits = [](const panel_layout& l, std::size_t n) {
        return static_cast<double>(l.total_bytes(n)) * 8 / static_cast<double>(n * l.depth);
    };
    CHECK(bits({4096, 32, 4, scale_kind::float16}, 4096) == 4.5);
    CHECK(bits({4096, 32, 8, scale_kind::float16}, 4096) == 8.5);
    CHECK(bits({4096, 64, 4, scale_kind::float16, kernel::offset_kind::zero_point}, 4096) == 4.375);
    CHECK(bits({4096, 32, 5, scale_kind::float16, kernel::offset_kind::minimum}, 4096) == 6.0);
    CHECK(bits({4096, 4096, 2, scale_kind::float32, kernel::offset_kind::constant, 4096}, 4096) ==
          doctest::Approx(2.0).epsilon(0.001));
    // No panel is padded to 64 columns: 100 rows of W cost 100.
    CHECK(panel_layout{4096, 32, 4, scale_kind::float16}.total_bytes(100) == 100 * 4096 * 9 / 16);
    CHECK(panel_layout{0, 32, 4, scale_kind::float16}.total_bytes(100) == 0);
    for (unsigned b = 1; b <= 8; ++b) {
        for (const std::size_t k : {1000u, 768u, 14336u}) {
            CHECK(bits({k, 128, b, scale_kind::float16}, 4096) <= 1.05 * (b + 16.0 / 128));
        }
    }
}

TEST_CASE("a group longer than the longest is cut into equal parts") {
    const panel_layout whole{200'000, 200'000, 8, scale_kind::float32};
    CHECK(whole.segment() == kernel::longest_group);
    CHECK(whole.groups() == 4);
    CHECK(whole.length(3) == 200'000 - 3 * kernel::longest_group);
    CHECK(kernel::equal_part(kernel::longest_group) == kernel::longest_group);
    CHECK(kernel::equal_part(100'000) == 50'000);
    CHECK(kernel::equal_part(2 * 65'537) == 2);
    CHECK(kernel::equal_part(65'537) == 1);
    const panel_layout grouped{400'000, kernel::equal_part(100'000), 8, scale_kind::float32};
    CHECK(grouped.segment() == 50'000);
    CHECK(grouped.groups() == 8);
}

TEST_CASE("records hold their codes, and room for scales and offsets") {
    std::mt19937_64 random(lowbit_test::seed());
    for (unsigned bits = 1; bits <= 8; ++bits) {
        for (const std::size_t columns : {1u, 3u, 16u, 63u, 64u}) {
            for (const std::size_t group : {1u, 10u, 32u, 50u, 96u}) {
                for (const std::size_t shared : {1u, 8u, 64u}) {
                    const panel_layout layout{2 * group + group / 2,           group, bits, scale_kind::float16,
                                              kernel::offset_kind::zero_point, shared};
                    for (std::size_t g = 0; g < layout.groups(); ++g) {
                        const std::size_t length = layout.length(g);
                        lowbit_test::guarded<std::uint8_t> codes(columns * length, lowbit_test::edge::back);
                        for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random() & ((1u << bits) - 1));
                        lowbit_test::guarded<std::byte> record(layout.scale_start(g, columns), lowbit_test::edge::back);
                        kernel::pack_planes(layout, g, columns, {codes.data(), length, length}, record.data());

                        bool same = true;
                        for (std::size_t c = 0; c < columns; ++c)
                            for (std::size_t k = 0; k < length; ++k)
                                same = same && lowbit_test::unpack_code(layout, columns, record.data(), layout.record_depth(g), c,
                                                                        k) == codes[c * length + k];
                        CHECK(same);
                        // Padding is zero: all ones in the planes are ones of the codes.
                        int ones = 0, expected = 0;
                        for (std::size_t i = 0; i < layout.scale_start(g, columns); ++i)
                            ones += std::popcount(std::to_integer<std::uint8_t>(record[i]));
                        for (const std::uint8_t code : codes) expected += std::popcount(code);
                        CHECK(ones == expected);
                        CHECK(layout.record_bytes(g, columns) == layout.scale_start(g, columns) + 3 * layout.scales(columns));
                        CHECK(layout.scale_bytes(columns) == 2 * layout.scales(columns));
                    }
                }
            }
        }
    }
}

TEST_CASE("records of parities hold their codes, and 0 where a group is padded") {
    std::mt19937_64 random(lowbit_test::seed());
    for (const std::size_t columns : {1u, 3u, 63u, 64u}) {
        for (const std::size_t depth : {1u, 64u, 90u, 96u, 200u, 4096u, 4200u}) {
            panel_layout layout{depth, depth, 1, scale_kind::float16};
            layout.parities = true;
            lowbit_test::guarded<std::uint8_t> codes(columns * depth, lowbit_test::edge::back);
            for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random() & 1);
            lowbit_test::guarded<std::byte> record(layout.scale_start(0, columns), lowbit_test::edge::back);
            kernel::pack_planes(layout, 0, columns, {codes.data(), depth, depth}, record.data());
            bool same = true;
            for (std::size_t c = 0; c < columns; ++c) {
                for (std::size_t k = 0; k < layout.record_depth(0); ++k) {
                    const std::uint8_t expected = k < depth ? codes[c * depth + k] : std::uint8_t{0};
                    same = same &&
                           lowbit_test::unpack_code(layout, columns, record.data(), layout.record_depth(0), c, k) == expected;
                }
            }
            CHECK(same);
        }
    }
}

TEST_CASE("groups that are a part of a unit share a record, those that are not are padded") {
    CHECK(kernel::groups_of_unit(3, 16) == 2);
    CHECK(kernel::groups_of_unit(3, 32) == 1);
    CHECK(kernel::groups_of_unit(3, 10) == 1);
    CHECK(kernel::groups_of_unit(4, 4) == 2);
    CHECK(kernel::groups_of_unit(8, 4) == 1);
    panel_layout layout{80, 16, 3, scale_kind::float16};
    CHECK(layout.packed_depth() == 160);
    layout.record_groups = 2;
    CHECK(layout.groups() == 6); // the last one fills a record
    CHECK(layout.length(5) == 0);
    CHECK(layout.packed_depth() == 96);
    CHECK(layout.panel_bytes(64) == 64 * (96 * 3 / 8 + 6 * 2));
}

TEST_CASE("every level of this architecture selects a kernel, its own or the best below") {
    constexpr kernel::product_key key{.bits = 4};
    for (const isa::level l : isa::levels) {
        const auto& chosen = kernel::select<key>(l);
        CHECK((chosen.run != nullptr));
        CHECK(chosen.level <= l);
        for (const auto& other : kernel::products<key>)
            if (other.level <= l) CHECK(other.level <= chosen.level);
    }
}
