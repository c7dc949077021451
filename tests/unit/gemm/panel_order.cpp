// SPDX-License-Identifier: MIT
// The order in which panels of weights meet blocks of rows.
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include <lowbit/lowbit.hpp>

namespace {

TEST_CASE("every panel meets every block of rows once, a few panels at a time") {
    for (const std::size_t panels : {1u, 7u, 8u, 9u, 20u}) {
        for (const std::size_t blocks : {1u, 2u, 5u}) {
            for (const std::size_t few : {1u, 3u, 8u, 100u}) {
                CAPTURE(panels);
                CAPTURE(blocks);
                CAPTURE(few);
                std::vector<int> met(panels * blocks);
                std::size_t turns = 0; // from one block of rows to another
                for (std::size_t i = 0, last = 0; i < panels * blocks; ++i) {
                    const auto [panel, block] = lowbit::detail::place_of(i, panels, blocks, few);
                    REQUIRE(panel < panels);
                    REQUIRE(block < blocks);
                    ++met[panel * blocks + block];
                    if (block != last) ++turns;
                    last = block;
                }
                CHECK(met == std::vector<int>(panels * blocks, 1));
                const std::size_t passes = (panels + few - 1) / few; // of all blocks
                CHECK(turns == (blocks > 1 ? passes * blocks - 1 : 0));
            }
        }
    }
}

} // namespace
