# SPDX-License-Identifier: GPL-2.0
"""Turn what scripts/bench collected in a directory into tables and summary.csv.

runs: lines "MIB JSON" of "tern migrate --json"; forkexec, pingpong: yardsticks.
A figure is a ratio within one run: the machine is emulated and noisy.
"""
import collections
import csv
import json
import pathlib
import statistics
import sys

PHASES = ["park", "capture", "send", "receive", "rebuild", "first_pages",
          "resume", "total"]


def spread(values):
    return statistics.median(values), min(values), max(values)


def load(folder):
    runs = collections.defaultdict(list)
    for line in (folder / "runs").read_text().splitlines():
        mib, record = line.split(" ", 1)
        runs[int(mib)].append(json.loads(record))
    return runs


def main():
    folder = pathlib.Path(sys.argv[1])
    runs = load(folder)
    forkexec = int((folder / "forkexec").read_text().split()[1])
    pings = {}
    for line in (folder / "pingpong").read_text().splitlines():
        size, _, median, _ = map(int, line.split())
        pings[size] = median
    nearest = max(size for size in pings)
    floor = pings[nearest] / 2
    rows = []

    print("Latency period by resident memory, ms, median [min–max]\n")
    print("%-12s" % "MiB" + "".join("%22d" % mib for mib in sorted(runs)))
    for phase in PHASES:
        cells = []
        for mib in sorted(runs):
            m, low, high = spread([r["phase_ns"][phase] / 1e6 for r in runs[mib]])
            cells.append("%8.1f [%.1f–%.1f]" % (m, low, high))
        print("%-12s" % phase + "".join("%22s" % c for c in cells))

    print("\nfork+exec+wait of /bin/true: %.2f ms; 4 KiB ping-pong: %.2f ms;"
          " floor F (one way, %d bytes): %.2f ms\n"
          % (forkexec / 1e6, pings[4096] / 1e6, nearest, floor / 1e6))
    base = spread([r["phase_ns"]["total"] for r in runs[min(runs)]])[0]
    print("%-24s%14s%12s%12s%6s" % ("figure, case", "median", "min", "max", "n"))
    for mib in sorted(runs):
        totals = [r["phase_ns"]["total"] for r in runs[mib]]
        rates = [r["pages_moved"] * 4096 / 2**20 / (r["phase_ns"]["paging"] / 1e9)
                 for r in runs[mib] if r["phase_ns"]["paging"]]
        for figure, values in (
                ("L_over_F", [t / floor for t in totals]),
                ("L_over_forkexec", [t / forkexec for t in totals]),
                ("L_over_L_smallest", [t / base for t in totals]),
                ("paging_MiB_per_s", rates),
                ("faults", [r["faults"] for r in runs[mib]])):
            if not values:
                continue
            m, low, high = spread(values)
            rows.append([figure, mib, m, low, high, len(values)])
            print("%-18s%6d%14.2f%12.2f%12.2f%6d" % tuple(rows[-1]))
    with open(folder / "summary.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["figure", "case", "median", "min", "max", "n"])
        writer.writerows(rows)


main()
