#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns what bench_peers wrote into the tables and the picture of docs/performance.md.

  bench/plot.py peers.json... [picture.svg]

Several files, parts of a long run or repetitions of one, each with the ceilings of its own, make one table: where pages lie is
drawn anew with each process, so of a row that several files have the medians count. Prints Markdown: for each width and number of
threads our shares of the machine's ceiling, those that are wanted where they are less, pruned weights beside dense ones, and the
times beside the best peer's. A share is the time that the ceilings of the same run allow over the time taken; that is the longer of the products at the peak of the
instruction that multiplies, and of reading the weights once: from memory, or from a working set of their size where they are hot.
"""
import json
import sys
from collections import defaultdict
from statistics import median

OURS = "lowbit"
FLOAT = "float"  # families whose names end so multiply in float
VARIANT = "lowbit_"  # ours with other activations: lines of their own
MEMORY = 512 << 10  # KiB
ORDER = ["w8", "w8g32", "w4", "w4g32", "w4g128", "w2g32", "ternary", "w3g32", "w5g32", "w6g32", "nf4", "iq4_nl",
         "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_xs", "binary"]
# What our shares of the ceilings should be, in percent, at M = 1 from memory, M = 1 hot, M = 16, 64, 512, and how many times the
# best peer's speed at M = 4; with two threads 3 points less. N is 4096.
CASES = [(1, 24), (1, 1), (16, 1), (64, 1), (512, 1)]
TARGETS = {
    "w8": (95, 95, 72, 88, 90, 1.0), "w8g32": (92, 90, 56, 68, 72, 1.0), "w4": (90, 90, 64, 80, 84, 1.5),
    "w4g32": (88, 88, 54, 66, 70, 1.5), "w4g128": (90, 88, 60, 74, 78, 1.5), "w2g32": (75, 70, 56, 70, 76, 1.3),
    "ternary": (75, 70, 56, 70, 76, 1.3), "w3g32": (80, 75, 46, 60, 66, 1.3), "w5g32": (80, 75, 46, 60, 66, 1.3),
    "w6g32": (80, 75, 46, 60, 66, 1.3), "nf4": (85, 80, 50, 62, 68, 1.5), "iq4_nl": (85, 80, 50, 62, 68, 1.5),
    "binary": (85, 80, 60, 60, 60, None), "w8_float": (85, None, None, None, 85, None),
    "w4g32_float": (85, None, None, None, 85, None), "w2g32_float": (50, None, None, None, 85, None),
    "nf4_float": (None, None, None, None, 85, None),
    "w8_50_pruned": (80, None, None, None, None, None), "w8_90_pruned": (65, None, None, None, None, None),
    "w8_2_of_4": (80, None, None, None, None, None), "w4_2_of_4": (80, None, None, None, None, None),
    "w8_75_in_1x16": (80, None, None, None, None, None), "w8_75_in_4x16": (80, None, None, None, None, None),
}
# How many times the speed of our dense product of the same element pruned weights should have, at M = 1 from memory and at M = 64.
TIMES_DENSE = {
    "w8_50_pruned": (1.5, 0.9), "w8_90_pruned": (3, 1), "w8_2_of_4": (1.5, 0.9), "w4_2_of_4": (1.2, 0.9),
    "w8_75_in_1x16": (3, 2.5), "w8_75_in_4x16": (3, 3),
}


def missed(name, width, threads, case, c):
    """What a cell should have reached, where it did not; else nothing."""
    wanted = TARGETS.get(name)
    if not wanted or width != 4096:
        return ""
    if case == (4, 1):
        times = c["peer"] and c["peer_time"] / c["time"]
        return f", wanted {wanted[-1]} x" if times and wanted[-1] and times < wanted[-1] else ""
    percent = wanted[CASES.index(case)]
    if percent is None:
        return ""
    percent -= 3 * (threads - 1)
    return f", wanted {percent}%" if round(100 * c["share"]) < percent else ""


def beside_dense(name, width, case, c):
    """How many times faster than our dense product pruned weights are, and should have been."""
    if not c["dense_time"]:
        return ""
    times = c["dense_time"] / c["time"]
    wanted = dict(zip([(1, 24), (64, 1)], TIMES_DENSE.get(name, ()))).get(case) if width == 4096 else None
    return f", {times:.2f} x dense" + (f", wanted {wanted}" if wanted and times < wanted else "")


def medians(path, products):
    """Adds to products, {(family, whose): {(N, threads): {(M, copies): [row]}}}, whose rows get a share; returns the ceilings,
    {(ceiling, threads): value}, and which (N, threads) they are the ceilings of."""
    rows, ceilings = [], {}
    for row in json.load(open(path))["benchmarks"]:
        if row.get("aggregate_name", "median") != "median" or row.get("error_occurred"):
            continue
        parts = row.get("run_name", row["name"]).split("/")
        named = {k: int(v) for k, _, v in (p.partition(":") for p in parts) if v.isdigit()}
        threads = named.get("threads", 1)
        if parts[0] == "read_bandwidth":
            ceilings[named["KiB"], threads] = row["GB/s"]
        elif parts[0].startswith("peak_"):
            ceilings[parts[0], threads] = row["GOP/s"]
        elif "rel_error" in row:
            rows.append((parts[0], parts[1], named["N"], threads, named["M"], named["copies"], row))
    for family, whose, n, threads, m, copies, row in rows:
        row["share"] = share(family, threads, copies, row, ceilings)
        products[family, whose][n, threads].setdefault((m, copies), []).append(row)
    return ceilings, {(n, threads) for _, _, n, threads, *_ in rows}


def middle(rows):
    """One row for those of several runs."""
    return rows[0] | {key: median(row[key] for row in rows) for key in ("real_time", "share", "rel_error")}


def share(family, threads, copies, row, ceilings):
    seconds = row["real_time"] * 1e-6
    kib = row["GB/s"] * seconds * 1e9 / 1024 / threads  # each thread reads its part
    sets = sorted(k for k, t in ceilings if t == threads and isinstance(k, int))
    size = MEMORY if copies > 1 else next((s for s in sets if s >= kib), MEMORY)
    unit = "fma" if family.endswith(FLOAT) else "vpopcntd" if family == "binary" else "vpdpbusd"
    peak = ceilings["peak_" + unit, threads]
    return max(row["GOP/s"] / peak, row["GB/s"] / ceilings[size, threads])


def order(family):
    name = family.removesuffix("_" + FLOAT)
    return family.endswith(FLOAT), ORDER.index(name) if name in ORDER else len(ORDER), family


def lines(products, width, threads):
    """One line a family of ours: its name, and for each case (M, copies) the time, the share, the error, and the best peer."""
    found = []
    for family, whose in sorted(products, key=lambda key: (order(key[0]), key[1])):
        cases = products[family, whose].get((width, threads))
        if not cases or not (whose == OURS or whose.startswith(VARIANT)):
            continue
        cells = {}
        dense = products.get((family, OURS + "_dense"), {}).get((width, threads), {}) if whose == OURS else {}
        for case, row in cases.items():
            peers = [(p[width, threads][case], name) for (f, name), p in products.items()
                     if f == family and not name.startswith(OURS) and case in p.get((width, threads), {})]
            peer, name = min(peers, key=lambda p: p[0]["real_time"], default=(None, None))
            cells[case] = {
                "time": row["real_time"], "share": row["share"], "error": row["rel_error"],
                "dense_time": dense.get(case, {}).get("real_time"),
                "peer": name, "peer_time": peer and peer["real_time"],
                "peer_share": peer and peer["share"], "peer_error": peer and peer["rel_error"],
            }
        found.append((family + whose.removeprefix(OURS), cells))
    return found


def case_name(case):
    m, copies = case
    return f"M = {m}" + ((", memory" if copies > 1 else ", hot") if m == 1 else "")


def time(us):
    return f"{us / 1000:.1f} ms" if us >= 10000 else f"{us:.0f} us"


def table(found, first, cell):
    """`cell` makes text of a family's name, a case and what was measured."""
    cases = sorted({c for _, cells in found for c in cells}, key=lambda c: (c[0], -c[1]))
    print(f"| {first} | " + " | ".join(map(case_name, cases)) + " |\n|---" + "|---" * len(cases) + "|")
    for name, cells in found:
        print(f"| {name} | " + " | ".join(cell(name, c, cells[c]) if c in cells else "" for c in cases) + " |")
    print()


