// SPDX-License-Identifier: MIT
// The main() of every unit test program: prints the seed, then runs doctest. Where LOWBIT_ISA asks for a level that this
// machine lacks, says so and returns 77, which CTest counts as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <lowbit/isa/detect.hpp>

#include "support/seed.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

int main(int argc, char** argv) {
    bool lists_only = false; // CTest asks for the names of the tests and reads every line as one
    for (int i = 1; i < argc; ++i) lists_only = lists_only || std::strstr(argv[i], "list") != nullptr;
    if (!lists_only) std::printf("LOWBIT_TEST_SEED=%llu\n", static_cast<unsigned long long>(lowbit_test::seed()));

    if (const char* name = std::getenv("LOWBIT_ISA"); name != nullptr) {
        const std::optional<lowbit::isa::level> level = lowbit::isa::parse(name);
        if (level && !lowbit::isa::supported(*level)) {
            std::printf("SKIPPED: this machine cannot run level %s\n", name);
            return 77;
        }
    }
    return doctest::Context(argc, argv).run();
}
