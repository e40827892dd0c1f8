# SPDX-License-Identifier: GPL-2.0
"""What TCP had to send again in a network namespace: counts.py RECORD PID.

The namespace is that of the process, and stays until this ends, whatever becomes of the
process. SIGUSR1 asks for what has been counted since it was asked last; the first time that
is all since the namespace was made.
"""
import json
import os
import signal
import sys

NAMES = {"RetransSegs": "retransmitted", "TCPLossProbes": "probes", "TCPTimeouts": "timeouts"}


class Counts:
    def __init__(self, pid="self"):
        # an open file of /proc keeps the namespace
        self.files = [open("/proc/%s/net/%s" % (pid, name)) for name in ("snmp", "netstat")]
        self.told = dict.fromkeys(NAMES.values(), 0)

    def total(self):
        found = {}
        for file in self.files:
            file.seek(0)
            lines = file.read().splitlines()
            for names, numbers in zip(lines[::2], lines[1::2]):
                for name, number in zip(names.split(), numbers.split()):
                    if name in NAMES:
                        found[NAMES[name]] = int(number)
        return found

    def more(self):
        """Since it was asked last."""
        now = self.total()
        more = {name: now[name] - self.told[name] for name in now}
        self.told = now
        return more


def tell(record, what):
    """A report, which is there when it is complete."""
    with open(record + ".new", "w") as out:
        json.dump(what, out)
    os.rename(record + ".new", record)


def main():
    record, pid = sys.argv[1:]
    counts = Counts(pid)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    open(record + ".ready", "w").close()
    while True:
        signal.sigwait([signal.SIGUSR1])
        tell(record, counts.more())


if __name__ == "__main__":
    main()
