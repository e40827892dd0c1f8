# SPDX-License-Identifier: GPL-2.0
"""SVG plots, by gnuplot. Each is left out if what it shows was not measured."""
import statistics
import subprocess

from records import MS, PHASES, gap

HEAD = """
set terminal svg size %d,%d font "sans,13" background "white"
set output "%s"
set title "%s"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
"""
COLORS = ["#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#888888"]
# from minimum to maximum, columns 3 and 4; error bars would blot out the bar's top
SPAN = '%s using 1:3:(0):($4-$3) with vectors heads size screen 0.005,90 lc rgb "black" notitle'
SWEEPS = [
    ("heap", "resident", "resident size, MiB"),
    ("mappings", "mappings", "mappings"),
    ("threads", "threads", "threads"),
    ("fds", "descriptors", "descriptors"),
]


class Plot:
    """One gnuplot script with its data, run when it is done."""

    def __init__(self, out, work, name, title, size=(900, 500)):
        self.script = work / (name + ".gp")
        self.text = HEAD % (size + (out / (name + ".svg"), title))
        self.blocks = 0

    def data(self, rows):
        """A data block; its name."""
        self.blocks += 1
        name = "$d%d" % self.blocks
        self.text += "%s << EOD\n" % name
        for row in rows:
            self.text += " ".join('"%s"' % c if isinstance(c, str) else "%.9g" % c
                                  for c in row) + "\n"
        self.text += "EOD\n"
        return name

    def say(self, line):
        self.text += line + "\n"

    def draw(self):
        self.script.write_text(self.text)
        subprocess.run(["gnuplot", str(self.script)], check=True)


def plain(cases):
    """Those of the two hosts, prepared."""
    return [case for case in cases if "." not in case]


def by_figure(rows, figure):
    return {case: values for f, case, values in rows if f == figure}


def draw_phases(records, rows, out, work):
    table = {phase: by_figure(rows, "phase_%s_ms" % phase) for phase in PHASES}
    total, gaps = by_figure(rows, "L_ms"), by_figure(rows, "gap_ms")
    # points of the sweeps have plots of their own
    cases = [case for case in plain(gaps) if records.yardsticks(case)]
    if not cases:
        return
    plot = Plot(out, work, "phases", "Phases of the latency period (they overlap), medians",
                (1100, 550))
    block = plot.data([case] + [table[phase][case][0] for phase in PHASES] +
                      [total[case][0], gaps[case][0]] for case in cases)
    plot.say('set ylabel "ms"\nset yrange [0:*]\nset style data histograms')
    plot.say("set style histogram rowstacked\nset style fill solid\nset boxwidth 0.7")
    plot.say("set xtics rotate by -35\nset key outside right")
    bars = ['%s using %d:xtic(1) title "%s" lc rgb "%s"' %
            (block, i + 2, phase.replace("_", " "), COLORS[i]) for i, phase in enumerate(PHASES)]
    points = ['%s using 0:%d with points pt %d ps 1 lc rgb "black" title "%s"' %
              (block, len(PHASES) + 2 + i, pt, title)
              for i, (pt, title) in enumerate([(7, "L"), (6, "gap")])]
    plot.say("plot " + ", ".join(bars + points))
    plot.draw()


def sweep_points(rows, figure, kind):
    """(size, median, min, max), smallest first."""
    points = []
    for case, values in by_figure(rows, figure).items():
        name, _, size = case.partition("-")
        if name == kind and "." not in case:
            number = int(size[:-1]) * 1024 if size.endswith("g") else int(size)
            points.append((number,) + values[:3])
    return sorted(points)


