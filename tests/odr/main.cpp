// SPDX-License-Identifier: MIT
// Calls the product that any CPU can run and, where this CPU has what it may use, the newer one too.
#include <lowbit/isa/detect.hpp>

#include <cmath>
#include <cstdio>

double product_plain();
double product_newer();

int main() {
    using lowbit::isa::level;
    const double plain = product_plain();
    const bool is_new = lowbit::isa::supported(level::avx2) || lowbit::isa::supported(level::i8mm);
    if (!is_new) std::puts("SKIPPED: this CPU is too old for the second object");
    const double newer = is_new ? product_newer() : plain;
    std::printf("%.9g %.9g\n", plain, newer);
    return std::isfinite(plain) && plain != 0 && std::fabs(plain - newer) <= 1e-5 * std::fabs(plain) ? 0 : 1;
}
