#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Much memory, of which the same few pages are used all the time.

usage: few.py DIR MIB PAGES       (see migrant.h for what is in DIR)
"""
import random
import sys
import time

from migrant import Hops, ready, tell

PAGE = 4096
MIB = int(sys.argv[2])
PAGES = int(sys.argv[3])


def fill(page):
    return random.Random(page).randbytes(PAGE)


def main():
    nr = MIB * 2**20 // PAGE
    memory = bytearray(b"".join(fill(page) for page in range(nr)))
    few = random.Random(1).sample(range(nr), PAGES)
    hops = Hops()
    beats = 0
    ready()
    while hops.step(beats):
        beats += 1
        for page in few:
            memory[page * PAGE] = beats % 256
        time.sleep(0.01)
    for page in range(nr):
        want = fill(page)
        if page in few:
            want = bytes([beats % 256]) + want[1:]
        if memory[page * PAGE:(page + 1) * PAGE] != want:
            tell("verdict", f"FAIL page {page} differs after {beats} beats")
            sys.exit(1)
    tell("verdict", f"ok hops={hops.count} beats={beats}")


main()