def ceilings_text(parts, threads):
    part = {key: median(p[key] for p in parts if key in p) for key in set().union(*parts)}
    reads = sorted((kib >> 10, value) for (kib, t), value in part.items() if t == threads and isinstance(kib, int))
    return (f"Ceilings: `vpdpbusd` {part['peak_vpdpbusd', threads]:.0f} GOP/s, f32 FMA {part['peak_fma', threads]:.0f} GFLOP/s, "
            f"`vpopcntd` {part['peak_vpopcntd', threads]:.0f} GOP/s; reading, in GB/s: "
            + ", ".join(f"{mib} MiB {value:.0f}" for mib, value in reads if mib >= 1) + ".")


def markdown(products, ceilings):
    for width, threads in sorted({key for cases in products.values() for key in cases}):
        found = lines(products, width, threads)
        if not found:
            continue
        print(f"### N = {width}, {threads} thread{'s' if threads > 1 else ''}\n")
        print(ceilings_text([part for part, covered in ceilings if (width, threads) in covered], threads) + "\n")
        print("Share of the ceiling, how many times faster than the best peer, and of pruned weights than our dense ones:\n")
        table(found, "weights", lambda name, case, c: f"{c['share']:.0%}"
              + (f" ({c['peer_time'] / c['time']:.2f} x)" if c["peer"] else "") + beside_dense(name, width, case, c) + missed(name, width, threads, case, c))
        print("Time, and the best peer's:\n")
        table(found, "weights", lambda _, __, c: time(c["time"]) + (f"; {c['peer']} {time(c['peer_time'])}" if c["peer"] else ""))
        print("Relative error against the float product, and the best peer's:\n")
        table(found, "weights", lambda _, __, c: f"{c['error']:.4f}" + (f"; {c['peer_error']:.4f}" if c["peer"] else ""))


