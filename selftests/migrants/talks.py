#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What it does it tells the system's log: syslog(3), by a socket that it opens once.

usage: talks.py DIR       (see migrant.h for what is in DIR)
"""
import syslog
import time

from migrant import Hops, ready, tell


def main():
    hops = Hops()
    lines = 0
    syslog.openlog("talks", syslog.LOG_PID | syslog.LOG_NDELAY)
    ready()
    while hops.step(lines):
        syslog.syslog(f"line {lines}")
        lines += 1
        time.sleep(0.02)
    tell("verdict", f"ok hops={hops.count} lines={lines}")


main()
