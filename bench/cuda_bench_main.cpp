// SPDX-License-Identifier: MIT
// The program of cuda_bench.cu, which is a shared library so that PyTorch's process can load it, too.
extern "C" int bench_main(int argc, char** argv);

int main(int argc, char** argv) { return bench_main(argc, argv); }
