# SPDX-License-Identifier: GPL-2.0
"""What a client sees of its server: how long it has waited, how often.

SIGUSR1 asks for what was seen since it was asked last. A wait belongs to the time in which
it was over.
"""
import signal
import statistics
import time

from counts import Counts, tell


def share(waits, part):
    """The wait that this part of all of them is not longer than."""
    return sorted(waits)[min(int(len(waits) * part), len(waits) - 1)] if waits else 0


class Seen:
    def __init__(self, record):
        self.record = record
        self.counts = Counts()
        self.counts.more()
        self.error = ""
        self.wanted = []
        signal.signal(signal.SIGUSR1, lambda *_: self.wanted.append(True))
        self.begin()

    def ready(self):
        self.begin()
        open(self.record + ".ready", "w").close()

    def begin(self):
        self.waits = []
        self.since = time.monotonic()

    def waited(self, ns):
        self.waits.append(ns)

    def tell(self):
        """If somebody has asked."""
        if not self.wanted:
            return
        self.wanted.clear()
        waits = self.waits
        tell(self.record, dict(self.counts.more(), seconds=time.monotonic() - self.since,
                               count=len(waits), longest=max(waits, default=0),
                               median=statistics.median(waits) if waits else 0,
                               p999=share(waits, 0.999), error=self.error))
        self.begin()
