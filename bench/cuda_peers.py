# SPDX-License-Identifier: MIT
# What PyTorch's own products take on the shapes of cuda_bench: bf16, int4 with groups of 128, int8 and fp8. Cold weights, CUDA
# graphs of 20 calls, medians of 11. A product that this PyTorch or GPU lacks says so.
import torch

COLD = 256 << 20
CALLS = 20


def micros(call):
    call(0)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(CALLS):
            call(i)
    times = []
    for i in range(12):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1000 / CALLS)
    return sorted(times[1:])[5]


def rotated(make):
    first = make()
    parts = first if isinstance(first, tuple) else (first,)
    size = sum(p.numel() * p.element_size() for p in parts)
    return [first] + [tuple(p.clone() for p in parts) if isinstance(first, tuple) else first.clone() for _ in range(COLD // size + 1)]


def bf16(n, k, m):
    w = rotated(lambda: torch.randn(n, k, device="cuda", dtype=torch.bfloat16))
    x = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    return lambda i: torch.matmul(x, w[i % len(w)].t())


def int4(n, k, m):
    def make():
        codes = torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8)
        packed = torch._convert_weight_to_int4pack(codes, 8)
        return packed, torch.randn(k // 128, n, 2, device="cuda", dtype=torch.bfloat16)

    w = rotated(make)
    x = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    return lambda i: torch._weight_int4pack_mm(x, w[i % len(w)][0], 128, w[i % len(w)][1])


def int8(n, k, m):
    w = rotated(lambda: torch.randint(-128, 128, (n, k), device="cuda", dtype=torch.int8))
    x = torch.randint(-128, 128, (m, k), device="cuda", dtype=torch.int8)
    return lambda i: torch._int_mm(x, w[i % len(w)].t())


def fp8(n, k, m):
    w = rotated(lambda: torch.randn(n, k, device="cuda").to(torch.float8_e4m3fn))
    x = torch.randn(m, k, device="cuda").to(torch.float8_e4m3fn)
    one = torch.ones((), device="cuda")
    return lambda i: torch._scaled_mm(x, w[i % len(w)].t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}\n")
print("| product | N | K | M | us |\n|---|---|---|---|---|")
for n, k in ((8192, 8192), (28672, 8192)):
    for name, make in (("matmul bf16", bf16), ("_weight_int4pack_mm g128", int4), ("_int_mm", int8), ("_scaled_mm fp8", fp8)):
        for m in (1, 16, 32, 64, 256, 4096):
            try:
                print(f"| {name} | {n} | {k} | {m} | {micros(make(n, k, m)):.1f} |", flush=True)
            except Exception as problem:  # of functions that PyTorch does not promise: the next product goes on
                print(f"| {name} | {n} | {k} | {m} | {str(problem).partition(chr(10))[0][:60]} |", flush=True)
