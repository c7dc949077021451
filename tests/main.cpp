// SPDX-License-Identifier: MIT
// The main() of every unit test program: prints the seed, then runs doctest.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "support/seed.hpp"

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
    bool lists_only = false;  // CTest asks for the names of the tests and reads every line as one
    for (int i = 1; i < argc; ++i) lists_only = lists_only || std::strstr(argv[i], "list") != nullptr;
    if (!lists_only) std::printf("LOWBIT_TEST_SEED=%llu\n", static_cast<unsigned long long>(lowbit_test::seed()));
    return doctest::Context(argc, argv).run();
}
