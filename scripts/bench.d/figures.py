# SPDX-License-Identifier: GPL-2.0
"""The figures of the benchmark, as Documentation/bench.rst defines them.

Each function takes the records and yields (figure, case, values). A value is
one run's; what it is divided by is the median of the same case's.
"""
import statistics

import clients
from records import MS, PHASES, before, gap, plain, total

FULL_SPEED = 0.9
WINDOW = 10             # slots of 10 ms that must be at full speed


def measured(records):
    """Cases of processes that Tern moved and whose shape is the point."""
    return [case for case in records.cases if records.get(case, "tern") and
            case.split(".")[0] not in ("faults-idle", "faults-flushing", "speed")]


def beats(runs):
    """Do these processes say when they stood still? Programs of others do not."""
    return "beat" in runs[0]


def latency(records):
    for case in measured(records):
        runs = records.get(case, "tern")
        yield "L_ms", case, [total(r) / MS for r in runs]
        if beats(runs):
            yield "gap_ms", case, [gap(r) / MS for r in runs]
            yield "longest_other_gap_ms", case, [r["beat"]["longest"] / MS for r in runs]
        for phase in PHASES:
            yield ("phase_%s_ms" % phase, case,
                   [r["move"]["tern"]["phase_ns"][phase] / MS for r in runs])
        yield "blast_KiB", case, [r["move"]["tern"]["blast_bytes"] / 1024 for r in runs]
        yield "faults", case, [r["move"]["tern"]["faults"] for r in runs]
        yield "paging_ms", case, [r["move"]["tern"]["phase_ns"]["paging"] / MS for r in runs]
        if "missed" in runs[0]:
            yield "first_pages", case, [r["move"]["tern"]["pages_first"] for r in runs]
            for i, window in enumerate(("1", "10", "100")):
                yield "missed_in_%s_ms" % window, case, [r["missed"][i] for r in runs]
        if case.endswith(".hybrid"):
            yield ("pages_before_share", case,
                   [r["move"]["tern"]["pages_before"] / r["move"]["tern"]["pages_total"]
                    for r in runs])


def over_yardsticks(records):
    for case in measured(records):
        yards = records.yardsticks(case)
        if not yards:
            continue
        runs = records.get(case, "tern")
        floor = statistics.median(yards["blast"]) / 2
        forkexec = statistics.median(yards["forkexec"])
        yield "L_over_F", case, [total(r) / floor for r in runs]
        yield "L_over_forkexec", case, [total(r) / forkexec for r in runs]
        if beats(runs):
            yield "gap_over_F", case, [gap(r) / floor for r in runs]
            yield "gap_over_forkexec", case, [gap(r) / forkexec for r in runs]
        yield "F_ms", case, [time / 2 / MS for time in yards["blast"]]
        yield "forkexec_ms", case, [time / MS for time in yards["forkexec"]]
        yield "page_pingpong_ms", case, [time / MS for time in yards["page"]]


def over_tern(records):
    """CRIU's gap over Tern's gap, and over Tern's L."""
    for case in measured(records):
        tern = records.get(case, "tern")
        for mode in ("stop", "lazy"):
            gaps = [gap(r) for r in records.get(plain(case), "criu-" + mode) if "beat" in r]
            if not gaps:
                continue
            if case == plain(case):
                yield "criu_%s_gap_ms" % mode, case, [g / MS for g in gaps]
            floor = statistics.median(gap(r) for r in tern)
            yield "criu_%s_over_tern" % mode, case, [g / floor for g in gaps]
            floor = statistics.median(total(r) for r in tern)
            yield "criu_%s_over_tern_L" % mode, case, [g / floor for g in gaps]


def prepared(records):
    """What preparing the destination is worth, and sending pages ahead."""
    for case in measured(records):
        cold, warm = records.get(case + ".cold", "tern"), records.get(case, "tern")
        if cold:
            base = statistics.median(total(r) for r in warm)
            yield "cold_L_over_L", case, [total(r) / base for r in cold]
        ahead = records.get(case + ".hybrid", "tern")
        if ahead:
            base = statistics.median(total(r) for r in warm)
            yield "hybrid_L_over_L", case, [total(r) / base for r in ahead]
            if beats(ahead):
                base = statistics.median(gap(r) for r in warm)
                yield "hybrid_gap_over_gap", case, [gap(r) / base for r in ahead]


def over_base(records):
    for case in measured(records):
        old, now = records.get(before(case), "tern"), records.get(case, "tern")
        if old:
            usual = statistics.median(total(r) for r in old)
            yield "L_over_base_L", case, [total(r) / usual for r in now]


def faults(records):
    pings = records.page_pingpong()
    for case in ("faults-idle", "faults-flushing"):
        waits = [w for r in records.get(case, "tern") for w in r["beat"]["waits"]]
        if not waits or not pings:
            continue
        base = statistics.median(pings)
        yield "fault_ms", case, [w / MS for w in waits]
        yield "fault_over_pingpong", case, [w / base for w in waits]


def flush(records):
    rates = [r["rate"] / 2**20 for r in records.get("heap-1g", "iperf3")]
    if not rates:
        return
    runs = [r["move"]["tern"] for r in records.get("heap-1g", "tern")]
    mine = [r["pages_moved"] * 4096 / 2**20 / (r["phase_ns"]["paging"] / 1e9) for r in runs]
    yield "flush_MiB_per_s", "heap-1g", mine
    yield "iperf3_MiB_per_s", "heap-1g", rates
    base = statistics.median(rates)
    yield "flush_over_iperf3", "heap-1g", [rate / base for rate in mine]


def full_speed_ms(beat):
    """From the last beat before the move until it works as fast as before; or None."""
    usual = statistics.median(beat["slots_before"])
    after = beat["slots_after"]
    for at in range(len(after) - WINDOW):
        if statistics.mean(after[at:at + WINDOW]) >= FULL_SPEED * usual:
            return at * 10
    return None


def speed(records):
    for case in ("speed", "speed.hybrid"):
        runs = records.get(case, "tern")
        if not runs:
            continue
        yield "L_ms", case, [total(r) / MS for r in runs]
        yield "gap_ms", case, [gap(r) / MS for r in runs]
        yield "paging_ms", case, [r["move"]["tern"]["phase_ns"]["paging"] / MS for r in runs]
        times = [(full_speed_ms(r["beat"]), gap(r) / MS) for r in runs]
        times = [after + before for after, before in times if after is not None]
        if times:
            yield "time_to_full_speed_ms", case, times


def job(records):
    base = [r["job"]["job"] / 1e9 for r in records.get("job-0", "job")]
    for case in records.cases:
        runs = [(r["job"]["job"] / 1e9, r["moves"]) for r in records.get(case, "job")]
        if not runs:
            continue
        yield "job_s", case, [time for time, _ in runs]
        if base and all(moves for _, moves in runs):
            usual = statistics.median(base)
            yield ("job_cost_per_move_ms", case,
                   [(time - usual) / moves * 1e3 for time, moves in runs])


def all_figures(records):
    for figures in (latency, over_yardsticks, over_tern, prepared, over_base, faults, flush,
                    speed, job, clients.all_figures):
        yield from figures(records)
