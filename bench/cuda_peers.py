# SPDX-License-Identifier: MIT
# cuda_peers.py <libcuda_bench.so>: products of this library beside PyTorch's own, in one process and on the same tensors: bf16
# (cuBLAS), int4 with groups of 128, int8, fp8 and, where PyTorch has cuSPARSELt, 2:4 in bf16. Cold weights, rotated over 256 MB;
# CUDA graphs of 20 calls; medians of 11. Prints a table; a product that this PyTorch or GPU lacks says so.
import ctypes
import sys

import torch

COLD = 256 << 20
CALLS = 20
BATCHES = (1, 16, 32, 64, 256, 4096)

ours = ctypes.CDLL(sys.argv[1])
ours.bench_error.restype = ours.bench_format.restype = ctypes.c_char_p
ours.bench_weights.restype = ctypes.c_void_p
ours.bench_weights.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t]
ours.bench_bytes.restype = ctypes.c_size_t
ours.bench_bytes.argtypes = ours.bench_free.argtypes = [ctypes.c_void_p]
ours.bench_workspace.restype = ctypes.c_ssize_t
ours.bench_workspace.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
ours.bench_multiply.argtypes = [
    ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
]
ours.bench_read_rate.restype = ctypes.c_double


def micros(call):
    call(0)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(CALLS):
            call(i)
    times = []
    for _ in range(14):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1000 / CALLS)
    return sorted(times[3:])[5]


def bytes_of(parts):
    return sum(p.numel() * p.element_size() for p in parts)


def rotated(make):
    first = make()
    copies = [first] + [tuple(p.clone() for p in first) for _ in range(COLD // bytes_of(first) + 1)]
    return copies, bytes_of(first)


# Each makes weights of n x k: a function of (X in bf16, call) for any batch, and the bytes of a copy.
def bf16(n, k):
    w, size = rotated(lambda: (torch.randn(n, k, device="cuda", dtype=torch.bfloat16),))
    return lambda x: lambda i: torch.matmul(x, w[i % len(w)][0].t()), size


def int4(n, k):
    def make():
        packed = torch._convert_weight_to_int4pack(torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8), 8)
        return packed, torch.randn(k // 128, n, 2, device="cuda", dtype=torch.bfloat16)

    w, size = rotated(make)
    return lambda x: lambda i: torch._weight_int4pack_mm(x, w[i % len(w)][0], 128, w[i % len(w)][1]), size


def int8(n, k):
    w, size = rotated(lambda: (torch.randint(-128, 128, (n, k), device="cuda", dtype=torch.int8),))

    def of(x):
        x8 = torch.randint(-128, 128, x.shape, device="cuda", dtype=torch.int8)
        return lambda i: torch._int_mm(x8, w[i % len(w)][0].t())

    return of, size


def fp8(n, k):
    w, size = rotated(lambda: (torch.randn(n, k, device="cuda").to(torch.float8_e4m3fn),))

    def of(x):
        x8, one = x.to(torch.float8_e4m3fn), torch.ones((), device="cuda")
        return lambda i: torch._scaled_mm(x8, w[i % len(w)][0].t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)

    return of, size


def sparse(n, k):
    def make():
        w = torch.randn(n, k, device="cuda", dtype=torch.bfloat16).view(n, -1, 4)
        w[:, :, 2:] = 0
        return (torch._cslt_compress(w.view(n, k)),)

    w, size = rotated(make)
    return lambda x: lambda i: torch._cslt_sparse_mm(w[i % len(w)][0], x.t()), size


PEERS = (("torch.matmul bf16", bf16), ("_weight_int4pack_mm g128", int4), ("_int_mm", int8), ("_scaled_mm fp8", fp8),
         ("_cslt_sparse_mm 2:4 bf16", sparse))


def checked(failed):
    if failed:
        raise RuntimeError(ours.bench_error().decode())


def own(i):
    def make(n, k):
        w = ours.bench_weights(i, n, k)
        checked(not w)

        def of(x):
            y = torch.empty(x.shape[0], n, device="cuda", dtype=torch.bfloat16)
            need = ours.bench_workspace(w, x.shape[0])
            checked(need < 0)
            room = torch.empty(max(need, 256), device="cuda", dtype=torch.uint8)
            def call(copy):
                stream = torch.cuda.current_stream().cuda_stream
                checked(ours.bench_multiply(w, copy, x.data_ptr(), x.shape[0], y.data_ptr(), room.data_ptr(), need, stream))
            return call

        of.free = lambda: ours.bench_free(w)
        return of, ours.bench_bytes(w)

    return make


def formats():
    i = 0
    while name := ours.bench_format(i):
        yield f"lowbit {name.decode()}", own(i)
        i += 1


torch.cuda.init()
read = ours.bench_read_rate()
checked(read == 0)
square = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
flops = 2 * 8192**3 / (micros(lambda i: torch.matmul(square, square)) * 1e-6)
print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}: reads {read * 1e-12:.2f} TB/s, "
      f"bf16 8192^3 {flops * 1e-12:.0f} TFLOP/s\n")
print("| product | N | K | M | us | share of floor | x torch.matmul bf16 |\n|---|---|---|---|---|---|---|")
for n, k in ((8192, 8192), (28672, 8192)):
    base = {}
    for name, make in (*PEERS, *formats()):
        try:
            of, size = make(n, k)
        except Exception as problem:  # of functions that PyTorch does not promise: the next product goes on
            print(f"| {name} | {n} | {k} | | {str(problem).partition(chr(10))[0][:60]} | | |", flush=True)
            continue
        for m in BATCHES:
            try:
                us = micros(of(torch.randn(m, k, device="cuda", dtype=torch.bfloat16)))
            except Exception as problem:
                print(f"| {name} | {n} | {k} | {m} | {str(problem).partition(chr(10))[0][:60]} | | |", flush=True)
                continue
            if make is bf16:
                base[m] = us
            ratio = f"{base[m] / us:.2f}" if m in base else ""
            # no share for products in 8 bits and of sparse bf16, whose rate is not measured here
            floor = max((size + 2 * m * (n + k)) / read, 2 * m * n * k / flops) * 1e6
            share = f"{100 * floor / us:.0f} %" if make in (bf16, int4) or ("a16" in name and "2:4" not in name) else ""
            print(f"| {name} | {n} | {k} | {m} | {us:.1f} | {share} | {ratio} |", flush=True)
        if hasattr(of, "free"):
            of.free()
        del of
        torch.cuda.empty_cache()
