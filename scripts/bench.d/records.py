# SPDX-License-Identifier: GPL-2.0
"""The records of a benchmark: one JSON object per line, see move.sh."""
import collections
import json
import re
import statistics

MS = 1e6        # ns

PHASES = ["park", "capture", "send", "receive", "rebuild", "first_pages", "resume"]


def spread(values):
    """Median, minimum, maximum, number."""
    return statistics.median(values), min(values), max(values), len(values)


def gap(record):
    """How long the migrant saw itself stand still, ns.

    Its two beats are on clocks of two hosts, whose distance is taken away.
    """
    ahead = statistics.mean(clock[0] for clock in record["move"]["clock"])
    beat = record["beat"]
    return beat["after"] - beat["before"] - ahead


def plain(case):
    """The case without the way in which it was moved."""
    return re.sub(r"\.(cold|hybrid|first-\w+)$", "", case)


def before(case):
    """The same case, moved by the commit that is compared with."""
    return plain(case) + ".base" + case.removeprefix(plain(case))


def total(record):
    return record["move"]["tern"]["phase_ns"]["total"]


class Records:
    """All records, by case and by what was measured.

    A case that Tern moved in another way is one of its own: CASE.cold, CASE.hybrid,
    CASE.first-WAY.
    """

    def __init__(self, path):
        self.runs = collections.defaultdict(list)
        self.cases = []
        for line in open(path):
            record = json.loads(line)
            how = record["how"]
            if how.startswith("tern."):
                record["case"] += how.removeprefix("tern")
                how = "tern"
            if record["case"] not in self.cases:
                self.cases.append(record["case"])
            key = "refused" if "refused" in record else how
            self.runs[record["case"], key].append(record)

    def get(self, case, how):
        return self.runs.get((case, how), [])

    def yardsticks(self, case):
        """Those of the case, which are the same however it moved; or None."""
        found = self.get(plain(case), "yardsticks")
        return found[-1]["yardsticks"] if found else None

    def page_pingpong(self):
        """All 4 KiB round trips that were taken, ns; those for the faults if any."""
        special = self.yardsticks("faults-idle")
        if special:
            return special["page"]
        return [time for case in self.cases if "." not in case
                for time in (self.yardsticks(case) or {}).get("page", [])]
