// SPDX-License-Identifier: MIT
// A kernel that needs a stack: compile_check.sh must refuse it.
__global__ void spills(float* p, int i) {
    float here[64];
    for (int j = 0; j < 64; ++j) here[j * i % 64] = p[j];
    for (int j = 0; j < 64; ++j) p[j] = here[(j + i) % 64];
}
