# SPDX-License-Identifier: GPL-2.0
"""Tables, summary.csv and plots of a benchmark: report.py RECORDS-FOLDER OUT-FOLDER."""
import csv
import pathlib
import sys

import clients
import figures
import plots
from records import Records, spread

RATIOS = ["L_over_F", "gap_over_F", "L_over_forkexec", "criu_stop_over_tern",
          "criu_lazy_over_tern", "criu_stop_over_tern_L", "criu_lazy_over_tern_L",
          "cold_L_over_L", "hybrid_L_over_L", "hybrid_gap_over_gap", "L_over_base_L"]
TIMES = ["L_ms", "gap_ms", "criu_stop_gap_ms", "criu_lazy_gap_ms", "F_ms", "forkexec_ms"]
WAYS = {"": "Tern", "criu_stop_": "CRIU, stop and copy", "criu_lazy_": "CRIU, lazy pages"}
WAITS = ["client_longest_wait_ms", "client_p999_ms", "control_longest_wait_ms",
         "control_p999_ms", "control_median_ms"]
AGAIN = [who + what for what in clients.SENT_AGAIN
         for who in ("", "control_", "server_", "control_server_")]
NOTICED = ["client_wait_over_L", "criu_stop_client_wait_over_tern",
           "criu_lazy_client_wait_over_tern", "message_freeze_over_rtt",
           "control_message_over_rtt", "message_freeze_over_ping"]
FIRST = ["L_ms", "blast_KiB", "first_pages"] + ["missed_in_%s_ms" % n for n in (1, 10, 100)]
PHASES = ["phase_%s_ms" % phase for phase in figures.PHASES] + ["blast_KiB", "faults", "paging_ms"]


def show(number):
    return "%.0f" % number if abs(number) >= 100 else "%.3g" % number


def table(title, rows, wanted):
    """Cases down, figures across; n is that of the first."""
    cells = {(figure, case): "%s [%s–%s]" % tuple(map(show, values[:3]))
             for figure, case, values in rows}
    runs = {(figure, case): str(values[3]) for figure, case, values in rows}
    wanted = [figure for figure in wanted if any(key[0] == figure for key in cells)]
    cases = list(dict.fromkeys(case for _, case, _ in rows))
    cases = [case for case in cases if any((figure, case) in cells for figure in wanted)]
    if not cases:
        return
    print("\n%s: median [min–max]\n" % title)
    lines = [[""] + wanted + ["n"]]
    for case in cases:
        lines.append([case] + [cells.get((figure, case), "-") for figure in wanted] +
                     [next(runs[figure, case] for figure in wanted if (figure, case) in runs)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] +
                        [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]))


def print_rest(rows):
    """What belongs to a single case or two."""
    told = {way + figure for way in WAYS for figure in WAITS + AGAIN}
    told |= set(RATIOS + TIMES + PHASES + FIRST + NOTICED)
    told |= {"longest_other_gap_ms", "page_pingpong_ms", "gap_over_forkexec"}
    print("\n%-30s%-20s%12s%12s%12s%8s" % ("figure", "case", "median", "min", "max", "n"))
    for figure, case, values in rows:
        if figure not in told:
            print("%-30s%-20s%12s%12s%12s%8d" % ((figure, case) + tuple(map(show, values[:3]))
                                                + (values[3],)))


def print_refused(records):
    for (case, how), refused in records.runs.items():
        if how == "refused":
            for record in refused:
                print("\n%s: %s could not: %s" % (case, record["how"], record["refused"]))


def main():
    folder, out = map(pathlib.Path, sys.argv[1:3])
    records = Records(folder / "runs.jsonl")
    rows = [(figure, case, spread(values))
            for figure, case, values in figures.all_figures(records)]
    table("How long the process stands still", rows, TIMES)
    table("Ratios", rows, RATIOS)
    table("Phases of the latency period, which overlap", rows, PHASES)
    table("First pages, and what was missed all the same",
          [row for row in rows if ".first-" in row[1]], FIRST)
    for way, name in WAYS.items():
        table("How long clients wait, %s" % name, rows, [way + figure for figure in WAITS])
        table("What is sent again, %s" % name, rows, [way + figure for figure in AGAIN])
    table("What clients notice, ratios", rows, NOTICED)
    print_rest(rows)
    print_refused(records)
    with open(out / "summary.csv", "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(["figure", "case", "median", "min", "max", "n"])
        for figure, case, values in rows:
            writer.writerow([figure, case] + ["%.6g" % v for v in values[:3]] + [values[3]])
    plots.draw_all(records, rows, out, folder)


main()
