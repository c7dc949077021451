// SPDX-License-Identifier: MIT
// Prints what this process can run and what it runs, or why LOWBIT_ISA is refused.
#include <lowbit/lowbit.hpp>

#include <iostream>

#include "support/raised.hpp"

int main() {
    if (const auto refusal = lowbit_test::raised([] { (void)lowbit::isa::active(); })) {
        std::cout << "refused: " << refusal->text << '\n';
    } else {
        lowbit::isa::explain(std::cout);
    }
}