def panel(out, found, left, title):
    """Bars of one width and number of threads from x = left on; the height that they take."""
    label, width, step = 110, 330, 13
    out.append(f'<text x="{left + label}" y="18" font-size="13">{title}</text>')
    y, rules = 26, len(out)
    for name, cells in found:
        y += 16
        out.append(f'<text x="{left + 4}" y="{y}" font-weight="bold">{name}</text>')
        y += 4
        for case in sorted(cells, key=lambda c: (c[0], -c[1])):
            c = cells[case]
            out.append(f'<text x="{left + label - 6}" y="{y + 9}" text-anchor="end">{case_name(case)}</text>')
            out.append(f'<rect x="{left + label}" y="{y + 1}" width="{width * min(c["share"], 1.1):.1f}" height="7" fill="#1f4e79"/>')
            if c["peer"]:
                out.append(f'<rect x="{left + label}" y="{y + 8}" width="{width * min(c["peer_share"], 1.1):.1f}" height="3" '
                           f'fill="#9dc3e6"><title>{c["peer"]}</title></rect>')
            y += step
    for percent in range(0, 101, 20):
        x = left + label + width * percent / 100
        out.insert(rules, f'<path d="M{x} 26V{y + 4}" stroke="#ddd"/>')
        out.append(f'<text x="{x}" y="{y + 15}" text-anchor="middle" fill="#666">{percent} %</text>')
    return y + 24


def svg(products, path):
    out, height, left = [], 0, 0
    for width, threads in sorted({key for cases in products.values() for key in cases}):
        found = lines(products, width, threads)
        if found:
            title = f"N = {width}, {threads} thread{'s' if threads > 1 else ''}: share of the ceiling"
            height, left = max(height, panel(out, found, left, title)), left + 490
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left}" height="{height}" font-family="sans-serif" font-size="10">',
            '<title>lowbit (dark) and the best peer (light)</title>', '<rect width="100%" height="100%" fill="white"/>']
    open(path, "w").write("\n".join(head + out + ["</svg>\n"]))


def main():
    parts = [path for path in sys.argv[1:] if path.endswith(".json")]
    pictures = [path for path in sys.argv[1:] if path.endswith(".svg")]
    if not parts or len(parts) + len(pictures) != len(sys.argv) - 1:
        sys.exit(__doc__)
    measured = defaultdict(lambda: defaultdict(dict))
    ceilings = [medians(part, measured) for part in parts]
    products = {key: {table: {case: middle(rows) for case, rows in cases.items()} for table, cases in tables.items()}
                for key, tables in measured.items()}
    markdown(products, ceilings)
    for picture in pictures:
        svg(products, picture)


if __name__ == "__main__":
    main()