def draw_sweep(rows, out, work, kind, name, label):
    latency, gaps = (sweep_points(rows, figure, kind) for figure in ("L_ms", "gap_ms"))
    if len(latency) < 2:
        return
    plot = Plot(out, work, "latency-" + name, "Latency period by " + label.split(",")[0])
    plot.say('set logscale x\nset xlabel "%s"\nset ylabel "ms, median, min and max"' % label)
    plot.say("set yrange [0:*]\nset offsets graph 0.05, graph 0.05, 0, 0\nset key top left")
    plot.say("set xtics (%s)" % ", ".join("%d" % point[0] for point in latency))
    lines = []
    for points, title, color in ((latency, "L, as reported", COLORS[0]),
                                 (gaps, "gap, as the process sees it", COLORS[4])):
        block = plot.data(points)
        lines.append('%s using 1:2:3:4 with yerrorlines pt 7 lw 2 lc rgb "%s" title "%s"'
                     % (block, color, title))
    plot.say("plot " + ", ".join(lines))
    plot.draw()


def distribution(values):
    values = sorted(values)
    return [(value, (i + 1) / len(values)) for i, value in enumerate(values)]


def draw_faults(records, out, work):
    curves = [(title, [w / MS for r in records.get(case, "tern") for w in r["beat"]["waits"]], color)
              for case, title, color in (("faults-idle", "fault, flush slowed", COLORS[0]),
                                         ("faults-flushing", "fault, flush running", COLORS[4]))]
    curves = [curve for curve in curves if curve[1]]
    if not curves:
        return
    curves.append(("ping-pong, 16 B and 4 KiB", [t / MS for t in records.page_pingpong()],
                   COLORS[6]))
    plot = Plot(out, work, "faults", "Time until a touched page is there")
    plot.say('set logscale x\nset xlabel "ms"\nset ylabel "share of faults"\nset yrange [0:1]')
    plot.say("set key bottom right")
    plot.say("plot " + ", ".join('%s using 1:2 with steps lw 2 lc rgb "%s" title "%s"' %
                                 (plot.data(distribution(values)), color, title)
                                 for title, values, color in curves))
    plot.draw()


def draw_flush(rows, out, work):
    bars = [(name, by_figure(rows, figure).get("heap-1g")) for name, figure in
            (("flush", "flush_MiB_per_s"), ("iperf3", "iperf3_MiB_per_s"))]
    if not all(values for _, values in bars):
        return
    plot = Plot(out, work, "flush", "Rate of the flush, and of iperf3 on the same link", (500, 500))
    block = plot.data((i, values[0], values[1], values[2], name)
                      for i, (name, values) in enumerate(bars))
    plot.say('set ylabel "MiB/s, median, min and max"\nset yrange [0:*]\nset xrange [-0.7:1.7]')
    plot.say("set style fill solid\nset boxwidth 0.6\nunset key")
    plot.say('plot %s using 1:2:xtic(5) with boxes lc rgb "%s", ' % (block, COLORS[0]) +
             SPAN % block)
    plot.draw()


def draw_compared(out, work, name, title, columns):
    """Bars side by side, of cases that more than one column has."""
    cases = [case for case in plain(columns[0][1])
             if any(case in column[1] for column in columns[1:])]
    if not cases:
        return
    width = 0.8 / len(columns)
    plot = Plot(out, work, name, title, (1000, 500))
    plot.say('set logscale y\nset format y "%g"\nset ylabel "ms, median, min and max"')
    plot.say("set style fill solid\nset boxwidth %.2f\nset xtics rotate by -25" % (0.93 * width))
    plot.say("set key outside top horizontal")
    plot.say("set xtics (%s)" % ", ".join('"%s" %d' % (case, i) for i, case in enumerate(cases)))
    plots = []
    for k, (what, values, color) in enumerate(columns):
        block = plot.data([(i + (k - (len(columns) - 1) / 2) * width,) + values[case][:3]
                           for i, case in enumerate(cases) if case in values] or [(0, 0, 0, 0)])
        plots.append('%s using 1:2 with boxes lc rgb "%s" title "%s"' % (block, color, what))
        plots.append(SPAN % block)
    plot.say("plot " + ", ".join(plots))
    plot.draw()


def draw_downtime(rows, out, work):
    """Tern and CRIU, as the processes see it; what CRIU refused has no bar."""
    draw_compared(out, work, "downtime", "How long a process stands still", [
        ("Tern", by_figure(rows, "gap_ms"), COLORS[0]),
        ("CRIU, lazy pages", by_figure(rows, "criu_lazy_gap_ms"), COLORS[3]),
        ("CRIU, stop and copy", by_figure(rows, "criu_stop_gap_ms"), COLORS[4])])


