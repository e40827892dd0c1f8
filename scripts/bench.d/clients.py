# SPDX-License-Identifier: GPL-2.0
"""What clients of a moving server notice: figures like those of figures.py."""
import statistics

from records import MS, plain, total

SENT_AGAIN = ["retransmitted", "probes", "timeouts"]


def watched(records, case, how):
    """Moves in which a client was watched, and that have been made."""
    return [r for r in records.get(case, how) if "client" in r]


def each_how(records):
    """(case, moves, what its figures begin with), of Tern and of CRIU."""
    for case in records.cases:
        for how, prefix in (("tern", ""), ("criu-stop", "criu_stop_"),
                            ("criu-lazy", "criu_lazy_")):
            runs = watched(records, case, how)
            if runs:
                yield case, runs, prefix


def waits(records):
    for case, runs, prefix in each_how(records):
        yield prefix + "client_longest_wait_ms", case, [r["client"]["longest"] / MS for r in runs]
        yield prefix + "client_p999_ms", case, [r["client"]["p999"] / MS for r in runs]
        # one whose connection broke has no time without a move
        still = [r["control"]["client"] for r in runs if not r["client"]["error"]]
        if still:
            for figure, key in (("longest_wait", "longest"), ("p999", "p999"),
                                ("median", "median")):
                yield (prefix + "control_%s_ms" % figure, case, [c[key] / MS for c in still])
        yield prefix + "client_watched_s", case, [r["client"]["seconds"] for r in runs]
        if prefix:
            yield prefix + "clients_served", case, [float(not r["client"]["error"]) for r in runs]


def sent_again(records):
    """By the client's host and in the server's network namespace, per move."""
    for case, runs, prefix in each_how(records):
        for key in SENT_AGAIN:
            yield prefix + key, case, [r["client"][key] for r in runs]
            yield prefix + "control_" + key, case, [r["control"]["client"][key] for r in runs]
            yield (prefix + "server_" + key, case,
                   [sum(host[key] for host in r["server"]) for r in runs])
            yield (prefix + "control_server_" + key, case,
                   [r["control"]["server"][key] for r in runs])


def over_latency(records):
    """The longest wait over the latency period, and CRIU's over Tern's."""
    for case in records.cases:
        runs = watched(records, case, "tern")
        if not runs:
            continue
        usual = statistics.median(total(r) for r in runs)
        yield "client_wait_over_L", case, [r["client"]["longest"] / usual for r in runs]
        usual = statistics.median(r["client"]["longest"] for r in runs)
        for mode in ("stop", "lazy"):
            theirs = watched(records, plain(case), "criu-" + mode)
            if theirs:
                yield ("criu_%s_client_wait_over_tern" % mode, case,
                       [r["client"]["longest"] / usual for r in theirs])


def messages(records):
    """Longest wait for an acknowledgement, over the round trip of the same run."""
    for case in records.cases:
        runs = [r for r in watched(records, case, "tern") if "ping" in r]
        if not runs:
            continue
        rtt = statistics.median(r["control"]["client"]["median"] for r in runs)
        ping = statistics.median(time for r in runs for time in r["ping"])
        yield "message_freeze_over_rtt", case, [r["client"]["longest"] / rtt for r in runs]
        yield ("control_message_over_rtt", case,
               [r["control"]["client"]["longest"] / rtt for r in runs])
        yield "message_freeze_over_ping", case, [r["client"]["longest"] / ping for r in runs]
        yield "ping_ms", case, [time / MS for r in runs for time in r["ping"]]


def all_figures(records):
    for figures in (waits, sent_again, over_latency, messages):
        yield from figures(records)
