# SPDX-License-Identifier: GPL-2.0
"""A python3 that beats like guest/beat.c: beat.py RECORD MIB.

Up to 10 MiB it is the interpreter alone; above, a dictionary that large, of
which each beat uses a few entries.
"""
import os
import json
import random
import signal
import sys
import time

WORD = 96       # of an entry with its key, and its share of the table: 180 bytes


def read_both():
    while True:
        node = os.uname().nodename
        now = time.time_ns()
        if os.uname().nodename == node:
            return node, now


def make(mib):
    if mib <= 10:
        return {}
    return {key: os.urandom(WORD) for key in range((mib - 10 << 20) // (WORD + 33 + 51))}


def use(table):
    for _ in range(4 if table else 0):
        key = random.randrange(len(table))
        table[key] = table[key][1:] + table[key][:1]


def main():
    record, mib = sys.argv[1], int(sys.argv[2])
    table = make(mib)
    wanted = []
    signal.signal(signal.SIGUSR1, lambda *_: wanted.append(True))
    node, last = read_both()
    told = {"from": "", "before": 0, "after": 0, "longest": 0, "beats": 0, "moves": 0}
    open(record + ".ready", "w").close()
    while True:
        time.sleep(0.001)
        here, now = read_both()
        if here != node:
            told.update(before=last, after=now, moves=told["moves"] + 1)
            told["from"], node = node, here
        elif now - last > told["longest"]:
            told["longest"] = now - last
        last = now
        told["beats"] += 1
        use(table)
        if wanted:
            wanted.clear()
            with open(record + ".new", "w") as out:
                json.dump(dict(told, to=node), out)
            os.rename(record + ".new", record)
            told["longest"] = 0
            node, last = read_both()


main()