def draw_clients(rows, out, work):
    """Likewise, as their clients see it."""
    tern = by_figure(rows, "client_longest_wait_ms")
    ahead = {case.removesuffix(".hybrid"): values for case, values in tern.items()
             if case.endswith(".hybrid")}
    draw_compared(out, work, "clients", "The longest wait of a client around a move", [
        ("no move", by_figure(rows, "control_longest_wait_ms"), COLORS[6]),
        ("Tern, hybrid", ahead, COLORS[1]),
        ("Tern, lazy", tern, COLORS[0]),
        ("CRIU, lazy pages", by_figure(rows, "criu_lazy_client_longest_wait_ms"), COLORS[3]),
        ("CRIU, stop and copy", by_figure(rows, "criu_stop_client_longest_wait_ms"), COLORS[4])])


def draw_speed(records, out, work):
    runs = records.get("speed", "tern")
    if not runs:
        return
    run = sorted(runs, key=gap)[len(runs) // 2]
    before, after = run["beat"]["slots_before"], run["beat"]["slots_after"][:300]
    usual = statistics.median(before)
    begin = gap(run) / MS
    plot = Plot(out, work, "speed", "Work done around a move, per 10 ms (one run)")
    old = plot.data([((i - len(before)) * 10, n / usual) for i, n in enumerate(before)][-50:])
    new = plot.data((begin + i * 10, n / usual) for i, n in enumerate(after))
    plot.say('set xlabel "ms since the last step at the source"\nset yrange [0:*]')
    plot.say('set ylabel "of the usual speed"\nset key bottom right')
    plot.say('plot %s using 1:2 with lines lw 1.5 lc rgb "%s" title "source", '
             '%s using 1:2 with lines lw 1.5 lc rgb "%s" title "destination", '
             '1 with lines dt 2 lc rgb "#888888" notitle' % (old, COLORS[6], new, COLORS[0]))
    plot.draw()


def draw_job(rows, out, work):
    points = sorted((int(case.split("-")[1]),) + values[:3]
                    for case, values in by_figure(rows, "job_s").items())
    if len(points) < 2:
        return
    plot = Plot(out, work, "job", "Time of a job by number of moves", (600, 450))
    plot.say('set xlabel "moves"\nset ylabel "s, median, min and max"\nset yrange [0:*]\nunset key')
    plot.say('set offsets 0.5, 0.5, 0, 0')
    plot.say('plot %s using 1:2:3:4 with yerrorlines pt 7 lw 2 lc rgb "%s"'
             % (plot.data(points), COLORS[0]))
    plot.draw()


def draw_programs(rows, out, work):
    gaps = by_figure(rows, "gap_ms")
    bars = [(case, values) for case, values in by_figure(rows, "L_ms").items()
            if case not in gaps and "." not in case]
    if not bars:
        return
    plot = Plot(out, work, "programs", "Latency period of programs as Debian packages them",
                (1000, 500))
    block = plot.data((i,) + values[:3] + (case,) for i, (case, values) in enumerate(bars))
    plot.say('set ylabel "ms, median, min and max"\nset yrange [0:*]\nset xrange [-0.7:%d.7]'
             % (len(bars) - 1))
    plot.say("set style fill solid\nset boxwidth 0.6\nunset key\nset xtics rotate by -35")
    plot.say('plot %s using 1:2:xtic(5) with boxes lc rgb "%s", ' % (block, COLORS[0]) +
             SPAN % block)
    plot.draw()


def draw_all(records, rows, out, work):
    draw_phases(records, rows, out, work)
    draw_downtime(rows, out, work)
    draw_clients(rows, out, work)
    for kind, name, label in SWEEPS:
        draw_sweep(rows, out, work, kind, name, label)
    draw_faults(records, out, work)
    draw_flush(rows, out, work)
    draw_speed(records, out, work)
    draw_job(rows, out, work)
    draw_programs(rows, out, work)
