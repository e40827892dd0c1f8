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

    def tell(self, beats):
        """The heartbeat: something has been done."""
        host = os.uname().nodename
        self.count += host != self.host
        self.host = host
        tell("progress", f"beats={beats} host={host} hops={self.count}")


def ready():
    tell("pid", str(os.getpid()))
    tell("ready", "yes")


def must_stop():
    return os.path.exists(f"{DIR}/stop")
