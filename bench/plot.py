#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns what bench_peers wrote into the table and the picture of docs/performance.md.

  bench_peers --benchmark_enable_random_interleaving=true --benchmark_repetitions=9 \\
              --benchmark_report_aggregates_only=true --benchmark_out=peers.json --benchmark_out_format=json
  bench/plot.py peers.json [picture.svg]

Prints Markdown. A ceiling is the same run's: the bandwidth of memory for weights that come from there at M = 1, of an 8 MiB
working set for those that are hot, and for more rows the peak of the instruction that multiplies.
"""
import json
import sys
from collections import defaultdict

OURS = "lowbit"
FLOAT = "float"  # families whose names end so multiply in float


def medians(path):
    """{(family, whose): {(M, copies, threads): row}} and {(ceiling, threads): value}."""
    products, ceilings = defaultdict(dict), {}
    for row in json.load(open(path))["benchmarks"]:
        if row.get("aggregate_name", "median") != "median":
            continue
        parts = [p for p in row.get("run_name", row["name"]).split("/") if p != "real_time"]
        named = dict(p.split(":") for p in parts if ":" in p)
        threads = int(named.get("threads", 1))
        if parts[0] == "read_bandwidth":
            ceilings[int(named["KiB"]), threads] = row["GB/s"]
        elif parts[0].startswith("peak_"):
            ceilings[parts[0], threads] = row["GOP/s"]
        elif "GOP/s" in row:
            products[parts[0], parts[1]][int(named["M"]), int(named["copies"]), threads] = row
    return products, ceilings


def share(family, case, row, ceilings):
    m, copies, threads = case
    if m == 1:
        return row["GB/s"] / ceilings[(512 << 10) if copies > 1 else (8 << 10), threads]
    return row["GOP/s"] / ceilings["peak_fma" if family.endswith(FLOAT) else "peak_vpdpbusd", threads]


def rows_of(products, ceilings):
    """One row a family and case: ours, the best peer, and both shares of the ceiling."""
    for family in sorted({f for f, whose in products if whose == OURS}):
        peers = {whose: cases for (f, whose), cases in products.items() if f == family and whose != OURS}
        for case, ours in sorted(products[family, OURS].items(), key=lambda c: (c[0][2], c[0][0], -c[0][1])):
            best = min(((cases[case]["real_time"], whose) for whose, cases in peers.items() if case in cases), default=None)
            yield {
                "family": family, "case": case, "ours": ours["real_time"], "share": share(family, case, ours, ceilings),
                "peer": best and best[1], "ratio": best and best[0] / ours["real_time"],
                "peer_share": best and share(family, case, peers[best[1]][case], ceilings),
            }


def case_name(case):
    m, copies, _ = case
    return f"M = {m}" + ((", memory" if copies > 1 else ", hot") if m == 1 else "")


def time(us):
    return f"{us / 1000:.1f} ms" if us >= 10000 else f"{us:.0f} us"


def markdown(rows, ceilings):
    for threads in sorted({r["case"][2] for r in rows}):
        values = {k[0]: v for k, v in ceilings.items() if k[1] == threads}
        print(f"\n### {threads} thread{'s' if threads > 1 else ''}\n")
        print(f"Ceilings: `vpdpbusd` {values['peak_vpdpbusd']:.0f} GOP/s, f32 FMA {values['peak_fma']:.0f} GFLOP/s, reading 512 MiB "
              f"{values[512 << 10]:.1f} GB/s, 8 MiB {values[8 << 10]:.0f} GB/s.\n")
        print("| weights | | ours | share of the ceiling | best peer | its share | peer's time / ours |\n|---|---|---|---|---|---|---|")
        family = None
        for r in (r for r in rows if r["case"][2] == threads):
            name = r["family"] if r["family"] != family else ""
            family = r["family"]
            peer = f"{r['peer']} | {r['peer_share']:.0%} | {r['ratio']:.2f}" if r["peer"] else "| |"
            print(f"| {name} | {case_name(r['case'])} | {time(r['ours'])} | {r['share']:.0%} | {peer} |")


def svg(rows, path):
    rows = [r for r in rows if r["case"][2] == 1]
    left, width, step = 190, 520, 17
    height = 60 + step * len(rows) + 14 * len({r["family"] for r in rows})
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{height}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="18" font-size="13">Share of the machine\'s ceiling, one thread: lowbit (dark), best peer (light)</text>']
    for percent in range(0, 101, 20):
        x = left + width * percent / 100
        out.append(f'<path d="M{x} 30V{height - 12}" stroke="#ddd"/><text x="{x}" y="{height - 1}" text-anchor="middle" fill="#666">{percent} %</text>')
    y, family = 34, None
    for r in rows:
        if r["family"] != family:
            family, y = r["family"], y + 14
            out.append(f'<text x="6" y="{y + 10}" font-weight="bold">{family}</text>')
        out.append(f'<text x="{left - 6}" y="{y + 10}" text-anchor="end">{case_name(r["case"])}</text>')
        out.append(f'<rect x="{left}" y="{y + 2}" width="{width * min(r["share"], 1.1):.1f}" height="7" fill="#1f4e79"/>')
        if r["peer"]:
            out.append(f'<rect x="{left}" y="{y + 9}" width="{width * min(r["peer_share"], 1.1):.1f}" height="4" fill="#9dc3e6"><title>{r["peer"]}</title></rect>')
        y += step
    open(path, "w").write("\n".join(out + ["</svg>\n"]))


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    products, ceilings = medians(sys.argv[1])
    rows = list(rows_of(products, ceilings))
    markdown(rows, ceilings)
    if len(sys.argv) == 3:
        svg(rows, sys.argv[2])


if __name__ == "__main__":
    main()
