# SPDX-License-Identifier: GPL-2.0
"""What migrants in Python share: see migrant.h for what is in their directory."""
import os
import sys

DIR = sys.argv[1]


def tell(name, text):
    tmp = f"{DIR}/.{name}.{os.getpid()}"
    os.symlink(text, tmp)
    os.rename(tmp, f"{DIR}/{name}")


class Hops:
    """How often the process has found itself on another host."""

    def __init__(self):
        self.host = os.uname().nodename
        self.count = 0

    def step(self, beats):
        """The heartbeat: something has been done. False when it is time to end."""
        # Before the host is looked at: who is told to end has counted all its hops.
        stop = os.path.exists(f"{DIR}/stop")
        host = os.uname().nodename
        self.count += host != self.host
        self.host = host
        tell("progress", f"beats={beats} host={host} hops={self.count}")
        return not stop


def ready():
    tell("pid", str(os.getpid()))
    tell("ready", "yes")
